import { dayOf } from "./time.js";

/** Messages of one author closer together than this share one heading. */
export const GROUP_MS = 5 * 60_000;

/**
 * @typedef {object} Groupable
 * @property {string} key
 * @property {string} kind "message", or something that stands on its own line
 * @property {string} from
 * @property {number} [sent]
 * @property {number | null} offset
 */

/**
 * What a timeline shows, in order: day separators, the line above what is new, and the items; `head` says that an
 * item begins a group and shows its author.
 * @template {Groupable} T
 * @param {readonly T[]} items
 * @param {{ newAfter?: number | null, me?: string }} [options] the offset up to which everything has been read
 * @returns {({ kind: "day", key: string, at: number } | { kind: "new", key: string } | { kind: "item", key: string,
 *   item: T, head: boolean })[]}
 */
export function layOut(items, { newAfter = null, me } = {}) {
  /** @type {ReturnType<typeof layOut<T>>} */
  const rows = [];
  let day = "";
  let marked = newAfter === null;
  /** @type {T | undefined} */
  let previous;
  for (const item of items) {
    // Later, not other: a message that failed yesterday stays below today's, and a day has one separator.
    if (item.sent !== undefined && dayOf(item.sent) > day) {
      day = dayOf(item.sent);
      rows.push({ kind: "day", key: `day:${day}`, at: item.sent });
      previous = undefined;
    }
    if (!marked && item.kind === "message" && item.from !== me && (item.offset ?? 0) > (newAfter ?? 0)) {
      marked = true;
      rows.push({ kind: "new", key: "new" });
      previous = undefined;
    }
    rows.push({ kind: "item", key: item.key, item, head: !continues(previous, item) });
    previous = item;
  }
  return rows;
}

/** @param {Groupable | undefined} previous @param {Groupable} item */
function continues(previous, item) {
  if (previous?.kind !== "message" || item.kind !== "message" || previous.from !== item.from) return false;
  return Math.abs((item.sent ?? 0) - (previous.sent ?? 0)) < GROUP_MS;
}
