import { GENERAL } from "../models/rooms.js";
import { h, useEffect, useState } from "../vendor/preact.js";
import { BackButton } from "./back_button.js";
import { Composer } from "./composer.js";
import { DocumentsButton } from "./documents_button.js";
import { Icon } from "./icon.js";
import { TimelineView } from "./timeline_view.js";
import { useModel } from "./use_model.js";

/**
 * One room: what it is, what was said, and where to say something.
 * @param {object} props
 * @param {import("../models/chat.js").Chat} props.chat
 * @param {string} props.name
 * @param {string} props.title
 * @param {() => void} props.onBack
 * @param {(() => void) | undefined} props.onInvite
 * @param {() => void} props.onLeave
 */
export function RoomView({ chat, name, title, onBack, onInvite, onLeave }) {
  const { rooms } = chat;
  const room = useModel(rooms, (model) => model.find(name));
  const [timeline] = useState(() => chat.timeline(name));
  const generation = useModel(timeline, (model) => model.generation);
  useEffect(() => {
    timeline.open();
    return () => timeline.close();
  }, [timeline]);
  const messages = rooms.unread - (room?.unread ?? 0);
  const channels = useModel(chat.channels, (model) => model.unread);

  return h(
    "section",
    { class: "room-view", "aria-label": title },
    h(
      "header",
      { class: "room-header" },
      h(BackButton, { messages, channels, onBack }),
      h(
        "div",
        { class: "room-heading" },
        h("h1", null, h(Icon, { name: room?.public === false ? "lock" : "hash" }), h("bdi", null, title)),
        room && h("p", null, about(room)),
      ),
      h(DocumentsButton, { documents: chat.documents, room: name }),
      // Invitations are to the server, not to a room, so only the room that everybody is in offers them.
      onInvite &&
        name === GENERAL &&
        h(
          "button",
          // On a phone the picture has to do.
          { type: "button", class: "button quiet", "aria-label": "Invite people", onClick: onInvite },
          h(Icon, { name: "invite" }),
          h("span", { class: "wide-only" }, "Invite"),
        ),
      room?.joined &&
        name !== GENERAL &&
        h(
          "button",
          {
            type: "button",
            class: "icon-button",
            "aria-label": `Leave ${title}`,
            title: "Leave this room",
            onClick: onLeave,
          },
          h(Icon, { name: "leave" }),
        ),
    ),
    h(TimelineView, {
      key: generation,
      timeline,
      rooms,
      connection: chat.connection,
      title,
      me: chat.user.name,
      onInvite,
    }),
    h(Composer, { timeline, drafts: chat.drafts, title }),
  );
}

/** @param {import("../models/rooms.js").Room} room */
function about(room) {
  const people = room.members === 1 ? "1 member" : `${room.members} members`;
  return room.public ? people : `Private · ${people}`;
}
