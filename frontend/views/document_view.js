import { h } from "../vendor/preact.js";
/** @param {{ chat: import("../models/chat.js").Chat, document: import("../models/documents.js").Document, onBack: () => void }} props */
export function DocumentView({ document }) {
  return h("div", { class: "document-view" }, h("h2", null, document.title));
}
