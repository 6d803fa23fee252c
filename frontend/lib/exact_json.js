/** A number that JavaScript would write otherwise than its sender has: `1.10`, or more digits than fit. */
export class WrittenNumber {
  /** @param {string} source */
  constructor(source) {
    this.source = source;
  }

  toJSON() {
    return this.source;
  }
}

/** Whether we can see how a number was written; Node 20, Firefox before 135 and Safari before 18.4 do not show it. */
export const KEEPS_DIGITS = keepsDigits();
// Finds every number that may be written otherwise. That another text looks like one costs only time.
const MAY_DIFFER = /[\d.]{16}|\.\d*0(?!\d)|\d[eE]|-0|0\.0{6}/;

/**
 * JSON.parse, but a number that would lose what was written is a `WrittenNumber`, where we can see it.
 * @param {string} text
 * @returns {any}
 */
export function parseExactly(text) {
  return KEEPS_DIGITS && MAY_DIFFER.test(text) ? JSON.parse(text, withDigits) : JSON.parse(text);
}

/** Whether a number that is written like this may have been another one. @param {string} text */
export function mayBeRounded(text) {
  return !KEEPS_DIGITS && /\d{16}|[.e]/.test(text);
}

/** @param {string} _key @param {unknown} value @param {{ source?: string }} [context] */
function withDigits(_key, value, context) {
  const source = context?.source;
  const differs = typeof value === "number" && source !== undefined && source !== JSON.stringify(value);
  return differs ? new WrittenNumber(source) : value;
}

function keepsDigits() {
  let shown = false;
  /** @param {string} _key @param {unknown} value @param {{ source?: string }} [context] */
  const look = (_key, value, context) => {
    shown = context?.source === "1";
    return value;
  };
  JSON.parse("1", look);
  return shown;
}
