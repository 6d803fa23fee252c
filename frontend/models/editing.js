import { JsonStore } from "../lib/json_store.js";
import { LocalCopy } from "../transport/local_copy.js";
import { OpenDocument } from "./open_document.js";

/** @typedef {import("./open_document.js").DocumentInfo} DocumentInfo */
/** @typedef {Omit<import("./open_document.js").OpenDocumentOptions, "document">} EditingOptions */

/**
 * An open document.
 * @typedef {object} Entry
 * @property {OpenDocument} document
 * @property {number} views that show it
 * @property {string[]} owed by earlier visits and other windows, which have left something unsaved: their marks
 * @property {boolean} isMarked whether ours says so
 */

/** Something of it is only on this device. Hopeless: it will not leave by itself. @typedef {{ id: number, title: string, isHopeless: boolean }} Unsaved */

/** In these nothing more can be done for what was written: it waits on this device for somebody to look at it. */
const HOPELESS = new Set(["deleted", "signed_out", "refused", "full", "too_large", "outdated"]);

/** The server has everything, or never will. @type {ReadonlySet<string>} */
const SETTLED = new Set(["saved", "read_only", "deleted"]);

/**
 * The documents that are open. One that is left while something of it is not saved yet stays open behind the page until it is,
 * after a reload too: what was written offline reaches the others without anybody having to come back to it.
 */
export class Editing {
  #options;
  #unsaved;
  /** @type {Map<number, Entry>} */
  #open = new Map();
  // Each window has marks of its own: what one has saved, another may not have.
  #window = Math.random().toString(36).slice(2);

  /** @param {EditingOptions} options @param {Storage} [storage] */
  constructor(options, storage) {
    this.#options = options;
    this.#unsaved = new JsonStore(storage, `switchboard.${options.user.id}.unsaved.`);
    this.onStorage = this.onStorage.bind(this);
  }

  start() {
    globalThis.addEventListener?.("storage", this.onStorage);
    for (const key of this.#unsaved.keys()) {
      const info = this.#unsaved.get(key);
      if (typeof info?.name === "string" && Number.isSafeInteger(info.id)) this.#get(info).owed.push(key);
      else this.#unsaved.remove(key);
    }
  }

  stop() {
    globalThis.removeEventListener?.("storage", this.onStorage);
    for (const { document } of this.#open.values()) document.stop();
    this.#open.clear();
  }

  /** It is not for this user any more; what was written in it and not saved stays until somebody has seen it. @param {DocumentInfo} info */
  forget({ id, created_at: created }) {
    if (this.#open.has(id) || this.#marked().some((info) => info.id === id)) return;
    LocalCopy.forget({ user: this.#options.user.id, id, created });
  }

  /** Everything this user's documents have left in this browser. */
  clear() {
    this.#unsaved.clear();
    void LocalCopy.forgetAll(this.#options.user.id);
  }

  /** Those that something of is not saved, behind the page and in other tabs too. @returns {Unsaved[]} */
  get unsaved() {
    /** @type {Map<number, Unsaved>} */
    const all = new Map();
    for (const { id, title } of this.#marked()) all.set(id, { id, title, isHopeless: false });
    for (const { document, owed } of this.#open.values()) {
      if (!document.isUnsaved && owed.length === 0) continue;
      all.set(document.id, { id: document.id, title: document.title, isHopeless: HOPELESS.has(document.state) });
    }
    return [...all.values()];
  }

  /** Whoever waits for a connection waits no longer. */
  tryNow() {
    for (const { document } of this.#open.values()) if (!HOPELESS.has(document.state)) document.tryAgain();
  }

  /** Another window has saved what it found here, and taken our mark away, which may say more by now. @param {StorageEvent} event */
  onStorage({ key, newValue }) {
    if (newValue !== null || !this.#unsaved.owns(key)) return;
    for (const entry of this.#open.values()) {
      if (!entry.isMarked || !key?.endsWith(`.${this.#keyOf(entry)}`)) continue;
      entry.isMarked = false;
      this.#mark(entry);
    }
  }

  /** For a view, which closes it. @param {DocumentInfo} info @returns {OpenDocument} */
  open(info) {
    const entry = this.#get(info);
    entry.views += 1;
    return entry.document;
  }

  /** @param {OpenDocument} document */
  close(document) {
    const entry = this.#open.get(document.id);
    if (entry?.document !== document) return;
    entry.views -= 1;
    // Somebody has seen that it is gone, and could copy what was theirs: nothing is owed to it any more.
    if (document.state === "deleted") this.#unsaved.remove(this.#keyOf(entry));
    this.#leave(entry);
  }

  /** What any window has said to be unsaved. @returns {DocumentInfo[]} */
  #marked() {
    return this.#unsaved.keys().flatMap((key) => {
      const info = this.#unsaved.get(key);
      return typeof info?.title === "string" && Number.isSafeInteger(info.id) ? [info] : [];
    });
  }

  /** @param {DocumentInfo} info */
  #get(info) {
    const found = this.#open.get(info.id);
    if (found) return found;
    const document = new OpenDocument({ ...this.#options, document: info });
    /** @type {Entry} */
    const entry = { document, views: 0, owed: [], isMarked: false };
    this.#open.set(info.id, entry);
    document.addEventListener("change", () => this.#changed(entry));
    document.start();
    return entry;
  }

  /** @param {Entry} entry */
  #changed(entry) {
    if (SETTLED.has(entry.document.state)) for (const key of entry.owed.splice(0)) this.#unsaved.remove(key);
    this.#mark(entry);
    this.#leave(entry);
  }

  /** Says to later visits whether something is left. @param {Entry} entry */
  #mark(entry) {
    const { document, isMarked } = entry;
    if (document.isUnsaved === isMarked) return;
    entry.isMarked = document.isUnsaved;
    if (document.isUnsaved) this.#unsaved.set(this.#keyOf(entry), document.info);
    else this.#unsaved.remove(this.#keyOf(entry));
  }

  /** @param {Entry} entry */
  #keyOf({ document }) {
    return `${document.id}.${this.#window}`;
  }

  /** @param {Entry} entry */
  #leave({ document, views, owed }) {
    if (views > 0 || this.#open.get(document.id)?.document !== document) return;
    if ((document.isUnsaved || owed.length > 0) && !HOPELESS.has(document.state)) return;
    this.#open.delete(document.id);
    document.stop();
  }
}
