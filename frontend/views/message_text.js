import { splitLinks } from "../lib/linkify.js";
import { h } from "../vendor/preact.js";

/** Text as text; only what is a link becomes one, as an element. @param {{ text: string }} props */
export function MessageText({ text }) {
  return h(
    "div",
    { class: "message-text", dir: "auto" },
    splitLinks(text).map((part) =>
      part.href === undefined
        ? part.text
        : h("a", { href: part.href, target: "_blank", rel: "noopener noreferrer" }, part.text),
    ),
  );
}
