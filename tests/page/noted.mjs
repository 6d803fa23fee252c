/** What is there for a moment only. */
import { until } from "./harness.mjs";

/** @typedef {{ text: string, animation: string, background: string }} Note how an element was when it first read so */

/**
 * Writes down, until it is stopped, all that is shown of what the selector finds: what goes by itself is not missed then,
 * however seldom a busy machine lets us look.
 * @param {import("./harness.mjs").Page} page
 * @param {string} selector
 */
export async function noted(page, selector) {
  const handle = await page.evaluateHandle((wanted) => {
    /** @type {Map<string, Note>} */ const seen = new Map();
    const look = () => {
      for (const element of document.querySelectorAll(wanted)) {
        if (!(element instanceof HTMLElement) || element.getClientRects().length === 0) continue;
        const { animationName: animation, backgroundColor: background } = getComputedStyle(element);
        const text = element.innerText;
        if (!seen.has(text)) seen.set(text, { text, animation, background });
      }
    };
    const observer = new MutationObserver(look);
    observer.observe(document, { subtree: true, childList: true, characterData: true, attributes: true });
    look();
    return { seen, observer };
  }, selector);
  const all = () => handle.evaluate(({ seen }) => [...seen.values()]);
  return {
    /** In the order of their appearance. */
    all,
    stop: () => handle.evaluate(({ observer }) => observer.disconnect()),
    /** The first that reads so, as soon as it has been there. @param {RegExp} text @returns {Promise<Note>} */
    async first(text) {
      /** @type {Note | undefined} */ let found;
      await until(async () => (found = (await all()).find((note) => text.test(note.text))) !== undefined, `${text} is shown`);
      return /** @type {Note} */ (/** @type {unknown} */ (found));
    },
  };
}
