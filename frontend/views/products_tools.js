import { h, useId } from "../vendor/preact.js";
import { COLUMNS } from "./product_columns.js";
import { countProducts } from "./explain_product.js";

/**
 * What narrows the table down and orders it, and how much is found.
 * @param {object} props
 * @param {import("../models/products.js").Products} props.products
 * @param {boolean} props.narrow
 * @param {(key: string) => void} props.onReveal shows a row that is written into
 */
export function ProductsTools({ products, narrow, onReveal }) {
  const id = useId();
  const { table } = products;
  const [edit, ...others] = products.editsElsewhere;
  const { sorting, filter, size, found, waiting } = table;
  return h(
    "div",
    { class: "products-tools" },
    h(
      "div",
      { class: "products-filter" },
      h("label", { for: `${id}-filter`, class: "visually-hidden" }, "Filter by product or manufacturer"),
      h("input", {
        id: `${id}-filter`,
        type: "search",
        placeholder: "Filter by product or manufacturer",
        value: filter,
        autocomplete: "off",
        spellcheck: false,
        onInput: (/** @type {{ currentTarget: HTMLInputElement }} */ event) => table.search(event.currentTarget.value),
      }),
    ),
    // The heads of the columns sort, too; but not all of them fit.
    narrow &&
      h(
        "div",
        { class: "products-sort" },
        h("label", { for: `${id}-sort`, class: "visually-hidden" }, "Sort by"),
        h(
          "select",
          {
            id: `${id}-sort`,
            onChange: (/** @type {{ currentTarget: HTMLSelectElement }} */ event) => {
              const [field, order] = event.currentTarget.value.split(" ");
              table.sort({ field: /** @type {any} */ (field), descending: order === "down" });
            },
          },
          COLUMNS.flatMap(({ field, label, orders }) =>
            orders.map((text, turn) => {
              const value = `${field} ${turn === 0 ? "up" : "down"}`;
              const selected = sorting.field === field && sorting.descending === (turn === 1);
              return h("option", { key: value, value, selected }, `${label}, ${text}`);
            }),
          ),
        ),
      ),
    h(
      "p",
      // Said when somebody filters, not when rows come and go.
      { class: "products-count", "aria-live": filter === "" ? "off" : "polite" },
      filter.trim() === "" ? countProducts(size) : `${found.toLocaleString("en")} of ${countProducts(size)}`,
    ),
    edit &&
      h(
        "p",
        { class: "products-waiting" },
        h(
          "span",
          null,
          "You have begun to change ",
          h("bdi", { class: "name" }, edit.latest.productName),
          others.length > 0 && `, and ${others.length} more`,
          ", not shown here.",
        ),
        h("button", { type: "button", class: "button small", onClick: () => onReveal(edit.key) }, "Show it"),
      ),
    waiting &&
      h(
        "p",
        { class: "products-waiting" },
        h("span", null, "Rows keep their places while you are in the table."),
        h("button", { type: "button", class: "button small", onClick: () => table.rearrange() }, "Sort now"),
      ),
  );
}
