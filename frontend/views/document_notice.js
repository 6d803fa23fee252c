import { editorLoader } from "../models/load_editor.js";
import { h, useState } from "../vendor/preact.js";
import { explainDocument, isGrave } from "./explain_document.js";
import { Icon } from "./icon.js";

/**
 * What is to be known or done before anything else can be.
 * @param {{ document: import("../models/open_document.js").OpenDocument, onBack: () => void }} props
 */
export function DocumentNotice({ document, onBack }) {
  const { state, rescued } = document;
  const { long } = explainDocument(state);
  const [copied, setCopied] = useState(false);
  if (rescued !== "" && !long) {
    return h(
      "div",
      { class: "document-notice", role: "alert" },
      h("p", null, h(Icon, { name: "warning" }), "This is the server’s copy. What you had is in none of it: copy it if you need it."),
      h(
        "span",
        { class: "document-notice-actions" },
        button(copied ? "Copied" : "Copy my text", () => void copy()),
        button("Dismiss", () => document.forgetRescued()),
      ),
    );
  }
  if (!long) return null;
  return h(
    "div",
    { class: isGrave(state) ? "document-notice" : "document-notice calm", role: "alert" },
    h("p", null, h(Icon, { name: explainDocument(state).icon }), long),
    h("span", { class: "document-notice-actions" }, actions()),
  );

  async function copy() {
    try {
      await navigator.clipboard.writeText(rescued);
      setCopied(true);
    } catch {
      setCopied(false);
    }
  }

  function actions() {
    if (state === "outdated") return button("Reload", () => location.reload());
    if (state === "unavailable") {
      return [button("Try again", () => document.tryAgain()), editorLoader.isStuck && button("Reload", () => location.reload())];
    }
    if (state === "deleted") return button("Back", onBack);
    const discard = button("Discard my changes", () => void document.discard());
    if (state === "refused") return discard;
    return state === "full" || state === "too_large" ? [button("Try again", () => document.tryAgain()), discard] : null;
  }
}

/** @param {string} label @param {() => void} onClick */
function button(label, onClick) {
  return h("button", { key: label, type: "button", class: "button small", onClick }, label);
}
