import { h, useId } from "../vendor/preact.js";

/**
 * @param {object} props
 * @param {string} props.label
 * @param {string} props.value
 * @param {(value: string) => void} props.onValue
 * @param {string} [props.hint]
 * @param {import("../vendor/preact.js").InputHTMLAttributes<HTMLInputElement>} [props.input]
 */
export function TextField({ label, value, onValue, hint, input = {} }) {
  const id = useId();
  return h(
    "div",
    { class: "field" },
    h("label", { for: id }, label),
    h("input", {
      type: "text",
      ...input,
      id,
      value,
      "aria-describedby": hint ? `${id}-hint` : undefined,
      onInput: (/** @type {{ currentTarget: HTMLInputElement }} */ event) => onValue(event.currentTarget.value),
    }),
    hint && h("p", { class: "hint", id: `${id}-hint` }, hint),
  );
}
