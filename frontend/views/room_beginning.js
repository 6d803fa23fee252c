import { h } from "../vendor/preact.js";
import { Icon } from "./icon.js";

/**
 * What stands before a room's first message.
 * @param {{ title: string, isPublic: boolean, empty: boolean, onInvite: (() => void) | undefined }} props
 */
export function RoomBeginning({ title, isPublic, empty, onInvite }) {
  return h(
    "div",
    { class: empty ? "beginning empty" : "beginning" },
    h("span", { class: "beginning-sign" }, h(Icon, { name: isPublic ? "hash" : "lock" })),
    h("h2", null, "This is the beginning of ", h("bdi", null, title)),
    h("p", null, isPublic ? "Everyone on this server can join and read along." : "Only its members can see this room."),
    empty &&
      onInvite &&
      h("button", { type: "button", class: "button", onClick: onInvite }, h(Icon, { name: "invite" }), "Invite people"),
  );
}
