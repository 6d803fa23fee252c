import { initials } from "../lib/avatar.js";
import { h } from "../vendor/preact.js";

/** More than these stand behind a number. */
const MOST = 4;

/**
 * Who has the document open, each in the colour of the caret.
 * @param {{ people: import("../models/people_here.js").Person[] }} props
 */
export function DocumentPeople({ people }) {
  const others = people.filter(({ isMe }) => !isMe);
  if (others.length === 0) return null;
  const shown = others.slice(0, others.length > MOST ? MOST - 1 : MOST);
  const more = others.slice(shown.length);
  return h(
    "ul",
    { class: "document-people", "aria-label": "Also here" },
    shown.map(({ name, colour }) =>
      h(
        "li",
        { key: name, class: `document-person caret-${colour}`, title: name },
        h("span", { "aria-hidden": "true" }, initials(name)),
        h("bdi", { class: "visually-hidden" }, name),
      ),
    ),
    more.length > 0 &&
      h(
        "li",
        { key: "", class: "document-person more", title: more.map(({ name }) => name).join(", ") },
        h("span", { "aria-hidden": "true" }, `+${more.length}`),
        h("span", { class: "visually-hidden" }, more.map(({ name }) => name).join(", ")),
      ),
  );
}
