import { fullTime, timeSince } from "../lib/time.js";
import { Fragment, h } from "../vendor/preact.js";
import { AsideHeader } from "./aside_header.js";
import { explain } from "./explain.js";
import { Icon } from "./icon.js";
import { useModel } from "./use_model.js";
import { useNow } from "./use_now.js";

/**
 * The documents of a room, beside its chat.
 * @param {object} props
 * @param {import("../models/chat.js").Chat} props.chat
 * @param {string} props.room
 * @param {string} props.title of the room
 * @param {() => void} props.onCreate
 */
export function DocumentList({ chat, room, title, onCreate }) {
  const { documents, connection } = chat;
  const { all, loaded, loading, failure } = useModel(documents, (model) => model.of(room));
  const connected = useModel(connection, (model) => model.state === "open");
  const lost = useModel(connection, (model) => model.lost);
  const now = useNow(true, 30_000);
  const isEmpty = loaded && all.length === 0;
  return h(
    "section",
    { class: "aside", "aria-label": `Documents of ${title}` },
    h(
      AsideHeader,
      { title: "Documents", backTo: title, onBack: () => documents.hide(room), onClose: () => documents.hide(room) },
      !isEmpty &&
        h(
          "button",
          { type: "button", class: "button small primary", disabled: !connected, onClick: onCreate },
          h(Icon, { name: "add" }),
          "New document",
        ),
    ),
    h(
      "div",
      { class: "aside-scroller" },
      lost && h("p", { class: "aside-note" }, "There is no connection. What you had open here opens all the same."),
      failure &&
        connected &&
        h(
          "p",
          { class: "timeline-error", role: "alert" },
          explain(failure),
          " ",
          h("button", { type: "button", class: "button small", onClick: () => void documents.load(room) }, "Try again"),
        ),
      loading && all.length === 0 && h("p", { class: "timeline-loading" }, "Loading documents…"),
      isEmpty && h(Beginning, { disabled: !connected, onCreate }),
      all.length > 0 &&
        h(
          "ul",
          { class: "document-items" },
          all.map((document) => h(DocumentItem, { key: document.id, document, documents, now })),
        ),
    ),
  );
}

/** @param {{ disabled: boolean, onCreate: () => void }} props */
function Beginning({ disabled, onCreate }) {
  return h(
    "div",
    { class: "beginning empty" },
    h("span", { class: "beginning-sign" }, h(Icon, { name: "document" })),
    h("h3", null, "Write something together"),
    h("p", null, "A document belongs to this room. Its members write in it at the same time, and nobody’s words are lost."),
    h(
      "button",
      { type: "button", class: "button primary", disabled, onClick: onCreate },
      h(Icon, { name: "add" }),
      "New document",
    ),
  );
}

/**
 * @param {{ document: import("../models/documents.js").Document, documents: import("../models/documents.js").Documents,
 *   now: number }} props
 */
function DocumentItem({ document, documents, now }) {
  const { title, created_by: by, changed_at: changed } = document;
  return h(
    "li",
    null,
    h(
      "button",
      { type: "button", class: "document-item", onClick: () => documents.show(document) },
      h(Icon, { name: "document" }),
      h(
        "span",
        { class: "document-item-text" },
        h("bdi", { class: "document-item-title" }, title),
        h(
          "span",
          { class: "hint" },
          by === null ? "made by a program" : h(Fragment, null, "by ", h("bdi", null, by)),
          " · changed ",
          h("time", { dateTime: new Date(changed).toISOString(), title: fullTime(changed) }, timeSince(changed, now)),
          !documents.mayWrite(document) && " · read only",
        ),
      ),
    ),
  );
}
