import { h, useLayoutEffect, useRef } from "../vendor/preact.js";
import { Icon } from "./icon.js";

/**
 * The head of what stands beside the chat. Where there is no room beside it, it covers the chat, and the way back is here.
 * @param {object} props
 * @param {string} [props.title]
 * @param {string} props.backTo where the way back leads
 * @param {() => void} props.onBack
 * @param {() => void} props.onClose
 * @param {boolean} [props.nested] whether the way back does not lead to the chat, and so is there on wide screens too
 * @param {import("../vendor/preact.js").ComponentChildren} [props.children]
 */
export function AsideHeader({ title, backTo, onBack, onClose, nested = false, children }) {
  const back = useRef(/** @type {HTMLButtonElement | null} */ (null));
  const close = useRef(/** @type {HTMLButtonElement | null} */ (null));
  useLayoutEffect(() => {
    // What led here may be on a screen that is gone, or the part that it was in.
    const at = document.activeElement;
    if (at !== null && at !== document.body && at.getClientRects().length > 0) return;
    // On a wide screen the way back may not be there, but the way out is.
    back.current?.focus();
    if (document.activeElement !== back.current) close.current?.focus();
  }, []);
  return h(
    "header",
    { class: "aside-header" },
    h(
      "button",
      {
        ref: back,
        type: "button",
        class: nested ? "button quiet small aside-back" : "icon-button narrow-aside-only",
        "aria-label": nested ? undefined : `Back to ${backTo}`,
        title: nested ? undefined : `Back to ${backTo}`,
        onClick: onBack,
      },
      h(Icon, { name: "back" }),
      nested && backTo,
    ),
    title === undefined ? h("span", { class: "aside-space" }) : h("h2", null, title),
    children,
    h(
      "button",
      { ref: close, type: "button", class: "icon-button wide-aside-only", "aria-label": "Close", title: "Close", onClick: onClose },
      h(Icon, { name: "close" }),
    ),
  );
}
