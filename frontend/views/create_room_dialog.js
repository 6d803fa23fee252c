import { slug } from "../lib/slug.js";
import { h, useState } from "../vendor/preact.js";
import { Dialog } from "./dialog.js";
import { FormError } from "./form_error.js";
import { Icon } from "./icon.js";
import { TextField } from "./text_field.js";
import { useSubmit } from "./use_submit.js";

/** @param {{ rooms: import("../models/rooms.js").Rooms, onCreated: () => void, onClose: () => void }} props */
export function CreateRoomDialog({ rooms, onCreated, onClose }) {
  const [title, setTitle] = useState("");
  const [isPublic, setPublic] = useState(true);
  const room = slug(title);
  const { busy, failure, submit, fail } = useSubmit(async () => {
    await rooms.create({ room, title: title.trim(), public: isPublic });
    onCreated();
  });

  /** @param {Event} event */
  function onSubmit(event) {
    event.preventDefault();
    if (room === "") fail("bad_room", "");
    else void submit();
  }

  /** @param {boolean} value @param {"hash" | "lock"} icon @param {string} label @param {string} text */
  const choice = (value, icon, label, text) =>
    h(
      "label",
      { class: "choice" },
      h("input", { type: "radio", name: "visibility", checked: isPublic === value, onChange: () => setPublic(value) }),
      h(Icon, { name: icon }),
      h("span", null, h("strong", null, label), h("span", { class: "hint" }, text)),
    );

  return h(
    Dialog,
    { title: "Create a room", onClose },
    h(
      "form",
      { class: "form", noValidate: true, onSubmit },
      h(FormError, { failure }),
      h(TextField, {
        label: "Name",
        value: title,
        onValue: setTitle,
        hint: room === "" || room === title ? undefined : `Its address is “${room}”.`,
        input: { maxLength: 100, autofocus: true, autocomplete: "off", placeholder: "Release planning" },
      }),
      h(
        "fieldset",
        { class: "choices" },
        h("legend", null, "Who can join"),
        choice(true, "hash", "Public", "Everyone on this server can find it and join."),
        choice(false, "lock", "Private", "Nobody sees it but its members."),
      ),
      h(
        "div",
        { class: "form-actions" },
        h("button", { type: "button", class: "button", onClick: onClose }, "Cancel"),
        h("button", { class: "button primary", "aria-busy": busy }, "Create room"),
      ),
    ),
  );
}
