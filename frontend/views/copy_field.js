import { h, useEffect, useId, useRef } from "../vendor/preact.js";
import { Icon } from "./icon.js";
import { BY_HAND, useCopying } from "./use_copying.js";

const ONCE = "This link is shown only once.";

/**
 * A value to take away. Where the clipboard is closed to us it is selected, ready for Ctrl+C.
 * @param {{ label: string, value: string }} props
 */
export function CopyField({ label, value }) {
  const { outcome, copy } = useCopying();
  const input = useRef(/** @type {HTMLInputElement | null} */ (null));
  const button = useRef(/** @type {HTMLButtonElement | null} */ (null));
  const id = useId();
  useEffect(() => button.current?.focus(), []);

  function take() {
    input.current?.select();
    void copy(value);
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
        { ref: button, type: "button", class: "button primary", onClick: take },
        h(Icon, { name: "copy" }),
        outcome === "copied" ? "Copied" : "Copy link",
      ),
    ),
    h("p", { class: "hint", role: "status" }, outcome === "copied" ? `Copied. ${ONCE}` : outcome === "closed" ? BY_HAND : ONCE),
  );
}
