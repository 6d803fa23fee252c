import { cleanText } from "../lib/clean_text.js";
import { Model } from "../lib/model.js";
import { SocketError } from "../transport/socket_error.js";

/** @typedef {import("../transport/event_socket.js").EventSocket} EventSocket */
/** @typedef {import("../transport/event_socket.js").Envelope} Envelope */
/** @typedef {import("../transport/event_socket.js").TopicState} TopicState */
/**
 * @typedef {{ id: number, room: string, from: string, message: string, sent: number, offset: number,
 *   client_id?: string }} Message
 */
/**
 * @typedef {object} MessageItem
 * @property {"message"} kind
 * @property {string} key stays the same from the moment of writing to the end, so that nothing is drawn anew
 * @property {string} from
 * @property {string} message
 * @property {number} sent milliseconds since 1970
 * @property {number | null} offset null until the server has it
 * @property {number | null} id
 * @property {string} [clientId]
 * @property {"sending" | "sent" | "failed"} delivery
 * @property {string} [error] the code of the refusal
 */
/**
 * @typedef {{ kind: "joined" | "left" | "created", key: string, from: string, offset: number,
 *   sent?: undefined }} SystemItem
 */
/** @typedef {MessageItem | SystemItem} Item */

const PAGE = 50;
const SYSTEM_KINDS = /** @type {const} */ ({ member_joined: "joined", member_left: "left", room_created: "created" });

/** One room's messages: history, what is live, and what this user has sent and the server has not yet confirmed. */
export class Timeline extends Model {
  /** In the order of their offsets; what is not yet confirmed comes last. @type {Item[]} */
  items = [];
  loaded = false;
  loading = false;
  /** Whether there is history before the first item. */
  moreBefore = false;
  /** The code of the error that kept history from loading. @type {string | null} */
  error = null;

  #socket;
  #outbox;
  #me;
  #newClientId;
  #now;
  /** @type {(MessageItem | SystemItem)[]} */
  #confirmed = [];
  /** @type {MessageItem[]} */
  #unconfirmed = [];
  #opened = false;
  #stale = true;
  #flushing = false;
  // Rises with every fresh load, so that an older page that arrives after it is not glued to the wrong place.
  #version = 0;

  /**
   * @param {object} options
   * @param {string} options.room
   * @param {string} options.me the user's name
   * @param {EventSocket} options.socket
   * @param {import("./outbox.js").Outbox} options.outbox
   * @param {() => string} [options.newClientId]
   * @param {() => number} [options.now]
   */
  constructor({ room, me, socket, outbox, newClientId = () => crypto.randomUUID(), now = Date.now }) {
    super();
    this.room = room;
    this.#me = me;
    this.#socket = socket;
    this.#outbox = outbox;
    this.#newClientId = newClientId;
    this.#now = now;
    for (const unsent of outbox.all()) {
      if (unsent.room === room) this.#unconfirmed.push(this.#unsentItem(unsent));
    }
    this.#rebuild();
  }

  get topic() {
    return `room.${this.room}`;
  }

  /** Somebody looks at it: from now on its history is wanted. */
  open() {
    this.#opened = true;
    if (this.#stale) void this.load();
  }

  /** Reads the newest page anew and forgets what was there, but never what is unsent. */
  async load() {
    if (this.#socket.state !== "open") return;
    const version = ++this.#version;
    this.#stale = true;
    this.loading = true;
    this.error = null;
    this.changed();
    try {
      const page = await this.#socket.request("get_history", { room: this.room, limit: PAGE });
      if (version !== this.#version) return;
      this.#stale = false;
      this.loaded = true;
      this.moreBefore = page.more_before;
      // Live events may have come first; what is after the page stays.
      this.#confirmed = this.#confirmed.filter((item) => (item.offset ?? 0) > page.offset);
      for (const message of page.messages) this.#confirm(message);
    } catch (error) {
      if (version === this.#version) this.#loadFailed(error);
    } finally {
      if (version === this.#version) this.#loadEnded();
    }
  }

  /** One page further into the past. */
  async loadOlder() {
    const first = this.#confirmed[0];
    if (this.loading || !this.moreBefore || !first) return;
    const version = this.#version;
    this.loading = true;
    this.error = null;
    this.changed();
    try {
      const before = first.offset;
      const page = await this.#socket.request("get_history", { room: this.room, before, limit: PAGE });
      if (version !== this.#version) return;
      this.moreBefore = page.more_before && page.messages.length > 0;
      for (const message of page.messages) this.#confirm(message);
    } catch (error) {
      if (version === this.#version) this.#loadFailed(error);
    } finally {
      if (version === this.#version) this.#loadEnded();
    }
  }

  /** A connection has begun. @param {TopicState | undefined} topic */
  connected(topic) {
    if (!topic?.recovered) this.#stale = true;
    if (this.#opened && this.#stale) void this.load();
  }

  /** The topic jumped over something. */
  gap() {
    this.#stale = true;
    if (this.#opened) void this.load();
  }

  /** @param {Envelope} envelope an event of this room's topic */
  apply({ type, payload, offset = 0 }) {
    if (type === "new_message") this.#confirm({ ...payload, offset });
    else if (Object.hasOwn(SYSTEM_KINDS, type)) {
      this.#note(/** @type {keyof typeof SYSTEM_KINDS} */ (type), payload, offset);
    } else return;
    this.#rebuild();
    this.changed();
  }

  /** Shows the message at once and sends it as soon as the connection allows. @param {string} text */
  send(text) {
    const message = cleanText(text);
    if (message.trim() === "") return;
    const unsent = { clientId: this.#newClientId(), room: this.room, message, created: this.#now() };
    this.#outbox.put(unsent);
    this.#unconfirmed.push(this.#unsentItem(unsent));
    this.#rebuild();
    this.changed();
    void this.flush();
  }

  /** Sends a failed message again, under the same `client_id`: it cannot arrive twice. @param {string} key */
  retry(key) {
    this.#mark(key, "sending");
    void this.flush();
  }

  /** Gives up a failed message. @param {string} key */
  discard(key) {
    const item = this.#unconfirmed.find((other) => other.key === key);
    if (item?.delivery !== "failed") return;
    this.#dropUnconfirmed(item);
    this.#rebuild();
    this.changed();
  }

  /** The room was left: what is still unsent has nowhere to go. */
  abandon() {
    for (const item of this.#unconfirmed) this.#dropUnconfirmed(item);
    this.#rebuild();
    this.changed();
  }

  /** Sends what waits, one after the other, so that the order of writing is the order of arrival. */
  async flush() {
    if (this.#flushing) return;
    this.#flushing = true;
    try {
      for (;;) {
        const next = this.#unconfirmed.find((item) => item.delivery === "sending");
        if (!next || this.#socket.state !== "open") return;
        await this.#deliver(next);
      }
    } finally {
      this.#flushing = false;
    }
  }

  /** @param {MessageItem} item */
  async #deliver(item) {
    const { message, clientId } = item;
    try {
      const answer = await this.#socket.request("send_message", { room: this.room, message, client_id: clientId });
      const { id, offset, sent } = answer;
      this.#confirm({ id, offset, sent, room: this.room, from: this.#me, message, client_id: clientId });
      this.#rebuild();
      this.changed();
    } catch (error) {
      // After a lost connection the message simply waits for the next one; a refusal is for the user to see.
      if (error instanceof SocketError && error.connectionLost) return;
      this.#mark(item.key, "failed", error instanceof SocketError ? error.code : "internal");
    }
  }

  /** @param {string} key @param {"sending" | "failed"} delivery @param {string} [error] */
  #mark(key, delivery, error) {
    this.#unconfirmed = this.#unconfirmed.map((item) => {
      if (item.key !== key) return item;
      const { clientId = "", message, sent } = item;
      this.#outbox.put({ clientId, room: this.room, message, created: sent, error });
      return { ...item, delivery, error };
    });
    this.#rebuild();
    this.changed();
  }

  /** @param {Message} message */
  #confirm(message) {
    if (this.#confirmed.some((item) => item.kind === "message" && item.id === message.id)) return;
    const clientId = message.client_id;
    const mine = clientId !== undefined && message.from === this.#me;
    const unsent = mine ? this.#unconfirmed.find((item) => item.clientId === clientId) : undefined;
    if (unsent) this.#dropUnconfirmed(unsent);
    const key = unsent?.key ?? (clientId === undefined ? `m:${message.id}` : `${message.from}:${clientId}`);
    const { id, from, sent, offset } = message;
    this.#insert({
      kind: "message",
      key,
      id,
      from,
      message: message.message,
      sent,
      offset,
      clientId,
      delivery: "sent",
    });
  }

  /** @param {keyof typeof SYSTEM_KINDS} type @param {any} payload @param {number} offset */
  #note(type, payload, offset) {
    if (this.#confirmed.some((item) => item.offset === offset)) return;
    this.#insert({ kind: SYSTEM_KINDS[type], key: `o:${offset}`, from: payload.user ?? payload.by, offset });
  }

  /** @param {MessageItem | SystemItem} item */
  #insert(item) {
    const offset = item.offset ?? 0;
    let at = this.#confirmed.length;
    while (at > 0 && (this.#confirmed[at - 1]?.offset ?? 0) > offset) at -= 1;
    this.#confirmed.splice(at, 0, item);
  }

  /** @param {MessageItem} item */
  #dropUnconfirmed(item) {
    this.#unconfirmed = this.#unconfirmed.filter((other) => other !== item);
    if (item.clientId !== undefined) this.#outbox.remove(item.clientId);
  }

  /** @param {import("./outbox.js").Unsent} unsent @returns {MessageItem} */
  #unsentItem({ clientId, message, created, error }) {
    const key = `${this.#me}:${clientId}`;
    const delivery = error === undefined ? "sending" : "failed";
    return {
      kind: "message",
      key,
      clientId,
      from: this.#me,
      message,
      sent: created,
      offset: null,
      id: null,
      delivery,
      error,
    };
  }

  /** @param {unknown} error */
  #loadFailed(error) {
    // A lost connection is shown elsewhere, and the next one loads again.
    if (error instanceof SocketError && error.connectionLost) return;
    this.error = error instanceof SocketError ? error.code : "internal";
  }

  #loadEnded() {
    this.loading = false;
    this.#rebuild();
    this.changed();
  }

  #rebuild() {
    this.items = [...this.#confirmed, ...this.#unconfirmed];
  }
}
