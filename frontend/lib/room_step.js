/**
 * Alt+Arrow walks through the rooms: -1, 1, or 0 when the key is for somebody else. In a list of choices it opens the
 * list; on a Mac it moves the caret by paragraphs, so a field with text in it keeps it there.
 * @param {Pick<KeyboardEvent, "key" | "altKey" | "ctrlKey" | "metaKey" | "shiftKey" | "isComposing" | "target">} event
 * @param {string} platform as `navigator.platform` says it
 * @returns {-1 | 0 | 1}
 */
export function roomStep(event, platform) {
  const { key, altKey, ctrlKey, metaKey, shiftKey, isComposing } = event;
  if (!altKey || ctrlKey || metaKey || shiftKey || isComposing) return 0;
  const { tagName = "", value = "" } = /** @type {Partial<HTMLInputElement>} */ (event.target ?? {});
  if (tagName === "SELECT") return 0;
  if (/^(Mac|iP)/.test(platform) && /^(INPUT|TEXTAREA)$/.test(tagName) && value !== "") return 0;
  return key === "ArrowUp" ? -1 : key === "ArrowDown" ? 1 : 0;
}
