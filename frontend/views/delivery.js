import { h } from "../vendor/preact.js";
import { explain } from "./explain.js";
import { Icon } from "./icon.js";

/**
 * What has become of a message that the server has not confirmed.
 * @param {{ item: import("../models/timeline.js").MessageItem, connected: boolean,
 *   timeline: import("../models/timeline.js").Timeline }} props
 */
export function Delivery({ item, connected, timeline }) {
  if (item.delivery === "sending") {
    return h(
      "p",
      { class: connected ? "delivery late" : "delivery" },
      h(Icon, { name: "pending" }),
      connected ? "Sending…" : "Goes out when you are connected again",
    );
  }
  /** The button goes away; whoever pressed it stays in the conversation. @param {Event} event */
  const keepFocus = (event) => {
    const log = /** @type {HTMLElement} */ (event.currentTarget).closest("[role=log]");
    /** @type {HTMLElement | null} */ (log)?.focus({ preventScroll: true });
  };
  /** @param {Event} event */
  function retry(event) {
    keepFocus(event);
    timeline.retry(item.key);
  }
  /** @param {Event} event */
  function discard(event) {
    keepFocus(event);
    timeline.discard(item.key);
  }
  return h(
    "div",
    { class: "delivery refused" },
    h(
      "p",
      { role: "alert" },
      h(Icon, { name: "warning" }),
      h("span", null, "Not sent. ", explain({ code: item.error ?? "internal" })),
    ),
    h("button", { type: "button", class: "button small", onClick: retry }, "Retry"),
    h("button", { type: "button", class: "button small quiet", onClick: discard }, "Delete"),
  );
}
