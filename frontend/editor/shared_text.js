import {
  Awareness,
  Doc,
  UndoManager,
  applyAwarenessUpdate,
  applyUpdate,
  createAbsolutePositionFromRelativePosition,
  createRelativePositionFromJSON,
  createRelativePositionFromTypeIndex,
  decodeStateVector,
  decodeUpdate,
  encodeAwarenessUpdate,
  encodeStateAsUpdate,
  encodeStateVector,
  equalDeleteSets,
  mergeDeleteSets,
  mergeUpdates,
  relativePositionToJSON,
  removeAwarenessStates,
  snapshot,
} from "../vendor/editor.js";
import { nextPiece } from "./pieces.js";

/** @typedef {import("./pieces.js").Known} Known */

/** Who made a change that did not come from this page's editor. */
const [SERVER, DEVICE] = ["server", "device"];
const ROOT = "text";
/** Stands for what is no text, each of which counts as one character. */
const OBJECT = "\ufffc";

/**
 * The copy of a document's text in this page, who else has it open, and what was done here, to be undone.
 *
 * Dispatches `update` (detail: {update, isOurs, isKept}: made by our editor, on this device already), `awareness` (detail: the
 * update) when ours is to be told, `people` when what anybody says has changed, and `history` when there is more or less to undo.
 */
export class SharedText extends EventTarget {
  /** What the editor's own changes are made by; only these are undone. */
  origin = Object.freeze({ editor: true });
  #doc = new Doc();

  /** @param {{ name: string }} user */
  constructor(user) {
    super();
    this.text = this.#doc.getText(ROOT);
    this.awareness = new Awareness(this.#doc);
    this.awareness.setLocalState({ user });
    this.undoManager = new UndoManager(this.text, { trackedOrigins: new Set([this.origin]) });
    this.#doc.on("update", (update, origin) =>
      this.#tell("update", { update, isOurs: origin !== SERVER && origin !== DEVICE, isKept: origin === DEVICE }),
    );
    this.awareness.on("update", (/** @type {Record<"added" | "updated" | "removed", number[]>} */ changed) => {
      const { clientID } = this.#doc;
      // Others' are told by themselves, and by the server when they have gone.
      if ([...changed.added, ...changed.updated].includes(clientID)) this.#tell("awareness", this.ourAwareness());
    });
    this.awareness.on("change", () => this.#tell("people"));
    for (const name of /** @type {const} */ (["stack-item-added", "stack-item-popped", "stack-cleared"])) {
      this.undoManager.on(name, () => this.#tell("history"));
    }
  }

  get clientId() {
    return this.#doc.clientID;
  }

  /** @returns {Uint8Array} */
  get stateVector() {
    return encodeStateVector(this.#doc);
  }

  /** @returns {Uint8Array} */
  ourAwareness() {
    return encodeAwarenessUpdate(this.awareness, [this.#doc.clientID]);
  }

  /** The text as the editor counts it. @override */
  toString() {
    return textOf(this.text.toDelta());
  }

  /** What the holder of that state vector lacks. @param {Uint8Array} stateVector @returns {Uint8Array} */
  missing(stateVector) {
    return encodeStateAsUpdate(this.#doc, stateVector);
  }

  /** What is deleted here, without anything else. @returns {Uint8Array} */
  deletions() {
    return encodeStateAsUpdate(this.#doc, this.stateVector);
  }

  /** All of it. @returns {Uint8Array} */
  whole() {
    return encodeStateAsUpdate(this.#doc);
  }

  /** As `missing`, for whoever has just this. @param {Known} known @returns {Uint8Array} */
  missingFrom(known) {
    return encodeStateAsUpdate(this.#doc, encodeStateVector(known));
  }

  /** The first part of it. @param {Known} known @param {number} most bytes, about */
  nextPiece(known, most) {
    return nextPiece(this.#doc, known, most);
  }

  /** Whether an update adds anything; what is deleted stands in every one. @param {Uint8Array} update */
  hasContent(update) {
    return update[0] !== 0; // of how many clients it has something
  }

  /** Whether something is deleted here that is not in an answer, which names all that is deleted there. @param {Uint8Array} answer */
  deletesMoreThan(answer) {
    return !equalDeleteSets(snapshot(this.#doc).ds, mergeDeleteSets([decodeUpdate(answer).ds]));
  }

  /** @param {Uint8Array} update */
  receive(update) {
    applyUpdate(this.#doc, update, SERVER);
  }

  /** @param {Uint8Array[]} updates */
  load(updates) {
    this.#doc.transact(() => updates.forEach((update) => applyUpdate(this.#doc, update, DEVICE)), DEVICE);
  }

  /** @param {Uint8Array} update */
  receiveAwareness(update) {
    applyAwarenessUpdate(this.awareness, update, SERVER);
  }

  /** While the connection lives the server says who leaves; nobody leaves by being slow to say something. */
  everybodyStays() {
    for (const [id, meta] of this.awareness.meta) if (id !== this.#doc.clientID) meta.lastUpdated = Date.now();
  }

  /** The connection is lost: nobody knows any more who is there. */
  everybodyLeaves() {
    const others = [...this.awareness.getStates().keys()].filter((id) => id !== this.#doc.clientID);
    removeAwarenessStates(this.awareness, others, SERVER);
    // Or else who has said nothing new meanwhile would not be seen again.
    for (const id of others) this.awareness.meta.delete(id);
  }

  /** What everybody else says, by client. @returns {[number, unknown][]} */
  others() {
    return [...this.awareness.getStates()].filter(([id]) => id !== this.#doc.clientID);
  }

  /** Shows the others where we are. @param {{ anchor: number, head: number } | null} selection */
  select(selection) {
    const cursor = selection && { anchor: this.#anchored(selection.anchor), head: this.#anchored(selection.head) };
    const before = this.awareness.getLocalState()?.cursor ?? null;
    if (JSON.stringify(before) !== JSON.stringify(cursor)) this.awareness.setLocalStateField("cursor", cursor);
  }

  /** @param {number} index in the text as it is */
  #anchored(index) {
    return relativePositionToJSON(createRelativePositionFromTypeIndex(this.text, index));
  }

  /** A place that stays between the same letters. @param {number} index */
  mark(index) {
    return createRelativePositionFromTypeIndex(this.text, index);
  }

  /** Where such a place is now; null where it makes no sense, since anybody may send anything. @param {any} place */
  indexOf(place) {
    try {
      const relative = createRelativePositionFromJSON(place);
      const absolute = createAbsolutePositionFromRelativePosition(relative, this.#doc);
      return absolute?.type === this.text ? absolute.index : null;
    } catch {
      return null;
    }
  }

  /** @param {{ from: number, to: number, insert: string }[]} changes in the text before any of them, in order */
  change(changes) {
    this.#doc.transact(() => {
      let shift = 0;
      for (const { from, to, insert } of changes) {
        if (to > from) this.text.delete(from + shift, to - from);
        if (insert !== "") this.text.insert(from + shift, insert);
        shift += insert.length - (to - from);
      }
    }, this.origin);
  }

  destroy() {
    this.awareness.destroy();
    this.#doc.destroy();
  }

  /** @param {string} name @param {unknown} [detail] */
  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

/** @param {Uint8Array} stateVector @returns {Known} */
export function knownOf(stateVector) {
  return decodeStateVector(stateVector);
}

/** @param {{ insert?: unknown }[]} delta */
export function textOf(delta) {
  return delta.map(({ insert }) => (typeof insert === "string" ? insert : OBJECT)).join("");
}

/** Many updates as one, without what is deleted. @param {Uint8Array[]} updates @returns {Uint8Array} */
export function compacted(updates) {
  const doc = new Doc();
  doc.transact(() => updates.forEach((update) => applyUpdate(doc, update)));
  const state = encodeStateAsUpdate(doc);
  doc.destroy();
  return state;
}

/** @param {Uint8Array[]} updates @returns {Uint8Array} */
export function merged(updates) {
  return updates.length === 1 ? /** @type {Uint8Array} */ (updates[0]) : mergeUpdates(updates);
}
