/**
 * What is missing elsewhere, in parts: a frame has a limit, and what was written offline has none. Each part refers only to
 * itself and to the parts before it.
 */
import {
  ContentString,
  Item,
  UpdateEncoderV1,
  byteLength,
  createEncoder,
  toUint8Array,
  writeUint8Array,
  writeVarUint,
} from "../vendor/editor.js";

/** @typedef {import("../vendor/editor.js").Doc} Doc */
/** @typedef {import("../vendor/editor.js").GC | import("../vendor/editor.js").Skip | Item} Struct */
/** @typedef {Map<number, number>} Known how much somebody has of each client */
/** @typedef {{ from: number, count: number, body: UpdateEncoderV1, deleted: [number, number][] }} Run of one client */

/**
 * @param {Doc} doc
 * @param {Known} known what they have
 * @param {number} most bytes of a part, about
 * @returns {{ update: Uint8Array, known: Known, isAll: boolean }} `known`: what they have with it; `isAll`: nothing of weight
 *   is missing then
 */
export function nextPiece(doc, known, most) {
  const piece = new Piece(known, most);
  const clients = [...doc.store.clients.entries()];
  // Who writes upon whom is a matter of rounds: each takes what has become possible with the last.
  let before;
  do {
    before = piece.room;
    for (const [client, structs] of clients) piece.take(client, structs);
  } while (piece.room > 0 && piece.room < before);
  return { update: piece.encoded(), known: piece.known, isAll: piece.room > 0 };
}

class Piece {
  room;
  known;
  /** @type {Map<number, Run>} */
  #runs = new Map();

  /** @param {Known} known @param {number} most */
  constructor(known, most) {
    this.known = new Map(known);
    this.room = most;
  }

  /** What is next of one client, as far as it goes. @param {number} client @param {Struct[]} structs */
  take(client, structs) {
    const from = this.known.get(client) ?? 0;
    for (let at = indexAt(structs, from); at < structs.length && this.room > 0; at += 1) {
      const struct = /** @type {Struct} */ (structs[at]);
      if (!this.#mayHave(struct)) return;
      this.#write(client, struct, Math.max(0, (this.known.get(client) ?? 0) - struct.id.clock));
    }
  }

  /** Whether they have what it refers to. @param {Struct} struct */
  #mayHave(struct) {
    if (!(struct instanceof Item)) return true;
    const { origin, rightOrigin } = struct;
    const parent = /** @type {any} */ (struct.parent)?._item?.id ?? null;
    return [origin, rightOrigin, parent].every((id) => id === null || id.clock < (this.known.get(id.client) ?? 0));
  }

  /** @param {number} client @param {Struct} struct @param {number} offset what they have of it */
  #write(client, struct, offset) {
    const { clock } = struct.id;
    let run = this.#runs.get(client);
    if (!run) this.#runs.set(client, (run = { from: clock + offset, count: 0, body: new UpdateEncoderV1(), deleted: [] }));
    const before = lengthOf(run.body);
    const end = endOf(struct, offset, this.room);
    beginningOf(struct, end).write(run.body, offset);
    run.count += 1;
    // Or else what was deleted here would be seen for a moment elsewhere.
    if (struct instanceof Item && struct.deleted) run.deleted.push([clock + offset, end - offset]);
    this.known.set(client, clock + end);
    this.room -= end < struct.length ? this.room : lengthOf(run.body) - before;
  }

  /** As an update of Yjs. */
  encoded() {
    const encoder = createEncoder();
    const runs = [...this.#runs].sort(([a], [b]) => b - a);
    writeVarUint(encoder, runs.length);
    for (const [client, { from, count, body }] of runs) {
      for (const number of [count, client, from]) writeVarUint(encoder, number);
      writeUint8Array(encoder, body.toUint8Array());
    }
    const deleting = runs.filter(([, { deleted }]) => deleted.length > 0);
    writeVarUint(encoder, deleting.length);
    for (const [client, { deleted }] of deleting) {
      for (const number of [client, deleted.length, ...deleted.flat()]) writeVarUint(encoder, number);
    }
    return toUint8Array(encoder);
  }
}

/** Which of them that place is in. @param {Struct[]} structs @param {number} clock */
function indexAt(structs, clock) {
  let [low, high] = [0, structs.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const { id, length } = /** @type {Struct} */ (structs[middle]);
    if (id.clock + length <= clock) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Where it must be cut to fit. Only a text can be, and not within a character. @param {Struct} struct @param {number} from @param {number} room */
function endOf(struct, from, room) {
  const { length } = struct;
  if (!(struct instanceof Item && struct.content instanceof ContentString)) return length;
  const rest = struct.content.str.slice(from, from + room);
  const { read } = new TextEncoder().encodeInto(rest, new Uint8Array(room));
  // Where not even one fits, one goes all the same.
  return Math.min(length, from + Math.max(read, (rest.codePointAt(0) ?? 0) > 0xffff ? 2 : 1));
}

/** @param {Struct} struct @param {number} end @returns {Struct} */
function beginningOf(struct, end) {
  if (end >= struct.length || !(struct instanceof Item && struct.content instanceof ContentString)) return struct;
  return Object.create(struct, { content: { value: new ContentString(struct.content.str.slice(0, end)) } });
}

/** @param {UpdateEncoderV1} encoder */
function lengthOf({ restEncoder }) {
  return byteLength(restEncoder);
}
