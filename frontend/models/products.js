import { fullJitter } from "../lib/backoff.js";
import { JsonStore } from "../lib/json_store.js";
import { Model } from "../lib/model.js";
import { productFrom, productJson } from "../lib/product.js";
import { SocketError } from "../transport/socket_error.js";
import { ProductEdit } from "./product_edit.js";
import { readProducts } from "./product_pages.js";
import { ProductTable } from "./product_table.js";

/** @typedef {import("../lib/product.js").Product} Product */
/** @typedef {import("../lib/product.js").Fields} Fields */
/** @typedef {import("../transport/event_socket.js").EventSocket} EventSocket */
/** @typedef {import("../transport/event_socket.js").Envelope} Envelope */
/** @typedef {import("../transport/event_socket.js").Hello} Hello */
/** @typedef {import("../transport/event_socket.js").TopicState} TopicState */
/** @typedef {import("../transport/event_socket.js").Refused} Refused */
/** @typedef {import("../transport/api.js").ProductApi} ProductApi */

export const TOPIC = "products.*";
/** What the server says when it can answer later. */
const PASSING = new Set(["storage_unavailable", "unavailable", "internal", "timeout"]);
/** What it says when it has no products, or none for us. */
const ABSENT = new Set(["not_found", "forbidden", "method_not_allowed"]);

/** The server's products, live while somebody looks at them: a snapshot of all rows, then every change, in order. */
export class Products extends Model {
  /** Whether this server has any such thing; null until it has said so. @type {boolean | null} */
  available = null;
  /** Whether somebody wants to see them. */
  shown = false;
  /** @type {"waiting" | "live" | "refused"} */
  state = "waiting";
  /** Why they are not live. @type {Refused | null} */
  refusal = null;
  /** Whether there are rows to see, old ones perhaps. */
  loaded = false;
  /** How many are read so far, where they do not fit into one answer; null: they are not read so. @type {number | null} */
  read = null;
  /** The server lets us look, but not change anything. */
  readOnly = false;
  /** What is being written, by key. @type {Map<string, ProductEdit>} */
  edits = new Map();
  table = new ProductTable();

  #socket;
  #api;
  #preferences;
  #newKey;
  #opened = false;
  /** Whether this connection hears the topic, or has asked for it. */
  #heard = false;
  /** Up to where the rows reach without a hole; null: take them all anew. @type {{ epoch: string, offset: number } | null} */
  #position = null;
  /** What arrives while a snapshot is on its way. @type {Envelope[] | null} */
  #later = null;
  // Rises with every subscription: only the last one's answer counts.
  #turn = 0;
  /** What was added without an answer that says so. @type {{ json: string, key: string } | null} */
  #attempt = null;

  /**
   * @param {object} options
   * @param {import("../transport/event_socket.js").User} options.user
   * @param {EventSocket} options.socket
   * @param {ProductApi} options.api
   * @param {Storage} [options.storage]
   * @param {() => string} [options.newKey]
   */
  constructor({ user, socket, api, storage, newKey = () => crypto.randomUUID() }) {
    super();
    this.#newKey = newKey;
    this.#socket = socket;
    this.#api = api;
    this.#preferences = new JsonStore(storage, `switchboard.${user.id}.`);
    this.shown = this.#preferences.get("products") === true;
  }

  /** Whether they are where the page is. Until the server has answered, what was shown last is believed. */
  get current() {
    return this.shown && this.available !== false;
  }

  /** @param {boolean} shown */
  show(shown) {
    if (this.shown === shown) return;
    this.shown = shown;
    if (shown) this.#preferences.set("products", true);
    else this.#preferences.remove("products");
    this.changed();
  }

  /** Somebody looks: from now on it is live. */
  open() {
    this.#opened = true;
    void this.#subscribe();
  }

  /** Nobody does. What is there stays, and so does what has been written into it. */
  close() {
    this.#opened = false;
    this.#turn += 1;
    this.#later = null;
    this.#leave();
    if (this.state === "live") this.#become("waiting");
  }

  /** After a refusal. */
  retry() {
    this.#become("waiting");
    void this.#subscribe();
  }

  /** A connection has begun. @param {Hello} hello */
  connected(hello) {
    this.#later = null;
    this.#heard = TOPIC in hello.topics;
    if (this.available !== true) void this.#look();
    if (!this.#opened) {
      this.#leave();
      return;
    }
    const resumed = hello.topics[TOPIC]?.recovered === true;
    // Heard, but not from where we were: nobody knows what lies between the rows and what comes now.
    if (this.#heard && !resumed) this.#position = null;
    if (resumed && this.#position) this.#become("live");
    else void this.#subscribe();
  }

  /** @param {Envelope} envelope */
  apply(envelope) {
    const { type, payload, topic, offset = 0 } = envelope;
    if (topic !== TOPIC) return;
    if (this.#later) {
      this.#later.push(envelope);
      return;
    }
    if (!this.#position || offset <= this.#position.offset) return;
    this.#position.offset = offset;
    if (type === "row_changed") this.#change(payload);
  }

  /** The topic jumped over something. @param {string} topic */
  gap(topic) {
    if (topic !== TOPIC) return;
    this.#position = null;
    void this.#subscribe();
  }

  /** Begins to write into a row, or goes on. @param {string} key */
  edit(key) {
    const product = this.table.find(key);
    if (!product || this.edits.has(key)) return;
    this.edits.set(key, new ProductEdit(product, this.#api));
    this.#edited();
  }

  /** What is written into a row that is not shown just now. @returns {ProductEdit[]} */
  get editsElsewhere() {
    return [...this.edits.values()].filter(({ key }) => !this.table.isHere(key));
  }

  /** Takes back what was written. @param {string} key */
  giveUp(key) {
    this.edits.delete(key);
    this.#edited();
  }

  /** @param {string} key @returns {Promise<boolean>} whether it is saved; if not, the edit says why */
  async save(key) {
    const edit = this.edits.get(key);
    if (!edit) return false;
    const before = this.table.find(key);
    const saved = await edit.save();
    this.#learn(edit.failure?.code);
    if (!saved) return false;
    this.edits.delete(key);
    // What has come since then is not older, and this may be.
    if (before && this.table.find(key) === before) this.table.put(saved);
    this.#edited();
    return true;
  }

  /**
   * Adds a product; it appears when the server says so to everybody. The same once more after a failure is the same
   * attempt: it is not added twice.
   * @param {Fields} fields checked
   */
  async add(fields) {
    const json = productJson(fields);
    if (this.#attempt?.json !== json) this.#attempt = { json, key: this.#newKey() };
    const { key } = this.#attempt;
    await this.#trying(() => this.#api.addProduct(json, key));
    this.#attempt = null;
  }

  /** What is added next is another one, even if it reads the same. */
  forgetAttempt() {
    this.#attempt = null;
  }

  /** What was written into a row that is gone becomes a new one. @param {string} key @returns {Promise<boolean>} whether it has */
  async addAgain(key) {
    const added = (await this.edits.get(key)?.addAgain((fields) => this.add(fields))) ?? false;
    if (added) this.giveUp(key);
    return added;
  }

  /** @param {string} key */
  async remove(key) {
    const before = this.table.find(key);
    await this.#trying(async () => {
      const { tag } = await this.#api.product(key);
      await this.#api.deleteProduct(key, tag);
    });
    this.edits.delete(key);
    if (this.table.find(key) === before) this.table.remove(key);
    this.#edited();
  }

  /** @template T @param {() => Promise<T>} action @returns {Promise<T>} */
  async #trying(action) {
    try {
      return await action();
    } catch (error) {
      this.#learn(/** @type {any} */ (error).code);
      throw error;
    }
  }

  /** @param {string | undefined} code */
  #learn(code) {
    if (code !== "forbidden") return;
    this.readOnly = true;
    this.changed();
  }

  #edited() {
    this.table.pin(this.edits.keys());
    this.changed();
  }

  /** Whether there are products here. */
  async #look() {
    try {
      await this.#api.products();
      this.available = true;
    } catch (error) {
      // Anything but a no says nothing; the next connection asks again.
      if (ABSENT.has(/** @type {any} */ (error).code)) this.available = false;
    }
    this.changed();
  }

  /** From where we are, when that is known; otherwise with all rows. @param {number} [attempt] from 0 */
  async #subscribe(attempt = 0) {
    const turn = ++this.#turn;
    this.read = null;
    if (this.#socket.state !== "open" || !this.#opened) return; // the next `hello` does it
    const { epoch } = this.#socket;
    const heard = this.#heard;
    const known = !heard && this.#position?.epoch === epoch ? this.#position.offset : null;
    this.#heard = true;
    this.#later = [];
    if (this.state === "live") this.#become("waiting");
    try {
      const answer = await this.#socket.request("subscribe", { topics: { [TOPIC]: known }, epoch, snapshot: true });
      if (turn !== this.#turn) return;
      const topic = answer.topics?.[TOPIC];
      if (topic) this.#hears(topic, known, epoch);
      else if (answer.refused?.[TOPIC]?.code === "too_large") await this.#readPages(answer.refused[TOPIC], epoch, turn);
      else {
        this.#heard = heard;
        this.#refused(answer.refused?.[TOPIC] ?? { code: "bad_topic", message: "" }, attempt);
      }
    } catch (error) {
      if (turn !== this.#turn || (error instanceof SocketError && error.connectionLost)) return;
      this.#heard &&= heard;
      const { code = "internal", message = "" } = /** @type {Partial<SocketError>} */ (error);
      this.#refused({ code, message }, attempt);
    }
  }

  /**
   * Too many for one answer: the topic is heard first, then the rows are read in pages, and what came meanwhile goes on
   * top, in its order. A page may be newer than some of that, but never than the last of it.
   * @param {Refused} refusal what is said if even that is too much
   * @param {string} epoch
   * @param {number} turn
   */
  async #readPages(refusal, epoch, turn) {
    this.#position = null; // what is heard until all is read counts only together with it
    const answer = await this.#socket.request("subscribe", { topics: { [TOPIC]: null }, epoch });
    if (turn !== this.#turn) return;
    const topic = answer.topics?.[TOPIC];
    if (topic) this.#socket.follow(TOPIC, topic.offset);
    const products = topic ? await this.#readAll(turn) : null;
    if (turn !== this.#turn) return;
    if (products) this.#begin(topic.offset, epoch, products);
    else {
      this.#leave();
      this.#refused(answer.refused?.[TOPIC] ?? refusal, 0);
    }
  }

  /** @param {number} turn it ends when another one begins */
  async #readAll(turn) {
    const wanted = () => turn === this.#turn;
    const onCount = (/** @type {number} */ count) => {
      if (!wanted()) return false;
      this.read = count;
      this.changed();
      return true;
    };
    try {
      return await readProducts(this.#api, onCount);
    } catch (error) {
      if (wanted()) this.#leave();
      throw error;
    }
  }

  /** @param {TopicState & { rows?: any[] }} topic @param {number | null} known @param {string} epoch */
  #hears({ offset, recovered, rows }, known, epoch) {
    if (recovered && known !== null) this.#begin(known, epoch);
    else this.#begin(offset, epoch, (rows ?? []).map(productFrom));
  }

  /** What has come since then goes on top. @param {number} offset @param {string} epoch @param {Product[]} [products] all */
  #begin(offset, epoch, products) {
    const later = this.#later ?? [];
    this.#later = null;
    this.#socket.follow(TOPIC, offset);
    this.#position = { epoch, offset };
    if (products) this.#replace(products);
    this.#become("live");
    for (const envelope of later) this.apply(envelope);
  }

  /** @param {Refused} refusal @param {number} attempt that has failed */
  #refused(refusal, attempt) {
    this.#later = null;
    this.refusal = refusal;
    this.#become("refused");
    if (!PASSING.has(refusal.code)) return;
    const turn = this.#turn;
    setTimeout(() => turn === this.#turn && void this.#subscribe(attempt + 1), fullJitter(attempt));
  }

  /** Without waiting: what still comes is nobody's. */
  #leave() {
    this.#socket.forget(TOPIC);
    if (this.#heard && this.#socket.state === "open") {
      this.#socket.request("unsubscribe", { topics: [TOPIC] }).catch(() => undefined);
    }
    this.#heard = false;
  }

  /** @param {{ action: string, key: string, row: any }} change */
  #change({ action, key, row }) {
    if (action === "DELETE") {
      this.table.remove(key);
      this.edits.get(key)?.follow(null);
    } else if (row) {
      const product = productFrom(row);
      this.table.put(product);
      this.edits.get(key)?.follow(product);
    } else {
      this.#position = null; // it was too large to come by itself
      void this.#subscribe();
    }
  }

  /** @param {Product[]} products */
  #replace(products) {
    this.table.replace(products);
    this.loaded = true;
    for (const [key, edit] of this.edits) edit.follow(this.table.find(key) ?? null);
  }

  /** @param {Products["state"]} state */
  #become(state) {
    this.state = state;
    if (state !== "waiting") this.read = null;
    if (state !== "refused") this.refusal = null;
    this.changed();
  }
}
