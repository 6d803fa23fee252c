import { JsonStore } from "../lib/json_store.js";
import { Model } from "../lib/model.js";
import { RoomDocuments } from "./room_documents.js";
import { VersionList } from "./version_list.js";

/** @typedef {import("../transport/documents_api.js").DocumentsApi} DocumentsApi */
/** @typedef {import("../transport/documents_api.js").Document} Document */
/** @typedef {import("../transport/documents_api.js").Access} Access */
/** @typedef {import("../transport/event_socket.js").Envelope} Envelope */
/** @typedef {import("../transport/event_socket.js").Hello} Hello */
/** @typedef {import("../transport/event_socket.js").User} User */
/** What stands beside the chat of a room: the list of its documents, or one of them. @typedef {"list" | Document} Place */

/**
 * The documents of the rooms: which there are, kept live by the rooms' events, and which one is open. Each room has its
 * own beside its chat, over a reload too.
 */
export class Documents extends Model {
  #user;
  #api;
  #socket;
  #places;
  #lists;
  #onGone;
  /** @type {Map<string, RoomDocuments>} */
  #rooms = new Map();
  /** @type {Map<string, Place>} */
  #beside = new Map();
  /** Those that are open here and there no more. @type {Set<number>} */
  #gone = new Set();
  /** @type {Map<number, VersionList>} */
  #versions = new Map();
  /** The room somebody is in. @type {string | null} */
  #watched = null;

  /**
   * @param {object} options
   * @param {User} options.user
   * @param {DocumentsApi} options.api
   * @param {import("../transport/event_socket.js").EventSocket} options.socket
   * @param {Storage} [options.storage]
   * @param {(document: Document) => void} [options.onGone] it was deleted, or is not for this user any more
   */
  constructor({ user, api, socket, storage, onGone = () => undefined }) {
    super();
    this.#user = user;
    this.#api = api;
    this.#socket = socket;
    this.#onGone = onGone;
    this.#places = new JsonStore(storage, `switchboard.${user.id}.beside.`);
    this.#lists = new JsonStore(storage, `switchboard.${user.id}.documents.`);
    for (const room of this.#places.keys()) {
      const place = this.#places.get(room);
      if (place === "list" || isDocument(place)) this.#beside.set(room, place);
    }
  }

  /** @param {string} room */
  of(room) {
    let documents = this.#rooms.get(room);
    if (!documents) {
      const remembered = this.#lists.get(room);
      documents = new RoomDocuments(Array.isArray(remembered) ? remembered.filter(isDocument) : []);
      this.#rooms.set(room, documents);
    }
    return documents;
  }

  /** What stands beside the chat of that room. @param {string} room */
  beside(room) {
    return this.#beside.get(room) ?? null;
  }

  /** @param {string} room */
  showList(room) {
    this.#put(room, "list");
    void this.load(room); // when something was changed last is not told by events
  }

  /** @param {Document} document */
  show(document) {
    if (document.room !== null) this.#put(document.room, document);
  }

  /** @param {string} room */
  hide(room) {
    this.#put(room, null);
  }

  /** Whether it was deleted, or is not for this user any more, while it was open here. @param {Document} document */
  isGone({ id }) {
    return this.#gone.has(id);
  }

  /** Whether this user may rename it for good, say who writes, or delete it. @param {Document} document */
  manages({ created_by: by }) {
    return this.#user.role !== "member" || by === this.#user.name;
  }

  /** @param {Document} document */
  mayWrite(document) {
    return document.members === "write" || this.manages(document);
  }

  /** Somebody is in that room, or in none. @param {string | null} room */
  watch(room) {
    this.#watched = room;
    if (room !== null && !this.of(room).loaded) void this.load(room);
  }

  /** Reads what there is anew. @param {string} room */
  async load(room) {
    const documents = this.of(room);
    if (documents.loading || this.#socket.state !== "open") return; // the next `hello` does it
    documents.begin();
    this.changed();
    try {
      const all = await this.#api.list(room);
      this.#withoutGone(documents, () => documents.take(all));
      this.#learn(room);
    } catch (error) {
      const { code = "internal", message = "" } = /** @type {any} */ (error);
      documents.fail({ code, message });
    }
    this.changed();
  }

  /** A connection has begun. @param {Hello} hello */
  connected(hello) {
    for (const [room, documents] of this.#rooms) {
      if (!hello.topics[`room.${room}`]?.recovered) this.#outdate(documents);
    }
    if (this.#watched !== null && !this.of(this.#watched).loaded) void this.load(this.#watched);
  }

  /** The topic jumped over something. @param {string} topic */
  gap(topic) {
    const room = topic.replace(/^room\./, "");
    const documents = this.#rooms.get(room);
    if (!documents) return;
    this.#outdate(documents);
    if (room === this.#watched) void this.load(room);
  }

  /** @param {Envelope} envelope */
  apply(envelope) {
    const { type, topic, payload } = envelope;
    if (type === "room_removed") this.#forget(payload.room);
    const room = topic?.startsWith("room.") ? topic.slice("room.".length) : null;
    if (room === null) return;
    if (type.startsWith("document_version_")) {
      const document = this.of(room).all.find(({ name }) => name === payload.name);
      if (document) this.#versions.get(document.id)?.apply(envelope);
    } else if (this.#withoutGone(this.of(room), (documents) => documents.apply(envelope))) {
      this.#learn(room);
      this.changed();
    }
  }

  /** The user is in these rooms and no others. @param {string[]} names */
  inRooms(names) {
    const known = new Set([...this.#lists.keys(), ...this.#beside.keys()]);
    for (const room of names) known.delete(room);
    for (const room of known) this.#forget(room);
  }

  /** The same event with the title of what was deleted, before we forget it. @param {Envelope} envelope @returns {Envelope} */
  titled(envelope) {
    const { type, payload } = envelope;
    if (type !== "document_deleted") return envelope;
    return { ...envelope, payload: { ...payload, title: this.of(payload.room).find(payload.id)?.title } };
  }

  /** @param {string} room @param {{ title: string, members: Access }} wanted @returns {Promise<Document>} */
  async create(room, wanted) {
    const document = await this.#api.create({ room, ...wanted });
    this.#put(room, document);
    this.#known(document);
    return document;
  }

  /** @param {Document} document @param {{ title?: string, members?: Access }} change */
  async change(document, change) {
    this.#known(await this.#api.change(document.name, change));
  }

  /** @param {Document} document */
  async remove(document) {
    await this.#api.remove(document.name);
    const { room, id } = document;
    if (room === null) return;
    if (this.#isBeside(room, id)) this.#put(room, "list");
    this.#withoutGone(this.of(room), (documents) => documents.remove(id));
    this.#learn(room);
    this.changed();
  }

  /** The document a link names. Without the server, as far as it was seen here. @param {string} name @returns {Promise<Document>} */
  async find(name) {
    try {
      const document = await this.#api.find(name);
      if (document.room !== null) this.#known(document);
      return document;
    } catch (error) {
      const known = this.#remembered().find((document) => document.name === name);
      if (/** @type {any} */ (error).code !== "network" || !known) throw error;
      return known;
    }
  }

  /** What the server has of it now. @param {Document} document */
  text(document) {
    return this.#api.text(document.name);
  }

  /** @param {Document} document */
  versions(document) {
    let versions = this.#versions.get(document.id);
    if (!versions) {
      versions = new VersionList(this.#api, document.name);
      this.#versions.set(document.id, versions);
    }
    return versions;
  }

  /** @param {Document} document that the server has told us */
  #known(document) {
    const room = document.room ?? "";
    this.of(room).put(document);
    this.#learn(room);
    this.changed();
  }

  /** What is known has changed: what is open follows, and the next visit may need it. @param {string} room */
  #learn(room) {
    const documents = this.of(room);
    this.#lists.set(room, documents.all);
    const place = this.beside(room);
    if (place === null || place === "list") return;
    const now = documents.find(place.id);
    if (now) {
      this.#beside.set(room, now);
      this.#places.set(room, now);
      this.#gone.delete(now.id);
    } else if (documents.loaded) {
      this.#gone.add(place.id); // what is on the screen stays there until somebody goes
    }
  }

  /** Nobody knows what has happened to them meanwhile. @param {RoomDocuments} documents */
  #outdate(documents) {
    documents.loaded = false;
    for (const document of documents.all) this.#versions.get(document.id)?.outdate();
  }

  /** Says which documents are there no more after a change. @template T @param {RoomDocuments} documents @param {(documents: RoomDocuments) => T} change @returns {T} */
  #withoutGone(documents, change) {
    const before = documents.all;
    const result = change(documents);
    for (const document of before) if (!documents.find(document.id)) this.#onGone(document);
    return result;
  }

  /** @param {string} room */
  #forget(room) {
    for (const document of this.of(room).all) this.#onGone(document);
    this.#rooms.delete(room);
    this.#lists.remove(room);
    this.#put(room, null);
  }

  /** @param {string} room @param {Place | null} place */
  #put(room, place) {
    const before = this.beside(room);
    if (before !== null && before !== "list") this.#gone.delete(before.id);
    if (place === null) {
      this.#beside.delete(room);
      this.#places.remove(room);
    } else {
      this.#beside.set(room, place);
      this.#places.set(room, place);
    }
    this.changed();
  }

  /** @param {string} room @param {number} id */
  #isBeside(room, id) {
    const place = this.beside(room);
    return place !== null && place !== "list" && place.id === id;
  }

  /** @returns {Document[]} */
  #remembered() {
    return this.#lists.keys().flatMap((room) => this.of(room).all);
  }
}

/** @param {any} value @returns {value is Document} */
function isDocument(value) {
  return typeof value?.name === "string" && typeof value.title === "string" && Number.isSafeInteger(value.id);
}
