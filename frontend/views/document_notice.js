import { editorLoader } from "../models/load_editor.js";
import { h } from "../vendor/preact.js";
import { CopyText } from "./copy_text.js";
import { explainDocument, isGrave } from "./explain_document.js";
import { Icon } from "./icon.js";

const COPY = "Copy my text";

/**
 * What is to be known or done before anything else can be.
 * @param {{ document: import("../models/open_document.js").OpenDocument, onBack: () => void }} props
 */
export function DocumentNotice({ document, onBack }) {
  const { state, rescued, isCopyDamaged } = document;
  const { long } = explainDocument(state);
  if (rescued !== "" && !long) {
    return h(
      "div",
      { class: "document-notice", role: "alert", tabIndex: -1 },
      h("p", null, h(Icon, { name: "warning" }), "This is the server’s copy. What you had is in none of it: copy it if you need it."),
      h(
        "div",
        { class: "document-notice-actions" },
        h(CopyText, { label: COPY, text: () => rescued }),
        button("Dismiss", () => document.forgetRescued()),
      ),
    );
  }
  if (isCopyDamaged && !long) {
    return h(
      "div",
      { class: "document-notice", role: "alert", tabIndex: -1 },
      h("p", null, h(Icon, { name: "warning" }), "What this device had kept of it could not be read. This is the server’s copy."),
      h("div", { class: "document-notice-actions" }, button("Dismiss", () => document.forgetRescued())),
    );
  }
  if (!long) return null;
  return h(
    "div",
    { class: isGrave(state) ? "document-notice" : "document-notice calm", role: "alert", tabIndex: -1 },
    h("p", null, h(Icon, { name: explainDocument(state).icon }), long),
    h("div", { class: "document-notice-actions" }, actions()),
  );

  function actions() {
    if (state === "outdated") return button("Reload", () => location.reload());
    if (state === "unavailable") {
      return [button("Try again", () => document.tryAgain()), editorLoader.isStuck && button("Reload", () => location.reload())];
    }
    if (state === "deleted") return [document.isReadable && h(CopyText, { key: "copy", label: COPY, text: () => document.text() }), button("Back", onBack)];
    const discard = button("Discard my changes", () => void document.discard());
    if (state === "refused") return discard;
    return state === "full" || state === "too_large" ? [button("Try again", () => document.tryAgain()), discard] : null;
  }
}

/** @param {string} label @param {() => void} onClick */
function button(label, onClick) {
  return h("button", { key: label, type: "button", class: "button small", onClick }, label);
}
