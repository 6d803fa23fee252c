import { h, useEffect, useState } from "../vendor/preact.js";
import { ConnectionBanner } from "./connection_banner.js";
import { CreateRoomDialog } from "./create_room_dialog.js";
import { InviteDialog } from "./invite_dialog.js";
import { LeaveRoomDialog } from "./leave_room_dialog.js";
import { RoomList } from "./room_list.js";
import { RoomView } from "./room_view.js";
import { useModel } from "./use_model.js";

/** @typedef {"create" | "invite" | "leave" | null} OpenDialog */

/**
 * The signed-in page. On a phone the list and the room are two screens; `screen` says which one shows.
 * @param {object} props
 * @param {import("../models/session.js").Session} props.session
 * @param {import("../models/chat.js").Chat} props.chat
 * @param {import("../models/invitations.js").Invitations} props.invitations
 */
export function ChatPage({ session, chat, invitations }) {
  const { rooms, user } = chat;
  const room = useModel(rooms, (model) => model.find(model.current));
  const [screen, setScreen] = useState(/** @type {"list" | "room"} */ ("room"));
  const [dialog, setDialog] = useState(/** @type {OpenDialog} */ (null));
  const close = () => setDialog(null);
  const mayInvite = user.role !== "member";

  useTitle(room?.title ?? rooms.current, rooms.unread);
  useEffect(() => {
    /** @param {KeyboardEvent} event */
    function onKeyDown(event) {
      const step = event.key === "ArrowUp" ? -1 : event.key === "ArrowDown" ? 1 : 0;
      if (!event.altKey || event.ctrlKey || event.metaKey || event.shiftKey || step === 0) return;
      event.preventDefault();
      rooms.selectNeighbour(step);
    }
    addEventListener("keydown", onKeyDown);
    return () => removeEventListener("keydown", onKeyDown);
  }, [rooms]);

  return h(
    "div",
    { class: "chat", "data-screen": screen },
    h(RoomList, {
      session,
      rooms,
      user,
      onSelect: (name) => {
        rooms.select(name);
        setScreen("room");
      },
      onCreate: () => setDialog("create"),
      onInvite: mayInvite ? () => setDialog("invite") : undefined,
    }),
    h(
      "main",
      { class: "room" },
      h(ConnectionBanner, { connection: chat.connection }),
      // A room's view starts afresh with its room: drafts, scroll position and focus belong to it.
      h(RoomView, {
        key: rooms.current,
        chat,
        name: rooms.current,
        onBack: () => {
          void rooms.refresh(); // new public rooms are announced to their members only
          setScreen("list");
        },
        onInvite: mayInvite ? () => setDialog("invite") : undefined,
        onLeave: () => setDialog("leave"),
      }),
    ),
    dialog === "create" && h(CreateRoomDialog, { rooms, onClose: close }),
    dialog === "invite" && h(InviteDialog, { invitations, user, onClose: close }),
    dialog === "leave" && room && h(LeaveRoomDialog, { rooms, room, onClose: close }),
  );
}

/** @param {string} room @param {number} unread */
function useTitle(room, unread) {
  useEffect(() => {
    document.title = `${unread > 0 ? `(${unread > 99 ? "99+" : unread}) ` : ""}${room} · Switchboard`;
    return () => {
      document.title = "Switchboard";
    };
  }, [room, unread]);
}
