import { h, useEffect, useState } from "../vendor/preact.js";
import { BackButton } from "./back_button.js";
import { ChannelLogView } from "./channel_log_view.js";
import { ChannelRefusal } from "./channel_refusal.js";
import { Icon } from "./icon.js";
import { PublishElsewhere } from "./publish_elsewhere.js";
import { PublishForm } from "./publish_form.js";
import { useModel } from "./use_model.js";
import { useValue } from "./use_value.js";

/**
 * One channel: what arrives in it, and how something gets there.
 * @param {object} props
 * @param {import("../models/chat.js").Chat} props.chat
 * @param {import("../models/channel_log.js").ChannelLog} props.log
 * @param {string} props.origin of the server, for commands
 * @param {() => void} props.onBack
 * @param {() => void} props.onRemove
 */
export function ChannelView({ chat, log, origin, onBack, onRemove }) {
  const { channels, rooms, connection } = chat;
  const connected = useModel(connection, (model) => model.state === "open");
  const state = useValue(log, (model) => model.state);
  const mayPublish = useValue(log, (model) => model.mayPublish);
  const messages = useValue(rooms, (model) => model.unread);
  const news = useValue(channels, (model) => model.unread - Number(log.unread));
  const [forbidden, setForbidden] = useState(false);
  useEffect(() => {
    log.open();
    return () => log.close();
  }, [log]);
  const refused = state === "refused";

  return h(
    "section",
    { class: "room-view", "aria-label": log.name },
    h(
      "header",
      { class: "room-header" },
      h(BackButton, { messages, channels: news, onBack }),
      h(
        "div",
        { class: "room-heading" },
        h("h1", null, h(Icon, { name: "channel" }), h("bdi", null, log.name)),
        h("p", null, about(state, connected)),
      ),
      h(
        "button",
        {
          type: "button",
          class: "icon-button",
          "aria-label": `Unsubscribe from ${log.name}`,
          title: "Unsubscribe",
          onClick: onRemove,
        },
        h(Icon, { name: "leave" }),
      ),
    ),
    (!refused || log.items.length > 0) && h(ChannelLogView, { log, channels, connected }),
    refused
      ? h(ChannelRefusal, { log, connected, onRetry: () => void channels.retry(log.name), onRemove })
      : h(
          "footer",
          { class: "channel-footer" },
          mayPublish &&
            h(PublishForm, {
              log,
              drafts: chat.drafts,
              onForbidden: () => {
                setForbidden(true);
                // The form goes away; whoever was in it stays in the channel.
                /** @type {HTMLElement | null} */ (document.querySelector("[role=log]"))?.focus({ preventScroll: true });
              },
            }),
          h("p", { role: "alert", class: "publish-problem" }, forbidden && "Not published: only API keys may publish here."),
          h(PublishElsewhere, { log, origin, needed: forbidden }),
        ),
  );
}

/** @param {import("../models/channel_log.js").ChannelLog["state"]} state @param {boolean} connected */
function about(state, connected) {
  if (state === "refused") return "Not subscribed";
  if (!connected) return "Waiting for the connection";
  return state === "listening" ? "Listening" : "Subscribing…";
}
