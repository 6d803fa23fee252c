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
 * @param {(event: KeyboardEvent) => void} props.onKeyDown
 */
export function ProductEditNotes({ id, edit, connected, onCancel, onAddAgain, onKeyDown }) {
  const { key, draft, latest, failure, gone, conflicts } = edit;
  const some = gone || failure || conflicts.length > 0 || !connected;
  return h(
    "tr",
    { class: some ? "product-notes some" : "product-notes", "data-notes": key, onKeyDown },
    h(
      "td",
      { colSpan: 6 },
      h(
        "div",
        { id, role: "status" },
        gone && h("p", null, "Somebody has deleted this product meanwhile. What you have written is still here."),
        !gone &&
          conflicts.map((field) =>
            h(
              "p",
              { key: field },
              h("strong", null, LABELS[field]),
              " was changed to ",
              h("bdi", { class: "theirs" }, latest[field]),
              " while you were writing.",
            ),
          ),
        failure && h("p", { class: "failed" }, explainFailure("saved", failure)),
        !connected && h("p", null, "What you have written stays here, and can be saved when the connection is back."),
      ),
      gone &&
        h(
          "div",
          { class: "product-choice" },
          button("Add it as a new one", () => onAddAgain(key), !connected),
          button("Discard", () => onCancel(key)),
        ),
      !gone &&
        conflicts.map((field) =>
          h(
            "div",
            { key: field, class: "product-choice" },
            button(`Keep mine: ${draft[field]}`, () => edit.keepMine(field)),
            button(`Take theirs: ${latest[field]}`, () => edit.takeTheirs(field)),
          ),
        ),
    ),
  );
}

/** @param {string} text @param {() => void} onClick @param {boolean} [disabled] */
function button(text, onClick, disabled = false) {
  return h("button", { type: "button", class: "button small", disabled, onClick }, text);
}
