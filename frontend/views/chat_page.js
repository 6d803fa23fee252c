import { roomStep } from "../lib/room_step.js";
import { h, useEffect, useRef, useState } from "../vendor/preact.js";
import { AddChannelDialog } from "./add_channel_dialog.js";
import { ChannelView } from "./channel_view.js";
import { ConnectionBanner } from "./connection_banner.js";
import { CreateRoomDialog } from "./create_room_dialog.js";
import { DocumentLinkDialog } from "./document_link_dialog.js";
import { InviteDialog } from "./invite_dialog.js";
import { LeaveRoomDialog } from "./leave_room_dialog.js";
import { ProductsView } from "./products_view.js";
import { RoomList } from "./room_list.js";
import { RoomPage } from "./room_page.js";
import { useModel } from "./use_model.js";
import { VersionBanner } from "./version_banner.js";

/** @typedef {"create" | "channel" | "invite" | "leave" | null} OpenDialog */

/**
 * The signed-in page. On a phone the list and what it leads to are two screens; `screen` says which one shows.
 * @param {object} props
 * @param {import("../models/session.js").Session} props.session
 * @param {import("../models/chat.js").Chat} props.chat
 * @param {import("../models/server.js").Server} props.server
 * @param {import("../models/invitations.js").Invitations} props.invitations
 * @param {import("../models/document_link.js").DocumentLink} props.documentLink
 */
export function ChatPage({ session, chat, server, invitations, documentLink }) {
  const { rooms, channels, products, documents, user } = chat;
  const serverName = useModel(server, (model) => model.name);
  const room = useModel(rooms, (model) => model.find(model.current));
  const channel = useModel(channels, (model) => model.find(model.current));
  const inProducts = useModel(products, (model) => model.current);
  const place = useModel(documents, (model) => model.beside(rooms.current));
  const linkFailed = useModel(documentLink, (model) => model.failure !== null);
  const [screen, setScreen] = useState(/** @type {"list" | "room"} */ ("room"));
  const [dialog, setDialog] = useState(/** @type {OpenDialog} */ (null));
  const close = () => setDialog(null);
  const mayInvite = user.role !== "member";

  const inRoom = room?.title ?? rooms.current;
  const inDocument = place === null || place === "list" ? inRoom : `${place.title} · ${inRoom}`;
  useTitle(inProducts ? "Products" : (channel?.name ?? inDocument), rooms.unread, serverName);
  useEffect(() => {
    /** @param {KeyboardEvent} event */
    function onKeyDown(event) {
      const step = roomStep(event, navigator.platform);
      if (step === 0 || document.querySelector("dialog[open]")) return;
      event.preventDefault();
      chat.showNeighbour(step);
    }
    addEventListener("keydown", onKeyDown);
    return () => removeEventListener("keydown", onKeyDown);
  }, [chat]);

  // A link leads to it, whatever is on the screen.
  const opened = place === null || place === "list" ? null : place.id;
  useEffect(() => {
    if (opened !== null) setScreen("room");
  }, [opened]);

  const before = useRef(screen);
  useEffect(() => {
    if (before.current === screen) return;
    before.current = screen;
    const at = document.activeElement;
    if (at !== document.body && at?.getClientRects().length) return;
    // What had the focus is on the screen that is gone.
    const next = document.querySelector(screen === "list" ? ".room-item[aria-current]" : ".room-header .back");
    /** @type {HTMLElement | null} */ (next)?.focus();
  }, [screen]);

  function toList() {
    void rooms.refresh(); // new public rooms are announced to their members only
    setScreen("list");
  }

  return h(
    "div",
    { class: "chat", "data-screen": screen },
    h(RoomList, {
      session,
      serverName,
      rooms,
      channels,
      products,
      user,
      onSelect: (name) => {
        chat.showRoom(name);
        setScreen("room");
      },
      onSelectChannel: (name) => {
        chat.showChannel(name);
        setScreen("room");
      },
      onSelectProducts: () => {
        chat.showProducts();
        setScreen("room");
      },
      onCreate: () => setDialog("create"),
      onAddChannel: () => setDialog("channel"),
      onInvite: mayInvite ? () => setDialog("invite") : undefined,
    }),
    h(
      "main",
      { class: "room" },
      h(VersionBanner, { server }),
      h(ConnectionBanner, {
        connection: chat.connection,
        promise: promiseOf(inProducts ? "products" : channel ? "channel" : "room"),
      }),
      // A view starts afresh with its room or channel: drafts, scroll position and focus belong to it.
      inProducts
        ? h(ProductsView, { key: "products", chat, origin: location.origin, onBack: toList })
        : channel
          ? h(ChannelView, {
              key: `channel ${channel.name}`,
              chat,
              log: channel,
              origin: location.origin,
              onBack: toList,
              onRemove: () => {
                channels.remove(channel.name);
                toList();
              },
            })
          : h(RoomPage, {
              key: `room ${rooms.current}`,
              chat,
              name: rooms.current,
              onBack: toList,
              onInvite: mayInvite ? () => setDialog("invite") : undefined,
              onLeave: () => setDialog("leave"),
            }),
    ),
    dialog === "create" &&
      h(CreateRoomDialog, {
        rooms,
        onCreated: () => {
          chat.showRoom(rooms.current);
          close();
        },
        onClose: close,
      }),
    dialog === "channel" &&
      h(AddChannelDialog, {
        channels,
        onAdded: () => {
          products.show(false);
          close();
          setScreen("room");
        },
        onClose: close,
      }),
    dialog === "invite" && h(InviteDialog, { invitations, user, onClose: close }),
    linkFailed && h(DocumentLinkDialog, { link: documentLink }),
    dialog === "leave" && room && h(LeaveRoomDialog, { rooms, room, onClose: close }),
  );
}

/** What happens when a lost connection is back. @param {"room" | "channel" | "products"} place */
function promiseOf(place) {
  if (place === "room") return "What you write goes out when you are back.";
  if (place === "channel") return "The log goes on when you are back.";
  return "The table is as it was then, and catches up when you are back.";
}

/** @param {string} place @param {number} unread @param {string} serverName */
function useTitle(place, unread, serverName) {
  useEffect(() => {
    document.title = `${unread > 0 ? `(${unread > 99 ? "99+" : unread}) ` : ""}${place} · ${serverName}`;
    return () => {
      document.title = serverName;
    };
  }, [place, unread, serverName]);
}
