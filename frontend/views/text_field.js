import { h, useId, useLayoutEffect, useRef } from "../vendor/preact.js";
import { sentence } from "./explain.js";

/**
 * @param {object} props
 * @param {string} props.label
 * @param {string} props.value
 * @param {(value: string) => void} props.onValue
 * @param {string} [props.hint]
 * @param {string} [props.problem] what is wrong with it
 * @param {import("../vendor/preact.js").InputHTMLAttributes<HTMLInputElement>} [props.input]
 */
export function TextField({ label, value, onValue, hint, problem, input = {} }) {
  const id = useId();
  const element = useRef(/** @type {HTMLInputElement | null} */ (null));
  // The browser heeds `autofocus` once in the life of a document, and forms here come and go. Before anybody can be in another field.
  useLayoutEffect(() => {
    if (input.autofocus) element.current?.focus();
  }, []);
  return h(
    "div",
    { class: "field" },
    h("label", { for: id }, label),
    h("input", {
      type: "text",
      ...input,
      ref: element,
      id,
      value,
      "aria-describedby": problem ? `${id}-problem` : hint ? `${id}-hint` : undefined,
      "aria-invalid": problem ? true : undefined,
      onInput: (/** @type {{ currentTarget: HTMLInputElement }} */ event) => onValue(event.currentTarget.value),
    }),
    problem && h("p", { class: "field-problem", id: `${id}-problem` }, sentence(problem)),
    hint && h("p", { class: "hint", id: `${id}-hint` }, hint),
  );
}
