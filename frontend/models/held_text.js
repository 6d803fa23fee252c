import { DeviceCopy } from "./device_copy.js";

/** @typedef {import("../editor/shared_text.js").SharedText} SharedText */
/** @typedef {import("./device_copy.js").Kept} Kept */
/** @typedef {import("../transport/local_copy.js").LocalCopy} LocalCopy */
/** @typedef {import("./load_editor.js").EditorParts} EditorParts */

/**
 * The text of an open document, as this page has it, and what this device keeps of it.
 *
 * Dispatches `update` (detail: the update, made here), `awareness`, `people` and `history` as the shared text does, and `device`
 * when what is kept has changed.
 */
export class HeldText extends EventTarget {
  /** @type {EditorParts | null} */
  parts = null;
  /** @type {SharedText | null} */
  shared = null;
  /** Rises when the text is another copy, which the editor has to begin anew with. */
  generation = 0;
  /** Whether what this device had kept of it could not be read. */
  isCopyDamaged = false;

  #name;
  #device;
  // Rises whenever a text is given up: one that comes later is not wanted any more.
  #turn = 0;

  /** @param {string} name of whoever writes @param {() => Promise<LocalCopy>} open what this device keeps */
  constructor(name, open) {
    super();
    this.#name = name;
    this.#device = new DeviceCopy(open, () => this.#tell("device"));
  }

  /** Whether what is written here is kept on this device. */
  get kept() {
    return this.#device.state;
  }

  /** Whether another window has taken away what was. */
  get isTaken() {
    return this.#device.isTaken;
  }

  /** What there is to write in and to write with, when there is both. */
  get both() {
    const { shared, parts } = this;
    return shared && parts && { shared, parts };
  }

  /** A text to write in, with what this device has of it. @returns {Promise<Kept | null>} */
  async begin() {
    const turn = ++this.#turn;
    const parts = /** @type {EditorParts} */ (this.parts);
    const kept = await this.#device.open(parts.compacted);
    if (turn !== this.#turn) return null;
    if (this.#show(kept?.updates ?? [])) return kept;
    this.#device.remove();
    this.isCopyDamaged = true;
    const again = await this.#device.open(parts.compacted);
    if (turn !== this.#turn || this.#show(again?.updates ?? [])) return again;
    this.#show([]);
    return null;
  }

  /** What was deleted here is kept to be undone, and would go to the server with the rest: now it may not. */
  forgetDeleted() {
    const { both } = this;
    if (both) this.#show([both.parts.compacted([both.shared.whole()])]);
  }

  /** Keeps all of it again. @returns {Promise<boolean>} whether there was a need, and a way */
  async refill() {
    const { both } = this;
    if (!both || !this.isTaken) return false;
    const kept = await this.#device.open(both.parts.compacted);
    if (!kept || both.shared !== this.shared) return false;
    void this.#device.keep(both.shared.whole());
    return true;
  }

  /** @param {import("../transport/local_copy.js").Access} access */
  markSynced(access) {
    this.#device.markSynced(access);
  }

  /** The text goes, what this device keeps stays. */
  close() {
    this.#letGo();
    this.#device.close();
  }

  /** Both go. */
  remove() {
    this.#letGo();
    this.#device.remove();
  }

  /** What this device keeps goes, the text stays to be seen. */
  keepNothing() {
    this.#device.remove();
  }

  /** Begins with these as the text. @param {Uint8Array[]} updates @returns {boolean} whether they could be read */
  #show(updates) {
    const parts = /** @type {EditorParts} */ (this.parts);
    const shared = new parts.SharedText({ name: this.#name });
    try {
      shared.load(updates);
    } catch {
      shared.destroy();
      return false;
    }
    this.#letGo();
    this.shared = shared;
    this.generation += 1;
    this.#listen(shared);
    return true;
  }

  /** @param {SharedText} shared */
  #listen(shared) {
    const on = (/** @type {string} */ name, /** @type {(detail: any) => void} */ handle) =>
      shared.addEventListener(name, (event) => {
        if (shared === this.shared) handle(/** @type {CustomEvent} */ (event).detail);
      });
    on("update", ({ update, isOurs, isKept }) => {
      if (!isKept) void this.#device.keep(update);
      if (isOurs) this.#tell("update", update);
    });
    for (const name of ["awareness", "people", "history"]) on(name, () => this.#tell(name));
  }

  #letGo() {
    const { shared } = this;
    this.#turn += 1;
    this.shared = null;
    shared?.destroy();
  }

  /** @param {string} name @param {unknown} [detail] */
  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
