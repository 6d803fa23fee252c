/**
 * The connection of one document: binary frames there and back, and a way back after each loss. Knows nothing of what the
 * frames mean.
 *
 * Dispatches `state`, `open`, `frame` (detail: the bytes), and `close` (detail: {code, reason}).
 */
import { fullJitter, pauseAfter } from "../lib/backoff.js";

/** @typedef {"connecting" | "open" | "waiting" | "stopped"} DocumentSocketState */
/** @typedef {"signed_out" | "gone" | "full" | "too_large" | "refused"} Stop why it does not come back by itself */
/**
 * @typedef {object} DocumentSocketOptions
 * @property {() => string} url
 * @property {() => Promise<{ otp: string }>} admission gets a one-time password; throws an error with `code`
 *   "unauthorized" when there is no session, and may name a `retryAfter` in seconds
 * @property {() => Promise<void>} verify whether this document is still the one that is meant; throws an error with `code`
 *   "no_such_document" when it is not
 * @property {new (url: string, protocols: string[]) => WebSocket} [WebSocket]
 * @property {() => number} [random]
 * @property {number} [answerTimeoutMs] silence after a frame of ours that means the connection is dead
 */

/** `WebSocket.OPEN`. */
const OPEN = 1;
const SUBPROTOCOL = "switchboard.documents.v1";

/** Nothing that waiting mends: the same would happen again. @type {Map<number, Stop>} */
const STOPS = new Map([
  [1003, "refused"],
  [1009, "too_large"],
  [4001, "signed_out"],
  [4006, "full"],
  [4007, "gone"],
]);

/** Refusals over HTTP that end it. @type {Map<string, Stop>} */
const REFUSALS = new Map([
  ["unauthorized", "signed_out"],
  ["no_such_document", "gone"],
]);

export class DocumentSocket extends EventTarget {
  /** @type {DocumentSocketState} */
  state = "stopped";
  /** Why it is stopped, unless somebody asked for it. @type {Stop | null} */
  why = null;
  /** Whether it was lost, or tried for in vain, since it was there. */
  hasFailed = false;

  #options;
  /** @type {WebSocket | null} */
  #socket = null;
  // Rises with every connection, so that what an abandoned one still says is ignored.
  #generation = 0;
  #attempt = 0;
  // A browser does not say why it got no socket; the document may be gone.
  #refusedEarly = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #answerTimer;

  /** @param {DocumentSocketOptions} options */
  constructor(options) {
    super();
    const defaults = { WebSocket: globalThis.WebSocket, random: Math.random, answerTimeoutMs: 15_000 };
    this.#options = { ...defaults, ...options };
  }

  start() {
    if (this.state !== "stopped") return;
    this.#attempt = 0;
    this.hasFailed = false;
    void this.#connect();
  }

  /** Closes for good, until `start`. */
  stop() {
    this.#abandon(1000);
    this.#stopped(null);
  }

  /** A connection anew, in place of the one there is. */
  restart() {
    if (this.state === "stopped") return;
    this.#abandon(1000);
    this.hasFailed = false;
    void this.#connect();
  }

  /** Ends a wait early; does nothing in any other state. */
  tryNow() {
    if (this.state === "waiting") void this.#connect();
  }

  /** What we send must make the server say something: silence means that the connection is dead. @param {Uint8Array} frame */
  send(frame) {
    // One that is closing takes nothing more: what is not sent is asked for on the next.
    if (this.state !== "open" || !this.#socket || this.#socket.readyState > OPEN) return;
    this.#socket.send(/** @type {Uint8Array<ArrayBuffer>} */ (frame));
    this.#answerTimer ??= setTimeout(() => this.#dropped(this.#generation, 1006, ""), this.#options.answerTimeoutMs);
  }

  /** The connection has done what it is for: the next loss is the first again. */
  isUseful() {
    this.#attempt = 0;
  }

  async #connect() {
    clearTimeout(this.#timer);
    const generation = ++this.#generation;
    this.#become("connecting");
    let otp;
    try {
      if (this.#refusedEarly) await this.#options.verify();
      if (generation !== this.#generation) return;
      ({ otp } = await this.#options.admission());
    } catch (cause) {
      this.#refused(generation, cause);
      return;
    }
    if (generation !== this.#generation) return;
    this.#refusedEarly = true;
    const socket = new this.#options.WebSocket(this.#options.url(), [SUBPROTOCOL, `otp.${otp}`]);
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    this.#timer = setTimeout(() => this.#dropped(generation, 1006, ""), this.#options.answerTimeoutMs);
    socket.onclose = (close) => this.#dropped(generation, close.code, close.reason);
    socket.onopen = () => void this.#opened(generation, socket);
  }

  /**
   * Only now is it asked whether the document is still the same: the server closes the socket of one that is deleted, so
   * nothing of it can ever be merged into another of its name.
   * @param {number} generation
   * @param {WebSocket} socket
   */
  async #opened(generation, socket) {
    if (generation !== this.#generation) return;
    this.#refusedEarly = false;
    /** @type {Uint8Array[]} */
    const early = [];
    socket.onmessage = ({ data }) => void early.push(new Uint8Array(data));
    try {
      await this.#options.verify();
    } catch (cause) {
      this.#refused(generation, cause);
      return;
    }
    if (generation !== this.#generation) return;
    clearTimeout(this.#timer);
    socket.onmessage = ({ data }) => this.#received(generation, new Uint8Array(data));
    this.hasFailed = false;
    this.#become("open");
    this.dispatchEvent(new Event("open"));
    for (const frame of early) this.#received(generation, frame);
  }

  /** @param {number} generation @param {Uint8Array} frame */
  #received(generation, frame) {
    if (generation !== this.#generation) return;
    clearTimeout(this.#answerTimer);
    this.#answerTimer = undefined;
    this.dispatchEvent(new CustomEvent("frame", { detail: frame }));
  }

  /** @param {number} generation @param {any} cause */
  #refused(generation, cause) {
    if (generation !== this.#generation) return;
    this.#abandon(1000);
    this.hasFailed = true;
    const why = REFUSALS.get(cause?.code);
    if (why) this.#stopped(why);
    else this.#wait((cause?.retryAfter ?? 0) * 1000 + fullJitter(this.#attempt++, this.#options.random));
  }

  /** @param {number} generation @param {number} code @param {string} reason */
  #dropped(generation, code, reason) {
    if (generation !== this.#generation) return;
    this.#abandon();
    this.hasFailed = true;
    const why = STOPS.get(code);
    if (why) this.#stopped(why);
    else this.#wait(pauseAfter({ code, reason }, this.#attempt++, this.#options.random));
    this.dispatchEvent(new CustomEvent("close", { detail: { code, reason } }));
  }

  /** @param {number} delay milliseconds */
  #wait(delay) {
    this.#timer = setTimeout(() => void this.#connect(), delay);
    this.#become("waiting");
  }

  /** @param {Stop | null} why */
  #stopped(why) {
    this.why = why;
    this.#become("stopped");
  }

  /** Lets go of the connection without waiting for it to agree. @param {number} [code] */
  #abandon(code) {
    clearTimeout(this.#timer);
    clearTimeout(this.#answerTimer);
    this.#answerTimer = undefined;
    this.#generation += 1;
    const socket = this.#socket;
    this.#socket = null;
    if (!socket) return;
    socket.onopen = null;
    socket.onmessage = null;
    socket.onclose = null;
    socket.close(code);
  }

  /** @param {DocumentSocketState} state */
  #become(state) {
    this.state = state;
    if (state !== "stopped") this.why = null;
    this.dispatchEvent(new Event("state"));
  }
}
