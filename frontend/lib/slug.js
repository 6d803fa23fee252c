/**
 * A room name made from a title: what the server accepts, normalised as it does.
 * @param {string} title
 */
export function slug(title) {
  const letters = title
    .normalize("NFKC")
    .toLowerCase()
    .replace(/[^\p{L}\p{N}_.-]+/gu, "-");
  return [...letters.replace(/^[-.]+|[-.]+$/gu, "").replace(/-{2,}/gu, "-")].slice(0, 64).join("");
}
