import { useLayoutEffect, useRef } from "../vendor/preact.js";

/**
 * For a textarea that is as high as its text.
 * @param {string} text
 */
export function useGrowingArea(text) {
  const area = useRef(/** @type {HTMLTextAreaElement | null} */ (null));
  useLayoutEffect(() => {
    const element = area.current;
    if (!element) return;
    element.style.height = "auto";
    element.style.height = `${element.scrollHeight}px`;
  }, [text]);
  return area;
}
