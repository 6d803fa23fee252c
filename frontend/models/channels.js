import { fullJitter } from "../lib/backoff.js";
import { batches } from "../lib/batches.js";
import { channelName } from "../lib/channel_name.js";
import { JsonStore } from "../lib/json_store.js";
import { Model } from "../lib/model.js";
import { SocketError } from "../transport/socket_error.js";
import { ChannelLog } from "./channel_log.js";

/** @typedef {import("../transport/event_socket.js").EventSocket} EventSocket */
/** @typedef {import("../transport/event_socket.js").Envelope} Envelope */
/** @typedef {import("../transport/event_socket.js").Hello} Hello */
/** @typedef {import("../transport/event_socket.js").TopicState} TopicState */
/** @typedef {import("../transport/event_socket.js").Refused} Refused */
/**
 * @typedef {{ topics: Record<string, TopicState & { may_publish?: boolean }>, refused?: Record<string, Refused> }} Answer
 */

const PREFIX = "channel.";
/** As many as one request may name, and as many bytes of them as fit into an event beside the rest. */
const REQUEST = { most: 1024, bytes: 48 * 1024 };
/** What the server says when it can answer later: nothing is refused by it. */
const PASSING = new Set(["storage_unavailable", "unavailable", "internal"]);

/** The push channels this user listens to in this tab, and which of them is shown. */
export class Channels extends Model {
  /** The channel being shown; null while it is a room. @type {string | null} */
  current = null;

  #socket;
  #preferences;
  #publish;
  /** @type {Map<string, ChannelLog>} */
  #logs = new Map();
  /** The channel whose end somebody is looking at: what arrives there is read. @type {string | null} */
  #watched = null;
  #connections = 0;

  /**
   * @param {object} options
   * @param {import("../transport/event_socket.js").User} options.user
   * @param {EventSocket} options.socket
   * @param {import("./channel_log.js").Publish} options.publish
   * @param {Storage} [options.storage]
   */
  constructor({ user, socket, publish, storage }) {
    super();
    this.#socket = socket;
    this.#publish = publish;
    this.#preferences = new JsonStore(storage, `switchboard.${user.id}.`);
    for (const name of this.#stored()) this.#logs.set(name, this.#newLog(name));
    const current = this.#preferences.get("channel");
    if (this.#logs.has(current)) this.current = current;
  }

  /** By name. */
  get all() {
    return [...this.#logs.values()].sort((a, b) => a.name.localeCompare(b.name));
  }

  get unread() {
    return this.all.filter((log) => log.unread).length;
  }

  /** @param {string | null} name */
  find(name) {
    return name === null ? undefined : this.#logs.get(name);
  }

  /** Shows a channel, or with null a room. @param {string | null} name */
  select(name) {
    if (this.current === name) return;
    this.current = name;
    this.#watched = null;
    if (name === null) this.#preferences.remove("channel");
    else this.#preferences.set("channel", name);
    this.changed();
  }

  /** Somebody sees the end of this channel, or of none. @param {string | null} name */
  watch(name) {
    this.#watched = name;
    const log = this.find(name);
    if (log?.unread) this.#mark(log, false);
  }

  /** Subscribes and shows it; what the server says is in its log. @param {string} name as `channelName` makes it */
  add(name) {
    if (!this.#logs.has(name)) {
      const log = this.#newLog(name);
      this.#logs.set(name, log);
      this.#store((names) => [...names, name]);
      void this.#subscribe([log]);
    }
    this.select(name);
    this.changed();
  }

  /** Unsubscribes, and forgets it. @param {string} name */
  remove(name) {
    const log = this.#logs.get(name);
    if (!log) return;
    this.#logs.delete(name);
    this.#socket.forget(log.topic);
    this.#store((names) => names.filter((other) => other !== name));
    if (this.current === name) this.select(null);
    if (log.state !== "refused") this.#unsubscribe([log.topic]);
    this.changed();
  }

  /** After a refusal. @param {string} name */
  async retry(name) {
    const log = this.#logs.get(name);
    if (!log) return;
    log.wait();
    this.changed();
    await this.#subscribe([log]);
  }

  /** A connection has begun: it hears what was resumed, and the rest is subscribed to. @param {Hello} hello */
  connected(hello) {
    this.#connections += 1;
    const left = [];
    // What nobody here follows: removed, or removed and added again, while its position was on its way.
    const unknown = Object.keys(hello.topics).filter(
      (topic) => topic.startsWith(PREFIX) && (this.#of(topic)?.position ?? null) === null,
    );
    for (const topic of unknown) this.#socket.forget(topic);
    if (unknown.length > 0) this.#unsubscribe(unknown);
    for (const log of this.#logs.values()) {
      const [topic, refused] = [hello.topics[log.topic], hello.refused?.[log.topic]];
      if (topic && log.position) this.#hears(log, topic, hello.epoch);
      else if (refused && !PASSING.has(refused.code)) log.refuse(refused);
      else {
        if (log.state === "listening") log.wait();
        left.push(log);
      }
    }
    for (const batch of batches(left, (log) => written(log.topic), REQUEST)) void this.#subscribe(batch);
    this.changed();
  }

  /** @param {Envelope} envelope */
  apply(envelope) {
    const log = this.#of(envelope.topic);
    if (!log) return;
    log.apply(envelope);
    if (!log.unread && this.#watched !== log.name) this.#mark(log, true);
  }

  /** The topic jumped over something. @param {string} topic */
  gap(topic) {
    this.#of(topic)?.gap();
  }

  /** @param {ChannelLog} log @param {TopicState} topic @param {string} epoch */
  #hears(log, topic, epoch) {
    const missed = !topic.recovered && topic.offset > (log.position?.offset ?? Infinity);
    log.hears(topic, epoch);
    // What was missed is something new, too, though it does not arrive.
    if (missed && this.#watched !== log.name) this.#mark(log, true);
  }

  /** From where we were, when we have been there. @param {ChannelLog[]} logs @param {number} [attempt] from 0 */
  async #subscribe(logs, attempt = 0) {
    if (logs.length === 0 || this.#socket.state !== "open") return; // the next `hello` does it
    const { epoch } = this.#socket;
    const here = (/** @type {ChannelLog} */ log) => (log.position?.epoch === epoch ? log.position.offset : null);
    const topics = Object.fromEntries(logs.map((log) => [log.topic, here(log)]));
    /** @type {Answer} */
    let answer;
    try {
      answer = await this.#socket.request("subscribe", { topics, epoch });
    } catch (error) {
      if (error instanceof SocketError && error.connectionLost) return;
      const { code = "internal", message = "" } = /** @type {Partial<SocketError>} */ (error);
      answer = { topics: {}, refused: Object.fromEntries(logs.map((log) => [log.topic, { code, message }])) };
    }
    const there = logs.filter((log) => this.#logs.get(log.name) === log); // others were removed meanwhile
    const unanswered = there.filter((log) => PASSING.has(answer.refused?.[log.topic]?.code ?? ""));
    for (const log of there) if (!unanswered.includes(log)) this.#answered(log, answer);
    this.#subscribeLater(unanswered, attempt);
    this.changed();
  }

  /** @param {ChannelLog[]} logs @param {number} attempt that has failed */
  #subscribeLater(logs, attempt) {
    if (logs.length === 0) return;
    const connection = this.#connections;
    const again = () => {
      if (connection !== this.#connections) return; // the new one has asked
      void this.#subscribe(logs.filter((log) => this.#logs.get(log.name) === log), attempt + 1);
    };
    setTimeout(again, fullJitter(attempt));
  }

  /** @param {ChannelLog} log @param {Answer} answer */
  #answered(log, { topics, refused }) {
    const topic = topics[log.topic];
    if (!topic) {
      log.refuse(refused?.[log.topic] ?? { code: "bad_channel", message: "" });
      return;
    }
    const position = log.position?.offset;
    this.#socket.follow(log.topic, topic.recovered && position !== undefined ? position : topic.offset);
    log.mayPublish = topic.may_publish ?? false;
    this.#hears(log, topic, this.#socket.epoch);
  }

  /** Without waiting: what still comes is nobody's, and a new connection does not ask for it. @param {string[]} topics */
  #unsubscribe(topics) {
    if (this.#socket.state !== "open") return;
    for (const batch of batches(topics, written, REQUEST)) {
      this.#socket.request("unsubscribe", { topics: batch }).catch(() => undefined);
    }
  }

  /** @param {ChannelLog} log @param {boolean} unread */
  #mark(log, unread) {
    log.unread = unread;
    this.changed();
  }

  /** @param {string | undefined} topic */
  #of(topic) {
    return topic?.startsWith(PREFIX) ? this.#logs.get(topic.slice(PREFIX.length)) : undefined;
  }

  /** @param {string} name */
  #newLog(name) {
    return new ChannelLog({ name, socket: this.#socket, publish: this.#publish });
  }

  /** @returns {string[]} the names that are remembered, as far as they are any */
  #stored() {
    const names = this.#preferences.get("channels");
    if (!Array.isArray(names)) return [];
    return [...new Set(names.filter((name) => typeof name === "string" && channelName(name) === name))];
  }

  /** Other tabs have changed it meanwhile. @param {(names: string[]) => string[]} change */
  #store(change) {
    this.#preferences.set("channels", [...new Set(change(this.#stored()))]);
  }
}

/** With room for a position. @param {string} topic */
function written(topic) {
  return `${JSON.stringify(topic)}:${Number.MAX_SAFE_INTEGER},`;
}
