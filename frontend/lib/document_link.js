/** Where a document is, for the address bar. @param {string} name */
export const documentHash = (name) => `#document=${encodeURIComponent(name)}`;

/**
 * Reads `#document=NAME`.
 * @param {string} hash
 * @returns {string | null} the name as it was written
 */
export function documentOf(hash) {
  const [, written] = /^#document=([^&]{1,2048})$/.exec(hash) ?? [];
  if (!written) return null;
  try {
    return decodeURIComponent(written);
  } catch {
    return null;
  }
}
