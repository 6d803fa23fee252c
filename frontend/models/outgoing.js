/** @typedef {import("../editor/shared_text.js").SharedText} SharedText */
/** @typedef {import("../editor/shared_text.js").Known} Known */
/** @typedef {import("./load_editor.js").EditorParts} EditorParts */
/**
 * @typedef {object} OutgoingOptions
 * @property {(frame: Uint8Array) => void} send
 * @property {() => { parts: EditorParts, shared: SharedText } | null} text
 * @property {() => import("./save_progress.js").SaveProgress} progress
 */

/** What is written within so long leaves in one frame, in milliseconds. */
const GATHER_MS = 30;
/** What is larger leaves in parts of about so many bytes. */
const PART_BYTES = 128 * 1024;
/** Between two parts, so that they stay below what the server takes in the long run, in milliseconds. */
const PAUSE_MS = 250;

/** What leaves for the server, in an order in which nothing lacks what it builds upon. */
export class Outgoing {
  #options;
  /** Changes made here that wait to leave. @type {Uint8Array[]} */
  #updates = [];
  #tellsWhere = false;
  /** What the server has, when what was sent has arrived; null before it has asked what it lacks. @type {Known | null} */
  #known = null;
  /** The fence behind a part: what is left waits for it. @type {number | null} */
  #part = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {OutgoingOptions} options */
  constructor(options) {
    this.#options = options;
  }

  /** @param {Uint8Array} update */
  update(update) {
    this.#updates.push(update);
    this.#gather();
  }

  tellWhere() {
    this.#tellsWhere = true;
    this.#gather();
  }

  /** The server asks for what it lacks. @param {Uint8Array} stateVector @param {boolean} mayWrite */
  answer(stateVector, mayWrite) {
    const text = this.#options.text();
    if (!text) return;
    const { parts, shared } = text;
    this.#known = parts.knownOf(stateVector);
    this.#part = null;
    // Who may only read has nothing to say, unless something was written before.
    if (mayWrite || shared.hasContent(shared.missing(stateVector))) this.#tellRest();
    else this.#updates = [];
    this.flush();
  }

  /** A fence has come back. @param {number} number */
  fenced(number) {
    if (number !== this.#part) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#part = null;
      this.#tellRest();
      this.flush();
    }, PAUSE_MS);
  }

  /** Sends what has come together, and behind it a fence, which comes back when all of it is durable. */
  flush() {
    const text = this.#options.text();
    if (!text || !this.#known || this.#part !== null) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const { parts, shared } = text;
    const messages = [];
    const update = this.#updates.length > 0 ? parts.merged(this.#updates.splice(0)) : null;
    if (update && update.length > PART_BYTES) {
      this.#tellRest();
      if (this.#part !== null) return;
    } else if (update) {
      messages.push(parts.syncMessage("update", update));
      this.#known = parts.knownOf(shared.stateVector);
    }
    if (this.#tellsWhere) messages.push(parts.awarenessMessage(shared.ourAwareness()));
    this.#tellsWhere = false;
    messages.push(parts.fenceMessage(this.#options.progress().fence()));
    this.#options.send(parts.frameOf(messages));
  }

  /** The connection is lost; on the next the server asks anew. */
  disconnected() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#updates = [];
    this.#known = null;
    this.#part = null;
  }

  /** Sends before long. */
  #gather() {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.flush();
    }, GATHER_MS);
  }

  /** The next of what the server lacks, with a fence of its own; what is not much is all of the rest. */
  #tellRest() {
    const text = this.#options.text();
    if (!text || !this.#known) return;
    const { parts, shared } = text;
    this.#updates = []; // they are in what is sent here
    const piece = shared.nextPiece(this.#known, PART_BYTES);
    if (piece.isAll) {
      this.#options.send(parts.frameOf([parts.syncMessage("step2", shared.missingFrom(this.#known))]));
      this.#known = parts.knownOf(shared.stateVector);
      return;
    }
    this.#known = piece.known;
    this.#part = this.#options.progress().fence({ isAll: false });
    this.#options.send(parts.frameOf([parts.syncMessage("update", piece.update), parts.fenceMessage(this.#part)]));
  }
}
