import { h, useId, useLayoutEffect, useRef } from "../vendor/preact.js";
import { Icon } from "./icon.js";

/**
 * A modal dialog: the browser keeps the focus inside and gives it back; Escape and a click beside it close it.
 * @param {{ title: string, onClose: () => void, children?: import("../vendor/preact.js").ComponentChildren }} props
 */
export function Dialog({ title, onClose, children }) {
  const dialog = useRef(/** @type {HTMLDialogElement | null} */ (null));
  const titleId = useId();
  useLayoutEffect(() => {
    const element = dialog.current;
    const before = /** @type {HTMLElement | null} */ (document.activeElement);
    element?.showModal();
    return () => {
      element?.close();
      // The browser cannot give the focus back once the element is gone.
      if (before?.isConnected) before.focus();
    };
  }, []);
  return h(
    "dialog",
    {
      ref: dialog,
      class: "dialog",
      "aria-labelledby": titleId,
      onCancel: (event) => {
        event.preventDefault();
        onClose();
      },
      onMouseDown: (event) => event.target === dialog.current && onClose(),
    },
    h(
      "div",
      { class: "dialog-content" },
      h(
        "header",
        { class: "dialog-header" },
        h("h2", { id: titleId }, title),
        h(
          "button",
          { type: "button", class: "icon-button", "aria-label": "Close", onClick: onClose },
          h(Icon, { name: "close" }),
        ),
      ),
      children,
    ),
  );
}
