import { h, useRef } from "../vendor/preact.js";
import { Icon } from "./icon.js";
import { BY_HAND, useCopying } from "./use_copying.js";

/**
 * A command to take away. Where the clipboard is closed to us it is selected, ready for Ctrl+C.
 * @param {{ label: string, value: string, name: string }} props `name` is what the button copies
 */
export function CopyLine({ label, value, name }) {
  const { outcome, copy } = useCopying();
  const code = useRef(/** @type {HTMLElement | null} */ (null));

  async function take() {
    if (!(await copy(value)) && code.current) getSelection()?.selectAllChildren(code.current);
  }

  return h(
    "div",
    { class: "copy-line" },
    h("p", { class: "copy-line-label" }, label),
    h(
      "div",
      { class: "copy-line-box" },
      h("code", { ref: code, class: "sample", dir: "ltr" }, value),
      h(
        "button",
        { type: "button", class: "button small", onClick: () => void take() },
        h(Icon, { name: "copy" }),
        h("span", null, outcome === "copied" ? "Copied" : "Copy", h("span", { class: "visually-hidden" }, ` ${name}`)),
      ),
    ),
    h(
      "p",
      { class: outcome === "closed" ? "hint" : "visually-hidden", role: "status" },
      outcome === "copied" && "Copied",
      outcome === "closed" && BY_HAND,
    ),
  );
}
