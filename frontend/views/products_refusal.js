import { h } from "../vendor/preact.js";
import { explainTable } from "./explain_product.js";
import { Icon } from "./icon.js";

/**
 * Why the table is not live, and what to do about it.
 * @param {object} props
 * @param {import("../transport/event_socket.js").Refused} props.refusal
 * @param {boolean} props.old whether rows from before are shown below
 * @param {boolean} props.connected
 * @param {() => void} props.onRetry
 */
export function ProductsRefusal({ refusal, old, connected, onRetry }) {
  const again = h(
    "button",
    { type: "button", class: old ? "button small" : "button", disabled: !connected, onClick: onRetry },
    "Try again",
  );
  if (old) {
    return h(
      "div",
      { class: "products-notice warning" },
      h(Icon, { name: "warning" }),
      h("p", { role: "alert" }, `${explainTable(refusal)} What you see is from before.`),
      again,
    );
  }
  const title = refusal.code === "too_large" ? "Too many products to show" : "The products cannot be shown";
  return h(
    "div",
    { class: "channel-refusal" },
    h("span", { class: "beginning-sign refused" }, h(Icon, { name: "warning" })),
    h("div", { role: "alert" }, h("h2", null, title), h("p", null, explainTable(refusal))),
    h("div", { class: "channel-refusal-actions" }, again),
  );
}
