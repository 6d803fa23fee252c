import { MOST_UNREAD } from "../models/rooms.js";
import { h } from "../vendor/preact.js";
import { Icon } from "./icon.js";

/**
 * @param {{ room: import("../models/rooms.js").RoomEntry, current: boolean, onSelect: (name: string) => void }} props
 */
export function RoomItem({ room, current, onSelect }) {
  const { unread } = room;
  return h(
    "li",
    null,
    h(
      "button",
      {
        type: "button",
        class: unread > 0 ? "room-item unread" : "room-item",
        "aria-current": current ? "page" : undefined,
        onClick: () => onSelect(room.name),
      },
      h(Icon, { name: room.public ? "hash" : "lock" }),
      h("span", { class: "room-title" }, h("bdi", null, room.title)),
      !room.public && h("span", { class: "visually-hidden" }, ", private"),
      unread > 0 &&
        h(
          "span",
          { class: "badge" },
          h("span", { class: "visually-hidden" }, ", "),
          unread > MOST_UNREAD ? `${MOST_UNREAD}+` : unread,
          h("span", { class: "visually-hidden" }, " unread"),
        ),
    ),
  );
}
