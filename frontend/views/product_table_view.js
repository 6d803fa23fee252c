import { h, useCallback, useLayoutEffect, useRef } from "../vendor/preact.js";
import { COLUMNS } from "./product_columns.js";
import { ProductEditRow } from "./product_edit_row.js";
import { ProductRow } from "./product_row.js";
import { SortHeader } from "./sort_header.js";

/** @typedef {import("../lib/product.js").Field} Field */

/**
 * One page of the table, drawn whenever whoever shows it is. As long as somebody is in a row with the
 * keyboard, or writes into one, no row moves.
 * @param {object} props
 * @param {import("../models/products.js").Products} props.products
 * @param {boolean} props.narrow
 * @param {boolean} props.connected
 * @param {(key: string) => void} props.onDelete
 * @param {(key: string) => void} props.onSaved
 * @param {(next: import("./use_next_focus.js").Next) => void} props.onNext
 * @param {(key: string) => void} props.onLeaving a row that may be gone when that is over
 * @param {(key: string) => boolean} props.isAt whether the focus is in that row, or nowhere
 */
export function ProductTableView({ products, narrow, connected, onDelete, onSaved, onNext, onLeaving, isAt }) {
  const { table, edits, readOnly } = products;
  const rows = useRef(/** @type {HTMLTableSectionElement | null} */ (null));

  const settle = () => {
    const at = document.activeElement;
    // Whoever has clicked on something there may be anywhere now.
    table.hold("focus", (rows.current?.contains(at) && at?.matches(":focus-visible")) ?? false);
  };
  const onFocus = () => queueMicrotask(settle); // on the way out the focus is nowhere yet
  useLayoutEffect(onFocus); // what had the focus may be gone
  useLayoutEffect(() => () => table.hold("focus", false), [table]);

  const onEdit = useCallback(
    (/** @type {string} */ key, /** @type {Field} */ field = "productName") => {
      products.edit(key);
      onNext({ key, selector: `[name=${field}]` });
    },
    [products, onNext],
  );
  const onCancel = (/** @type {string} */ key) => {
    products.giveUp(key);
    onNext({ key, beside: true });
  };
  const onSave = async (/** @type {string} */ key) => {
    const name = table.find(key)?.productName ?? "";
    if (await products.save(key)) {
      if (isAt(key)) onNext({ key });
      onSaved(`${table.find(key)?.productName ?? name} is saved.`);
      return;
    }
    const wrong = Object.keys(edits.get(key)?.problems ?? {})[0];
    if (wrong && isAt(key)) onNext({ key, selector: `[name=${wrong}]` });
    table.changed();
  };
  const onAddAgain = async (/** @type {string} */ key) => {
    onLeaving(key);
    if ((await products.addAgain(key)) && isAt(key)) onNext({ key, beside: true });
  };

  const writable = !readOnly;
  const columns = COLUMNS.filter(({ wide }) => !wide || !narrow);
  return h(
    "table",
    { class: "products-table" },
    h("caption", { class: "visually-hidden" }, "Products, kept up to date. The buttons in the heads sort by their column."),
    h(
      "thead",
      null,
      h(
        "tr",
        null,
        columns.map((column) =>
          h(SortHeader, {
            key: column.field,
            column,
            narrow,
            sorting: table.sorting,
            onSort: (field) => table.sortBy(field),
          }),
        ),
        writable && h("td", { class: "actions" }),
      ),
    ),
    h(
      "tbody",
      { ref: rows, onFocusIn: onFocus, onFocusOut: onFocus },
      table.lines.map((line) => {
        const edit = edits.get(line.key);
        const common = { key: line.key, line, narrow, onDelete };
        return edit
          ? h(ProductEditRow, { ...common, edit, columns: columns.length + 1, connected, onSave, onCancel, onAddAgain })
          : h(ProductRow, { ...common, writable, onEdit });
      }),
    ),
  );
}
