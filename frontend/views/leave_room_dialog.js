import { h } from "../vendor/preact.js";
import { Dialog } from "./dialog.js";
import { FormError } from "./form_error.js";
import { useSubmit } from "./use_submit.js";

/**
 * @param {{ rooms: import("../models/rooms.js").Rooms, room: import("../models/rooms.js").RoomEntry,
 *   onClose: () => void }} props
 */
export function LeaveRoomDialog({ rooms, room, onClose }) {
  const { busy, failure, submit } = useSubmit(async () => {
    await rooms.leave(room.name);
    onClose();
  });
  return h(
    Dialog,
    { title: "Leave this room?", onClose },
    h(
      "form",
      { class: "form", onSubmit: submit },
      h(FormError, { failure }),
      h(
        "p",
        null,
        "You will no longer get messages from ",
        h("bdi", { class: "name" }, room.title),
        room.public ? ". You can join again at any time." : ". It is private: you cannot come back by yourself.",
      ),
      h(
        "div",
        { class: "form-actions" },
        h("button", { type: "button", class: "button", onClick: onClose }, "Stay"),
        h("button", { class: "button danger", "aria-busy": busy }, "Leave room"),
      ),
    ),
  );
}
