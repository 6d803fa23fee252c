/** @typedef {import("../transport/local_copy.js").LocalCopy} LocalCopy */
/** @typedef {import("../transport/local_copy.js").Access} Access */
/** @typedef {{ updates: Uint8Array[], access: Access | null }} Kept */

/** A browser that has said nothing of what it keeps for so long keeps nothing, in milliseconds. */
const ANSWER_MS = 2000;

/** What this device keeps of an open document, as far as its browser does. */
export class DeviceCopy {
  #open;
  #changed;
  /** @type {LocalCopy | null} */
  #copy = null;
  #isKept = true;
  #keeping = 0;
  // Rises whenever a copy is let go of: one that comes later is not wanted any more.
  #turn = 0;
  /** Whether somebody else has taken it away, in another window. */
  isTaken = false;

  /** @param {() => Promise<LocalCopy>} open @param {() => void} changed */
  constructor(open, changed) {
    this.#open = open;
    this.#changed = changed;
  }

  /** Whether what is written here is kept: it is, it will be, or it is not. @returns {"yes" | "soon" | "no"} */
  get state() {
    if (!this.#copy || !this.#isKept) return "no";
    return this.#keeping > 0 ? "soon" : "yes";
  }

  /** @param {(updates: Uint8Array[]) => Uint8Array} merge @returns {Promise<Kept | null>} null: nothing is kept */
  async open(merge) {
    const turn = ++this.#turn;
    const opening = this.#load(merge);
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    const late = new Promise((/** @type {(nothing: null) => void} */ resolve) => (timer = setTimeout(resolve, ANSWER_MS, null)));
    const found = await Promise.race([opening, late]);
    clearTimeout(timer);
    if (!found || turn !== this.#turn) {
      void opening.then((one) => one?.copy.close());
      return null;
    }
    const { copy, kept } = found;
    this.#copy = copy;
    this.#isKept = true;
    this.isTaken = false;
    copy.onTaken = () => {
      if (copy !== this.#copy) return;
      this.#copy = null;
      this.isTaken = true;
      this.#changed();
    };
    return kept;
  }

  /** @param {Uint8Array} update */
  async keep(update) {
    const copy = this.#copy;
    if (!copy) return;
    this.#keeping += 1;
    const isKept = await copy.keep(update);
    this.#keeping -= 1;
    if (copy !== this.#copy) return;
    this.#isKept &&= isKept;
    if (this.#keeping === 0) this.#changed();
  }

  /** @param {Access} access */
  markSynced(access) {
    this.#copy?.markSynced(access);
  }

  close() {
    void this.#letGo()?.close();
  }

  remove() {
    this.#letGo()?.remove();
  }

  #letGo() {
    const copy = this.#copy;
    this.#turn += 1;
    this.#copy = null;
    this.isTaken = false;
    return copy;
  }

  /** @param {(updates: Uint8Array[]) => Uint8Array} merge */
  async #load(merge) {
    /** @type {LocalCopy | null} */
    let copy = null;
    try {
      copy = await this.#open();
      return { copy, kept: await copy.load(merge) };
    } catch {
      void copy?.close();
      return null;
    }
  }
}
