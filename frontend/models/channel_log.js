import { Model } from "../lib/model.js";
import { SocketError } from "../transport/socket_error.js";
import { AT_END, PAGE, UNOPENED, WHILE_READING, excess, hasRoomForPage } from "./log_limits.js";

/** @typedef {import("../transport/event_socket.js").EventSocket} EventSocket */
/** @typedef {import("../transport/event_socket.js").Envelope} Envelope */
/** @typedef {import("../transport/event_socket.js").TopicState} TopicState */
/** @typedef {import("../transport/event_socket.js").Refused} Refused */
/**
 * @typedef {object} PublicationItem
 * @property {"publication"} kind
 * @property {string} key
 * @property {number} offset
 * @property {unknown} data
 * @property {number} characters of its JSON
 * @property {string} [from] the member who published it
 * @property {number | null} at when it arrived, in milliseconds since 1970; null when it was read back
 */
/**
 * Something is missing here. `after` is the last offset before it, null when that is one of another log.
 * @typedef {{ kind: "gap", key: string, reason: string, after: number | null }} GapItem
 */
/** @typedef {PublicationItem | GapItem} LogItem */
/** @typedef {(channel: string, data: string, idempotencyKey: string) => Promise<{ offset: number }>} Publish */

/** After these nothing of what is held belongs to the log that there is now. */
const OTHER_LOG = new Set(["ahead", "other_epoch"]);

/** What has arrived in one channel, as far as it is held, and what is known of our subscription. */
export class ChannelLog extends Model {
  /** In the order of arrival. @type {LogItem[]} */
  items = [];
  /** @type {"waiting" | "listening" | "refused"} */
  state = "waiting";
  /** Why it is refused. @type {Refused | null} */
  refusal = null;
  /** Whether this member may publish here, as far as the server has said. */
  mayPublish = false;
  /** Whether something has arrived that nobody has looked at. */
  unread = false;
  /** How many have come live. */
  arrived = 0;
  loaded = false;
  loading = false;
  /** Whether the server may keep more before the first publication of the last stretch. */
  moreBefore = true;
  /** The code of the error that kept publications from loading. @type {string | null} */
  error = null;

  #socket;
  #publish;
  #now;
  #newKey;
  /** What was there before the last gap, and that gap. @type {LogItem[]} */
  #before = [];
  /** Without holes, in the order of offsets. @type {PublicationItem[]} */
  #stretch = [];
  /** The last offset we have heard of, null before the first subscription. @type {number | null} */
  #position = null;
  #epoch = "";
  // Rises with every gap: offsets may come again then, and a page that was asked for before belongs nowhere.
  #generation = 0;
  #opened = false;
  /** Whether it has ever been opened. */
  #known = false;
  #readingPast = false;
  /** What was published without an answer that says so. @type {{ text: string, key: string } | null} */
  #attempt = null;

  /**
   * @param {object} options
   * @param {string} options.name
   * @param {EventSocket} options.socket
   * @param {Publish} options.publish
   * @param {() => number} [options.now]
   * @param {() => string} [options.newKey]
   */
  constructor({ name, socket, publish, now = Date.now, newKey = () => crypto.randomUUID() }) {
    super();
    this.name = name;
    this.#socket = socket;
    this.#publish = publish;
    this.#now = now;
    this.#newKey = newKey;
  }

  /** Whether no older ones fit beside those that are held. */
  get full() {
    return !hasRoomForPage(this.items);
  }

  get topic() {
    return `channel.${this.name}`;
  }

  /** Where to go on after a connection that did not resume it. @returns {{ epoch: string, offset: number } | null} */
  get position() {
    return this.#position === null ? null : { epoch: this.#epoch, offset: this.#position };
  }

  /** Somebody looks at it: from now on what the server keeps is wanted. */
  open() {
    this.#opened = true;
    this.#known = true;
    if (!this.loaded) void this.load();
  }

  close() {
    this.#opened = false;
    this.readingAt("end");
  }

  /** Whether somebody reads further up, and what is there should stay. @param {"end" | "past"} place */
  readingAt(place) {
    this.#readingPast = place === "past";
    if (this.#excess(this.items) > 0) this.#show();
  }

  /** The server lets us hear it. @param {TopicState} topic @param {string} epoch of the server's store */
  hears({ offset, recovered, reason }, epoch) {
    this.state = "listening";
    this.refusal = null;
    const asBefore = recovered || (offset === this.#position && epoch === this.#epoch);
    if (!asBefore && this.#position !== null) this.#jump(epoch === this.#epoch ? (reason ?? "unknown") : "other_epoch");
    if (!recovered) this.#position = offset;
    this.#epoch = epoch;
    if (this.#opened && !this.loaded) void this.load();
    this.changed();
  }

  /** The server does not. @param {Refused} refusal */
  refuse(refusal) {
    this.state = "refused";
    this.refusal = refusal;
    this.changed();
  }

  /** It is asked again. */
  wait() {
    this.state = "waiting";
    this.refusal = null;
    this.changed();
  }

  /** The topic jumped over something that nobody has explained. */
  gap() {
    this.#jump("unknown");
    if (this.#opened) void this.load();
    this.changed();
  }

  /** @param {Envelope} envelope an event of this channel's topic */
  apply({ type, payload, offset = 0 }) {
    this.#position = Math.max(offset, this.#position ?? 0);
    // What a page has brought already is not news.
    if (type !== "published" || offset <= (this.#stretch.at(-1)?.offset ?? 0)) return;
    this.#stretch.push(this.#item(payload, offset, this.#now()));
    this.arrived += 1;
    this.#show();
  }

  /** Reads back what is kept before the first publication we have; the newest when we have none. */
  async load() {
    const first = this.#stretch[0]?.offset;
    if (this.loading || this.full || !this.moreBefore || this.state !== "listening") return;
    const generation = this.#generation;
    this.loading = true;
    this.error = null;
    this.changed();
    try {
      const where = first === undefined ? {} : { before: first };
      const page = await this.#socket.request("get_publications", { topic: this.topic, limit: PAGE.items, ...where });
      if (generation === this.#generation) this.#take(page, first);
    } catch (error) {
      // A lost connection is shown elsewhere, and the next one loads again.
      const lost = error instanceof SocketError && error.connectionLost;
      if (generation === this.#generation && !lost) this.error = error instanceof SocketError ? error.code : "internal";
    } finally {
      if (generation === this.#generation) this.loading = false;
      this.changed();
    }
  }

  /**
   * Publishes. The same text after a failure is the same attempt, until somebody edits it: it cannot arrive twice.
   * @param {string} text valid JSON
   * @returns {Promise<number>} its offset
   */
  async publish(text) {
    if (this.#attempt?.text !== text) this.#attempt = { text, key: this.#newKey() };
    const attempt = this.#attempt;
    try {
      const { offset } = await this.#publish(this.name, text, attempt.key);
      this.#end(attempt);
      return offset;
    } catch (error) {
      const { code } = /** @type {{ code?: string }} */ (error);
      if (code === "conflict") this.#end(attempt);
      if (code === "forbidden") this.mayPublish = false;
      this.changed();
      throw error;
    }
  }

  /** The draft has been changed: what is published next is something new, even if it reads the same. */
  edited() {
    this.#attempt = null;
  }

  /** Another one may have begun meanwhile. @param {{ text: string, key: string }} attempt */
  #end(attempt) {
    if (this.#attempt === attempt) this.#attempt = null;
  }

  /**
   * @param {{ publications: { type: string, offset: number, payload: any }[], more_before: boolean }} page
   * @param {number | undefined} before the first offset we had when we asked for it
   */
  #take({ publications, more_before: more }, before) {
    this.loaded = true;
    const first = this.#stretch[0]?.offset;
    const older = publications.filter(({ offset }) => first === undefined || offset < first);
    // A flood has pushed out what it belonged to: to put it here would hide a hole.
    const adjacent =
      before === undefined ? first === undefined || (older.at(-1)?.offset ?? first - 1) === first - 1 : before === first;
    if (adjacent) {
      const read = older.filter(({ type }) => type === "published");
      this.#stretch = [...read.map(({ payload, offset }) => this.#item(payload, offset, null)), ...this.#stretch];
      this.moreBefore = more && publications.length > 0;
      this.#join();
    } else this.moreBefore = true;
    this.#show();
  }

  /** What lies between two stretches has been read after all: the gap is none. */
  #join() {
    const gap = this.#before.at(-1);
    const first = this.#stretch[0]?.offset;
    if (gap?.kind !== "gap" || gap.after === null || first === undefined || first > gap.after + 1) return;
    const { after } = gap;
    const until = this.#before.findLastIndex((item, at) => item.kind === "gap" && at < this.#before.length - 1);
    const joined = /** @type {PublicationItem[]} */ (this.#before.slice(until + 1, -1));
    this.#before = this.#before.slice(0, until + 1);
    this.#stretch = [...joined, ...this.#stretch.filter(({ offset }) => offset > after)];
    this.moreBefore = (this.#stretch[0]?.offset ?? 1) > 1;
  }

  /** The log went on without us. @param {string} reason */
  #jump(reason) {
    this.#generation += 1;
    const last = this.#stretch.at(-1);
    // Without anything to see before it a gap says nothing; two of them side by side say the same as one.
    const shown = last === undefined ? this.#before.slice(0, -1) : [...this.#before, ...this.#stretch];
    const after = OTHER_LOG.has(reason) ? null : (last?.offset ?? lastOffset(this.#before));
    const gap = /** @type {const} */ ({ kind: "gap", key: `gap:${this.#generation}`, reason, after });
    this.#before = shown.length > 0 ? [...shown, gap] : [];
    this.#stretch = [];
    this.loaded = false;
    this.loading = false;
    this.moreBefore = true;
    this.error = null;
    this.#show();
  }

  /** @param {{ data: unknown, from?: string }} payload @param {number} offset @param {number | null} at */
  #item({ data, from }, offset, at) {
    const key = `${this.#generation}:${offset}`;
    const characters = JSON.stringify(data ?? null).length;
    return /** @type {PublicationItem} */ ({ kind: "publication", key, offset, data, characters, from, at });
  }

  get #limits() {
    if (!this.#known) return UNOPENED;
    return this.#readingPast ? WHILE_READING : AT_END;
  }

  /** How many of the first are too much. @param {LogItem[]} items */
  #excess(items) {
    const over = excess(items, this.#limits);
    // Not one by one, while somebody reads: what is there would move with each arrival.
    return over > 0 && this.#readingPast ? excess(items, AT_END) : over;
  }

  #show() {
    this.items = [...this.#before, ...this.#stretch];
    const over = this.#excess(this.items);
    if (over > 0) {
      const fromStretch = Math.max(0, over - this.#before.length);
      this.#before = this.#before.slice(over);
      // A gap with nothing before it is only the beginning of what is held.
      if (this.#before.every(({ kind }) => kind === "gap")) this.#before = [];
      this.#stretch = this.#stretch.slice(fromStretch);
      if (fromStretch > 0) this.moreBefore = true;
      this.items = [...this.#before, ...this.#stretch];
    }
    this.changed();
  }
}

/** @param {LogItem[]} items */
function lastOffset(items) {
  const gap = items.at(-1);
  return gap?.kind === "gap" ? gap.after : null;
}
