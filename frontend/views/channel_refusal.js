import { h } from "../vendor/preact.js";
import { explainRefusal } from "./explain_channel.js";
import { Icon } from "./icon.js";

/**
 * Why a channel is not listened to, and what to do about it.
 * @param {object} props
 * @param {import("../models/channel_log.js").ChannelLog} props.log
 * @param {boolean} props.connected
 * @param {() => void} props.onRetry
 * @param {() => void} props.onRemove
 */
export function ChannelRefusal({ log, connected, onRetry, onRemove }) {
  return h(
    "div",
    { class: "channel-refusal" },
    h("span", { class: "beginning-sign refused" }, h(Icon, { name: "warning" })),
    h(
      "div",
      { role: "alert" },
      h("h2", null, "The server refuses ", h("bdi", null, log.name)),
      h("p", null, log.refusal && explainRefusal(log.refusal)),
    ),
    h(
      "div",
      { class: "channel-refusal-actions" },
      h("button", { type: "button", class: "button", disabled: !connected, onClick: onRetry }, "Try again"),
      h("button", { type: "button", class: "button quiet", onClick: onRemove }, "Remove"),
    ),
  );
}
