import assert from "node:assert/strict";
import { beforeEach, describe, it, mock } from "node:test";
import * as parts from "../../frontend/editor/main.js";
import { EditorMissing } from "../../frontend/models/load_editor.js";
import { OpenDocument } from "../../frontend/models/open_document.js";
import { ALICE, settled } from "./fakes.mjs";

const PLAN = { name: "plan", id: 7, title: "Plan", created_at: 5, access: /** @type {const} */ ("write") };

/** The server's end of a document's socket. */
class DocumentServer {
  /** @type {DocumentServer[]} */
  static all = [];
  /** @type {import("../../frontend/editor/shared_text.js").SharedText} */
  static text;

  /** @type {import("../../frontend/editor/messages.js").Message[]} */
  received = [];
  onopen = () => undefined;
  /** @type {((message: { data: ArrayBuffer }) => void) | null} */
  onmessage = null;
  onclose = (/** @type {{ code: number, reason: string }} */ _close) => undefined;
  closed = false;

  /** @param {string} url @param {string[]} protocols */
  constructor(url, protocols) {
    this.url = url;
    this.protocols = protocols;
    DocumentServer.all.push(this);
  }

  static get last() {
    return /** @type {DocumentServer} */ (DocumentServer.all.at(-1));
  }

  /** @param {Uint8Array} frame */
  send(frame) {
    this.received.push(...parts.messagesIn(frame));
  }

  close() {
    this.closed = true;
  }

  /** @param {Uint8Array[]} messages */
  says(...messages) {
    this.onmessage?.({ data: /** @type {ArrayBuffer} */ (parts.frameOf(messages).buffer) });
  }

  /** Opens, and asks what the client has. */
  async opens() {
    this.onopen();
    await settled();
    this.says(parts.syncMessage("step1", DocumentServer.text.stateVector));
  }

  /** Takes everything that has come, and answers. */
  takes() {
    for (const message of this.received.splice(0)) {
      if (message.type === "step1") this.says(parts.syncMessage("step2", DocumentServer.text.missing(message.bytes)));
      else if (message.type === "step2" || message.type === "update") DocumentServer.text.receive(message.bytes);
      else if (message.type === "fence") this.says(parts.fenceMessage(message.number));
    }
  }

  /** @param {number} code @param {string} [reason] */
  drops(code, reason = "") {
    this.onclose({ code, reason });
  }
}

/** What a device keeps, in memory. */
class Device {
  /** @type {Uint8Array[]} */
  updates = [];
  /** @type {"read" | "write" | null} */
  access = null;
  keeps = true;
  onTaken = () => undefined;
  load = async () => ({ updates: [...this.updates], access: this.access });
  keep = async (/** @type {Uint8Array} */ update) => {
    if (this.keeps) this.updates.push(update);
    return this.keeps;
  };
  markSynced = (/** @type {"read" | "write"} */ access) => void (this.access = access);
  close = async () => undefined;
  remove = () => {
    this.updates = [];
    this.access = null;
  };
}

/** "Permission denied", as y-protocols says it. */
const READ_ONLY = Uint8Array.of(2, 0, 9, ...new TextEncoder().encode("read_only"));

let otps = 0;
/** @type {any} */
let found = PLAN;
/** @type {Device} */
let device;
const connection = /** @type {any} */ (Object.assign(new EventTarget(), { state: "open" }));

/** @param {Partial<import("../../frontend/models/open_document.js").OpenDocumentOptions>} [options] */
async function opened(options = {}) {
  const document = new OpenDocument({
    document: { ...PLAN },
    user: ALICE,
    url: (name) => `wss://chat.test/documents/${name}`,
    admission: async () => ({ otp: `otp-${(otps += 1)}` }),
    find: async () => {
      if (found === null) throw Object.assign(new Error("no"), { code: "no_such_document" });
      return found;
    },
    connection,
    load: async () => parts,
    keep: /** @type {any} */ (async () => device),
    WebSocket: /** @type {any} */ (DocumentServer),
    random: () => 0.5,
    ...options,
  });
  document.start();
  await settled();
  return document;
}

/** @param {OpenDocument} document @param {string} text */
const write = (document, text) => document.shared?.change([{ from: 0, to: 0, insert: text }]);

async function synced() {
  const document = await opened();
  await DocumentServer.last.opens();
  DocumentServer.last.takes();
  await settled();
  return document;
}

describe("OpenDocument", () => {
  beforeEach(() => {
    mock.timers.reset();
    mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"], now: 1_000_000 });
    DocumentServer.all = [];
    DocumentServer.text = new parts.SharedText({ name: "server" });
    [otps, found, device] = [0, PLAN, new Device()];
  });

  it("connects with a fresh one-time password each time, outside of the address", async () => {
    const document = await synced();
    assert.equal(DocumentServer.last.url, "wss://chat.test/documents/plan");
    assert.deepEqual(DocumentServer.last.protocols, ["switchboard.documents.v1", "otp.otp-1"]);
    DocumentServer.last.drops(1012, "restart jitter_ms=4000");
    mock.timers.tick(1999);
    await settled();
    assert.equal(DocumentServer.all.length, 1);
    mock.timers.tick(1);
    await settled();
    assert.deepEqual(DocumentServer.last.protocols, ["switchboard.documents.v1", "otp.otp-2"]);
    document.stop();
  });

  it("is not to be written in before the server has told what there is", async () => {
    DocumentServer.text.change([{ from: 0, to: 0, insert: "there" }]);
    const document = await opened();
    assert.deepEqual([document.state, document.isEditable, document.text()], ["loading", false, ""]);
    await DocumentServer.last.opens();
    assert.equal(document.isEditable, false);
    DocumentServer.last.takes();
    assert.deepEqual([document.isEditable, document.text(), document.state], [true, "there", "saved"]);
    document.stop();
  });

  it("is saved when the fence behind a change is back, and not a moment earlier", async () => {
    const document = await synced();
    assert.equal(document.state, "saved");
    write(document, "one");
    assert.equal(document.state, "saving");
    mock.timers.tick(30);
    const [update, fence] = DocumentServer.last.received;
    assert.deepEqual([update?.type, fence?.type], ["update", "fence"]);
    write(document, "two");
    DocumentServer.last.takes();
    assert.equal(document.state, "saving");
    mock.timers.tick(30);
    DocumentServer.last.takes();
    assert.deepEqual([document.state, DocumentServer.text.toString()], ["saved", "twoone"]);
    document.stop();
  });

  it("keeps on this device what is written without a connection, and says so only when it does", async () => {
    const document = await synced();
    DocumentServer.last.drops(1006);
    write(document, "offline");
    assert.equal(document.state, "keeping");
    await settled();
    assert.deepEqual([document.state, document.isAtRisk], ["offline", false]);
    device.keeps = false;
    write(document, "more ");
    await settled();
    assert.deepEqual([document.state, document.isAtRisk], ["unkept", true]);
    document.stop();
  });

  it("goes on from this device without the server, and merges when that is back", async () => {
    const first = await synced();
    DocumentServer.last.drops(1006);
    write(first, "offline ");
    await settled();
    first.stop();
    DocumentServer.text.change([{ from: 0, to: 0, insert: "online " }]);
    const second = await opened();
    assert.deepEqual([second.text(), second.isEditable, second.state], ["offline ", true, "connecting"]);
    await DocumentServer.last.opens();
    assert.equal(second.state, "saving");
    DocumentServer.last.takes();
    await settled();
    assert.deepEqual([second.state, second.text()], ["saved", DocumentServer.text.toString()]);
    assert.match(second.text(), /online/);
    assert.match(second.text(), /offline/);
    second.stop();
  });

  it("never mixes a document with another that has its name now", async () => {
    const document = await synced();
    write(document, "of the first");
    DocumentServer.last.drops(1006);
    found = { ...PLAN, id: 8 };
    mock.timers.tick(500);
    await settled();
    await DocumentServer.last.opens();
    assert.deepEqual([document.state, document.isEditable, DocumentServer.last.closed], ["deleted", false, true]);
    assert.deepEqual(DocumentServer.last.received, []);
    assert.deepEqual([document.text(), device.updates.length], ["of the first", 0]);
    document.stop();
  });

  it("learns why it gets no socket", async () => {
    const document = await opened();
    found = null;
    DocumentServer.last.drops(1006);
    mock.timers.tick(500);
    await settled();
    assert.deepEqual([document.state, DocumentServer.all.length], ["deleted", 1]);
    document.stop();
  });

  for (const [code, state] of /** @type {const} */ ([
    [4001, "signed_out"],
    [4006, "full"],
    [4007, "deleted"],
    [1009, "too_large"],
  ])) {
    it(`does not come back by itself after ${code}`, async () => {
      const document = await synced();
      write(document, "more");
      DocumentServer.last.drops(code);
      mock.timers.tick(120_000);
      await settled();
      assert.deepEqual([document.state, DocumentServer.all.length], [state, 1]);
      document.stop();
    });
  }

  for (const code of [1013, 4003, 4005]) {
    it(`comes back slowly after ${code}`, async () => {
      const document = await synced();
      DocumentServer.last.drops(code);
      mock.timers.tick(3999);
      await settled();
      assert.equal(DocumentServer.all.length, 1);
      mock.timers.tick(2001);
      await settled();
      assert.equal(DocumentServer.all.length, 2);
      document.stop();
    });
  }

  it("gives up a copy that the server cannot make sense of, and hands out what would be lost", async () => {
    DocumentServer.text.change([{ from: 0, to: 0, insert: "the server’s" }]);
    const document = await synced();
    write(document, "mine, ");
    const { generation } = document;
    DocumentServer.last.drops(4005);
    await settled();
    assert.deepEqual([document.text(), document.rescued, document.isReadable], ["", "mine, the server’s", false]);
    assert.ok(document.generation > generation);
    mock.timers.tick(6000);
    await settled();
    await DocumentServer.last.opens();
    DocumentServer.last.takes();
    assert.deepEqual([document.text(), document.state], ["the server’s", "saved"]);
    document.stop();
  });

  it("says that a change was not taken, until it is given up", async () => {
    const document = await synced();
    write(document, "may I?");
    mock.timers.tick(30);
    DocumentServer.last.received = [];
    DocumentServer.last.says(READ_ONLY, parts.fenceMessage(99));
    assert.deepEqual([document.state, document.isEditable], ["refused", false]);
    found = { ...PLAN, access: "read" };
    await document.discard();
    await settled();
    await DocumentServer.last.opens();
    DocumentServer.last.takes();
    assert.deepEqual([document.state, document.rescued, document.text()], ["read_only", "may I?", ""]);
    document.stop();
  });

  it("has nothing to say where it may only read", async () => {
    DocumentServer.text.change([{ from: 0, to: 0, insert: "read me" }]);
    device.updates = [DocumentServer.text.missing(new Uint8Array([0]))];
    device.access = "read";
    found = { ...PLAN, access: "read" };
    const document = await opened();
    await DocumentServer.last.opens();
    assert.deepEqual(
      DocumentServer.last.received.map(({ type }) => type).filter((type) => type !== "awareness"),
      ["step1", "fence"],
    );
    DocumentServer.last.takes();
    assert.deepEqual([document.state, document.isUnsaved], ["read_only", false]);
    document.stop();
  });

  it("says offline when there is no connection to be had, and not before", async () => {
    device.access = "write";
    const document = await opened();
    assert.deepEqual([document.state, document.isEditable], ["connecting", true]);
    DocumentServer.last.drops(1006);
    assert.equal(document.state, "offline");
    document.stop();
  });

  it("brings any amount that was written offline, in parts that fit", async () => {
    const first = await synced();
    DocumentServer.last.drops(1006);
    for (let line = 0; line < 40; line += 1) write(first, `${line} ${"😀 wide ".repeat(8000)}\n`);
    first.shared?.change([{ from: 100, to: 90_000, insert: "" }]);
    await settled();
    first.stop();
    const second = await opened();
    write(second, "a second time, ");
    const wanted = second.text();
    const server = DocumentServer.last;
    await server.opens();
    let count = 0;
    for (let turn = 0; turn < 60; turn += 1) {
      for (const message of server.received) if ("bytes" in message) assert.ok(message.bytes.length < 300_000, `${message.bytes.length}`);
      count += server.received.filter(({ type }) => type === "update").length;
      server.takes();
      if (!second.isUnsaved) assert.equal(DocumentServer.text.toString(), wanted);
      mock.timers.tick(250);
    }
    assert.ok(count > 10, `${count}`);
    assert.deepEqual([second.state, DocumentServer.text.toString() === wanted], ["saved", true]);
    write(second, "and goes on ");
    mock.timers.tick(30);
    server.takes();
    assert.deepEqual([second.state, DocumentServer.text.toString() === second.text()], ["saved", true]);
    second.stop();
  });

  it("sends in parts what undoing brings back at once", async () => {
    const document = await synced();
    for (let line = 0; line < 10; line += 1) write(document, "back again ".repeat(8000));
    document.shared?.undoManager.stopCapturing();
    const server = DocumentServer.last;
    for (let turn = 0; turn < 20; turn += 1) (mock.timers.tick(250), server.takes());
    const whole = document.text();
    document.shared?.change([{ from: 0, to: whole.length, insert: "" }]);
    for (let turn = 0; turn < 20; turn += 1) (mock.timers.tick(250), server.takes());
    assert.deepEqual([document.state, DocumentServer.text.toString()], ["saved", ""]);
    document.shared?.undoManager.undo();
    for (let turn = 0; turn < 20; turn += 1) {
      mock.timers.tick(250);
      for (const message of server.received) if ("bytes" in message) assert.ok(message.bytes.length < 300_000, `${message.bytes.length}`);
      server.takes();
    }
    assert.deepEqual([document.state, DocumentServer.text.toString() === whole], ["saved", true]);
    document.stop();
  });

  for (const code of [4006, 1009]) {
    it(`sends nothing of what was taken out again after ${code}`, async () => {
      const document = await synced();
      write(document, "kept ");
      document.shared?.undoManager.stopCapturing();
      write(document, "too much ".repeat(50_000));
      DocumentServer.last.drops(code);
      document.shared?.undoManager.undo();
      const { generation } = document;
      document.tryAgain();
      await settled();
      assert.deepEqual([document.text(), document.generation], ["kept ", generation + 1]);
      await DocumentServer.last.opens();
      const sizes = DocumentServer.last.received.map((message) => ("bytes" in message ? message.bytes.length : 0));
      assert.ok(Math.max(...sizes) < 1000, `${sizes}`);
      DocumentServer.last.takes();
      assert.deepEqual([document.state, DocumentServer.text.toString()], ["saved", "kept "]);
      document.stop();
    });
  }

  it("tells a reader whose deletions were not taken that they were not", async () => {
    DocumentServer.text.change([{ from: 0, to: 0, insert: "to be kept" }]);
    const first = await synced();
    DocumentServer.last.drops(1006);
    first.shared?.change([{ from: 0, to: 6, insert: "" }]);
    await settled();
    first.stop();
    found = { ...PLAN, access: "read" };
    const second = await opened();
    const server = DocumentServer.last;
    await server.opens();
    server.takes();
    mock.timers.tick(30);
    const update = server.received.find(({ type }) => type === "update");
    assert.ok(update, "it asks whether they are taken");
    server.says(READ_ONLY);
    server.takes();
    assert.deepEqual([second.state, second.isUnsaved], ["refused", true]);
    second.stop();
  });

  it("sends again what was refused, when it may write again", async () => {
    const document = await synced();
    write(document, "may I?");
    mock.timers.tick(30);
    DocumentServer.last.received = [];
    DocumentServer.last.says(READ_ONLY);
    found = { ...PLAN, access: "read" };
    document.heard(found);
    assert.equal(document.state, "refused");
    found = { ...PLAN };
    document.heard(found);
    await settled();
    assert.equal(document.state, "connecting");
    await DocumentServer.last.opens();
    assert.equal(document.state, "saving");
    DocumentServer.last.takes();
    assert.deepEqual([document.state, DocumentServer.text.toString()], ["saved", "may I?"]);
    document.stop();
  });

  it("opens without a copy where the browser does not answer, and closes one that comes late", async () => {
    let closed = false;
    /** @type {(copy: any) => void} */
    let come = () => undefined;
    const keep = () => new Promise((resolve) => (come = resolve));
    const document = await opened({ keep: /** @type {any} */ (keep) });
    assert.equal(DocumentServer.all.length, 0);
    mock.timers.tick(2000);
    await settled();
    await DocumentServer.last.opens();
    DocumentServer.last.takes();
    assert.equal(document.state, "saved");
    DocumentServer.last.drops(1006);
    assert.equal(document.state, "unkept");
    come(Object.assign(new Device(), { close: async () => void (closed = true) }));
    await settled();
    assert.equal(closed, true);
    document.stop();
  });

  it("does not connect before the copy is renewed that the server could make nothing of", async () => {
    const document = await synced();
    /** @type {() => void} */
    let renew = () => undefined;
    device.load = () => new Promise((resolve) => (renew = () => resolve({ updates: [], access: null })));
    DocumentServer.last.drops(4005);
    await settled();
    mock.timers.tick(1999);
    for (let second = 0; second < 10; second += 1) {
      await settled();
      assert.equal(DocumentServer.all.length, 1);
    }
    renew();
    await settled();
    mock.timers.tick(6000);
    await settled();
    assert.equal(DocumentServer.all.length, 2);
    document.stop();
  });

  it("begins with the server’s copy where its own is damaged, and says so", async () => {
    DocumentServer.text.change([{ from: 0, to: 0, insert: "the server’s" }]);
    device.updates = [Uint8Array.of(1, 200, 1, 3)];
    device.access = "write";
    const document = await opened();
    assert.deepEqual([document.isCopyDamaged, document.isReadable, device.updates.length], [true, false, 0]);
    await DocumentServer.last.opens();
    DocumentServer.last.takes();
    await settled();
    assert.deepEqual([document.text(), document.state], ["the server’s", "saved"]);
    assert.ok(device.updates.length > 0, "it is kept again");
    document.stop();
  });

  it("keeps all of it again when another window has given up what was kept, unless nobody is signed in", async () => {
    const document = await synced();
    write(document, "here");
    await settled();
    device.remove();
    device.onTaken();
    await settled();
    assert.equal(device.access, "write");
    const kept = new parts.SharedText({ name: "kept" });
    kept.load(device.updates);
    assert.equal(kept.toString(), "here");
    kept.destroy();
    found = null;
    device.remove();
    device.onTaken();
    await settled();
    assert.deepEqual(device.updates, []);
    document.stop();
  });

  it("takes silence after what it sent for the end of the connection", async () => {
    const document = await synced();
    mock.timers.tick(10_000); // it asks whether anybody is there
    assert.ok(DocumentServer.last.received.some(({ type }) => type === "fence"));
    mock.timers.tick(15_000);
    assert.equal(document.state, "offline");
    document.stop();
  });

  it("shows who is there, as long as there is a connection", async () => {
    const document = await synced();
    const bob = new parts.SharedText({ name: "bob" });
    DocumentServer.last.says(parts.awarenessMessage(bob.ourAwareness()));
    assert.deepEqual(document.people.map(({ name }) => name), ["alice", "bob"]);
    mock.timers.tick(9_000);
    DocumentServer.last.takes();
    assert.equal(document.people.length, 2);
    DocumentServer.last.drops(1006);
    assert.equal(document.people.length, 1);
    mock.timers.tick(250);
    await settled();
    await DocumentServer.last.opens();
    DocumentServer.last.says(parts.awarenessMessage(bob.ourAwareness()));
    assert.equal(document.people.length, 2);
    bob.destroy();
    document.stop();
  });

  it("undoes what was done here, and nothing else", async () => {
    const document = await synced();
    write(document, "mine");
    DocumentServer.text.change([{ from: 0, to: 0, insert: "theirs " }]);
    DocumentServer.last.says(parts.syncMessage("update", DocumentServer.text.missing(new Uint8Array([0]))));
    assert.equal(document.canUndo, true);
    document.shared?.undoManager.undo();
    assert.deepEqual([document.text(), document.canUndo, document.canRedo], ["theirs ", false, true]);
    document.stop();
  });

  for (const why of /** @type {const} */ (["outdated", "unavailable"])) {
    it(`says that the editor is ${why}`, async () => {
      let tries = 0;
      const load = async () => {
        tries += 1;
        if (tries === 1) throw new EditorMissing(why, null);
        return parts;
      };
      const document = await opened({ load });
      assert.deepEqual([document.state, document.isEditable], [why, false]);
      document.tryAgain();
      await settled();
      assert.equal(document.state, "loading");
      document.stop();
    });
  }

  it("counts as one what is no text, whoever put it there", async () => {
    const document = await synced();
    write(document, "ab");
    document.shared?.text.insertEmbed(1, { image: "x" });
    assert.equal(document.text(), "a\ufffcb");
    document.stop();
  });
});
