import { fullTime, timeSince } from "../lib/time.js";
import { h, useEffect, useLayoutEffect, useRef, useState } from "../vendor/preact.js";
import { MAX_TITLE } from "./document_form.js";
import { explain } from "./explain.js";
import { FormError } from "./form_error.js";
import { Icon } from "./icon.js";
import { TextField } from "./text_field.js";
import { useModel } from "./use_model.js";
import { useNow } from "./use_now.js";
import { useSubmit } from "./use_submit.js";
import { VersionView } from "./version_view.js";

/**
 * The named versions of a document: save one, see what has changed since, go back to it.
 * @param {object} props
 * @param {import("../models/chat.js").Chat} props.chat
 * @param {import("../models/documents.js").Document} props.document
 * @param {import("./use_calm_text.js").TextNow} props.textNow
 */
export function DocumentVersions({ chat, document: info, textNow }) {
  const [versions] = useState(() => chat.documents.versions(info));
  const { all, loaded, failure } = useModel(versions, (model) => model);
  const connected = useModel(chat.connection, (model) => model.state === "open");
  const [shown, setShown] = useState(/** @type {number | null} */ (null));
  const version = all.find(({ id }) => id === shown);
  const mayWrite = chat.documents.mayWrite(info);
  const mayDelete = chat.documents.manages(info) || (mayWrite && version?.by === chat.user.name);
  useEffect(() => {
    if (connected) versions.open();
    return () => versions.close();
  }, [versions, connected]);

  // The one that was shown has taken the focus along: it goes to where it was in the list, or to what took its place.
  const region = useRef(/** @type {HTMLElement | null} */ (null));
  const left = useRef(/** @type {{ id: number, at: number } | null} */ (null));
  const isShown = version !== undefined;
  useLayoutEffect(() => {
    if (isShown || !left.current) return;
    if (document.activeElement === document.body) focusOn(region.current, left.current);
    left.current = null;
  }, [isShown]);
  if (version) left.current = { id: version.id, at: all.indexOf(version) };

  return h(
    "section",
    { ref: region, class: "versions", "aria-label": "Versions", tabIndex: -1 },
    version
      ? h(VersionView, {
          key: version.id,
          versions,
          version,
          mayWrite,
          mayDelete,
          connected,
          textNow,
          onBack: () => setShown(null),
        })
      : [
          mayWrite && h(SaveVersionForm, { key: "save", versions, connected }),
          failure &&
            h(
              "p",
              { key: "failure", class: "timeline-error", role: "alert" },
              explain(failure),
              " ",
              h("button", { type: "button", class: "button small", onClick: () => void versions.load() }, "Try again"),
            ),
          !loaded &&
            !failure &&
            h("p", { key: "loading", class: "hint" }, connected ? "Loading versions…" : "Versions are shown when the connection is back."),
          loaded &&
            all.length === 0 &&
            h("p", { key: "none", class: "hint" }, "There are no versions yet. One keeps the text as it is now, to go back to."),
          all.length > 0 && h(VersionItems, { key: "items", all, onShow: setShown }),
        ],
  );
}

/** @param {HTMLElement | null} region @param {{ id: number, at: number }} left the version and its place */
function focusOn(region, { id, at }) {
  const items = [...(region?.querySelectorAll("[data-version]") ?? [])].map((item) => /** @type {HTMLElement} */ (item));
  const item = items.find(({ dataset }) => dataset.version === String(id)) ?? items[at] ?? items.at(-1);
  (item ?? region)?.focus();
}

/** @param {{ versions: import("../models/version_list.js").VersionList, connected: boolean }} props */
function SaveVersionForm({ versions, connected }) {
  const [name, setName] = useState("");
  const [saved, setSaved] = useState("");
  const { busy, failure, submit, fail } = useSubmit(async () => {
    await versions.save(name.trim());
    setSaved(`Saved as “${name.trim()}”.`);
    setName("");
  });

  /** @param {Event} event */
  function onSubmit(event) {
    event.preventDefault();
    setSaved("");
    if (name.trim() === "") fail("bad_title", "");
    else void submit();
  }

  return h(
    "form",
    { class: "save-version", noValidate: true, onSubmit },
    h(FormError, { failure }),
    h(
      "div",
      { class: "save-version-line" },
      h(TextField, {
        label: "Save the text now as a version",
        value: name,
        onValue: setName,
        input: { maxLength: MAX_TITLE, autocomplete: "off", placeholder: "Before the review" },
      }),
      h("button", { class: "button", "aria-busy": busy, disabled: !connected }, "Save version"),
    ),
    h("p", { class: "hint", role: "status" }, saved),
  );
}

/** @param {{ all: import("../models/version_list.js").Version[], onShow: (id: number) => void }} props */
function VersionItems({ all, onShow }) {
  const now = useNow(true, 30_000);
  return h(
    "ul",
    { class: "version-items" },
    all.map(({ id, name, by, at }) =>
      h(
        "li",
        { key: id },
        h(
          "button",
          { type: "button", class: "document-item", "data-version": id, onClick: () => onShow(id) },
          h(Icon, { name: "history" }),
          h(
            "span",
            { class: "document-item-text" },
            h("bdi", { class: "document-item-title" }, name),
            h(
              "span",
              { class: "hint" },
              by === null ? "by a program" : ["by ", h("bdi", { key: "by" }, by)],
              ", ",
              h("time", { dateTime: new Date(at).toISOString(), title: fullTime(at) }, timeSince(at, now)),
            ),
          ),
        ),
      ),
    ),
  );
}
