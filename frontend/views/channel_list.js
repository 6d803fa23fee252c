import { Fragment, h } from "../vendor/preact.js";
import { ChannelItem } from "./channel_item.js";
import { Icon } from "./icon.js";
import { useModel } from "./use_model.js";

/**
 * The channels that are listened to, and a way to more.
 * @param {object} props
 * @param {import("../models/channels.js").Channels} props.channels
 * @param {boolean} props.inChannel whether the current one is what the page shows
 * @param {(name: string) => void} props.onSelect
 * @param {() => void} props.onAdd
 */
export function ChannelList({ channels, inChannel, onSelect, onAdd }) {
  const { all, current } = useModel(channels, (model) => model);
  return h(
    Fragment,
    null,
    h(
      "div",
      { class: "sidebar-heading" },
      h("h2", null, "Channels"),
      h(
        "button",
        {
          type: "button",
          class: "icon-button",
          "aria-label": "Add a channel",
          title: "Add a channel",
          onClick: onAdd,
        },
        h(Icon, { name: "add" }),
      ),
    ),
    h(
      "ul",
      { class: "room-items" },
      all.map((log) => h(ChannelItem, { key: log.name, log, current: inChannel && log.name === current, onSelect })),
    ),
  );
}
