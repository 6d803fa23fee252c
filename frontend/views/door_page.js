import { h } from "../vendor/preact.js";
import { Logo } from "./logo.js";

/**
 * What somebody sees who is not signed in: one card.
 * @param {{ serverName: string, title: string, lead?: import("../vendor/preact.js").ComponentChildren,
 *   children?: import("../vendor/preact.js").ComponentChildren }} props
 */
export function DoorPage({ serverName, title, lead, children }) {
  return h(
    "main",
    { class: "door" },
    h(
      "div",
      { class: "door-card" },
      h("div", { class: "brand" }, h(Logo, null), h("bdi", null, serverName)),
      h("h1", null, title),
      lead && h("p", { class: "lead" }, lead),
      children,
    ),
  );
}
