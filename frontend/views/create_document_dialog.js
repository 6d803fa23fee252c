import { h, useState } from "../vendor/preact.js";
import { Dialog } from "./dialog.js";
import { DocumentForm } from "./document_form.js";
import { FormError } from "./form_error.js";
import { useSubmit } from "./use_submit.js";

/**
 * @param {{ documents: import("../models/documents.js").Documents, room: string, onCreated: () => void,
 *   onClose: () => void }} props
 */
export function CreateDocumentDialog({ documents, room, onCreated, onClose }) {
  const [title, setTitle] = useState("");
  const [members, setMembers] = useState(/** @type {import("../models/documents.js").Access} */ ("write"));
  const { busy, failure, submit, fail } = useSubmit(async () => {
    await documents.create(room, { title: title.trim(), members });
    onCreated();
  });

  /** @param {Event} event */
  function onSubmit(event) {
    event.preventDefault();
    if (title.trim() === "") fail("bad_title", "");
    else void submit();
  }

  return h(
    Dialog,
    { title: "Create a document", onClose },
    h(
      "form",
      { class: "form", noValidate: true, onSubmit },
      h(FormError, { failure }),
      h(DocumentForm, { title, onTitle: setTitle, members, onMembers: setMembers }),
      h(
        "div",
        { class: "form-actions" },
        h("button", { type: "button", class: "button", onClick: onClose }, "Cancel"),
        h("button", { class: "button primary", "aria-busy": busy }, "Create document"),
      ),
    ),
  );
}
