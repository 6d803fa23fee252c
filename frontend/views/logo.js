import { h } from "../vendor/preact.js";

/** The sign of the program: two jacks and the cord between them. The same drawing is in icon.svg. */
export function Logo() {
  return h(
    "svg",
    { class: "logo", viewBox: "0 0 32 32", "aria-hidden": "true", focusable: "false" },
    h("rect", { class: "logo-ground", width: 32, height: 32, rx: 8 }),
    h("path", { class: "logo-cord", d: "M10 11v3c0 9 12 0 12 9" }),
    h("circle", { class: "logo-jack", cx: 10, cy: 10, r: 3.5 }),
    h("circle", { class: "logo-jack", cx: 22, cy: 22, r: 3.5 }),
  );
}
