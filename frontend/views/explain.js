/** What an error code means to a person. What is not here speaks for itself in the server's own words. */
const TEXTS = /** @type {Record<string, string>} */ ({
  bad_credentials: "That user name and password do not match. Check both and try again.",
  too_many_attempts: "Too many attempts.",
  network: "The server cannot be reached. Check your connection and try again.",
  disconnected: "There is no connection right now. Try again when it is back.",
  timeout: "The server did not answer in time. Try again.",
  unavailable: "The server is busy. Try again in a moment.",
  storage_unavailable: "The server cannot store anything right now. Try again in a moment.",
  internal: "Something went wrong on the server. Try again; if it stays, tell whoever runs it.",
  unauthorized: "Your session has ended. Sign in again.",
  forbidden: "Your role does not allow this.",
  forbidden_origin: "This page was opened under an address the server does not know as its own.",
  bad_token: "This link is wrong, used up or expired. Ask for a new one.",
  bad_name: "A user name has 1 to 32 letters, digits, “_”, “.” or “-”.",
  name_taken: "Somebody already has this user name. Choose another.",
  bad_room: "A room needs a name with letters or digits, of at most 64 characters.",
  room_exists: "There is already a room with this name. Choose another.",
  too_many_rooms: "You are in as many rooms as one account may be. Leave one first.",
  no_such_room: "This room does not exist, or you are not in it any more.",
  bad_channel:
    "A channel’s name has letters, digits, “_” or “-” in parts separated by single dots, at most 128 characters in all.",
  no_such_namespace: "This server has no channels of this name.",
  bad_document: "This is not the address of a document.",
  no_such_document: "There is no such document, or it belongs to a room that you are not in.",
  document_exists: "There is already a document with this address.",
  too_many_documents: "This room has as many documents as one may have. Delete one first.",
  document_full: "The document would become longer than one may be.",
  document_damaged: "The server cannot read this document. Whoever runs it finds more in its log.",
  read_only: "You may read this document, but not change it.",
  no_such_version: "This version is there no more.",
  too_many_versions: "This document has as many versions as one may have. Delete one first.",
  bad_title: "A name has 1 to 100 characters.",
  too_many_requests: "That was faster than you may. Try again in a moment.",
  conflict: "The server already has another message in this one's place.",
  other_store: "It was written for the server as it was before. Retry sends it to this one.",
  too_large: "That is too long for the server.",
});

/** @param {{ code: string, message?: string }} error */
export function explain({ code, message }) {
  const text = TEXTS[code];
  if (text) return text;
  return message ? sentence(message) : "That did not work.";
}

/** What a server says in passing, as people write it. @param {string} message */
export function sentence(message) {
  const text = message.charAt(0).toUpperCase() + message.slice(1);
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
