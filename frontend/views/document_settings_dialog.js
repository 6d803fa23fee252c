import { h, useState } from "../vendor/preact.js";
import { Dialog } from "./dialog.js";
import { DocumentForm } from "./document_form.js";
import { FormError } from "./form_error.js";
import { Icon } from "./icon.js";
import { useSubmit } from "./use_submit.js";

/**
 * Renames a document, says who writes in it, and leads to its deletion, as far as this user may.
 * @param {object} props
 * @param {import("../models/documents.js").Documents} props.documents
 * @param {import("../models/documents.js").Document} props.document
 * @param {() => void} props.onDelete
 * @param {() => void} props.onClose
 */
export function DocumentSettingsDialog({ documents, document, onDelete, onClose }) {
  const [title, setTitle] = useState(document.title);
  const [members, setMembers] = useState(document.members);
  const manages = documents.manages(document);
  const { busy, failure, submit, fail } = useSubmit(async () => {
    const renamed = title.trim() !== document.title;
    const ruled = manages && members !== document.members;
    const change = { ...(renamed && { title: title.trim() }), ...(ruled && { members }) };
    if (renamed || ruled) await documents.change(document, change);
    onClose();
  });

  /** @param {Event} event */
  function onSubmit(event) {
    event.preventDefault();
    if (title.trim() === "") fail("bad_title", "");
    else void submit();
  }

  return h(
    Dialog,
    { title: manages ? "Document settings" : "Rename this document", onClose },
    h(
      "form",
      { class: "form", noValidate: true, onSubmit },
      h(FormError, { failure }),
      h(DocumentForm, { title, onTitle: setTitle, members, onMembers: manages ? setMembers : undefined }),
      h(
        "div",
        { class: "form-actions" },
        manages &&
          h(
            "button",
            { type: "button", class: "button quiet to-start alarming", onClick: onDelete },
            h(Icon, { name: "delete" }),
            "Delete…",
          ),
        h("button", { type: "button", class: "button", onClick: onClose }, "Cancel"),
        h("button", { class: "button primary", "aria-busy": busy }, "Save"),
      ),
    ),
  );
}
