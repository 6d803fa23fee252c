import { h } from "../vendor/preact.js";
import { explainGap } from "./explain_channel.js";
import { Icon } from "./icon.js";

/**
 * Something is missing between two publications.
 * @param {{ item: import("../models/channel_log.js").GapItem, onLoad: (() => void) | undefined }} props `onLoad` is
 *   absent when there is nothing to load
 */
export function GapRow({ item, onLoad }) {
  return h(
    "li",
    { class: "gap-line", "data-key": item.key },
    h(Icon, { name: "warning" }),
    h("span", null, explainGap(item.reason)),
    onLoad && h("button", { type: "button", class: "button small", onClick: onLoad }, "Load what is kept"),
  );
}
