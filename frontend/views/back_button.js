import { h } from "../vendor/preact.js";
import { Icon } from "./icon.js";

/**
 * On a phone, back to the list; says whether something waits there.
 * @param {{ messages: number, channels: number, onBack: () => void }} props unread messages, and channels with something new
 */
export function BackButton({ messages, channels, onBack }) {
  const news = [
    messages > 0 && `${messages} unread`,
    channels > 0 && `news in ${channels} ${channels === 1 ? "channel" : "channels"}`,
  ].filter(Boolean);
  return h(
    "button",
    {
      type: "button",
      class: "icon-button back",
      "aria-label": ["All rooms and channels", ...news].join(", "),
      onClick: onBack,
    },
    h(Icon, { name: "back" }),
    news.length > 0 && h("span", { class: "dot" }),
  );
}
