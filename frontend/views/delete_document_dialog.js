import { h } from "../vendor/preact.js";
import { Dialog } from "./dialog.js";
import { FormError } from "./form_error.js";
import { useSubmit } from "./use_submit.js";

/**
 * @param {{ documents: import("../models/documents.js").Documents, document: import("../models/documents.js").Document,
 *   onClose: () => void }} props
 */
export function DeleteDocumentDialog({ documents, document, onClose }) {
  const { busy, failure, submit } = useSubmit(async () => {
    await documents.remove(document);
    onClose();
  });
  return h(
    Dialog,
    { title: "Delete this document?", onClose },
    h(
      "form",
      { class: "form", onSubmit: submit },
      h(FormError, { failure }),
      h(
        "p",
        null,
        h("bdi", { class: "name" }, document.title),
        " is deleted for everybody, with all its versions. Nobody can bring it back.",
      ),
      h(
        "div",
        { class: "form-actions" },
        h("button", { type: "button", class: "button", onClick: onClose }, "Keep it"),
        h("button", { class: "button danger", "aria-busy": busy }, "Delete document"),
      ),
    ),
  );
}
