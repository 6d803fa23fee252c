import { explain } from "./explain.js";

/** After these nobody knows whether it was done. */
const UNCERTAIN = new Set(["network", "timeout", "unavailable", "storage_unavailable", "internal"]);

const REFUSALS = /** @type {Record<string, string>} */ ({
  unavailable: "The server cannot follow the table right now: its database is away. This page keeps trying.",
  storage_unavailable: "The server cannot read the table right now. This page keeps trying.",
  forbidden: "You may not watch this table.",
  bad_topic: "This server does not show its products any more.",
  not_found: "This server does not show its products any more.",
  too_many_topics: "You listen to as many topics as one connection may. Leave some channels first.",
  too_large:
    "There are more products than the server sends to one page at once. Whoever runs it can let it send more: half of " +
    "the setting “socket.egress_bytes” has to hold the whole table. Programs page through GET /products, or watch " +
    "single products.",
});

const FAILURES = /** @type {Record<string, string>} */ ({
  forbidden: "You may look at the products, but not change them.",
  precondition_failed: "Somebody else changes it at the same time. Look at what it has become, and try again.",
  not_found: "It has been deleted meanwhile.",
  conflict: "The database has rules of its own, which do not take it.",
});

/** Why the table is not live. @param {import("../transport/event_socket.js").Refused} refusal */
export function explainTable(refusal) {
  return REFUSALS[refusal.code] ?? explain(refusal);
}

/**
 * Why something was not done.
 * @param {"saved" | "added" | "deleted"} what
 * @param {{ code: string, message?: string }} failure
 */
export function explainFailure(what, failure) {
  if (!UNCERTAIN.has(failure.code)) return `Not ${what}. ${FAILURES[failure.code] ?? explain(failure)}`;
  return `It is not known whether this was ${what}. ${explain(failure)} Trying again, unchanged, does it once.`;
}

/** What has happened in the table, in one sentence. @param {{ came: number, changed: number, went: number }} tally */
export function explainTally({ came, changed, went }) {
  const parts = [
    changed > 0 && `${changed} ${changed === 1 ? "change" : "changes"}`,
    came > 0 && `${came} new`,
    went > 0 && `${went} deleted`,
  ].filter(Boolean);
  return parts.length === 0 ? "" : `Products: ${parts.join(", ")}.`;
}

/** @param {number} count */
export function countProducts(count) {
  return count === 1 ? "1 product" : `${count.toLocaleString("en")} products`;
}
