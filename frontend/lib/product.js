import { cleanText } from "./clean_text.js";
import { WrittenNumber } from "./exact_json.js";
import { textLength } from "./text_length.js";

/** What people see and change of a product; the names are those of the protocol. */
export const FIELDS = /** @type {const} */ (["productName", "manufacturer", "pricePerUnit", "unitsAvailable"]);

/** @typedef {typeof FIELDS[number]} Field */
/** Numbers are the digits they are written with: nothing is rounded on its way through the page. */
/** @typedef {Record<Field, string>} Fields */
/** @typedef {Fields & { key: string }} Product `key` is its `productId`, as topics name it */

/** In characters. */
export const MAX_TEXT = 200;
const MAX_UNITS = Number.MAX_SAFE_INTEGER;
const PRICE = /^(\d{1,10})(?:[.,](\d{1,2}))?$/;
const UNITS = /^\d{1,16}$/;

/** @param {any} row as the server writes it @returns {Product} */
export function productFrom({ productId, productName, manufacturer, pricePerUnit, unitsAvailable }) {
  return {
    key: digits(productId),
    productName,
    manufacturer,
    pricePerUnit: price(pricePerUnit),
    unitsAvailable: digits(unitsAvailable),
  };
}

/** Two values in the order of their numbers. @param {string} text digits, with at most one dot */
export function amount(text) {
  // As whole cents or units, which a number holds exactly.
  return Number(text.replace(".", ""));
}

/** @param {Fields} a @param {Fields} b */
export function sameFields(a, b) {
  return FIELDS.every((field) => a[field] === b[field]);
}

/**
 * What somebody has written, as the server takes it, or what is wrong with it.
 * @param {Fields} draft
 * @returns {{ fields: Fields, problems: Partial<Fields> }} `fields` counts when there are no problems
 */
export function checkFields(draft) {
  const whole = PRICE.exec(draft.pricePerUnit.trim());
  const units = draft.unitsAvailable.trim();
  const fields = {
    productName: cleanText(draft.productName).trim(),
    manufacturer: cleanText(draft.manufacturer).trim(),
    pricePerUnit: whole ? `${withoutZeros(whole[1] ?? "")}.${(whole[2] ?? "").padEnd(2, "0")}` : "",
    unitsAvailable: UNITS.test(units) ? withoutZeros(units) : "",
  };
  /** @type {Partial<Fields>} */
  const problems = {};
  for (const field of /** @type {const} */ (["productName", "manufacturer"])) {
    const length = textLength(fields[field]);
    if (length === 0) problems[field] = "Needs a name.";
    else if (length > MAX_TEXT) problems[field] = `At most ${MAX_TEXT} characters; these are ${length}.`;
  }
  if (!whole) problems.pricePerUnit = "A number like 12.50, with at most two decimals.";
  if (fields.unitsAvailable === "" || BigInt(fields.unitsAvailable) > BigInt(MAX_UNITS)) {
    problems.unitsAvailable = "A whole number, 0 or more.";
  }
  return { fields, problems };
}

/** The body of a request. The numbers go as they were written. @param {Fields} fields checked */
export function productJson({ productName, manufacturer, pricePerUnit, unitsAvailable }) {
  return (
    `{"manufacturer":${JSON.stringify(manufacturer)},"pricePerUnit":${pricePerUnit},` +
    `"unitsAvailable":${unitsAvailable},"productName":${JSON.stringify(productName)}}`
  );
}

/** What a search looks in, and for: without case and accents. @param {string} text */
export function searchable(text) {
  return text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
}

/** @param {unknown} value */
function digits(value) {
  return value instanceof WrittenNumber ? value.source : String(value);
}

/** Two decimals always. Twelve digits survive a 64-bit float, so this is exact where we cannot see what was written. @param {unknown} value */
function price(value) {
  return value instanceof WrittenNumber ? value.source : Number(value).toFixed(2);
}

/** @param {string} text of digits */
function withoutZeros(text) {
  return text.replace(/^0+(?=\d)/, "");
}
