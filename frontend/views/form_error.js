import { h, useLayoutEffect, useRef } from "../vendor/preact.js";
import { explain } from "./explain.js";
import { Icon } from "./icon.js";
import { useNow } from "./use_now.js";

/**
 * Why a form failed. Takes the focus, so that it is read and the next Tab leads back into the form.
 * @param {{ failure: import("./use_submit.js").Failure | null }} props
 */
export function FormError({ failure }) {
  const element = useRef(/** @type {HTMLDivElement | null} */ (null));
  useLayoutEffect(() => {
    if (failure) element.current?.focus();
  }, [failure]);
  const now = useNow(failure?.retryAfter !== undefined);
  if (!failure) return null;
  const { at, retryAfter = 0 } = failure;
  const seconds = Math.min(retryAfter, Math.ceil((at + retryAfter * 1000 - now) / 1000));
  return h(
    "div",
    { class: "form-error", role: "alert", tabIndex: -1, ref: element },
    h(Icon, { name: "warning" }),
    h(
      "p",
      null,
      explain(failure),
      // Counted for the eye only: an alert that changes every second would be read every second.
      seconds > 0 && h("span", { "aria-hidden": "true", class: "countdown" }, ` Try again in ${seconds} s.`),
    ),
  );
}
