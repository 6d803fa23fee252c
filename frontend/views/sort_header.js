import { h } from "../vendor/preact.js";

/**
 * The head of a column, which sorts by it.
 * @param {object} props
 * @param {typeof import("./product_columns.js").COLUMNS[number]} props.column
 * @param {boolean} props.narrow
 * @param {import("../models/product_table.js").Sorting} props.sorting
 * @param {(field: import("../models/product_table.js").Sorting["field"]) => void} props.onSort
 */
export function SortHeader({ column, narrow, sorting, onSort }) {
  const { field, label, short, number } = column;
  const active = sorting.field === field;
  const shown = narrow || field === "key" ? short : label;
  return h(
    "th",
    {
      scope: "col",
      class: `${number ? "number" : "text"} ${field}`,
      "aria-sort": active ? (sorting.descending ? "descending" : "ascending") : undefined,
    },
    h(
      "button",
      { type: "button", class: "sort", onClick: () => onSort(field) },
      shown === label
        ? label
        : [h("span", { "aria-hidden": "true" }, shown), h("span", { class: "visually-hidden" }, label)],
      h("span", { class: "sort-sign", "aria-hidden": "true" }, active ? (sorting.descending ? "▼" : "▲") : ""),
    ),
  );
}
