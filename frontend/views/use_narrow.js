import { useLayoutEffect, useRef, useState } from "../vendor/preact.js";

/**
 * Whether an element, named by the ref, is too narrow for all there is to show: on a phone, or beside the list.
 * @param {number} below in pixels
 */
export function useNarrow(below) {
  const element = useRef(/** @type {HTMLElement | null} */ (null));
  const [narrow, setNarrow] = useState(false);
  useLayoutEffect(() => {
    const { current } = element;
    if (!current) return undefined;
    const measure = () => current.clientWidth > 0 && setNarrow(current.clientWidth < below); // 0: on another screen
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(current);
    return () => observer.disconnect();
  }, []);
  return { element, narrow };
}
