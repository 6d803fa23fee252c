import { Fragment, h } from "../vendor/preact.js";
import { Icon } from "./icon.js";
import { TextField } from "./text_field.js";

/** As many characters as a document's name, or that of a version, may have. */
export const MAX_TITLE = 100;

/**
 * What can be said about a document: its name, and who writes in it.
 * @param {object} props
 * @param {string} props.title
 * @param {(title: string) => void} props.onTitle
 * @param {import("../transport/documents_api.js").Access} props.members
 * @param {((members: import("../transport/documents_api.js").Access) => void) | undefined} props.onMembers absent when it is
 *   not this user's to say
 */
export function DocumentForm({ title, onTitle, members, onMembers }) {
  /** @param {import("../transport/documents_api.js").Access} value @param {"edit" | "eye"} icon @param {string} label @param {string} text */
  const choice = (value, icon, label, text) =>
    h(
      "label",
      { class: "choice" },
      h("input", { type: "radio", name: "members", checked: members === value, onChange: () => onMembers?.(value) }),
      h(Icon, { name: icon }),
      h("span", null, h("strong", null, label), h("span", { class: "hint" }, text)),
    );
  return h(
    Fragment,
    null,
    h(TextField, {
      label: "Name",
      value: title,
      onValue: onTitle,
      input: { maxLength: MAX_TITLE, autofocus: true, autocomplete: "off", placeholder: "Meeting notes" },
    }),
    onMembers &&
      h(
        "fieldset",
        { class: "choices" },
        h("legend", null, "What members of the room may do"),
        choice("write", "edit", "Read and write", "Everyone in the room writes in it, at the same time."),
        choice("read", "eye", "Only read", "Only you and whoever runs this server write in it."),
      ),
  );
}
