import { h, useEffect, useRef, useState } from "../vendor/preact.js";
import { Icon } from "./icon.js";

const SAID_MS = 4000;

/**
 * A command to take away. Where the clipboard is closed to us it is selected, ready for Ctrl+C.
 * @param {{ label: string, value: string, name: string }} props `name` is what the button copies
 */
export function CopyLine({ label, value, name }) {
  const [said, setSaid] = useState("");
  const code = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => {
    if (said === "") return undefined;
    const timer = setTimeout(() => setSaid(""), SAID_MS);
    return () => clearTimeout(timer);
  }, [said]);

  async function copy() {
    try {
      await navigator.clipboard.writeText(value);
      setSaid("Copied");
    } catch {
      if (code.current) getSelection()?.selectAllChildren(code.current);
      setSaid("Selected: press Ctrl+C or ⌘C to copy");
    }
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
        { type: "button", class: "button small", onClick: () => void copy() },
        h(Icon, { name: "copy" }),
        h(
          "span",
          null,
          said === "Copied" ? "Copied" : "Copy",
          h("span", { class: "visually-hidden" }, ` ${name}`),
        ),
      ),
    ),
    h("p", { class: said === "Copied" ? "visually-hidden" : "hint", role: "status" }, said),
  );
}
