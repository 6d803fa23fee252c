import { FIELDS } from "../lib/product.js";
import { h, useId } from "../vendor/preact.js";
import { sentence } from "./explain.js";
import { Icon } from "./icon.js";
import { LABELS, typing } from "./product_columns.js";
import { ProductEditNotes } from "./product_edit_notes.js";
import { useModel } from "./use_model.js";

/** @typedef {import("../lib/product.js").Field} Field */

/**
 * A row while somebody writes into it: fields where the values were. Enter saves, Escape takes everything back.
 * @param {object} props
 * @param {import("../models/product_edit.js").ProductEdit} props.edit
 * @param {import("../models/product_table.js").Line} props.line
 * @param {number} props.columns how many there are
 * @param {boolean} props.narrow
 * @param {boolean} props.connected
 * @param {(key: string) => void} props.onSave
 * @param {(key: string) => void} props.onCancel
 * @param {(key: string) => void} props.onAddAgain
 * @param {(key: string) => void} props.onDelete
 */
export function ProductEditRow({ edit, line, columns, narrow, connected, onSave, onCancel, onAddAgain, onDelete }) {
  const { draft, saving, problems, gone, conflicts } = useModel(edit, (model) => model);
  const id = useId();
  const { key } = edit;
  const name = line.product.productName;

  /** @param {KeyboardEvent} event */
  function onKeyDown(event) {
    if (event.key !== "Escape" || event.isComposing || saving) return;
    event.preventDefault();
    onCancel(key);
  }

  /** @param {Field} field */
  function entry(field) {
    const own = `${id}-${field}`;
    const problem = problems[field];
    const disputed = conflicts.includes(field);
    // What somebody else has changed flashes here, too, unless what is written stands in its place.
    const mark = disputed || draft[field] !== line.product[field] ? undefined : line.marks[field];
    return h(
      "div",
      { key: field, class: `product-entry ${field}` },
      h("label", { for: own }, LABELS[field], h("span", { class: "visually-hidden" }, ` of ${name}`)),
      h("input", {
        id: own,
        type: "text",
        name: field,
        class: mark ? `product-input ${mark.direction}` : disputed ? "product-input disputed" : "product-input",
        value: draft[field],
        readOnly: saving,
        "aria-invalid": problem ? true : undefined,
        "aria-describedby": problem ? `${own}-problem` : disputed ? `${id}-notes` : undefined,
        ...typing(field),
        onInput: (/** @type {{ currentTarget: HTMLInputElement }} */ event) => edit.write(field, event.currentTarget.value),
      }),
      problem && h("p", { id: `${own}-problem`, class: "field-problem" }, sentence(problem)),
    );
  }

  /** @param {Event} event */
  function onSubmit(event) {
    event.preventDefault();
    if (connected && !gone) onSave(key);
  }

  const notes = h(ProductEditNotes, { id: `${id}-notes`, edit, connected, onCancel, onAddAgain });
  const word = (/** @type {string} */ text) => h("span", { class: narrow ? "" : "visually-hidden" }, text);
  return h(
    "tr",
    { class: "product editing", "data-key": key },
    h(
      "td",
      { colSpan: columns },
      h(
        "form",
        { class: "product-form", noValidate: true, "aria-label": `Edit ${name}`, onSubmit, onKeyDown },
        !narrow && h("span", { class: "product-form-key" }, key),
        FIELDS.map(entry),
        // Where they stand below each other, what stands against saving comes first.
        narrow && notes,
        h(
          "div",
          { class: "product-buttons" },
          narrow &&
            !gone &&
            h(
              "button",
              { type: "button", class: "button quiet delete", disabled: saving, onClick: () => onDelete(key) },
              h(Icon, { name: "delete" }),
              "Delete",
            ),
          h(
            "button",
            { type: "button", class: "button cancel", title: "Cancel (Escape)", disabled: saving, onClick: () => onCancel(key) },
            h(Icon, { name: "close" }),
            word("Cancel"),
          ),
          h(
            "button",
            { class: "button primary save", title: "Save (Enter)", "aria-busy": saving, disabled: !connected || gone },
            h(Icon, { name: saving ? "pending" : "check" }),
            word(saving ? "Saving…" : "Save"),
          ),
        ),
        !narrow && notes,
      ),
    ),
  );
}
