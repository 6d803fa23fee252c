import { h, useMemo } from "../vendor/preact.js";
import { Icon } from "./icon.js";

/** @typedef {import("../lib/product.js").Field} Field */

const ARROWS = { up: "▲", down: "▼", other: "" };

/**
 * @param {object} props
 * @param {import("../models/product_table.js").Line} props.line
 * @param {boolean} props.writable
 * @param {(key: string, field?: Field) => void} props.onEdit
 * @param {(key: string) => void} props.onDelete
 */
export function ProductRow({ line, writable, onEdit, onDelete }) {
  // The same objects again cost nothing to draw again: of a thousand rows only those that changed do.
  return useMemo(() => draw({ line, writable, onEdit, onDelete }), [line, writable, onEdit, onDelete]);
}

/** @param {Parameters<typeof ProductRow>[0]} props */
function draw({ line, writable, onEdit, onDelete }) {
  const { key, product, phase } = line;
  const gone = phase === "gone";
  /** @param {Field} field */
  const cell = (field, more = "") => ({
    class: `${field === "pricePerUnit" || field === "unitsAvailable" ? "number" : "text"} ${more}`,
    onDblClick: writable && !gone ? () => onEdit(key, field) : undefined,
  });
  return h(
    "tr",
    { class: `product ${phase}`, "data-key": key },
    h("td", { class: "number wide-only product-key" }, key),
    h(
      "th",
      { scope: "row", ...cell("productName") },
      value(line, "productName"),
      gone && h("span", { class: "product-note" }, "Deleted"),
      // On a phone it has no column of its own.
      h("span", { class: "narrow-only product-maker" }, value(line, "manufacturer")),
    ),
    h("td", cell("manufacturer", "wide-only"), value(line, "manufacturer")),
    h("td", cell("pricePerUnit"), value(line, "pricePerUnit")),
    h("td", cell("unitsAvailable"), value(line, "unitsAvailable")),
    writable &&
      h(
        "td",
        { class: "product-actions" },
        action("edit", `Edit ${product.productName}`, gone, () => onEdit(key)),
        action("delete", `Delete ${product.productName}`, gone, () => onDelete(key)),
      ),
  );
}

/** @param {"edit" | "delete"} name @param {string} label @param {boolean} disabled @param {() => void} onClick */
function action(name, label, disabled, onClick) {
  return h(
    "button",
    {
      type: "button",
      class: `icon-button ${name}`,
      "aria-label": label,
      title: name === "edit" ? "Edit" : "Delete",
      disabled,
      onClick,
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
    { key: mark?.turn ?? 0, class: mark ? `product-value ${mark.direction}` : "product-value" },
    mark && ARROWS[mark.direction] && h("span", { class: "product-arrow", "aria-hidden": "true" }, ARROWS[mark.direction]),
    h("bdi", null, product[field]),
  );
}
