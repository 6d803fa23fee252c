const FIRST_MS = 500;
const CAP_MS = 30_000;

/**
 * Full jitter: a random moment before a ceiling that doubles, so that a thousand clients never return at once.
 * @param {number} attempt how many attempts have failed in a row, from 0
 * @param {() => number} [random] in [0, 1)
 * @returns {number} milliseconds
 */
export function fullJitter(attempt, random = Math.random) {
  return Math.floor(random() * ceiling(attempt));
}

/**
 * For closes that ask us to come back slowly: the later half of the same range.
 * @param {number} attempt
 * @param {() => number} [random]
 */
export function slowJitter(attempt, random = Math.random) {
  const most = ceiling(Math.max(attempt, 4));
  return Math.floor(most / 2 + (random() * most) / 2);
}

/** @param {number} attempt */
function ceiling(attempt) {
  return Math.min(CAP_MS, FIRST_MS * 2 ** Math.min(attempt, 16));
}
