import { h } from "../vendor/preact.js";
import { explainFailure } from "./explain_product.js";
import { LABELS } from "./product_columns.js";

/**
 * What stands against saving a row, and what to do about it.
 * @param {object} props
 * @param {string} props.id
 * @param {import("../models/product_edit.js").ProductEdit} props.edit drawn anew by whoever shows this
 * @param {boolean} props.connected
 * @param {(key: string) => void} props.onCancel
 * @param {(key: string) => void} props.onAddAgain
 */
export function ProductEditNotes({ id, edit, connected, onCancel, onAddAgain }) {
  const { key, draft, latest, failure, gone } = edit;
  const conflicts = gone ? [] : edit.conflicts;
  return h(
    "div",
    { class: "product-notes" },
    h(
      "div",
      { id, role: "status" },
      gone && h("p", null, "Somebody has deleted this product meanwhile. What you have written is still here."),
      conflicts.map((field) =>
        h(
          "p",
          { key: field },
          `${LABELS[field]} was changed to `,
          h("bdi", { class: "theirs" }, latest[field]),
          " while you were writing.",
        ),
      ),
      failure && h("p", { class: "failed" }, explainFailure(gone ? "added" : "saved", failure)),
      !connected && h("p", null, "There is no connection. What you have written stays here, to be saved when it is back."),
    ),
    gone &&
      h(
        "div",
        { class: "product-choice" },
        button("Add it as a new one", () => onAddAgain(key), !connected),
        button("Discard", () => onCancel(key)),
      ),
    conflicts.map((field) =>
      h(
        "div",
        { key: field, class: "product-choice", role: "group", "aria-label": LABELS[field] },
        button(`Keep mine: ${draft[field]}`, () => edit.keepMine(field)),
        button(`Take theirs: ${latest[field]}`, () => edit.takeTheirs(field)),
      ),
    ),
  );
}

/** @param {string} text @param {() => void} onClick @param {boolean} [disabled] */
function button(text, onClick, disabled = false) {
  return h("button", { type: "button", class: "button small", disabled, onClick }, text);
}
