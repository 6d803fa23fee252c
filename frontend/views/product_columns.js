/**
 * What the table shows of a product, from left to right; those that are `wide` only where there is room. Without it the
 * manufacturer stands below the name, and the units below the price.
 * @type {readonly { field: import("../models/product_table.js").Sorting["field"], label: string, short: string,
 *   number: boolean, orders: readonly [string, string], wide: boolean }[]}
 */
export const COLUMNS = [
  { field: "key", label: "Number", short: "No.", number: true, orders: ["first to last", "last to first"], wide: true },
  { field: "productName", label: "Product", short: "Product", number: false, orders: ["A to Z", "Z to A"], wide: false },
  { field: "manufacturer", label: "Manufacturer", short: "Manufacturer", number: false, orders: ["A to Z", "Z to A"], wide: true },
  { field: "pricePerUnit", label: "Price per unit", short: "Price", number: true, orders: ["low to high", "high to low"], wide: false },
  { field: "unitsAvailable", label: "Units available", short: "Units", number: true, orders: ["few to many", "many to few"], wide: true },
];

/** @type {Record<import("../lib/product.js").Field, string>} */
export const LABELS = {
  productName: "Product",
  manufacturer: "Manufacturer",
  pricePerUnit: "Price per unit",
  unitsAvailable: "Units available",
};

/**
 * How a field is typed: a price and a number with the keypad of a phone, but as text, since a number field would change
 * what is typed.
 * @param {import("../lib/product.js").Field} field
 * @returns {import("../vendor/preact.js").InputHTMLAttributes<HTMLInputElement>}
 */
export function typing(field) {
  if (field === "pricePerUnit") return { inputMode: "decimal", autocomplete: "off", maxLength: 20 };
  if (field === "unitsAvailable") return { inputMode: "numeric", autocomplete: "off", maxLength: 20 };
  return { autocomplete: "off", maxLength: 400 };
}
