import { h } from "../vendor/preact.js";
import { Dialog } from "./dialog.js";
import { explain } from "./explain.js";

/** Why a link to a document leads nowhere. @param {{ link: import("../models/document_link.js").DocumentLink }} props */
export function DocumentLinkDialog({ link }) {
  const { failure } = link;
  if (!failure) return null;
  return h(
    Dialog,
    { title: "This document cannot be opened", onClose: () => link.leave() },
    h("p", { role: "alert" }, explain(failure)),
    h(
      "div",
      { class: "form-actions" },
      h("button", { type: "button", class: "button", onClick: () => link.leave() }, "Close"),
      h("button", { type: "button", class: "button primary", onClick: () => void link.retry() }, "Try again"),
    ),
  );
}
