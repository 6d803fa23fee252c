import { h, useId } from "../vendor/preact.js";

/**
 * @param {{ label: string, value: string, onValue: (value: string) => void, options: readonly (readonly [string,
 *   string])[] }} props
 */
export function SelectField({ label, value, onValue, options }) {
  const id = useId();
  return h(
    "div",
    { class: "field" },
    h("label", { for: id }, label),
    h(
      "select",
      {
        id,
        value,
        onChange: (/** @type {{ currentTarget: HTMLSelectElement }} */ event) => onValue(event.currentTarget.value),
      },
      options.map(([key, text]) => h("option", { key, value: key, selected: key === value }, text)),
    ),
  );
}
