import { colourOf, initials } from "../lib/avatar.js";
import { h } from "../vendor/preact.js";

/** Decoration: the name always stands beside it. @param {{ name: string, small?: boolean }} props */
export function Avatar({ name, small = false }) {
  return h(
    "span",
    { class: `avatar avatar-${colourOf(name)}${small ? " small" : ""}`, "aria-hidden": "true" },
    initials(name),
  );
}
