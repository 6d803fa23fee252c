/**
 * How a document stands, in one word. The order is that of what matters most; "saved" comes last, since it is true only when
 * nothing else is.
 * @typedef {"loading" | "outdated" | "unavailable" | "deleted" | "signed_out" | "full" | "too_large" | "refused"
 *   | "offline" | "keeping" | "unkept" | "connecting" | "read_only" | "saving" | "saved"} DocumentState
 */

/**
 * @typedef {object} Facts
 * @property {"outdated" | "unavailable" | null} missing what keeps the editor from being loaded
 * @property {boolean} readable whether there is a text to show
 * @property {import("../transport/document_socket.js").DocumentSocketState} connection
 * @property {boolean} failed whether a connection was lost, or tried for in vain, since there was one
 * @property {import("../transport/document_socket.js").Stop | null} why the connection is stopped
 * @property {"yes" | "soon" | "no"} kept whether this device keeps what was made here
 * @property {"read" | "write"} access
 * @property {Pick<import("./save_progress.js").SaveProgress, "isUnsaved" | "isConfirmed" | "isRefused">} progress
 */

/** @param {Facts} facts @returns {DocumentState} */
export function documentState({ missing, readable, connection, failed, why, kept, access, progress }) {
  if (missing) return missing;
  if (why === "gone") return "deleted";
  if (why === "signed_out" || why === "full" || why === "too_large") return why;
  if (why === "refused") return "unavailable";
  if (!readable) return "loading";
  if (progress.isRefused) return "refused";
  if (connection !== "open" && !failed) return "connecting";
  if (connection !== "open") return kept === "yes" ? "offline" : kept === "soon" ? "keeping" : "unkept";
  if (access === "read") return "read_only";
  if (progress.isUnsaved) return "saving";
  return progress.isConfirmed ? "saved" : "connecting";
}

/** In these nothing may be written: it would go nowhere. @type {ReadonlySet<DocumentState>} */
export const CLOSED = new Set(["loading", "outdated", "unavailable", "deleted", "signed_out", "refused", "read_only"]);
