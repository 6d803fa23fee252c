/**
 * Real Yjs clients, told what to do on standard input and answering on standard output, a line of JSON each:
 * `{id, client, do, ...}` and `{id, answer}` or `{id, error}`. With `--fake-clock` the provider's hours pass at once.
 */
import { once } from "node:events";
import { mock } from "node:test";
import { createInterface } from "node:readline";

if (process.argv.includes("--fake-clock")) mock.timers.enable({ apis: ["setInterval", "Date"], now: Date.now() });
// lib0 keeps the clock that there is when it is loaded.
const { default: WebSocket } = await import("ws");
const { Doc, encodeStateVector, decodeStateVector } = await import("yjs");
const { WebsocketProvider } = await import("y-websocket");
const { stayConnected } = await import("../../../docs/clients/document_page/stay_connected.js");
const { readSyncMessage, writeSyncStep1, writeUpdate } = await import("y-protocols/sync");
const { createDecoder, readVarUint } = await import("lib0/decoding");
const { createEncoder, length, toUint8Array, writeVarUint } = await import("lib0/encoding");

const [SYNC, FENCE] = [0, 100];
const isHalf = (text, at) => /[\ud800-\udbff]/.test(text[at - 1] ?? "") && /[\udc00-\udfff]/.test(text[at] ?? "");

/** What both kinds of client have in common: a document, what is asked of it, and who waits for what. */
class Client {
  doc = new Doc();
  text = this.doc.getText("text");
  /** @type {{ number: number, resolve: (value?: unknown) => void, reject: (why: Error) => void }[]} */
  #saving = [];
  #fences = 0;
  /** @type {{ isSo: () => boolean, resolve: (value?: unknown) => void }[]} */
  #waiting = [];
  said = [];

  constructor({ server, name, otp, headers }) {
    Object.assign(this, { server, name, request: { body: JSON.stringify(otp), headers } });
    this.text.observe(() => this.changed());
  }

  /** A one-time password, from wherever the server is now. */
  async admit() {
    const headers = { "Content-Type": "application/json", ...this.request.headers };
    // Node's fetch waits for ever now and then when a connection is cut at the wrong moment.
    const request = { method: "POST", body: this.request.body, headers, signal: AbortSignal.timeout(5_000) };
    const answer = await fetch(`${this.server}/otp`, request);
    if (!answer.ok) throw new Error(`/otp: ${answer.status}`);
    return { server: this.server, otp: (await answer.json()).otp };
  }

  /** Puts a string at a place, instead of at most so many small letters behind it. */
  edit({ at, remove, insert }) {
    const now = this.text.toString();
    const floor = Math.floor(at * now.length);
    const index = isHalf(now, floor) ? floor - 1 : floor;
    const letters = /^[a-z]*/.exec(now.slice(index, index + remove))?.[0].length ?? 0;
    this.doc.transact(() => {
      this.text.delete(index, letters);
      this.text.insert(index, insert);
    });
  }

  /** Selects a word and types another over it. */
  replace({ from, to }) {
    const index = this.text.toString().indexOf(from);
    this.doc.transact(() => {
      this.text.delete(index, from.length);
      this.text.insert(index, to);
    });
  }

  append({ insert }) {
    this.text.insert(this.text.length, insert);
  }

  /** Until everything up to now is stored, over as many connections as it takes. */
  save() {
    const late = setTimeout(() => console.error(this.name, this.request.body, this.tells()), 20_000);
    const saved = this.#save();
    saved.finally(() => clearTimeout(late)).catch(() => {});
    return saved;
  }

  #save() {
    return new Promise((resolve, reject) => {
      this.#saving.push({ number: 0, resolve, reject });
      this.askIfStored();
    });
  }

  /** Asks anew: whatever was asked before does not count. */
  askIfStored() {
    if (!this.isSynced() || this.#saving.length === 0) return;
    this.#fences += 1;
    for (const one of this.#saving) one.number = this.#fences;
    const encoder = createEncoder();
    writeVarUint(encoder, FENCE);
    writeVarUint(encoder, this.#fences);
    this.flush();
    this.send(toUint8Array(encoder));
  }

  heardFence(number) {
    for (const one of this.#saving) if (one.number <= number) one.resolve();
    this.#saving = this.#saving.filter((one) => one.number > number);
  }

  /** The server has closed it for something that it did. */
  isToldOff(...why) {
    this.said.push(why);
    for (const { reject } of this.#saving.splice(0)) reject(new Error(`told off: ${why}`));
  }

  flush() {}

  /** What may be the matter. */
  tells() {
    return { saving: this.#saving.length, fences: this.#fences, isSynced: this.isSynced(), said: this.said };
  }

  changed() {
    this.#waiting = this.#waiting.filter(({ isSo, resolve }) => !isSo() || void resolve());
  }

  until(isSo) {
    return new Promise((resolve) => {
      this.#waiting.push({ isSo, resolve });
      this.changed();
    });
  }

  until_text({ text }) {
    return this.until(() => this.text.toString() === text);
  }

  /** Has all there is: a new connection has been synced. */
  async settle() {
    await this.offline();
    await this.online();
    return this.state();
  }

  state() {
    const vector = Object.fromEntries([...decodeStateVector(encodeStateVector(this.doc))].map(([id, clock]) => [id, clock]));
    return { text: this.text.toString(), vector, said: this.said };
  }
}

/** With y-websocket's provider as it comes. */
class Provided extends Client {
  closes = 0;
  constructor(options) {
    super(options);
    this.provider = new WebsocketProvider("", this.name, this.doc, { connect: false, WebSocketPolyfill: WebSocket, disableBc: true });
    this.provider.messageHandlers[FENCE] = (_, decoder) => this.heardFence(readVarUint(decoder));
    this.provider.on("sync", () => {
      this.askIfStored();
      this.changed();
    });
    this.provider.on("connection-close", () => {
      this.closes += 1;
      this.changed();
    });
    this.provider.awareness.on("change", () => this.changed());
    this.isOffline = false;
    const admitUnlessOffline = async () => {
      const admission = await this.admit();
      return this.isOffline ? new Promise(() => {}) : admission;
    };
    stayConnected(this.provider, admitUnlessOffline, (...why) => this.isToldOff(...why));
  }

  isSynced() {
    return this.provider.synced;
  }

  tells() {
    const { wsconnected, wsconnecting, shouldConnect, wsUnsuccessfulReconnects, ws, wsLastMessageReceived } = this.provider;
    const silent = Date.now() - wsLastMessageReceived;
    const socket = { wsconnected, wsconnecting, shouldConnect, wsUnsuccessfulReconnects, readyState: ws?.readyState, silent };
    return { ...super.tells(), isOffline: this.isOffline, closes: this.closes, ...socket };
  }

  send(bytes) {
    this.provider.ws.send(bytes);
  }

  offline() {
    this.isOffline = true;
    this.provider.disconnect();
  }

  async online() {
    this.isOffline = false;
    const { server, otp } = await this.admitInTheEnd();
    this.provider.serverUrl = `${server.replace("http", "ws")}/documents`;
    this.provider.params.otp = otp;
    this.provider.connect();
    return this.synced();
  }

  async admitInTheEnd() {
    for (;;) {
      const admission = await this.admit().catch(() => undefined);
      if (admission) return admission;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  synced() {
    return this.until(() => this.provider.synced);
  }

  /** Shows the others a state. */
  shows({ state }) {
    this.provider.awareness.setLocalState(state);
  }

  /** Waits until the others' states are these, in any order. */
  async until_others({ states }) {
    const sorted = (all) => JSON.stringify(all.map((one) => JSON.stringify(one)).sort());
    const others = () => [...this.provider.awareness.getStates()].filter(([id]) => id !== this.doc.clientID).map(([, state]) => state);
    await this.until(() => sorted(others()) === sorted(states));
  }

  closed_times() {
    return this.closes;
  }

  /** Waits until the provider has complained on the console. */
  async until_complains() {
    await this.until(() => complaints.length > 0);
    return complaints.splice(0);
  }

  /**
   * Lets hours pass in which nobody does anything. When the provider says that it is still here, what it hears of that
   * comes in real time.
   */
  async idles({ seconds }) {
    for (let passed = 0; passed < seconds; passed += 3) {
      const { ws } = this.provider;
      const heard = once(ws, "message");
      let said = false;
      const saying = () => (said = true);
      this.provider.awareness.on("update", saying);
      mock.timers.tick(3000);
      this.provider.awareness.off("update", saying);
      if (said) await heard;
      if (this.provider.ws !== ws) throw new Error(`hung up after ${passed} s`);
    }
  }
}

/** Speaks the protocol by itself, so that it can send twice and out of order. */
class Raw extends Client {
  #held = [];
  #sent = [];
  #shuffles = false;
  #wanted = true;
  #ws = null;
  #isSynced = false;

  constructor(options) {
    super(options);
    this.random = randomOf(options.seed ?? 1);
    this.doc.on("update", (update, origin) => {
      const encoder = createEncoder();
      writeVarUint(encoder, SYNC);
      writeUpdate(encoder, update);
      const message = toUint8Array(encoder);
      this.#sent.push(message); // others' too: what comes twice may come from anybody
      if (origin === this) return;
      if (this.#shuffles) this.#held.push(message);
      else this.send(message);
    });
    this.#connect();
  }

  async #connect() {
    const admission = this.#wanted && (await this.admit().catch(() => undefined));
    if (!this.#wanted || this.#ws) return;
    if (!admission) return void setTimeout(() => this.#connect(), 20);
    const ws = new WebSocket(`${this.server.replace("http", "ws")}/documents/${this.name}?otp=${admission.otp}`);
    ws.binaryType = "arraybuffer";
    this.#ws = ws;
    ws.onopen = () => {
      const encoder = createEncoder();
      writeVarUint(encoder, SYNC);
      writeSyncStep1(encoder, this.doc);
      this.send(toUint8Array(encoder));
    };
    ws.onmessage = ({ data }) => this.#ws === ws && this.#hear(new Uint8Array(data));
    ws.onerror = () => {};
    ws.onclose = ({ code, reason }) => {
      if (code >= 4000) this.isToldOff(code, String(reason));
      if (this.#ws === ws) this.#gone();
      setTimeout(() => this.#connect(), 20);
    };
  }

  #gone() {
    this.#ws = null;
    this.#isSynced = false;
    this.#held = []; // sync step 2 has them
  }

  #hear(bytes) {
    const decoder = createDecoder(bytes);
    const type = readVarUint(decoder);
    if (type === FENCE) return void this.heardFence(readVarUint(decoder));
    if (type !== SYNC) return;
    const encoder = createEncoder();
    writeVarUint(encoder, SYNC);
    const kind = readSyncMessage(decoder, encoder, this.doc, this);
    if (length(encoder) > 1) {
      this.send(toUint8Array(encoder));
      // The server lacked something, so what was asked before the answer does not count.
      this.askIfStored();
    }
    if (kind === 1) {
      this.#isSynced = true;
      this.askIfStored();
      this.changed();
    }
  }

  isSynced() {
    return this.#isSynced;
  }

  send(bytes) {
    if (this.#ws?.readyState === WebSocket.OPEN) this.#ws.send(bytes);
  }

  shuffle() {
    this.#shuffles = true;
  }

  /** What was held back goes out in any order, some of it twice, with some that was sent long ago. */
  flush() {
    const old = this.#shuffles ? this.#sent.filter(() => this.random() < 3 / this.#sent.length) : [];
    const twice = this.#held.filter(() => this.random() < 0.5);
    const all = [...this.#held, ...twice, ...old].map((message) => [this.random(), message]).sort(([one], [other]) => one - other);
    for (const [, message] of all) this.send(message);
    this.#held = [];
    this.#shuffles = false;
  }

  offline() {
    this.#wanted = false;
    const ws = this.#ws;
    this.#gone();
    ws?.close();
  }

  async online() {
    this.#wanted = true;
    await this.#connect();
    return this.synced();
  }

  synced() {
    return this.until(() => this.#isSynced);
  }
}

/** mulberry32: the same numbers for the same seed. @param {number} seed */
function randomOf(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

// stayConnected spreads its tries over seconds.
const chance = Math.random;
Math.random = () => chance() / 20;

const complaints = [];
const clients = new Map();
console.warn = (...said) => {
  complaints.push(said.join(" "));
  for (const client of clients.values()) client.changed();
};
const KINDS = { provider: Provided, raw: Raw };

async function perform({ client, do: what, ...how }) {
  if (what === "make") return void clients.set(client, new KINDS[how.kind](how));
  return clients.get(client)[what](how);
}

for await (const line of createInterface({ input: process.stdin })) {
  const { id, ...order } = JSON.parse(line);
  const answer = (said) => process.stdout.write(`${JSON.stringify({ id, ...said })}\n`);
  perform(order).then((it) => answer({ answer: it ?? null }), (error) => answer({ error: String(error?.stack ?? error) }));
}
process.exit(); // whoever gave the orders is gone
