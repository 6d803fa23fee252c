import { JsonStore } from "../lib/json_store.js";
import { EventSocket } from "../transport/event_socket.js";
import { Channels } from "./channels.js";
import { Connection } from "./connection.js";
import { Documents } from "./documents.js";
import { Drafts } from "./drafts.js";
import { Editing } from "./editing.js";
import { Outbox } from "./outbox.js";
import { Products } from "./products.js";
import { GENERAL, Rooms } from "./rooms.js";
import { Timeline } from "./timeline.js";

/** @typedef {import("../transport/event_socket.js").User} User */
/** @typedef {import("../transport/event_socket.js").Envelope} Envelope */

/** Everything a signed-in user sees: owns the socket, and hands each event to the models it concerns. */
export class Chat {
  /** @type {Map<string, Timeline>} */
  #timelines = new Map();
  #outbox;
  /** Everything this user has in this browser, of whichever part. */
  #kept;

  /**
   * @param {object} options
   * @param {User} options.user
   * @param {import("../transport/event_socket.js").EventSocketOptions} options.socket
   * @param {import("./channel_log.js").Publish} options.publish
   * @param {import("../transport/api.js").ProductApi} options.products
   * @param {import("../transport/documents_api.js").DocumentsApi} options.documents
   * @param {Pick<import("./open_document.js").OpenDocumentOptions, "url" | "find">} options.editing
   * @param {Storage} [options.storage]
   * @param {() => void} options.onSignedOut
   */
  constructor({ user, socket, publish, products, documents, editing, storage, onSignedOut }) {
    this.user = user;
    this.socket = new EventSocket(socket);
    this.rooms = new Rooms({ user, socket: this.socket, storage });
    this.channels = new Channels({ user, socket: this.socket, publish, storage });
    this.products = new Products({ user, socket: this.socket, api: products, storage });
    this.documents = new Documents({
      user,
      api: documents,
      socket: this.socket,
      storage,
      onGone: (document) => this.editing.forget(document),
    });
    this.drafts = new Drafts(storage, user.id);
    // What costs the server least of all it answers.
    const probe = () => this.socket.request("get_history", { room: GENERAL, limit: 1 }).catch(() => undefined);
    this.connection = new Connection(this.socket, probe);
    const admission = () => socket.admission(undefined);
    this.editing = new Editing({ user, admission, connection: this.connection, ...editing }, storage);
    this.#outbox = new Outbox(storage, user.id);
    this.#kept = new JsonStore(storage, `switchboard.${user.id}.`);
    this.#listen(onSignedOut);
  }

  start() {
    // What is unsent leaves even when nobody opens its room.
    for (const { room } of this.#outbox.all()) this.timeline(room);
    this.connection.start();
    this.socket.start();
    this.editing.start();
  }

  stop() {
    this.connection.stop();
    this.socket.stop();
    this.editing.stop();
  }

  /** The page is looked at again: it may have slept through the end of its connection, or through new rooms. */
  wake() {
    if (this.socket.state === "open") void this.rooms.refresh();
    else this.connection.verify();
  }

  /** Forgets whatever was kept, the names of rooms too: the user has signed out, others may use this browser. */
  clear() {
    this.#kept.clear();
    this.editing.clear();
  }

  /** @param {string} name */
  showRoom(name) {
    this.products.show(false);
    this.channels.select(null);
    this.rooms.select(name);
  }

  /** @param {string} name */
  showChannel(name) {
    this.products.show(false);
    this.channels.select(name);
  }

  showProducts() {
    this.products.show(true);
  }

  /** Beside the chat of its room. @param {import("./documents.js").Document} document */
  showDocument(document) {
    if (document.room === null) return;
    this.showRoom(document.room);
    this.documents.show(document);
  }

  /**
   * The room, channel or table before or after the one that is shown, round and round; a document is with its room.
   * @param {1 | -1} step
   */
  showNeighbour(step) {
    const { rooms, channels, products } = this;
    const places = [
      ...rooms.joined.map(({ name }) => ({ name: `room ${name}`, show: () => this.showRoom(name) })),
      ...channels.all.map(({ name }) => ({ name: `channel ${name}`, show: () => this.showChannel(name) })),
    ];
    if (products.available) places.push({ name: "products", show: () => this.showProducts() });
    const channel = channels.find(channels.current);
    const elsewhere = channel ? `channel ${channel.name}` : `room ${rooms.current}`;
    const at = places.findIndex(({ name }) => name === (products.current ? "products" : elsewhere));
    places[(at + step + places.length) % places.length]?.show();
  }

  /** @param {string} room */
  timeline(room) {
    let timeline = this.#timelines.get(room);
    if (!timeline) {
      timeline = new Timeline({ room, me: this.user.name, socket: this.socket, outbox: this.#outbox });
      this.#timelines.set(room, timeline);
    }
    return timeline;
  }

  /** @param {() => void} onSignedOut */
  #listen(onSignedOut) {
    const on = (/** @type {string} */ name, /** @type {(detail: any) => void} */ handle) =>
      this.socket.addEventListener(name, (event) => handle(/** @type {CustomEvent} */ (event).detail));
    on("hello", (hello) => {
      this.#outbox.greeted(hello.epoch);
      void this.#meetRooms(hello);
      this.channels.connected(hello);
      this.products.connected(hello);
      this.documents.connected(hello);
      for (const timeline of this.#timelines.values()) timeline.connected(hello.topics[timeline.topic], hello.epoch);
    });
    on("event", (envelope) => this.#apply(envelope));
    // After the replay: what it confirms need not be sent again.
    on("caught_up", () => this.#timelines.forEach((timeline) => void timeline.flush()));
    on("gap", ({ topic }) => {
      this.rooms.gap(topic);
      this.channels.gap(topic);
      this.products.gap(topic);
      this.documents.gap(topic);
      this.#of(topic)?.gap();
    });
    on("state", () => {
      if (this.socket.state === "signed_out") onSignedOut();
    });
  }

  /** @param {import("../transport/event_socket.js").Hello} hello */
  async #meetRooms(hello) {
    await this.rooms.connected(hello);
    // Whoever was taken out of a room while away hears it from no event.
    if (this.rooms.loaded) this.documents.inRooms(this.rooms.joined.map(({ name }) => name));
  }

  /** @param {Envelope} envelope */
  #apply(envelope) {
    this.#of(envelope.topic)?.apply(this.documents.titled(envelope));
    this.rooms.apply(envelope);
    this.channels.apply(envelope);
    this.products.apply(envelope);
    this.documents.apply(envelope);
    // A room that was left may be joined again later, with a hole between.
    if (envelope.type === "room_removed") {
      this.#timelines.get(envelope.payload.room)?.abandon();
      this.#timelines.delete(envelope.payload.room);
    }
  }

  /** @param {string | undefined} topic */
  #of(topic) {
    return topic?.startsWith("room.") ? this.#timelines.get(topic.slice("room.".length)) : undefined;
  }
}
