/** @typedef {typeof import("../editor/main.js")} EditorParts */

/** Why the editor is not there: "outdated" when the server has another version of the page now. */
export class EditorMissing extends Error {
  /** @param {"outdated" | "unavailable"} why @param {unknown} cause */
  constructor(why, cause) {
    super(`the editor is ${why}`, { cause });
    this.why = why;
  }
}

/** So long it is waited for why it is not there, in milliseconds. */
const LOOK_MS = 15_000;

/** @type {Promise<EditorParts> | undefined} */
let loading;

/**
 * The editor, which most visits do without. It is the only part of the page that is loaded later than with it.
 * @returns {Promise<EditorParts>}
 */
export function loadEditor() {
  loading ??= load().catch((error) => {
    loading = undefined;
    throw error;
  });
  return loading;
}

/** @returns {Promise<EditorParts>} */
async function load() {
  try {
    // Not one after the other: the bundle is most of it.
    const [parts] = await Promise.all([import("../editor/main.js"), import("../vendor/editor.js")]);
    return parts;
  } catch (cause) {
    const address = new URL("../editor/main.js", import.meta.url);
    const response = await fetch(address, { method: "HEAD", cache: "no-store", signal: AbortSignal.timeout(LOOK_MS) }).catch(() => undefined);
    throw new EditorMissing(response?.status === 404 ? "outdated" : "unavailable", cause);
  }
}
