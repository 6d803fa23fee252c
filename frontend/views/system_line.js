import { h } from "../vendor/preact.js";

const SAID = { joined: " joined the room", left: " left the room", created: " created the room" };

/** @param {{ item: import("../models/timeline.js").SystemItem }} props */
export function SystemLine({ item }) {
  return h("li", { class: "system-line", "data-key": item.key }, h("bdi", null, item.from), SAID[item.kind]);
}
