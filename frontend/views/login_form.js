import { h, useState } from "../vendor/preact.js";
import { DoorPage } from "./door_page.js";
import { FormError } from "./form_error.js";
import { PasswordField } from "./password_field.js";
import { TextField } from "./text_field.js";
import { useSubmit } from "./use_submit.js";

/** @param {{ session: import("../models/session.js").Session, serverName: string }} props */
export function LoginForm({ session, serverName }) {
  const [username, setUsername] = useState("");
  const [password, setPassword] = useState("");
  const { busy, failure, submit } = useSubmit(() => session.login({ username, password }));
  return h(
    DoorPage,
    {
      serverName,
      title: "Sign in",
      lead: session.ended ? "Your session has ended. Sign in again to go on where you were." : "Welcome back.",
    },
    h(
      "form",
      { class: "form", onSubmit: submit },
      h(FormError, { failure }),
      h(TextField, {
        label: "User name",
        value: username,
        onValue: setUsername,
        input: {
          name: "username",
          autocomplete: "username",
          autocapitalize: "none",
          spellcheck: false,
          required: true,
          maxLength: 64,
          autofocus: true,
        },
      }),
      h(PasswordField, { label: "Password", value: password, onValue: setPassword, autocomplete: "current-password" }),
      h("button", { class: "button primary wide", "aria-busy": busy }, busy ? "Signing in…" : "Sign in"),
    ),
  );
}
