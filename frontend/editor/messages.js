/** The messages of y-websocket's protocol, and the fence, which is ours. A frame holds any number of them. */
import {
  createDecoder,
  createEncoder,
  hasContent,
  readVarString,
  readVarUint,
  readVarUint8Array,
  toUint8Array,
  writeUint8Array,
  writeVarUint,
  writeVarUint8Array,
} from "../vendor/editor.js";

const SYNC = 0;
const AWARENESS = 1;
const AUTH = 2;
const QUERY_AWARENESS = 3;
const FENCE = 100;

const STEPS = /** @type {const} */ (["step1", "step2", "update"]);

/**
 * @typedef {{ type: "step1" | "step2" | "update" | "awareness", bytes: Uint8Array } | { type: "denied", reason: string }
 *   | { type: "query_awareness" } | { type: "fence", number: number }} Message
 */

/** @param {"step1" | "step2" | "update"} step @param {Uint8Array} bytes */
export function syncMessage(step, bytes) {
  const encoder = createEncoder();
  writeVarUint(encoder, SYNC);
  writeVarUint(encoder, STEPS.indexOf(step));
  writeVarUint8Array(encoder, bytes);
  return toUint8Array(encoder);
}

/** @param {Uint8Array} bytes */
export function awarenessMessage(bytes) {
  const encoder = createEncoder();
  writeVarUint(encoder, AWARENESS);
  writeVarUint8Array(encoder, bytes);
  return toUint8Array(encoder);
}

/** @param {number} number */
export function fenceMessage(number) {
  const encoder = createEncoder();
  writeVarUint(encoder, FENCE);
  writeVarUint(encoder, number);
  return toUint8Array(encoder);
}

/** @param {Uint8Array[]} messages */
export function frameOf(messages) {
  const encoder = createEncoder();
  for (const message of messages) writeUint8Array(encoder, message);
  return toUint8Array(encoder);
}

/**
 * Throws where a frame is cut off; ends at a message of a kind that nobody has told us of.
 * @param {Uint8Array} frame
 * @returns {Generator<Message, void>}
 */
export function* messagesIn(frame) {
  const decoder = createDecoder(frame);
  while (hasContent(decoder)) {
    const kind = readVarUint(decoder);
    if (kind === SYNC) {
      const type = STEPS[readVarUint(decoder)];
      if (!type) return;
      yield { type, bytes: readVarUint8Array(decoder) };
    } else if (kind === AWARENESS) {
      yield { type: "awareness", bytes: readVarUint8Array(decoder) };
    } else if (kind === AUTH) {
      readVarUint(decoder);
      yield { type: "denied", reason: readVarString(decoder) };
    } else if (kind === QUERY_AWARENESS) {
      yield { type: "query_awareness" };
    } else if (kind === FENCE) {
      yield { type: "fence", number: readVarUint(decoder) };
    } else {
      return;
    }
  }
}
