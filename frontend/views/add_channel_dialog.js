import { channelName } from "../lib/channel_name.js";
import { h, useState } from "../vendor/preact.js";
import { Dialog } from "./dialog.js";
import { FormError } from "./form_error.js";
import { TextField } from "./text_field.js";
import { useSubmit } from "./use_submit.js";

/**
 * @param {object} props
 * @param {import("../models/channels.js").Channels} props.channels
 * @param {() => void} props.onAdded
 * @param {() => void} props.onClose
 */
export function AddChannelDialog({ channels, onAdded, onClose }) {
  const [text, setText] = useState("");
  const { failure, fail } = useSubmit(async () => undefined);

  /** @param {Event} event */
  function onSubmit(event) {
    event.preventDefault();
    const name = channelName(text);
    if (name === null) {
      fail("bad_channel", "");
      return;
    }
    // What the server says to it is shown where the channel is.
    channels.add(name);
    onAdded();
  }

  return h(
    Dialog,
    { title: "Add a channel", onClose },
    h(
      "form",
      { class: "form", noValidate: true, onSubmit },
      h(FormError, { failure }),
      h(
        "p",
        { class: "lead" },
        "Programs publish to a channel, and you see it here the moment it arrives. There is nothing to create: a name is enough.",
      ),
      h(TextField, {
        label: "Channel",
        value: text,
        onValue: setText,
        hint: "Letters, digits, “_” and “-”, in parts separated by dots. Upper and lower case differ.",
        input: {
          maxLength: 300,
          autofocus: true,
          autocomplete: "off",
          autocapitalize: "none",
          spellcheck: false,
          placeholder: "orders.42.status",
        },
      }),
      h(
        "div",
        { class: "form-actions" },
        h("button", { type: "button", class: "button", onClick: onClose }, "Cancel"),
        h("button", { class: "button primary" }, "Subscribe"),
      ),
    ),
  );
}
