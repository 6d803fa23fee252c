import { FIELDS } from "../lib/product.js";
import { Fragment, h, useId } from "../vendor/preact.js";
import { ProductEditNotes } from "./product_edit_notes.js";
import { LABELS, typing } from "./product_columns.js";
import { useModel } from "./use_model.js";

/** @typedef {import("../lib/product.js").Field} Field */

/**
 * A row while somebody writes into it: the same places, with fields in them.
 * @param {object} props
 * @param {import("../models/product_edit.js").ProductEdit} props.edit
 * @param {import("../models/product_table.js").Line} props.line
 * @param {boolean} props.connected
 * @param {(key: string) => void} props.onSave
 * @param {(key: string) => void} props.onCancel
 * @param {(key: string) => void} props.onAddAgain
 */
export function ProductEditRow({ edit, line, connected, onSave, onCancel, onAddAgain }) {
  const { draft, saving, problems, gone } = useModel(edit, (model) => model);
  const id = useId();
  const { key } = edit;
  const conflicts = new Set(edit.conflicts);

  /** @param {KeyboardEvent} event */
  function onKeyDown(event) {
    if (event.key !== "Escape" || event.isComposing || saving) return;
    event.preventDefault();
    onCancel(key);
  }

  /** @param {Field} field */
  function cell(field) {
    const own = `${id}-${field}`;
    const problem = problems[field];
    // What somebody else has changed flashes here, too, where it is not kept out by what is written.
    const mark = conflicts.has(field) ? undefined : line.marks[field];
    return h(
      "td",
      { key: field, class: field === "pricePerUnit" || field === "unitsAvailable" ? "number" : "text" },
      h("label", { for: own }, LABELS[field], h("span", { class: "visually-hidden" }, ` of ${line.product.productName}`)),
      h("input", {
        id: own,
        type: "text",
        name: field,
        form: `${id}-form`,
        class: mark ? `product-input ${mark.direction}` : "product-input",
        value: draft[field],
        readOnly: saving,
        "aria-invalid": problem ? true : undefined,
        "aria-describedby": problem ? `${own}-problem` : conflicts.has(field) ? `${id}-notes` : undefined,
        ...typing(field),
        onInput: (/** @type {{ currentTarget: HTMLInputElement }} */ event) => edit.write(field, event.currentTarget.value),
      }),
      problem && h("p", { id: `${own}-problem`, class: "field-problem" }, problem),
    );
  }

  return h(
    Fragment,
    null,
    h(
      "tr",
      { class: "product editing", "data-key": key, onKeyDown },
      h("td", { class: "number wide-only product-key" }, key),
      FIELDS.map(cell),
      h(
        "td",
        { class: "product-actions" },
        h(
          "form",
          {
            id: `${id}-form`,
            noValidate: true,
            "aria-label": `Edit ${line.product.productName}`,
            onSubmit: (/** @type {Event} */ event) => {
              event.preventDefault();
              onSave(key);
            },
          },
          h(
            "button",
            { class: "button primary small save", "aria-busy": saving, disabled: !connected || gone },
            saving ? "Saving…" : "Save",
          ),
          h("button", { type: "button", class: "button small", disabled: saving, onClick: () => onCancel(key) }, "Cancel"),
        ),
      ),
    ),
    h(ProductEditNotes, { id: `${id}-notes`, edit, connected, onCancel, onAddAgain, onKeyDown }),
  );
}
