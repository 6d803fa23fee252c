/**
 * A Switchboard connection that comes back by itself and misses nothing. No DOM: anything with WebSocket can use it.
 *
 * Dispatches `state`, `hello` (detail: the payload), `event` (detail: the envelope), `caught_up`, and `gap`
 * (detail: {topic}) when a topic jumped over offsets and must be read anew.
 */
import { fullJitter, pauseAfter } from "../lib/backoff.js";
import { batches } from "../lib/batches.js";
import { parseExactly } from "../lib/exact_json.js";
import { TokenBucket } from "../lib/token_bucket.js";
import { SocketError } from "./socket_error.js";

/** @typedef {"connecting" | "open" | "waiting" | "signed_out" | "closed"} SocketState */
/** @typedef {{ id: number, name: string, role: "owner" | "admin" | "member" }} User */
/** @typedef {{ epoch: string, positions: Record<string, number> }} Resume */
/** @typedef {{ offset: number, recovered: boolean, reason?: string }} TopicState */
/** @typedef {{ code: string, message: string }} Refused why a topic cannot be heard */
/**
 * @typedef {{ user: User, epoch: string, ping_period_secs: number, topics: Record<string, TopicState>,
 *   refused?: Record<string, Refused> }} Hello
 */
/** @typedef {{ type: string, payload: any, topic?: string, offset?: number, id?: number | string }} Envelope */
/**
 * @typedef {{ resolve: (payload: any) => void, reject: (error: SocketError) => void, timeoutMs: number,
 *   timer?: ReturnType<typeof setTimeout> }} Pending
 */
/**
 * @typedef {object} EventSocketOptions
 * @property {(otp: string) => string} url where to connect with that one-time password
 * @property {(resume: Resume | undefined) => Promise<{ otp: string }>} admission gets a one-time password; throws an
 *   error with `code` "unauthorized" when there is no session, and may name a `retryAfter` in seconds
 * @property {new (url: string) => WebSocket} [WebSocket] an implementation, where there is no global one
 * @property {() => number} [random]
 * @property {number} [answerTimeoutMs] silence after a request that means the connection is dead
 * @property {{ burst: number, perSecond: number }} [pace] requests that leave at once and in the long run; to stay below
 *   the server's `events_burst` and `events_per_sec`, since whoever exceeds these is thrown out
 */

const DO_NOT_RECONNECT = new Set([1003]);
const SIGNED_OUT = 4001;
/** As many positions as the server takes, in as many bytes. Rooms go first: channels can be subscribed to later. */
const POSITIONS = { most: 1024, bytes: 48 * 1024 };
const PACE = { burst: 60, perSecond: 15 };

export class EventSocket extends EventTarget {
  /** @type {SocketState} */
  state = "closed";
  /** When the next attempt starts, in milliseconds since 1970; null when none is planned. @type {number | null} */
  retryAt = null;
  /** When the last frame came, in milliseconds since 1970. */
  heardAt = 0;

  #options;
  /** @type {WebSocket | null} */
  #socket = null;
  // Rises with every connection, so that what an abandoned one still says is ignored.
  #generation = 0;
  #attempt = 0;
  #nextId = 1;
  #greeted = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** @type {Map<number | string, Pending>} */
  #pending = new Map();
  /** What waits for its turn to leave, in order. @type {{ id: number, frame: string }[]} */
  #queue = [];
  #bucket;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #paceTimer;
  #epoch = "";
  /** @type {Map<string, number>} */
  #positions = new Map();

  /** @param {EventSocketOptions} options */
  constructor(options) {
    super();
    const defaults = { WebSocket: globalThis.WebSocket, random: Math.random, answerTimeoutMs: 10_000, pace: PACE };
    this.#options = { ...defaults, ...options };
    this.#bucket = new TokenBucket(this.#options.pace, Date.now());
  }

  /** Where we are, as the server wants to hear it. @returns {Resume | undefined} */
  get resume() {
    if (this.#epoch === "" || this.#positions.size === 0) return undefined;
    const positions = [...this.#positions].sort(([a], [b]) => Number(isAtWill(a)) - Number(isAtWill(b)));
    const [first = []] = batches(positions, ([topic, offset]) => `${JSON.stringify(topic)}:${offset},`, POSITIONS);
    return { epoch: this.#epoch, positions: Object.fromEntries(first) };
  }

  /** Identity of the server's store; "" before the first hello. */
  get epoch() {
    return this.#epoch;
  }

  start() {
    if (this.state === "closed" || this.state === "signed_out") void this.#connect();
  }

  /** Closes for good, until `start`. */
  stop() {
    this.#abandon(1000);
    this.#become("closed");
  }

  /** Ends a wait early; does nothing in any other state. */
  tryNow() {
    if (this.state === "waiting") void this.#connect();
  }

  /**
   * Sends a request, as soon as the pace allows, and waits for its answer. Rejects with a SocketError; `connectionLost` says whether to repeat it.
   * @param {string} type
   * @param {object} payload
   * @param {{ timeoutMs?: number }} [options]
   * @returns {Promise<any>} the `ok` payload
   */
  request(type, payload, { timeoutMs = this.#options.answerTimeoutMs } = {}) {
    return new Promise((resolve, reject) => {
      if (this.state !== "open") {
        reject(new SocketError("disconnected", "not connected"));
        return;
      }
      const id = this.#nextId++;
      this.#pending.set(id, { resolve, reject, timeoutMs });
      this.#queue.push({ id, frame: JSON.stringify({ type, id, payload }) });
      if (this.#queue.length === 1) this.#sendQueued();
    });
  }

  /**
   * We know a topic up to this offset by other means (an answer that named it).
   * @param {string} topic
   * @param {number} offset
   */
  follow(topic, offset) {
    this.#positions.set(topic, Math.max(offset, this.#positions.get(topic) ?? 0));
  }

  /** We no longer hear this topic. @param {string} topic */
  forget(topic) {
    this.#positions.delete(topic);
  }

  #sendQueued() {
    while (this.#queue.length > 0) {
      const wait = this.#bucket.take(Date.now());
      if (wait > 0) {
        this.#paceTimer = setTimeout(() => this.#sendQueued(), wait);
        return;
      }
      const { id, frame } = /** @type {{ id: number, frame: string }} */ (this.#queue.shift());
      const pending = this.#pending.get(id);
      // A browser shows us no pings: a request without an answer is the only sign of a dead connection.
      if (pending) pending.timer = setTimeout(() => this.#timedOut(id), pending.timeoutMs);
      this.#socket?.send(frame);
    }
  }

  async #connect() {
    clearTimeout(this.#timer);
    const generation = ++this.#generation;
    this.#greeted = false;
    this.#become("connecting");
    let otp;
    try {
      ({ otp } = await this.#options.admission(this.resume));
    } catch (cause) {
      if (generation === this.#generation) this.#refused(cause);
      return;
    }
    if (generation !== this.#generation) return;
    const socket = new this.#options.WebSocket(this.#options.url(otp));
    this.#socket = socket;
    this.#timer = setTimeout(() => this.#dropped(generation, 1006, ""), this.#options.answerTimeoutMs);
    socket.onmessage = (message) => {
      if (generation === this.#generation) this.#received(message.data);
    };
    socket.onclose = (close) => this.#dropped(generation, close.code, close.reason);
  }

  /** @param {any} cause */
  #refused(cause) {
    if (cause?.code === "unauthorized") {
      this.#become("signed_out");
      return;
    }
    const atLeast = (cause?.retryAfter ?? 0) * 1000;
    this.#wait(atLeast + fullJitter(this.#attempt++, this.#options.random));
  }

  /** @param {string} text */
  #received(text) {
    this.heardAt = Date.now();
    /** @type {Envelope} */
    const envelope = parseExactly(text);
    if (envelope.type === "hello" && !this.#greeted) {
      this.#hello(envelope.payload);
    } else if (envelope.id !== undefined && (envelope.type === "ok" || envelope.type === "error")) {
      this.#answered(envelope.id, envelope);
    } else if (envelope.type === "caught_up") {
      // Only now: a server that lets us in and throws us out again must not be tried without a pause.
      this.#attempt = 0;
      this.dispatchEvent(new Event("caught_up"));
    } else if (envelope.topic !== undefined && envelope.offset !== undefined) {
      this.#published(envelope, envelope.topic, envelope.offset);
    } else {
      this.#emit("event", envelope);
    }
  }

  /** @param {Hello} hello */
  #hello(hello) {
    clearTimeout(this.#timer);
    this.#greeted = true;
    this.#bucket = new TokenBucket(this.#options.pace, Date.now()); // the server counts anew, too
    if (hello.epoch !== this.#epoch) this.#positions.clear();
    this.#epoch = hello.epoch;
    for (const topic of this.#positions.keys()) {
      if (!(topic in hello.topics)) this.#positions.delete(topic);
    }
    for (const [topic, { offset, recovered }] of Object.entries(hello.topics)) {
      if (!recovered) this.#positions.set(topic, offset);
    }
    this.#become("open");
    this.#emit("hello", hello);
  }

  /** @param {Envelope} envelope @param {string} topic @param {number} offset */
  #published(envelope, topic, offset) {
    const position = this.#positions.get(topic);
    // Unsubscribed a moment ago; to keep its position would be to subscribe again with the next connection.
    if (position === undefined && isAtWill(topic)) return;
    if (position !== undefined && offset <= position) return;
    this.#positions.set(topic, offset);
    if (position !== undefined && offset > position + 1) this.#emit("gap", { topic });
    this.#emit("event", envelope);
  }

  /** @param {number | string} id @param {Envelope} envelope */
  #answered(id, envelope) {
    const pending = this.#pending.get(id);
    if (!pending) return;
    this.#pending.delete(id);
    clearTimeout(pending.timer);
    if (envelope.type === "ok") pending.resolve(envelope.payload);
    else pending.reject(new SocketError(envelope.payload.code, envelope.payload.message));
  }

  /** @param {number} id */
  #timedOut(id) {
    const pending = this.#pending.get(id);
    if (!pending) return;
    this.#pending.delete(id);
    pending.reject(new SocketError("timeout", "the server did not answer in time"));
    this.#dropped(this.#generation, 1006, "");
  }

  /** @param {number} generation @param {number} code @param {string} reason */
  #dropped(generation, code, reason) {
    if (generation !== this.#generation) return;
    this.#abandon();
    if (code === SIGNED_OUT) {
      this.#become("signed_out");
    } else if (DO_NOT_RECONNECT.has(code)) {
      this.#become("closed");
    } else {
      this.#wait(pauseAfter({ code, reason }, this.#attempt++, this.#options.random));
    }
  }

  /** @param {number} delay milliseconds */
  #wait(delay) {
    this.retryAt = Date.now() + delay;
    this.#timer = setTimeout(() => void this.#connect(), delay);
    this.#become("waiting");
  }

  /**
   * Lets go of the connection without waiting for it to agree: a dead one answers after minutes.
   * @param {number} [code]
   */
  #abandon(code) {
    clearTimeout(this.#timer);
    this.#generation += 1;
    const socket = this.#socket;
    this.#socket = null;
    if (socket) {
      socket.onmessage = null;
      socket.onclose = null;
      socket.close(code);
    }
    clearTimeout(this.#paceTimer);
    this.#queue = [];
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    // Before the promises, so that whoever sees the rejection sees that we are not connected.
    if (this.state === "open") this.state = "waiting";
    for (const { reject, timer } of pending) {
      clearTimeout(timer);
      reject(new SocketError("disconnected", "the connection was lost"));
    }
  }

  /** @param {SocketState} state */
  #become(state) {
    this.state = state;
    if (state !== "waiting") this.retryAt = null;
    this.dispatchEvent(new Event("state"));
  }

  /** @param {string} name @param {unknown} detail */
  #emit(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

/**
 * Whether we hear this topic because we asked for it, and not because of what we are a member of.
 * @param {string} topic
 */
function isAtWill(topic) {
  return !/^(room|user)\./.test(topic);
}
