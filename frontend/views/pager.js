import { PAGE } from "../models/product_table.js";
import { h } from "../vendor/preact.js";

/**
 * From one page of rows to the next.
 * @param {{ page: number, pages: number, found: number, onTurn: (page: number) => void }} props `page` from 0
 */
export function Pager({ page, pages, found, onTurn }) {
  if (pages < 2) return null;
  const [first, last] = [page * PAGE + 1, Math.min(found, (page + 1) * PAGE)];
  const button = (/** @type {string} */ text, /** @type {number} */ to, /** @type {boolean} */ disabled) =>
    h("button", { type: "button", class: "button small", disabled, onClick: () => onTurn(to) }, text);
  return h(
    "nav",
    { class: "pager", "aria-label": "Pages of the table" },
    button("Previous", page - 1, page === 0),
    h("span", null, `${first.toLocaleString("en")}–${last.toLocaleString("en")} of ${found.toLocaleString("en")}`),
    button("Next", page + 1, page >= pages - 1),
  );
}
