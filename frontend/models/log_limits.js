/** @typedef {import("./channel_log.js").LogItem} LogItem */
/** @typedef {{ items: number, characters: number }} Limits how much a log holds; characters are those of its JSON */

/** What one page of older publications brings at most. */
export const PAGE = { items: 50, characters: 256 * 1024 };
/** So much while somebody looks at the end, and afterwards. */
export const AT_END = { items: 500, characters: 2 * 1024 * 1024 };
/** So much while somebody reads further up; a flood must not fill the memory then, either. */
export const WHILE_READING = { items: 1500, characters: 4 * 1024 * 1024 };
/** So much of what nobody has opened yet: enough to see why it is unread where the server keeps nothing. */
export const UNOPENED = { items: 20, characters: 64 * 1024 };

/**
 * How many of the first are too much. The last one never is.
 * @param {LogItem[]} items
 * @param {Limits} limits
 */
export function excess(items, limits) {
  let { characters } = limits;
  let first = items.length;
  const most = Math.max(0, items.length - limits.items);
  while (first > most) {
    characters -= charactersOf(items[first - 1]);
    if (characters < 0 && first < items.length) break;
    first -= 1;
  }
  return first;
}

/** Whether another page fits while somebody reads. @param {LogItem[]} items */
export function hasRoomForPage(items) {
  const { items: most, characters } = WHILE_READING;
  return excess(items, { items: most - PAGE.items, characters: characters - PAGE.characters }) === 0;
}

/** @param {LogItem | undefined} item */
function charactersOf(item) {
  return item?.kind === "publication" ? item.characters : 0;
}
