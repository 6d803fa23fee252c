const FIRST_MS = 500;
const CAP_MS = 30_000;

/** Policy, try again later, bad update, too many events, too many connections. */
const RECONNECT_SLOWLY = new Set([1008, 1013, 4003, 4004, 4005]);
const RESTART = 1012;

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

/**
 * Until the next attempt after a connection was closed so.
 * @param {{ code: number, reason: string }} close
 * @param {number} attempt how many have failed in a row, from 0
 * @param {() => number} [random]
 * @returns {number} milliseconds
 */
export function pauseAfter({ code, reason }, attempt, random = Math.random) {
  const jitter = code === RESTART ? /\bjitter_ms=(\d{1,6})\b/.exec(reason) : null;
  if (jitter) return Math.floor(random() * Number(jitter[1]));
  return RECONNECT_SLOWLY.has(code) ? slowJitter(attempt, random) : fullJitter(attempt, random);
}

/** @param {number} attempt */
function ceiling(attempt) {
  return Math.min(CAP_MS, FIRST_MS * 2 ** Math.min(attempt, 16));
}
