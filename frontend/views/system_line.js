import { documentHash } from "../lib/document_link.js";
import { h } from "../vendor/preact.js";

const SAID = {
  joined: " joined the room",
  left: " left the room",
  created: " created the room",
  document_created: " created the document ",
  document_deleted: " deleted the document ",
};

/** @param {{ item: import("../models/timeline.js").SystemItem }} props */
export function SystemLine({ item }) {
  const { key, from, kind, document } = item;
  return h("li", { class: "system-line", "data-key": key }, h("bdi", null, from), SAID[kind], document && named(kind, document));
}

/** @param {string} kind @param {{ name: string, title: string | null }} document */
function named(kind, { name, title }) {
  const text = h("bdi", null, title ?? name);
  return kind === "document_created" ? h("a", { href: documentHash(name) }, text) : text;
}
