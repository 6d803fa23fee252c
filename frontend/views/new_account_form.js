import { textLength } from "../lib/text_length.js";
import { h, useState } from "../vendor/preact.js";
import { FormError } from "./form_error.js";
import { PasswordField } from "./password_field.js";
import { TextField } from "./text_field.js";
import { useSubmit } from "./use_submit.js";

/**
 * @param {object} props
 * @param {string} props.label
 * @param {number} props.passwordMinChars
 * @param {(account: { username: string, password: string }) => Promise<void>} props.onCreate
 */
export function NewAccountForm({ label, passwordMinChars, onCreate }) {
  const [username, setUsername] = useState("");
  const [password, setPassword] = useState("");
  const { busy, failure, submit, fail } = useSubmit(() => onCreate({ username: username.trim(), password }));

  /** @param {Event} event */
  function onSubmit(event) {
    event.preventDefault();
    const length = textLength(password.normalize("NFKC"));
    if (username.trim() === "") fail("bad_name", "");
    else if (length < passwordMinChars) {
      fail("weak_password", `The password has ${length} of at least ${passwordMinChars} characters`);
    } else void submit();
  }

  return h(
    "form",
    // Our own words are clearer than the browser's bubbles, and screen readers hear them.
    { class: "form", noValidate: true, onSubmit },
    h(FormError, { failure }),
    h(TextField, {
      label: "User name",
      value: username,
      onValue: setUsername,
      hint: "This is how others see you. Letters, digits, “_”, “.” and “-”.",
      input: {
        name: "username",
        autocomplete: "username",
        autocapitalize: "none",
        spellcheck: false,
        required: true,
        maxLength: 32,
        autofocus: true,
      },
    }),
    h(PasswordField, {
      label: "Password",
      value: password,
      onValue: setPassword,
      autocomplete: "new-password",
      minLength: passwordMinChars,
      hint: `At least ${passwordMinChars} characters. Four or five unrelated words are strong and easy to remember.`,
    }),
    h("button", { class: "button primary wide", "aria-busy": busy }, busy ? "One moment…" : label),
  );
}
