import { h, useEffect, useId, useLayoutEffect, useRef } from "../vendor/preact.js";
import { DocumentNews } from "./document_news.js";
import { DocumentNotice } from "./document_notice.js";
import { DocumentPeople } from "./document_people.js";
import { DocumentText } from "./document_text.js";
import { explainDocument, isGrave } from "./explain_document.js";
import { Icon } from "./icon.js";
import { useModel } from "./use_model.js";

/**
 * A document that is written in together. Another one, or another of the same name, needs another key.
 * @param {object} props
 * @param {import("../models/chat.js").Chat} props.chat
 * @param {import("../models/open_document.js").OpenDocument} props.open
 * @param {import("../models/open_document.js").DocumentInfo} props.document what the page has heard of it
 * @param {() => void} props.onBack
 */
export function DocumentView({ chat, open: document, document: info, onBack }) {
  useEffect(() => document.heard(info), [document, info]);
  const { state, title, people, generation, isReadable, isEditable, canUndo, canRedo, isAtRisk } = useModel(document, (model) => model);
  const connected = useModel(chat.connection, (model) => model.state === "open");
  const editor = useRef(/** @type {import("../editor/text_editor.js").TextEditor | null} */ (null));
  const hint = useId();
  const region = useKeptFocus();
  useWarning(isAtRisk);
  const { short, icon } = explainDocument(state);

  return h(
    "div",
    { class: "document", "data-state": state, ref: region },
    h(
      "header",
      { class: "document-header" },
      h(
        "div",
        { class: "document-heading" },
        h("h2", null, h("bdi", null, title)),
        h("p", { class: isGrave(state) ? "document-state grave" : `document-state ${state}` }, h(Icon, { name: icon }), h("span", null, short)),
      ),
      h(DocumentPeople, { people }),
      isReadable &&
        document.access === "write" &&
        h(
          "div",
          { class: "document-tools", role: "group", "aria-label": "My changes" },
          tool("Undo my last change", "undo", canUndo && isEditable, () => editor.current?.undo()),
          tool("Redo my last change", "redo", canRedo && isEditable, () => editor.current?.redo()),
        ),
    ),
    h(DocumentNotice, { document, onBack }),
    isReadable
      ? h(DocumentText, { key: generation, document, title, editable: isEditable, describedBy: hint, editor })
      : h("div", { class: "document-text empty", "aria-busy": state === "loading" }, state === "loading" && h("p", null, opening(connected))),
    h(
      "p",
      { class: "document-hint", id: hint },
      isEditable && "Markdown. Tab indents; Escape, then Tab leaves the text.",
      isReadable && document.access === "read" && "Read only. It can be searched and copied.",
    ),
    h(DocumentNews, { document }),
  );
}

/** @param {boolean} connected */
function opening(connected) {
  return connected ? "Opening…" : "This device has nothing of this document yet. It opens with the connection.";
}

/**
 * @param {string} label
 * @param {"undo" | "redo"} icon
 * @param {boolean} enabled
 * @param {() => void} onClick
 */
function tool(label, icon, enabled, onClick) {
  return h(
    "button",
    {
      type: "button",
      class: "icon-button",
      "aria-label": label,
      title: label,
      // Not `disabled`: whoever has just pressed it would lose the focus.
      "aria-disabled": !enabled,
      onMouseDown: (event) => event.preventDefault(),
      onClick: () => enabled && onClick(),
    },
    h(Icon, { name: icon }),
  );
}

/** What had the focus may go away, a button that was pressed: then it is in the text, or where there is something to be known. */
function useKeptFocus() {
  const region = useRef(/** @type {HTMLElement | null} */ (null));
  const last = useRef(/** @type {Element | null} */ (null));
  useEffect(() => {
    const keep = (/** @type {FocusEvent} */ { target }) => (last.current = /** @type {Element} */ (target));
    const { current } = region;
    current?.addEventListener("focusin", keep);
    return () => current?.removeEventListener("focusin", keep);
  }, []);
  useEffect(() => {
    const isLost = document.activeElement === document.body && last.current?.isConnected === false;
    if (!isLost) return;
    const next = region.current?.querySelector(".document-notice") ?? region.current?.querySelector(".cm-content");
    if (next instanceof HTMLElement) next.focus({ preventScroll: true });
  });
  return region;
}

/** Asks before the page is left while something here would go with it: as long as the page says so, no longer and no shorter. @param {boolean} isAtRisk */
function useWarning(isAtRisk) {
  useLayoutEffect(() => {
    if (!isAtRisk) return undefined;
    const ask = (/** @type {BeforeUnloadEvent} */ event) => event.preventDefault();
    addEventListener("beforeunload", ask);
    return () => removeEventListener("beforeunload", ask);
  }, [isAtRisk]);
}
