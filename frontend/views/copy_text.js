import { h, useEffect, useId, useRef } from "../vendor/preact.js";
import { Icon } from "./icon.js";
import { BY_HAND, useCopying } from "./use_copying.js";

/**
 * A text of somebody's own to take away, however long. Where the clipboard is closed to us it is shown, selected.
 * @param {{ label: string, text: () => string }} props `text` is asked for when it is taken
 */
export function CopyText({ label, text }) {
  const { outcome, copy } = useCopying();
  const area = useRef(/** @type {HTMLTextAreaElement | null} */ (null));
  const id = useId();
  useEffect(() => {
    if (outcome === "closed") area.current?.select();
  }, [outcome]);

  return h(
    "div",
    { class: "copy-text" },
    h(
      "button",
      { type: "button", class: "button small", onClick: () => void copy(text()) },
      h(Icon, { name: "copy" }),
      outcome === "copied" ? "Copied" : label,
    ),
    h("span", { class: "visually-hidden", role: "status" }, outcome === "copied" && "Copied"),
    outcome === "closed" && [
      h("label", { key: "label", for: id }, BY_HAND),
      h("textarea", { key: "text", ref: area, id, readOnly: true, rows: 6, value: text(), onFocus: () => area.current?.select() }),
    ],
  );
}
