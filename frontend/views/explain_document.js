/** @typedef {import("../models/document_state.js").DocumentState} DocumentState */
/** @typedef {Parameters<typeof import("./icon.js").Icon>[0]["name"]} IconName */
/** @typedef {{ short: string, icon: IconName, long?: string }} Explanation `long`: what is to be known or done about it */

/** @type {Record<DocumentState, Explanation>} */
const EXPLANATIONS = {
  loading: { short: "Opening…", icon: "pending" },
  connecting: { short: "Connecting…", icon: "pending" },
  saving: { short: "Saving…", icon: "pending" },
  saved: { short: "Saved", icon: "check" },
  offline: { short: "Offline – kept on this device", icon: "offline" },
  keeping: { short: "Offline – being kept on this device…", icon: "offline" },
  unkept: {
    short: "Offline – not saved",
    icon: "warning",
    long: "This browser keeps nothing for this page. What you write is lost if you close it before the connection is back.",
  },
  read_only: { short: "Read only", icon: "lock" },
  refused: {
    short: "Not saved – read only",
    icon: "warning",
    long: "You may only read this document now. What you wrote last was not taken.",
  },
  full: {
    short: "Document is full – not saved",
    icon: "warning",
    long: "It is as large as a document may be. What you wrote last is only on this device: shorten the text and try again.",
  },
  too_large: {
    short: "Not saved – too much at once",
    icon: "warning",
    long: "What you put in is more than the server takes at once, and only on this device. Take it out, or put it in in smaller parts.",
  },
  deleted: {
    short: "Deleted",
    icon: "warning",
    long: "This document was deleted, or is not for you any more. What you see is kept nowhere: copy what you need.",
  },
  signed_out: { short: "Signed out", icon: "lock" },
  outdated: {
    short: "A new version is there",
    icon: "warning",
    long: "The server has been upgraded since this page was loaded. Reload it to open documents.",
  },
  unavailable: {
    short: "Cannot be opened",
    icon: "offline",
    long: "The editor could not be loaded. This page tries again when the connection is back.",
  },
};

/** @param {DocumentState} state @returns {Explanation} */
export function explainDocument(state) {
  return EXPLANATIONS[state];
}

/** In these, work may be lost or is going nowhere. @param {DocumentState} state */
export function isGrave(state) {
  return EXPLANATIONS[state].icon === "warning";
}

/**
 * What somebody who only hears the page is told of a change of state. That each word is saved is no news.
 * @param {DocumentState} state
 * @param {DocumentState} before what was told last
 */
export function announcement(state, before) {
  const isFine = (/** @type {DocumentState} */ one) => ["saving", "saved", "connecting", "loading"].includes(one);
  if (state === before || (isFine(state) && isFine(before)) || state === "keeping") return "";
  return state === "saving" || state === "connecting" ? "" : EXPLANATIONS[state].short;
}
