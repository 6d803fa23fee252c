import { h, useMemo } from "../vendor/preact.js";
import { Icon } from "./icon.js";

/** @typedef {import("../lib/product.js").Field} Field */

const ARROWS = { up: "▲", down: "▼", other: "" };

/**
 * @param {object} props
 * @param {import("../models/product_table.js").Line} props.line
 * @param {boolean} props.narrow
 * @param {boolean} props.writable
 * @param {(key: string, field?: Field) => void} props.onEdit
 * @param {(key: string) => void} props.onDelete
 */
export function ProductRow({ line, narrow, writable, onEdit, onDelete }) {
  // The same objects again cost nothing to draw again: of many rows only those that changed do.
  return useMemo(
    () => draw({ line, narrow, writable, onEdit, onDelete }),
    [line, narrow, writable, onEdit, onDelete],
  );
}

/** @param {Parameters<typeof ProductRow>[0]} props */
function draw({ line, narrow, writable, onEdit, onDelete }) {
  const { key, product, phase } = line;
  const gone = phase === "gone";
  /** @param {Field} field */
  const cell = (field) => ({
    class: field === "pricePerUnit" || field === "unitsAvailable" ? "number" : "text",
    onDblClick: writable && !gone ? () => onEdit(key, field) : undefined,
  });
  return h(
    "tr",
    { class: `product ${phase}`, "data-key": key },
    !narrow && h("td", { class: "number key" }, key),
    h(
      "th",
      { scope: "row", ...cell("productName") },
      value(line, "productName"),
      gone && h("span", { class: "product-note" }, "Deleted"),
      narrow && h("span", { class: "product-maker" }, value(line, "manufacturer")),
    ),
    !narrow && h("td", cell("manufacturer"), value(line, "manufacturer")),
    h(
      "td",
      cell("pricePerUnit"),
      value(line, "pricePerUnit"),
      narrow && h("span", { class: "product-units" }, value(line, "unitsAvailable"), product.unitsAvailable === "1" ? " unit" : " units"),
    ),
    !narrow && h("td", cell("unitsAvailable"), value(line, "unitsAvailable")),
    writable &&
      h(
        "td",
        { class: "actions" },
        action("edit", `Edit ${product.productName}`, gone, () => onEdit(key)),
        // On a phone it stands with the fields: nobody hits it in passing.
        !narrow && action("delete", `Delete ${product.productName}`, gone, () => onDelete(key)),
      ),
  );
}

/** @param {"edit" | "delete"} name @param {string} label @param {boolean} gone @param {() => void} onClick */
function action(name, label, gone, onClick) {
  return h(
    "button",
    {
      type: "button",
      class: `icon-button ${name}`,
      "aria-label": label,
      title: name === "edit" ? "Edit" : "Delete",
      // Not `disabled`, which would throw out the focus of whoever is there.
      "aria-disabled": gone ? true : undefined,
      onClick: gone ? undefined : onClick,
    },
    h(Icon, { name }),
  );
}

/**
 * A value, and for a moment that it has changed: by colour, and where it has a direction by an arrow.
 * @param {import("../models/product_table.js").Line} line
 * @param {Field} field
 */
function value({ product, marks }, field) {
  const mark = marks[field];
  return h(
    "span",
    // Another element for every change, so that each flashes from its beginning.
    { key: mark?.turn ?? 0, class: mark ? `product-value ${field} ${mark.direction}` : `product-value ${field}` },
    mark && ARROWS[mark.direction] && h("span", { class: "product-arrow", "aria-hidden": "true" }, ARROWS[mark.direction]),
    h("bdi", null, product[field]),
  );
}
