import { h, useEffect, useRef, useState } from "../vendor/preact.js";

/** @typedef {import("../models/open_document.js").OpenDocument} OpenDocument */
/** @typedef {import("../editor/text_editor.js").TextEditor} TextEditor */

const TOO_LONG_MS = 8000;

/**
 * The text itself. What draws it is the editor, which knows its own elements; nothing here touches them.
 * @param {object} props
 * @param {OpenDocument} props.document
 * @param {string} props.title
 * @param {boolean} props.editable
 * @param {string} props.describedBy
 * @param {{ current: TextEditor | null }} props.editor
 */
export function DocumentText({ document, title, editable, describedBy, editor }) {
  const parent = useRef(/** @type {HTMLDivElement | null} */ (null));
  const [tooLong, setTooLong] = useState(0);
  useEffect(() => {
    const { parts, shared } = document;
    if (!parts || !shared || !parent.current) return undefined;
    const made = new parts.TextEditor({
      parent: parent.current,
      shared,
      editable: document.isEditable,
      label: title,
      describedBy,
      describe: (state) => document.describe(state),
      onTooLong: () => setTooLong((times) => times + 1),
    });
    editor.current = made;
    return () => {
      editor.current = null;
      made.destroy();
    };
  }, [document]);
  useEffect(() => editor.current?.setLabel(title), [title]);
  useEffect(() => editor.current?.setEditable(editable), [editable]);
  useEffect(() => {
    if (tooLong === 0) return undefined;
    const timer = setTimeout(() => setTooLong(0), TOO_LONG_MS);
    return () => clearTimeout(timer);
  }, [tooLong]);
  return [
    h("div", { key: "text", ref: parent, class: "document-text" }),
    h(
      "p",
      { key: "said", class: tooLong > 0 ? "document-said shown" : "document-said", role: "status" },
      tooLong > 0 && "That is more than can be put in at once. Put it in in smaller parts.",
    ),
  ];
}
