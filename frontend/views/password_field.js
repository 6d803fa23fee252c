import { h, useId, useState } from "../vendor/preact.js";

const MAX_PASSWORD = 256;

/**
 * @param {object} props
 * @param {string} props.label
 * @param {string} props.value
 * @param {(value: string) => void} props.onValue
 * @param {"current-password" | "new-password"} props.autocomplete
 * @param {number} [props.minLength] of a new one
 * @param {string} [props.hint]
 */
export function PasswordField({ label, value, onValue, autocomplete, minLength, hint }) {
  const [shown, setShown] = useState(false);
  const id = useId();
  return h(
    "div",
    { class: "field" },
    h("label", { for: id }, label),
    h(
      "div",
      { class: "password" },
      h("input", {
        id,
        type: shown ? "text" : "password",
        name: "password",
        autocomplete,
        required: true,
        minLength,
        maxLength: MAX_PASSWORD,
        spellcheck: false,
        autocapitalize: "none",
        value,
        "aria-describedby": hint ? `${id}-hint` : undefined,
        onInput: (event) => onValue(event.currentTarget.value),
      }),
      h(
        "button",
        {
          type: "button",
          class: "reveal",
          "aria-pressed": shown,
          "aria-label": `Show ${label.toLowerCase()}`,
          onClick: () => setShown(!shown),
        },
        shown ? "Hide" : "Show",
      ),
    ),
    hint && h("p", { class: "hint", id: `${id}-hint` }, hint),
  );
}
