import { h } from "../vendor/preact.js";
import { Icon } from "./icon.js";

/**
 * Leads somebody who reads further up back to the end, and says how much is new there.
 * @param {{ fresh: number, what: string, onClick: () => void }} props
 */
export function ToEnd({ fresh, what, onClick }) {
  return h(
    "button",
    { type: "button", class: fresh > 0 ? "to-end fresh" : "to-end", onClick },
    h(Icon, { name: "down" }),
    fresh > 0 ? `${fresh} new` : h("span", { class: "visually-hidden" }, `To the newest ${what}`),
  );
}
