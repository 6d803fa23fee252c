import { JsonStore } from "../lib/json_store.js";
import { LocalCopy } from "../transport/local_copy.js";
import { OpenDocument } from "./open_document.js";

/** @typedef {import("./open_document.js").DocumentInfo} DocumentInfo */
/** @typedef {Omit<import("./open_document.js").OpenDocumentOptions, "document">} EditingOptions */

/** An open document, how many views show it, and whether an earlier visit has left something unsaved. @typedef {{ document: OpenDocument, views: number, owes: boolean }} Entry */

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

  /** @param {EditingOptions} options @param {Storage} [storage] */
  constructor(options, storage) {
    this.#options = options;
    this.#unsaved = new JsonStore(storage, `switchboard.${options.user.id}.unsaved.`);
  }

  start() {
    for (const key of this.#unsaved.keys()) {
      const info = this.#unsaved.get(key);
      if (typeof info?.name === "string" && Number.isSafeInteger(info.id)) this.#get(info).owes = true;
      else this.#unsaved.remove(key);
    }
  }

  stop() {
    for (const { document } of this.#open.values()) document.stop();
    this.#open.clear();
  }

  /** It is not for this user any more; what was written in it and not saved stays until somebody has seen it. @param {DocumentInfo} info */
  forget({ id, created_at: created }) {
    if (this.#open.has(id) || this.#unsaved.get(String(id)) !== undefined) return;
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
    for (const key of this.#unsaved.keys()) {
      const info = this.#unsaved.get(key);
      if (typeof info?.title === "string") all.set(info.id, { id: info.id, title: info.title, isHopeless: false });
    }
    for (const { document, owes } of this.#open.values()) {
      if (!document.isUnsaved && !owes) continue;
      all.set(document.id, { id: document.id, title: document.title, isHopeless: HOPELESS.has(document.state) });
    }
    return [...all.values()];
  }

  /** Whoever waits for a connection waits no longer. */
  tryNow() {
    for (const { document } of this.#open.values()) if (!HOPELESS.has(document.state)) document.tryAgain();
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
    this.#leave(entry);
  }

  /** @param {DocumentInfo} info */
  #get(info) {
    const found = this.#open.get(info.id);
    if (found) return found;
    const document = new OpenDocument({ ...this.#options, document: info });
    /** @type {Entry} */
    const entry = { document, views: 0, owes: false };
    this.#open.set(info.id, entry);
    document.addEventListener("change", () => this.#changed(entry));
    document.start();
    return entry;
  }

  /** @param {Entry} entry */
  #changed(entry) {
    const { document } = entry;
    const key = String(document.id);
    if (SETTLED.has(document.state)) entry.owes = false;
    if (!document.isUnsaved && !entry.owes) this.#unsaved.remove(key);
    else if (this.#unsaved.get(key) === undefined) this.#unsaved.set(key, document.info);
    this.#leave(entry);
  }

  /** @param {Entry} entry */
  #leave({ document, views, owes }) {
    if (views > 0 || this.#open.get(document.id)?.document !== document) return;
    if ((document.isUnsaved || owes) && !HOPELESS.has(document.state)) return;
    this.#open.delete(document.id);
    document.stop();
  }
}
