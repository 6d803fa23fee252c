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

/** The parts of the page that are loaded later than with it. */
export class EditorLoader {
  #read;
  #ask;
  /** @type {Promise<EditorParts> | undefined} */
  #loading;
  #failures = 0;
  #answers = false;

  /** @param {() => Promise<EditorParts>} read @param {() => Promise<Pick<Response, "status">>} ask whether the server has it */
  constructor(read, ask) {
    this.#read = read;
    this.#ask = ask;
  }

  /** Whether only loading the page anew helps: the server answers, but some browsers never ask again for what failed once. */
  get isStuck() {
    return this.#answers && this.#failures > 1;
  }

  /** @returns {Promise<EditorParts>} */
  load() {
    this.#loading ??= this.#load().catch((error) => {
      this.#loading = undefined;
      throw error;
    });
    return this.#loading;
  }

  async #load() {
    try {
      const parts = await this.#read();
      this.#failures = 0;
      return parts;
    } catch (cause) {
      const response = await this.#ask().catch(() => undefined);
      this.#failures += 1;
      this.#answers = response?.status === 200;
      throw new EditorMissing(response?.status === 404 ? "outdated" : "unavailable", cause);
    }
  }
}

// The only part that most visits do without. Its two files not one after the other: the bundle is most of it.
const read = async () => (await Promise.all([import("../editor/main.js"), import("../vendor/editor.js")]))[0];
const ask = () => fetch(new URL("../editor/main.js", import.meta.url), { method: "HEAD", cache: "no-store", signal: AbortSignal.timeout(LOOK_MS) });
export const editorLoader = new EditorLoader(read, ask);

export const loadEditor = () => editorLoader.load();
