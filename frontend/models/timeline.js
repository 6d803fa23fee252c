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
 * @property {string} [epoch] of what is not sent: the store it was written for; undefined before any has said hello
 */
/**
 * @typedef {{ kind: "joined" | "left" | "created" | "document_created" | "document_deleted", key: string, from: string,
 *   offset: number, sent?: undefined, document?: { name: string, title: string | null } }} SystemItem `document` is what it is about
 */
/** @typedef {MessageItem | SystemItem} Item */

const PAGE = 50;
/** More than this is not held while nobody reads so far up; then so much stays. */
const MOST = 500;
const FEWER = 300;
/** Why a message is not sent that was written for another store. */
export const OTHER_STORE = "other_store";
const SYSTEM_KINDS = /** @type {const} */ ({
  member_joined: "joined",
  member_left: "left",
  room_created: "created",
  document_created: "document_created",
  document_deleted: "document_deleted",
});

/** One room's messages: history, what is live, and what this user has sent and the server has not yet confirmed. */
export class Timeline extends Model {
  /** In the order of their offsets; what is not yet confirmed comes last. @type {Item[]} */
  items = [];
  /** Rises when everything became another conversation: the server has another store. */
  generation = 0;
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
  /** @type {Item[]} */
  #confirmed = [];
  /** The offsets of what is confirmed. @type {Set<number>} */
  #offsets = new Set();
  /** What was confirmed before the topic jumped: shown until the fresh page replaces it whole. @type {Item[]} */
  #outdated = [];
  /** @type {MessageItem[]} */
  #unconfirmed = [];
  #epoch;
  #opened = false;
  #stale = true;
  #readingPast = false;
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
    this.#epoch = socket.epoch;
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

  /** Nobody looks at it any more: one page is enough to begin with next time. */
  close() {
    this.#opened = false;
    this.#readingPast = false;
    if (this.#stale) this.#outdate();
    this.#trim(PAGE, PAGE);
    this.#rebuild();
  }

  /** Whether somebody reads further up, and what is there must stay. @param {"end" | "past"} place */
  readingAt(place) {
    this.#readingPast = place === "past";
  }

  /** Reads the newest page anew and forgets what was there, but never what is unsent. */
  async load() {
    if (this.#socket.state !== "open") return;
    this.#stale = true;
    await this.#read({}, (page) => {
      this.#stale = false;
      this.loaded = true;
      this.#outdated = [];
      // Live events may have come first; what is after the page stays.
      this.#hold(this.#confirmed.filter((item) => (item.offset ?? 0) > page.offset));
      this.moreBefore = page.more_before;
      for (const message of page.messages) this.#confirm(message);
    });
  }

  /** One page further into the past. */
  async loadOlder() {
    const first = this.#confirmed[0];
    if (this.loading || this.#stale || !this.moreBefore || !first) return;
    await this.#read({ before: first.offset }, (page) => {
      // Before the messages go in: they lie before the first one on purpose.
      this.moreBefore = false;
      for (const message of page.messages) this.#confirm(message);
      this.moreBefore = page.more_before && page.messages.length > 0;
    });
  }

  /** After an error. */
  async loadAgain() {
    await (this.#stale ? this.load() : this.loadOlder());
  }

  /** A connection has begun. @param {TopicState | undefined} topic @param {string} epoch of the server's store */
  connected(topic, epoch) {
    if (this.#epoch !== "" && epoch !== this.#epoch) this.#beginAnew();
    this.#epoch = epoch;
    this.#claim(epoch);
    if (!topic?.recovered) this.#outdate();
    if (this.#opened && this.#stale) void this.load();
    this.#rebuild();
    this.changed();
  }

  /** The topic jumped over something. */
  gap() {
    this.#outdate();
    if (this.#opened) void this.load();
  }

  /** @param {Envelope} envelope an event of this room's topic */
  apply({ type, payload, offset = 0 }) {
    if (type === "new_message") this.#confirm({ ...payload, offset });
    else if (Object.hasOwn(SYSTEM_KINDS, type)) {
      this.#note(/** @type {keyof typeof SYSTEM_KINDS} */ (type), payload, offset);
    } else return;
    if (!this.#readingPast) this.#trim(MOST, FEWER);
    this.#rebuild();
    this.changed();
  }

  /** Shows the message at once and sends it as soon as the connection allows. @param {string} text */
  send(text) {
    const message = cleanText(text);
    if (message.trim() === "") return;
    const epoch = this.#epoch === "" ? undefined : this.#epoch;
    const unsent = { clientId: this.#newClientId(), room: this.room, message, created: this.#now(), epoch };
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
      const { clientId = "", message, sent, epoch } = item;
      this.#outbox.put({ clientId, room: this.room, message, created: sent, epoch, error });
      return { ...item, delivery, error };
    });
    this.#rebuild();
    this.changed();
  }

  /**
   * What was written for another store is not for this one, unless its author says so. What was written before the
   * first hello is: whoever has this store has let us in.
   * @param {string} epoch
   */
  #claim(epoch) {
    this.#unconfirmed = this.#unconfirmed.map((item) => {
      if (item.epoch === epoch) return item;
      const other = item.epoch !== undefined;
      /** @type {MessageItem} */
      const claimed = other ? { ...item, epoch, delivery: "failed", error: OTHER_STORE } : { ...item, epoch };
      const { clientId = "", message, sent, error } = claimed;
      this.#outbox.put({ clientId, room: this.room, message, created: sent, epoch, error });
      return claimed;
    });
  }

  /** Another store: nothing of what is here exists in it. */
  #beginAnew() {
    this.generation += 1;
    this.#version += 1;
    this.#outdated = [];
    this.#hold([]);
    this.loaded = false;
    this.loading = false;
    this.moreBefore = false;
    this.error = null;
    this.#stale = true;
    this.#rebuild();
  }

  /** The log went on without us: what we hold is true, but nobody knows what lies between it and what comes now. */
  #outdate() {
    this.#stale = true;
    this.#outdated = this.#opened ? this.items.filter((item) => item.offset !== null) : [];
    this.#hold([]);
    if (!this.#opened) this.loaded = false;
  }

  /** @param {Item[]} items in the order of their offsets */
  #hold(items) {
    this.#confirmed = items;
    this.#offsets = new Set(items.map((item) => item.offset ?? 0));
  }

  /** Lets go of the oldest when there are more than `most`. @param {number} most @param {number} left */
  #trim(most, left) {
    // A page on its way belongs right before the first item.
    if (this.#confirmed.length <= most || this.loading) return;
    this.#hold(this.#confirmed.slice(-left));
    this.moreBefore = true;
  }

  /** @param {Message} message */
  #confirm(message) {
    const clientId = message.client_id;
    const mine = clientId !== undefined && message.from === this.#me;
    const unsent = mine ? this.#unconfirmed.find((item) => item.clientId === clientId) : undefined;
    if (unsent) this.#dropUnconfirmed(unsent);
    const key = unsent?.key ?? (clientId === undefined ? `m:${message.id}` : `${message.from}:${clientId}`);
    const { id, from, sent, offset } = message;
    if (this.#offsets.has(offset) || this.#isBefore(offset)) return;
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
    if (this.#offsets.has(offset)) return;
    const { user, by } = payload;
    const document = type.startsWith("document_") ? about(payload) : undefined;
    this.#insert({ kind: SYSTEM_KINDS[type], key: `o:${offset}`, from: user ?? by ?? "A program", offset, document });
  }

  /**
   * Whether it lies in the part of the past that is not loaded, as the answer to a repeated send may: shown now, it
   * would hide the hole after it.
   * @param {number} offset
   */
  #isBefore(offset) {
    return this.loaded && !this.#stale && this.moreBefore && offset < (this.#confirmed[0]?.offset ?? 0);
  }

  /** @param {Item} item */
  #insert(item) {
    const offset = item.offset ?? 0;
    this.#offsets.add(offset);
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
  #unsentItem({ clientId, message, created, error, epoch }) {
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
      epoch,
    };
  }

  /**
   * @param {{ before?: number | null }} where
   * @param {(page: { messages: Message[], offset: number, more_before: boolean }) => void} take
   */
  async #read(where, take) {
    const version = ++this.#version;
    this.loading = true;
    this.error = null;
    this.changed();
    try {
      const page = await this.#socket.request("get_history", { room: this.room, ...where, limit: PAGE });
      if (version === this.#version) take(page);
    } catch (error) {
      if (version === this.#version) this.#loadFailed(error);
    } finally {
      if (version === this.#version) this.#loadEnded();
    }
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
    const keys = new Set(this.#outdated.length > 0 ? this.#confirmed.map((item) => item.key) : []);
    const outdated = this.#outdated.filter((item) => !keys.has(item.key) && !this.#offsets.has(item.offset ?? 0));
    this.items = [...outdated, ...this.#confirmed, ...this.#unconfirmed];
  }
}

/** The document an event is about; one that is gone may be known by its address alone. @param {any} payload */
function about({ document, name, title }) {
  return { name: document?.name ?? name, title: document?.title ?? title ?? null };
}
