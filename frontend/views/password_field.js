import { h, useId, useState } from "../vendor/preact.js";

export const MIN_PASSWORD = 15;
export const MAX_PASSWORD = 256;

/**
 * @param {object} props
 * @param {string} props.label
 * @param {string} props.value
 * @param {(value: string) => void} props.onValue
 * @param {"current-password" | "new-password"} props.autocomplete
 * @param {string} [props.hint]
 */
export function PasswordField({ label, value, onValue, autocomplete, hint }) {
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
        minLength: autocomplete === "new-password" ? MIN_PASSWORD : undefined,
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
