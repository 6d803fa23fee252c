/**
 * Length as the server counts it: in characters, where an emoji outside the basic plane is one, not two.
 * @param {string} text
 */
export function textLength(text) {
  return Array.from(text).length;
}
