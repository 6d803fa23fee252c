const TIME = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const PRECISE = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit", second: "2-digit" });
const FULL = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "short" });
const DAY = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const DAY_AND_YEAR = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "long", year: "numeric" });
const RELATIVE = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });

/** @param {number} ms */
export const clockTime = (ms) => TIME.format(ms);

/** With seconds. @param {number} ms */
export const preciseTime = (ms) => PRECISE.format(ms);

/** @param {number} ms */
export const fullTime = (ms) => FULL.format(ms);

/**
 * Which local day a moment belongs to, as something that compares.
 * @param {number} ms
 */
export function dayOf(ms) {
  const date = new Date(ms);
  return `${date.getFullYear()}-${String(date.getMonth() + 1).padStart(2, "0")}-${String(date.getDate()).padStart(2, "0")}`;
}

/**
 * @param {number} ms
 * @param {number} now
 */
export function dayLabel(ms, now) {
  const days = Math.round((startOfDay(ms) - startOfDay(now)) / 86_400_000);
  if (days === 0 || days === -1) return capitalised(RELATIVE.format(days, "day"));
  const sameYear = new Date(ms).getFullYear() === new Date(now).getFullYear();
  return (sameYear ? DAY : DAY_AND_YEAR).format(ms);
}

/**
 * "in 6 days", "in 40 minutes".
 * @param {number} ms
 * @param {number} now
 */
export function timeUntil(ms, now) {
  const minutes = Math.max(1, Math.round((ms - now) / 60_000));
  if (minutes < 90) return RELATIVE.format(minutes, "minute");
  if (minutes < 36 * 60) return RELATIVE.format(Math.round(minutes / 60), "hour");
  return RELATIVE.format(Math.round(minutes / 1440), "day");
}

/**
 * "just now", "5 minutes ago", "3 days ago".
 * @param {number} ms
 * @param {number} now
 */
export function timeSince(ms, now) {
  const minutes = Math.floor(Math.max(0, now - ms) / 60_000);
  if (minutes < 1) return "just now";
  if (minutes < 60) return RELATIVE.format(-minutes, "minute");
  if (minutes < 24 * 60) return RELATIVE.format(-Math.floor(minutes / 60), "hour");
  return RELATIVE.format(-Math.floor(minutes / 1440), "day");
}

/** @param {number} ms */
function startOfDay(ms) {
  const date = new Date(ms);
  return new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
}

/** @param {string} text */
function capitalised(text) {
  return text.charAt(0).toLocaleUpperCase() + text.slice(1);
}
