import { JsonStore } from "../lib/json_store.js";
import { Model } from "../lib/model.js";

/** @typedef {import("../transport/event_socket.js").EventSocket} EventSocket */
/** @typedef {import("../transport/event_socket.js").Envelope} Envelope */
/** @typedef {import("../transport/event_socket.js").Hello} Hello */
/** @typedef {import("../transport/event_socket.js").User} User */
/** @typedef {{ name: string, title: string, public: boolean, joined: boolean, members: number }} Room */
/** @typedef {Room & { unread: number, read: number }} RoomEntry `read` is the offset up to which this user has read */

export const GENERAL = "general";
/** Beyond this we say "99+". */
export const MOST_UNREAD = 99;

/** How old the list may be when somebody looks at it. */
const LIST_MS = 10_000;

/** The rooms this user is in and those they could join, and how much is unread in each. */
export class Rooms extends Model {
  /** The room being shown. */
  current;
  loaded = false;

  #socket;
  #user;
  #marks;
  #preferences;
  #epoch = "";
  #refreshedAt = 0;
  /** @type {Map<string, RoomEntry>} */
  #rooms = new Map();
  /** The room whose end somebody is looking at: what arrives there is read. @type {string | null} */
  #watched = null;
  /** Rooms with a jump in their log whose unread messages have not been counted yet. @type {Set<string>} */
  #uncounted = new Set();

  /**
   * @param {object} options
   * @param {User} options.user
   * @param {EventSocket} options.socket
   * @param {Storage} [options.storage]
   */
  constructor({ user, socket, storage }) {
    super();
    this.#user = user;
    this.#socket = socket;
    this.#marks = new JsonStore(storage, `switchboard.${user.id}.read.`);
    this.#preferences = new JsonStore(storage, `switchboard.${user.id}.`);
    this.current = /** @type {string} */ (this.#preferences.get("room") ?? GENERAL);
    // Until the server says which there are, there are those of the last visit.
    for (const room of remembered(this.#preferences.get("rooms"))) this.#set({ ...room, unread: 0, read: -1 });
  }

  /** @returns {RoomEntry[]} `general` first, the others by title */
  get joined() {
    return this.#sorted((room) => room.joined);
  }

  /** @returns {RoomEntry[]} public rooms this user is not in */
  get others() {
    return this.#sorted((room) => !room.joined);
  }

  get unread() {
    return this.joined.reduce((sum, room) => sum + room.unread, 0);
  }

  /** @param {string} name */
  find(name) {
    return this.#rooms.get(name);
  }

  /** @param {string} name */
  select(name) {
    if (this.current === name) return;
    this.current = name;
    this.#watched = null;
    this.#preferences.set("room", name);
    this.changed();
  }

  /** Somebody sees the end of this room, or of none. @param {string | null} name */
  watch(name) {
    this.#watched = name;
    if (name !== null) this.#markRead(name, this.#socket.resume?.positions[`room.${name}`] ?? 0);
  }

  /** A connection has begun: what is there, and what was missed. @param {Hello} hello */
  async connected(hello) {
    if (this.#epoch !== hello.epoch) this.#forgetReading();
    this.#epoch = hello.epoch;
    for (const [topic, { recovered }] of Object.entries(hello.topics)) {
      if (!recovered && topic.startsWith("room.")) this.#uncounted.add(topic.slice("room.".length));
    }
    if (!(await this.refresh())) return;
    for (const name of this.#uncounted) await this.#count(name, hello.topics[`room.${name}`]?.offset ?? 0);
  }

  /** Somebody looks at the list, so it should not be old. */
  look() {
    if (Date.now() - this.#refreshedAt > LIST_MS && this.#socket.state === "open") void this.refresh();
  }

  /** Reads the list anew: public rooms come and go without an event for us. @returns {Promise<boolean>} */
  async refresh() {
    this.#refreshedAt = Date.now();
    try {
      const { rooms } = await this.#socket.request("list_rooms", {});
      this.#replace(rooms);
      return true;
    } catch {
      return false; // the connection is gone or the server busy: the next `hello` asks again
    }
  }

  /** @param {Envelope} envelope */
  apply({ type, topic = "", offset = 0, payload }) {
    if (type === "room_added") this.#add(payload.room, payload.offset);
    else if (type === "room_removed") this.#remove(payload.room);
    else if (topic === `room.${payload.room}`) this.#happened(type, payload, offset);
  }

  /** The topic jumped over something, so the count is a guess. @param {string} topic */
  gap(topic) {
    const name = topic.replace(/^room\./, "");
    if (this.#rooms.get(name)?.joined) void this.#count(name, this.#socket.resume?.positions[topic] ?? 0);
  }

  /** @param {{ room: string, title?: string, public?: boolean }} options */
  async create(options) {
    const { room, offset } = await this.#socket.request("create_room", options);
    this.#add(room, offset);
    this.select(room.name);
  }

  /** @param {string} name */
  async join(name) {
    const { room, offset } = await this.#socket.request("join_room", { room: name });
    this.#add(room, offset);
    this.select(name);
  }

  /** @param {string} name */
  async leave(name) {
    await this.#socket.request("leave_room", { room: name });
    this.#remove(name);
  }

  /** Another tab has read something. @param {string | null} key of the storage event */
  storageChanged(key) {
    if (!this.#marks.owns(key)) return;
    for (const room of this.#rooms.values()) {
      if (this.#mark(room.name) > room.read) this.#set({ ...room, read: this.#mark(room.name), unread: 0 });
    }
    this.changed();
  }

  /** @param {string} type @param {any} payload @param {number} offset */
  #happened(type, payload, offset) {
    const room = this.#rooms.get(payload.room);
    if (!room) return;
    if (type === "new_message") {
      const mine = payload.from === this.#user.name;
      if (mine || this.#watched === room.name) this.#markRead(room.name, offset);
      else if (offset > room.read) this.#set({ ...room, unread: room.unread + 1 });
    } else if ((type === "member_joined" || type === "member_left") && payload.user !== this.#user.name) {
      this.#set({ ...room, members: room.members + (type === "member_joined" ? 1 : -1) });
    }
    this.changed();
  }

  /** @param {Room} room @param {number} offset */
  #add(room, offset) {
    this.#socket.follow(`room.${room.name}`, offset);
    const known = this.#rooms.get(room.name);
    if (known?.joined) {
      this.#set({ ...known, ...room });
    } else {
      this.#set({ ...room, joined: true, unread: 0, read: offset });
      this.#marks.set(room.name, { epoch: this.#epoch, offset });
    }
    this.#remember();
    this.changed();
  }

  /** @param {string} name */
  #remove(name) {
    this.#socket.forget(`room.${name}`);
    const room = this.#rooms.get(name);
    if (room?.public) this.#set({ ...room, joined: false, unread: 0, members: room.members - (room.joined ? 1 : 0) });
    else this.#rooms.delete(name);
    this.#remember();
    if (this.current === name) this.select(GENERAL);
    this.changed();
  }

  /** @param {Room[]} rooms */
  #replace(rooms) {
    const before = this.#rooms;
    this.#rooms = new Map();
    for (const room of rooms) {
      const known = this.loaded ? before.get(room.name) : undefined;
      this.#set({ ...room, unread: known?.unread ?? 0, read: known?.read ?? this.#mark(room.name) });
    }
    this.loaded = true;
    this.#remember();
    if (!this.#rooms.get(this.current)?.joined) this.select(GENERAL);
    if (this.#watched !== null) this.watch(this.#watched);
    this.changed();
  }

  /** Counts what came after the read mark. @param {string} name @param {number} offset where the log stands */
  async #count(name, offset) {
    const end = Math.max(offset, this.#socket.resume?.positions[`room.${name}`] ?? 0);
    // The log may have gone back behind what was read: the server was restored from a backup.
    if (this.#mark(name) > end) this.#rewind(name, end);
    const read = this.#mark(name);
    // A browser that never saw the room: all of it is history, none of it is news.
    if (read < 0) this.#markRead(name, offset);
    if (read < 0 || offset <= read || !this.#rooms.has(name)) {
      this.#uncounted.delete(name);
      return;
    }
    try {
      const page = await this.#socket.request("get_history", { room: name, after: read, limit: 100 });
      const others = page.messages.filter(
        (/** @type {{ from: string }} */ message) => message.from !== this.#user.name,
      );
      this.#uncounted.delete(name);
      const latest = this.#rooms.get(name);
      if (latest && this.#watched !== name) {
        this.#set({ ...latest, read, unread: page.more_after ? MOST_UNREAD + 1 : others.length });
      }
      this.changed();
    } catch {
      // The connection is gone: the next `hello` counts what is left.
    }
  }

  /** Another store: its offsets have nothing to do with those we know. */
  #forgetReading() {
    this.#uncounted.clear();
    for (const room of this.#rooms.values()) this.#set({ ...room, read: -1, unread: 0 });
    this.changed();
  }

  /** @param {string} name @param {number} offset */
  #markRead(name, offset) {
    const room = this.#rooms.get(name);
    if (!room || (offset <= room.read && room.unread === 0)) return;
    const read = Math.max(offset, room.read);
    this.#set({ ...room, read, unread: 0 });
    this.#marks.set(name, { epoch: this.#epoch, offset: read });
    this.changed();
  }

  /** @param {string} name @param {number} offset */
  #rewind(name, offset) {
    const room = this.#rooms.get(name);
    if (room) this.#set({ ...room, read: offset, unread: 0 });
    this.#marks.set(name, { epoch: this.#epoch, offset });
  }

  /** @param {string} name @returns {number} -1 when nothing was ever read here, or it was another store */
  #mark(name) {
    const mark = this.#marks.get(name);
    return mark?.epoch === this.#epoch && Number.isSafeInteger(mark.offset) ? mark.offset : -1;
  }

  #remember() {
    const rooms = this.joined.map(({ name, title, public: isPublic, members }) => ({ name, title, public: isPublic, members }));
    this.#preferences.set("rooms", rooms);
  }

  /** @param {RoomEntry} room */
  #set(room) {
    this.#rooms.set(room.name, room);
  }

  /** @param {(room: RoomEntry) => boolean} filter */
  #sorted(filter) {
    return [...this.#rooms.values()]
      .filter(filter)
      .sort((a, b) => Number(b.name === GENERAL) - Number(a.name === GENERAL) || a.title.localeCompare(b.title));
  }
}

/** @param {unknown} rooms what was stored @returns {Room[]} */
function remembered(rooms) {
  if (!Array.isArray(rooms)) return [];
  return rooms
    .filter((room) => typeof room?.name === "string" && typeof room.title === "string")
    .map(({ name, title, public: isPublic, members }) => ({
      name,
      title,
      public: isPublic !== false,
      joined: true,
      members: Number(members) || 0,
    }));
}
