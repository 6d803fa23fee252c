import { documentHash } from "../lib/document_link.js";
import { h, useEffect, useMemo, useState } from "../vendor/preact.js";
import { AsideHeader } from "./aside_header.js";
import { DeleteDocumentDialog } from "./delete_document_dialog.js";
import { DocumentSettingsDialog } from "./document_settings_dialog.js";
import { DocumentVersions } from "./document_versions.js";
import { DocumentView } from "./document_view.js";
import { Icon } from "./icon.js";
import { useCopying } from "./use_copying.js";
import { useModel } from "./use_model.js";

/**
 * A document beside the chat of its room: what can be done with it, and its text.
 * @param {object} props
 * @param {import("../models/chat.js").Chat} props.chat
 * @param {import("../models/documents.js").Document} props.document
 * @param {string} props.origin of this page
 */
export function DocumentPane({ chat, document, origin }) {
  const { documents } = chat;
  const room = document.room ?? "";
  const isGone = useModel(documents, (model) => model.isGone(document));
  const [open] = useState(() => chat.editing.open(document));
  useEffect(() => () => chat.editing.close(open), [open]);
  const mayWrite = documents.mayWrite(document);
  const info = useMemo(() => ({ ...document, access: mayWrite ? /** @type {const} */ ("write") : /** @type {const} */ ("read") }), [document, mayWrite]);
  const [dialog, setDialog] = useState(/** @type {"settings" | "delete" | null} */ (null));
  const [versions, setVersions] = useState(false);
  const textNow = {
    read: () => (open.isReadable ? open.text() : documents.text(document)),
    watch: (/** @type {() => void} */ onChange) => watched(open, onChange),
  };
  const toList = () => documents.showList(room);
  return h(
    "section",
    { class: "aside document-pane", "aria-label": document.title },
    h(
      AsideHeader,
      { backTo: "All documents", nested: true, onBack: toList, onClose: () => documents.hide(room) },
      !isGone && h(CopyLink, { link: `${origin}/${documentHash(document.name)}` }),
      !isGone &&
        h(
          "button",
          {
            type: "button",
            class: "icon-button",
            "aria-label": "Versions",
            title: "Versions",
            "aria-expanded": versions,
            onClick: () => setVersions(!versions),
          },
          h(Icon, { name: "history" }),
        ),
      !isGone &&
        mayWrite &&
        h(
          "button",
          {
            type: "button",
            class: "icon-button",
            "aria-label": documents.manages(document) ? "Document settings" : "Rename this document",
            title: documents.manages(document) ? "Name, rights, delete" : "Rename",
            onClick: () => setDialog("settings"),
          },
          h(Icon, { name: "edit" }),
        ),
    ),
    versions && !isGone && h(DocumentVersions, { chat, document, textNow }),
    h(DocumentView, { chat, open, document: info, onBack: toList }),
    dialog === "settings" &&
      h(DocumentSettingsDialog, {
        documents,
        document,
        onDelete: () => setDialog("delete"),
        onClose: () => setDialog(null),
      }),
    dialog === "delete" && h(DeleteDocumentDialog, { documents, document, onClose: () => setDialog(null) }),
  );
}

/** Tells of each change of the text, whoever makes it, over a change of the copy too. @param {import("../models/open_document.js").OpenDocument} open @param {() => void} onChange */
function watched(open, onChange) {
  let { shared } = open;
  function follow() {
    if (open.shared === shared) return;
    shared?.removeEventListener("update", onChange);
    shared = open.shared;
    shared?.addEventListener("update", onChange);
    onChange();
  }
  shared?.addEventListener("update", onChange);
  open.addEventListener("change", follow);
  return () => {
    shared?.removeEventListener("update", onChange);
    open.removeEventListener("change", follow);
  };
}

/** @param {{ link: string }} props */
function CopyLink({ link }) {
  const { outcome, copy } = useCopying();
  return [
    h("span", { key: "said", class: "aside-said", role: "status" }, outcome === "copied" ? "Link copied" : outcome === "closed" && link),
    h(
      "button",
      { key: "copy", type: "button", class: "icon-button", "aria-label": "Copy link", title: "Copy link", onClick: () => void copy(link) },
      h(Icon, { name: outcome === "copied" ? "check" : "link" }),
    ),
  ];
}
