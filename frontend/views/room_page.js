import { GENERAL } from "../models/rooms.js";
import { h, useEffect, useRef, useState } from "../vendor/preact.js";
import { CreateDocumentDialog } from "./create_document_dialog.js";
import { DocumentList } from "./document_list.js";
import { DocumentPane } from "./document_pane.js";
import { RoomView } from "./room_view.js";
import { useModel } from "./use_model.js";

/**
 * A room and what stands beside its chat: its documents, or one of them. Where there is no room beside it, that covers it.
 * @param {object} props
 * @param {import("../models/chat.js").Chat} props.chat
 * @param {string} props.name
 * @param {() => void} props.onBack
 * @param {(() => void) | undefined} props.onInvite
 * @param {() => void} props.onLeave
 */
export function RoomPage({ chat, name, onBack, onInvite, onLeave }) {
  const { documents, rooms } = chat;
  const title = useModel(rooms, (model) => model.find(name)?.title) ?? (name === GENERAL ? "General" : name);
  const place = useModel(documents, (model) => model.beside(name));
  const [creating, setCreating] = useState(false);
  const page = useRef(/** @type {HTMLDivElement | null} */ (null));
  useEffect(() => {
    documents.watch(name);
    return () => documents.watch(null);
  }, [documents, name]);

  const open = place !== null;
  const before = useRef(open);
  useEffect(() => {
    const closed = before.current && !open;
    before.current = open;
    // With what was closed its button is gone.
    if (closed && document.activeElement === document.body) {
      /** @type {HTMLElement | null | undefined} */ (page.current?.querySelector(".documents-button"))?.focus();
    }
  }, [open]);

  return h(
    "div",
    { ref: page, class: open ? "room-page beside" : "room-page" },
    h(RoomView, { chat, name, title, onBack, onInvite, onLeave }),
    place === "list" && h(DocumentList, { chat, room: name, title, onCreate: () => setCreating(true) }),
    place !== null &&
      place !== "list" &&
      h(DocumentPane, { key: place.id, chat, document: place, origin: location.origin }),
    creating &&
      h(CreateDocumentDialog, {
        documents,
        room: name,
        onCreated: () => setCreating(false),
        onClose: () => setCreating(false),
      }),
  );
}
