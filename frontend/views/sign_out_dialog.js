import { h } from "../vendor/preact.js";
import { Dialog } from "./dialog.js";
import { FormError } from "./form_error.js";
import { useSubmit } from "./use_submit.js";

/**
 * @param {object} props
 * @param {import("../models/session.js").Session} props.session
 * @param {import("../models/editing.js").Unsaved[]} props.lost
 * @param {() => void} props.onClose
 */
export function SignOutDialog({ session, lost, onClose }) {
  const { busy, failure, submit } = useSubmit(() => session.logout());
  return h(
    Dialog,
    { title: "Sign out and lose changes?", onClose },
    h(
      "form",
      { class: "form", onSubmit: submit },
      h(FormError, { failure }),
      h(
        "p",
        null,
        `The server does not have what you wrote last in ${lost.length === 1 ? "this document" : "these documents"}. It is only on this device, which forgets it when you sign out:`,
      ),
      h(
        "ul",
        { class: "lost-documents" },
        lost.map(({ id, title }) => h("li", { key: id }, h("bdi", { class: "name" }, title))),
      ),
      h(
        "div",
        { class: "form-actions" },
        h("button", { type: "button", class: "button", onClick: onClose }, "Stay"),
        h("button", { class: "button danger", "aria-busy": busy }, "Sign out and lose it"),
      ),
    ),
  );
}
