import { useEffect, useRef, useState } from "../vendor/preact.js";

/**
 * @typedef {object} TextNow a text that others may be writing in
 * @property {() => string | Promise<string>} read
 * @property {(onChange: () => void) => () => void} watch until what it answers is called
 */

/** Nobody has written for so long, in milliseconds. */
const PAUSE_MS = 1000;

/**
 * The text as it was in the last pause: whatever is done with it would be in the way of those who type.
 * @param {TextNow} textNow
 * @returns {{ text: string | null, outdated: boolean, look: () => Promise<void> }} `look` does not wait for a pause
 */
export function useCalmText(textNow) {
  const [text, setText] = useState(/** @type {string | null} */ (null));
  const [outdated, setOutdated] = useState(false);
  const latest = useRef(textNow);
  latest.current = textNow;

  async function look() {
    try {
      const now = await latest.current.read();
      setText(now);
      setOutdated(false);
    } catch {
      // The next look may tell.
    }
  }

  useEffect(() => {
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    const stop = latest.current.watch(() => {
      setOutdated(true);
      clearTimeout(timer);
      timer = setTimeout(() => void look(), PAUSE_MS);
    });
    void look();
    return () => {
      clearTimeout(timer);
      stop();
    };
  }, []);
  return { text, outdated, look };
}
