/** The browser's side of the boundary, scripted: a WebSocket whose server is the test, and a Storage. */
import { Api } from "../../frontend/transport/api.js";
import { DocumentsApi } from "../../frontend/transport/documents_api.js";
import { EventSocket } from "../../frontend/transport/event_socket.js";

export class FakeWebSocket {
  /** @type {FakeWebSocket[]} */
  static all = [];

  /** @type {any[]} */
  sent = [];
  /** @type {number | null} */
  closedWith = null;
  /** @type {((message: { data: string }) => void) | null} */
  onmessage = null;
  /** @type {((close: { code: number, reason: string }) => void) | null} */
  onclose = null;

  /** @param {string} url */
  constructor(url) {
    this.url = url;
    FakeWebSocket.all.push(this);
  }

  /** @param {string} text */
  send(text) {
    this.sent.push(JSON.parse(text));
  }

  /** @param {number} [code] */
  close(code) {
    this.closedWith = code ?? 1005;
  }

  /** @param {object} envelope */
  receives(envelope) {
    this.onmessage?.({ data: JSON.stringify(envelope) });
  }

  /** @param {number} code @param {string} [reason] */
  drops(code, reason = "") {
    this.onclose?.({ code, reason });
  }

  /** @param {Record<string, { offset: number, recovered: boolean }>} [topics] @param {string} [epoch] */
  greets(topics = {}, epoch = "e1") {
    this.receives({ type: "hello", payload: { user: ALICE, epoch, ping_period_secs: 25, topics } });
  }

  catchesUp() {
    this.receives({ type: "caught_up", payload: {} });
  }

  /** The last request of that type. @param {string} type */
  request(type) {
    const found = this.sent.findLast((sent) => sent.type === type);
    if (!found) throw new Error(`no ${type} among ${JSON.stringify(this.sent)}`);
    return found;
  }

  /** Answers the last request of that type. @param {string} type @param {object} payload */
  async ok(type, payload) {
    this.receives({ type: "ok", id: this.request(type).id, payload });
    await settled();
  }

  /** @param {string} type @param {string} code */
  async refuses(type, code) {
    this.receives({ type: "error", id: this.request(type).id, payload: { code, message: code } });
    await settled();
  }
}

export const ALICE = /** @type {const} */ ({ id: 1, name: "alice", role: "owner" });

/** For those who open no documents. */
export const NO_EDITING = { url: (/** @type {string} */ name) => name };

/** Lets every promise that can go on, go on. */
export async function settled() {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
}

export function latest() {
  const socket = FakeWebSocket.all.at(-1);
  if (!socket) throw new Error("nothing has connected");
  return socket;
}

/** @param {Partial<import("../../frontend/transport/event_socket.js").EventSocketOptions>} [options] */
export function newSocket(options = {}) {
  FakeWebSocket.all = [];
  return new EventSocket({
    url: (otp) => `wss://chat.test/ws?otp=${otp}`,
    admission: async () => ({ otp: `otp-${FakeWebSocket.all.length + 1}` }),
    WebSocket: /** @type {any} */ (FakeWebSocket),
    random: () => 0.5,
    ...options,
  });
}

/**
 * An EventSocket that is open, and the server's end of it.
 * @param {Record<string, { offset: number, recovered: boolean }>} [topics]
 */
export async function connected(topics) {
  const socket = newSocket();
  socket.start();
  await settled();
  latest().greets(topics);
  return { socket, server: latest() };
}

/** @returns {Storage} */
export function memoryStorage() {
  /** @type {Map<string, string>} */
  const values = new Map();
  return {
    get length() {
      return values.size;
    },
    clear: () => values.clear(),
    getItem: (key) => values.get(key) ?? null,
    key: (index) => [...values.keys()][index] ?? null,
    removeItem: (key) => void values.delete(key),
    setItem: (key, value) => void values.set(key, value),
  };
}

/** For those whose story has no documents. */
export const NO_DOCUMENTS = new DocumentsApi(new Api(() => Promise.reject(new Error("nobody asks for documents here"))));
