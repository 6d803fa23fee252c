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

const PREFIX = "channel.";
/** As many as one request may name. */
const MAX_TOPICS = 1024;

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
      this.#logs.set(name, this.#newLog(name));
      this.#store((names) => [...names, name]);
      void this.#subscribe([name]);
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
    this.#logs.get(name)?.wait();
    this.changed();
    await this.#subscribe([name]);
  }

  /** Forgets the names: others may use this browser. */
  clear() {
    for (const key of ["channels", "channel"]) this.#preferences.remove(key);
  }

  /** A connection has begun: it hears what was resumed, and the rest is subscribed to. @param {Hello} hello */
  connected(hello) {
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
      else if (refused) log.refuse(refused);
      else {
        if (log.state === "listening") log.wait();
        left.push(log.name);
      }
    }
    for (let at = 0; at < left.length; at += MAX_TOPICS) void this.#subscribe(left.slice(at, at + MAX_TOPICS));
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

  /** From where we were, when we have been there. @param {string[]} names */
  async #subscribe(names) {
    const logs = names.map((name) => this.#logs.get(name)).filter((log) => log !== undefined);
    if (logs.length === 0 || this.#socket.state !== "open") return; // the next `hello` does it
    const { epoch } = this.#socket;
    const here = (/** @type {ChannelLog} */ log) => (log.position?.epoch === epoch ? log.position.offset : null);
    const topics = Object.fromEntries(logs.map((log) => [log.topic, here(log)]));
    try {
      const answer = await this.#socket.request("subscribe", { topics, epoch });
      for (const log of logs) this.#answered(log, answer);
    } catch (error) {
      if (error instanceof SocketError && error.connectionLost) return;
      const { code = "internal", message = "" } = /** @type {Partial<SocketError>} */ (error);
      for (const log of logs) log.refuse({ code, message });
    }
    this.changed();
  }

  /**
   * @param {ChannelLog} log
   * @param {{ topics: Record<string, TopicState & { may_publish?: boolean }>, refused?: Record<string, Refused> }} answer
   */
  #answered(log, { topics, refused }) {
    if (this.#logs.get(log.name) !== log) return; // removed meanwhile
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
    if (this.#socket.state === "open") this.#socket.request("unsubscribe", { topics }).catch(() => undefined);
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
