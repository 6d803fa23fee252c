import { fullTime } from "../lib/time.js";
import { h, useEffect, useRef, useState } from "../vendor/preact.js";
import { DiffView } from "./diff_view.js";
import { explain } from "./explain.js";
import { FormError } from "./form_error.js";
import { Icon } from "./icon.js";
import { useCalmText } from "./use_calm_text.js";
import { useSubmit } from "./use_submit.js";

/**
 * One version: what has changed since, and the way back to it.
 * @param {object} props
 * @param {import("../models/version_list.js").VersionList} props.versions
 * @param {import("../models/version_list.js").Version} props.version
 * @param {boolean} props.mayWrite
 * @param {boolean} props.mayDelete
 * @param {boolean} props.connected
 * @param {import("./use_calm_text.js").TextNow} props.textNow
 * @param {() => void} props.onBack
 */
export function VersionView({ versions, version, mayWrite, mayDelete, connected, textNow, onBack }) {
  const [before, setBefore] = useState(/** @type {string | null} */ (null));
  const { text: now, outdated, look } = useCalmText(textNow);
  const [asked, setAsked] = useState(/** @type {"restore" | "delete" | null} */ (null));
  const [done, setDone] = useState("");
  const back = useRef(/** @type {HTMLButtonElement | null} */ (null));
  const load = useSubmit(async () => setBefore(await versions.text(version.id)));
  useEffect(() => {
    void load.submit();
    back.current?.focus();
  }, []);

  return h(
    "div",
    { class: "version" },
    h(
      "div",
      { class: "version-heading" },
      h(
        "button",
        { ref: back, type: "button", class: "icon-button", "aria-label": "Back to all versions", title: "Back to all versions", onClick: onBack },
        h(Icon, { name: "back" }),
      ),
      h(
        "div",
        { class: "version-title" },
        h("h3", null, h("bdi", null, version.name)),
        h("p", { class: "hint" }, version.by === null ? "by a program" : ["by ", h("bdi", { key: "by" }, version.by)], `, ${fullTime(version.at)}`),
      ),
      mayWrite &&
        asked === null &&
        h(
          "button",
          { type: "button", class: "button small", disabled: !connected, onClick: () => setAsked("restore") },
          h(Icon, { name: "restore" }),
          "Restore",
        ),
      mayDelete &&
        asked === null &&
        h(
          "button",
          { type: "button", class: "icon-button", "aria-label": "Delete this version", title: "Delete this version", disabled: !connected, onClick: () => setAsked("delete") },
          h(Icon, { name: "delete" }),
        ),
    ),
    h("p", { class: "hint", role: "status" }, done),
    asked &&
      h(Confirmation, {
        key: asked,
        asked,
        onDo: async () => {
          if (asked === "delete") return versions.remove(version.id);
          await versions.restore(version.id);
          setAsked(null);
          setDone("Restored: the text is what it was then.");
          await look();
          back.current?.focus();
          return undefined;
        },
        onCancel: () => {
          setAsked(null);
          back.current?.focus();
        },
      }),
    load.failure
      ? h(
          "p",
          { class: "timeline-error", role: "alert" },
          explain(load.failure),
          " ",
          h("button", { type: "button", class: "button small", onClick: () => void load.submit() }, "Try again"),
        )
      : before === null || now === null
        ? h("p", { class: "hint" }, "Comparing…")
        : h(DiffView, { before, now, label: `Changes since ${version.name}`, onLook: outdated ? () => void look() : undefined }),
  );
}

/** @param {{ asked: "restore" | "delete", onDo: () => Promise<void>, onCancel: () => void }} props */
function Confirmation({ asked, onDo, onCancel }) {
  const { busy, failure, submit } = useSubmit(onDo);
  const cancel = useRef(/** @type {HTMLButtonElement | null} */ (null));
  useEffect(() => cancel.current?.focus(), []);
  return h(
    "form",
    { class: "confirmation", onSubmit: submit },
    h(FormError, { failure }),
    h(
      "p",
      null,
      asked === "restore"
        ? "The text becomes what it was then, as a new change, and nobody’s words are lost: what others write meanwhile stays. To come back to the text as it is now, save it as a version first."
        : "This version is deleted for everybody. The text of the document stays as it is.",
    ),
    h(
      "div",
      { class: "form-actions" },
      h("button", { ref: cancel, type: "button", class: "button small", onClick: onCancel }, "Cancel"),
      h("button", { class: asked === "delete" ? "button small danger" : "button small primary", "aria-busy": busy }, asked === "delete" ? "Delete version" : "Restore this version"),
    ),
  );
}
