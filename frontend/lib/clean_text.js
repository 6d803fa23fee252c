/**
 * What a message may hold: line feeds and tabs, but no other control characters, and no halves of characters.
 * @param {string} text
 */
export function cleanText(text) {
  return text
    .toWellFormed()
    .replace(/\r\n?/g, "\n")
    .replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, "")
    .trimEnd();
}
