import { h } from "../vendor/preact.js";

/**
 * The head of a column, which sorts by it.
 * @param {object} props
 * @param {typeof import("./product_columns.js").COLUMNS[number]} props.column
 * @param {import("../models/product_table.js").Sorting} props.sorting
 * @param {(field: import("../models/product_table.js").Sorting["field"]) => void} props.onSort
 */
export function SortHeader({ column, sorting, onSort }) {
  const { field, label, short, number, wide } = column;
  const active = sorting.field === field;
  return h(
    "th",
    {
      scope: "col",
      class: `${number ? "number" : "text"} ${wide ? "wide-only" : ""}`,
      "aria-sort": active ? (sorting.descending ? "descending" : "ascending") : undefined,
    },
    h(
      "button",
      { type: "button", class: "sort", onClick: () => onSort(field) },
      field === "key"
        ? [h("span", { "aria-hidden": "true" }, short), h("span", { class: "visually-hidden" }, label)]
        : [h("span", { class: "wide-only" }, label), h("span", { class: "narrow-only", "aria-hidden": "true" }, short)],
      h("span", { class: "sort-sign", "aria-hidden": "true" }, active ? (sorting.descending ? "▼" : "▲") : ""),
    ),
  );
}
