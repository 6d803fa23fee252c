/** A line of a given length and width between a browser and a server: what passes takes its time, whatever it is. */
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { setTimeout as passes } from "node:timers/promises";

/** @typedef {{ rttMs: number, kbit: number }} Line */

export class Wire {
  /** What the browser was sent, TLS and all. */
  bytes = 0;
  #server;
  /** @type {Set<import("node:net").Socket>} */
  #sockets = new Set();
  #target;
  #line;

  /** @param {URL} target @param {Line} line */
  constructor(target, line) {
    this.#target = target;
    this.#line = line;
    this.#server = createServer({ noDelay: true }, (browser) => void this.#join(browser));
  }

  /** @param {string} origin @param {Line} line */
  static async to(origin, line) {
    const wire = new Wire(new URL(origin), line);
    wire.#server.listen(0, "127.0.0.1");
    await once(wire.#server, "listening");
    return wire;
  }

  get origin() {
    const { port } = /** @type {import("node:net").AddressInfo} */ (this.#server.address());
    return `https://127.0.0.1:${port}`;
  }

  /** Ends every connection: who comes back has to shake hands again. */
  cut() {
    for (const socket of this.#sockets) socket.destroy();
    this.bytes = 0;
  }

  close() {
    this.cut();
    this.#server.close();
  }

  /** @param {import("node:net").Socket} browser */
  async #join(browser) {
    const server = connect({ host: this.#target.hostname, port: Number(this.#target.port), noDelay: true });
    for (const socket of [browser, server]) {
      this.#sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        this.#sockets.delete(socket);
        browser.destroy();
        server.destroy();
      });
    }
    server.on("data", (chunk) => (this.bytes += chunk.length));
    const { rttMs, kbit } = this.#line;
    // TCP's own handshake is a round trip too, which the browser has not waited for here.
    this.#carry(browser, server, { delayMs: rttMs * 1.5, laterMs: rttMs / 2, kbit });
    this.#carry(server, browser, { delayMs: rttMs / 2, laterMs: rttMs / 2, kbit });
  }

  /**
   * @param {import("node:net").Socket} from
   * @param {import("node:net").Socket} to
   * @param {{ delayMs: number, laterMs: number, kbit: number }} pace
   */
  #carry(from, to, { delayMs, laterMs, kbit }) {
    let free = performance.now();
    let delay = delayMs;
    let last = Promise.resolve();
    from.on("data", (/** @type {Buffer} */ chunk) => {
      // As packets, so that the first of many bytes do not wait for the last.
      for (let start = 0; start < chunk.length; start += PACKET_BYTES) {
        const packet = chunk.subarray(start, start + PACKET_BYTES);
        const now = performance.now();
        free = Math.max(free, now) + (kbit > 0 ? (packet.length * 8) / kbit : 0);
        const due = free + delay;
        delay = laterMs;
        last = last.then(async () => {
          const wait = due - performance.now();
          if (wait > 0.5) await passes(wait);
          if (!to.destroyed) to.write(packet);
        });
      }
    });
  }
}

const PACKET_BYTES = 1400;
