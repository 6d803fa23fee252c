import { h, useEffect, useId, useRef, useState } from "../vendor/preact.js";
import { Icon } from "./icon.js";

/**
 * A value to take away. Where the clipboard is closed to us it is selected, ready for Ctrl+C.
 * @param {{ label: string, value: string }} props
 */
export function CopyField({ label, value }) {
  const [said, setSaid] = useState("");
  const input = useRef(/** @type {HTMLInputElement | null} */ (null));
  const button = useRef(/** @type {HTMLButtonElement | null} */ (null));
  const id = useId();
  useEffect(() => button.current?.focus(), []);

  async function copy() {
    input.current?.select();
    try {
      await navigator.clipboard.writeText(value);
      setSaid("Copied");
    } catch {
      setSaid("Selected: press Ctrl+C or ⌘C to copy");
    }
  }

  return h(
    "div",
    { class: "field copy-field" },
    h("label", { for: id }, label),
    h(
      "div",
      { class: "copy" },
      h("input", {
        ref: input,
        id,
        type: "text",
        readOnly: true,
        value,
        onFocus: (event) => event.currentTarget.select(),
      }),
      h(
        "button",
        { ref: button, type: "button", class: "button primary", onClick: () => void copy() },
        h(Icon, { name: "copy" }),
        said === "Copied" ? "Copied" : "Copy link",
      ),
    ),
    h(
      "p",
      { class: "hint", role: "status" },
      said === "Copied" ? "Copied. This link is shown only once." : said || "This link is shown only once.",
    ),
  );
}
