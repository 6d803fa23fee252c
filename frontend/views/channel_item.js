import { h } from "../vendor/preact.js";
import { Icon } from "./icon.js";

/**
 * @param {{ log: import("../models/channel_log.js").ChannelLog, current: boolean, onSelect: (name: string) => void }} props
 */
export function ChannelItem({ log, current, onSelect }) {
  const refused = log.state === "refused";
  return h(
    "li",
    null,
    h(
      "button",
      {
        type: "button",
        class: log.unread ? "room-item unread" : "room-item",
        "aria-current": current ? "page" : undefined,
        title: log.name,
        onClick: () => onSelect(log.name),
      },
      h(Icon, { name: refused ? "warning" : "channel" }),
      h("span", { class: "room-title" }, h("bdi", null, log.name)),
      refused && h("span", { class: "room-note" }, h("span", { class: "visually-hidden" }, ", "), "refused"),
      log.unread &&
        h("span", { class: "new-dot" }, h("span", { class: "visually-hidden" }, ", something new")),
    ),
  );
}
