/** @typedef {{ text: string, href?: string }} Part */

// Candidates only: what is a link is decided by `URL` below, and by the scheme it finds.
const CANDIDATE = /\b(?:https?:\/\/|mailto:)[^\s<>"'`\u0000-\u001f\u007f\u200b-\u200f\u2028-\u202e\u2060-\u2069]+/giu;
const SCHEMES = new Set(["http:", "https:", "mailto:"]);
const CLOSERS = /** @type {Record<string, string>} */ ({ ")": "(", "]": "[", "}": "{" });

/**
 * Splits text into plain parts and links. Joined together the parts are the text again.
 * @param {string} text
 * @returns {Part[]}
 */
export function splitLinks(text) {
  /** @type {Part[]} */
  const parts = [];
  let end = 0;
  for (const match of text.matchAll(CANDIDATE)) {
    const candidate = trimmed(match[0]);
    const href = linkTarget(candidate);
    if (href === undefined) continue;
    if (match.index > end) parts.push({ text: text.slice(end, match.index) });
    parts.push({ text: candidate, href });
    end = match.index + candidate.length;
  }
  if (end < text.length) parts.push({ text: text.slice(end) });
  return parts;
}

/** @param {string} candidate */
function linkTarget(candidate) {
  if (!URL.canParse(candidate)) return undefined;
  const url = new URL(candidate);
  if (!SCHEMES.has(url.protocol)) return undefined;
  const target = url.protocol === "mailto:" ? url.pathname.includes("@") : url.hostname !== "";
  return target ? url.href : undefined;
}

/**
 * The sentence's own punctuation is not part of the link; a bracket is when it was opened inside.
 * @param {string} candidate
 */
function trimmed(candidate) {
  let link = candidate;
  for (;;) {
    const last = link.at(-1) ?? "";
    const opener = CLOSERS[last];
    const loose = opener ? count(link, last) > count(link, opener) : /[.,;:!?*_~|…]/u.test(last);
    if (!loose) return link;
    link = link.slice(0, -1);
  }
}

/** @param {string} text @param {string} character */
function count(text, character) {
  return text.split(character).length - 1;
}
