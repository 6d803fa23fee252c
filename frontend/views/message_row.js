import { clockTime, fullTime } from "../lib/time.js";
import { h } from "../vendor/preact.js";
import { Avatar } from "./avatar.js";
import { Delivery } from "./delivery.js";
import { MessageText } from "./message_text.js";

/**
 * One message; `head` begins a group and names the author. A row without one still says who spoke to those who only hear.
 * @param {object} props
 * @param {import("../models/timeline.js").MessageItem} props.item
 * @param {boolean} props.head
 * @param {boolean} props.connected
 * @param {import("../models/timeline.js").Timeline} props.timeline
 */
export function MessageRow({ item, head, connected, timeline }) {
  const time = h(
    "time",
    { dateTime: new Date(item.sent).toISOString(), title: fullTime(item.sent) },
    clockTime(item.sent),
  );
  return h(
    "li",
    { class: `message ${item.delivery}${head ? " head" : ""}`, "data-key": item.key },
    h("div", { class: "message-margin" }, head ? h(Avatar, { name: item.from }) : time),
    h(
      "div",
      { class: "message-body" },
      h("div", { class: head ? "message-author" : "visually-hidden" }, h("bdi", null, item.from), head && time),
      h(MessageText, { text: item.message }),
      item.delivery !== "sent" && h(Delivery, { item, connected, timeline }),
    ),
  );
}
