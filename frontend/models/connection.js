import { Model } from "../lib/model.js";

/** After so long without a frame a connection is asked whether it still lives: a browser cannot see pings. */
const IDLE_MS = 45_000;
const LOOK_MS = 5_000;

/** How we stand with the server, for people. */
export class Connection extends Model {
  online = true;
  /** Whether it was tried, at least: before that, nothing is lost and nothing need be said. */
  #tried = false;

  #socket;
  #verify;
  #askedAt = 0;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #timer;

  /**
   * @param {import("../transport/event_socket.js").EventSocket} socket
   * @param {() => unknown} verify sends any request: without an answer the socket gives itself up
   */
  constructor(socket, verify) {
    super();
    this.#socket = socket;
    this.#verify = verify;
    socket.addEventListener("state", () => {
      this.#tried ||= socket.state === "open" || socket.state === "waiting";
      this.changed();
    });
  }

  get state() {
    return this.#socket.state;
  }

  /** Whether there is none where one should be. */
  get lost() {
    return this.state === "waiting" || this.state === "closed" || (this.state === "connecting" && this.#tried);
  }

  get retryAt() {
    return this.#socket.retryAt;
  }

  start() {
    this.#timer = setInterval(() => {
      const silentSince = Math.max(this.#socket.heardAt, this.#askedAt);
      if (this.state === "open" && Date.now() - silentSince >= IDLE_MS) this.verify();
    }, LOOK_MS);
  }

  stop() {
    clearInterval(this.#timer);
  }

  /** Also whenever the page wakes up: it may have slept through the end of its connection. */
  verify() {
    this.#askedAt = Date.now();
    if (this.state === "open") this.#verify();
    else this.#socket.tryNow();
  }

  /** Somebody asked for it, so even where the socket would not come back by itself. */
  tryNow() {
    if (this.state === "closed") this.#socket.start();
    else this.#socket.tryNow();
  }

  /**
   * What the system believes; it is a hint, since a server on this machine needs no network.
   * @param {boolean} online
   */
  setOnline(online) {
    this.online = online;
    if (online || this.state === "open") this.verify();
    this.changed();
  }
}
