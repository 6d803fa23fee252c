import { explain } from "./explain.js";

const REFUSALS = /** @type {Record<string, string>} */ ({
  bad_topic: "This is not the name of a channel.",
  forbidden: "You may not listen to this channel.",
  no_such_namespace: "This server has no channels of this name: none of its namespaces matches it.",
  too_many_topics: "You listen to as many channels as one connection may. Remove others first.",
});

const GAPS = /** @type {Record<string, string>} */ ({
  too_old: "Something is missing here: the server no longer keeps what came while you were away.",
  too_far: "More came while you were away than is sent again by itself. The newest follow.",
  ahead: "The server was restored from a backup. What is above may not exist any more; what it has follows.",
  other_epoch: "The server has begun a new log. What is above is from the old one; numbers begin anew.",
});

/** After these nobody knows whether it was published. */
const UNCERTAIN = new Set(["network", "timeout", "unavailable", "storage_unavailable", "internal"]);

const UNPUBLISHED = /** @type {Record<string, string>} */ ({
  conflict: "The server has something else from the same attempt. Publish again to begin a new one.",
});

/** Why a channel is not listened to. @param {import("../transport/event_socket.js").Refused} refusal */
export function explainRefusal(refusal) {
  return REFUSALS[refusal.code] ?? explain(refusal);
}

/** Why something is missing in a log. @param {string} reason */
export function explainGap(reason) {
  return GAPS[reason] ?? "Something is missing here.";
}

/** What became of something that was to be published. @param {{ code: string, message?: string }} error */
export function explainPublishing(error) {
  if (!UNCERTAIN.has(error.code)) return `Not published. ${UNPUBLISHED[error.code] ?? explain(error)}`;
  return `It is not known whether this was published. ${explain(error)} Trying again, unchanged, publishes it once.`;
}

/**
 * What stands above the lines for a program. Before the server has answered nobody knows who else may publish.
 * @param {Pick<import("../models/channel_log.js").ChannelLog, "state" | "mayPublish">} log
 */
export function publishingTitle({ state, mayPublish }) {
  return state === "listening" && !mayPublish ? "Only API keys may publish here" : "Publish from a program";
}

/** What has arrived, in a few words. @param {number} count @param {number} last its offset */
export function explainArrivals(count, last) {
  if (count === 0) return "";
  return count === 1
    ? `Publication ${last} has arrived.`
    : `${count} publications have arrived, the last is ${last}.`;
}
