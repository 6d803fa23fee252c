import assert from "node:assert/strict";
import { beforeEach, describe, it, mock } from "node:test";
import { documentHash, documentOf } from "../../frontend/lib/document_link.js";
import { Chat } from "../../frontend/models/chat.js";
import { DocumentLink } from "../../frontend/models/document_link.js";
import { Api, ApiError } from "../../frontend/transport/api.js";
import { DocumentsApi } from "../../frontend/transport/documents_api.js";
import { ALICE, FakeWebSocket, NO_EDITING, latest, memoryStorage, settled } from "./fakes.mjs";

/** @typedef {import("../../frontend/transport/documents_api.js").Document} Document */

const BOB = /** @type {const} */ ({ id: 2, name: "bob", role: "member" });
const GENERAL = { name: "general", title: "General", public: true, joined: true, members: 2 };
const TOPICS = { "room.general": { offset: 5, recovered: false } };

/** @param {number} id @param {Partial<Document>} [more] @returns {Document} */
const document = (id, more = {}) => ({
  name: `doc${id}`,
  id,
  title: `Document ${id}`,
  room: "general",
  members: "write",
  created_by: "alice",
  created_at: 1,
  changed_at: 2,
  ...more,
});

/** The server's documents, as the API shows them. */
class Shelf extends DocumentsApi {
  /** @type {Map<string, Document>} */
  documents = new Map();
  /** @type {import("../../frontend/transport/documents_api.js").Version[]} */
  versionsOf = [];
  /** @type {string[]} */
  asked = [];
  /** What is answered instead, once. @type {ApiError | null} */
  failure = null;
  /** Holds the next answer back. @type {Promise<void>} */
  gate = Promise.resolve();
  #id = 100;

  /** @param {Document[]} documents */
  constructor(...documents) {
    super(new Api(() => Promise.reject(new Error("there is no network here"))));
    for (const one of documents) this.documents.set(one.name, one);
  }

  /** @template T @param {string} what @param {() => T} answer @returns {Promise<T>} */
  async #answer(what, answer) {
    this.asked.push(what);
    const { failure } = this;
    this.failure = null;
    if (failure) throw failure;
    const value = answer();
    await this.gate;
    return value;
  }

  /** @param {string} name */
  #there(name) {
    const found = this.documents.get(name);
    if (!found) throw new ApiError("no_such_document", "no", { status: 404 });
    return found;
  }

  /** @override @param {string} room */
  list(room) {
    return this.#answer(`list ${room}`, () => [...this.documents.values()].filter((one) => one.room === room));
  }

  /** @override @param {{ room: string, title: string, members: "read" | "write" }} wanted */
  create(wanted) {
    return this.#answer("create", () => {
      const made = document(this.#id++, wanted);
      this.documents.set(made.name, made);
      return made;
    });
  }

  /** @override @param {string} name */
  find(name) {
    return this.#answer(`find ${name}`, () => ({ ...this.#there(name), access: /** @type {const} */ ("write"), manages: true }));
  }

  /** @override @param {string} name @param {object} change */
  change(name, change) {
    return this.#answer(`change ${name}`, () => {
      const changed = { ...this.#there(name), ...change };
      this.documents.set(name, changed);
      return changed;
    });
  }

  /** @override @param {string} name */
  remove(name) {
    return this.#answer(`remove ${name}`, () => void this.documents.delete(name));
  }

  /** @override @param {string} name */
  versions(name) {
    return this.#answer(`versions ${name}`, () => [...this.versionsOf]);
  }

  /** @override @param {string} name @param {string} called */
  saveVersion(name, called) {
    return this.#answer(`save ${name}`, () => ({ id: this.#id++, name: called, by: "alice", at: this.#id, bytes: 3 }));
  }

  /** @override @param {string} name @param {number} id */
  removeVersion(name, id) {
    return this.#answer(`unsave ${name} ${id}`, () => undefined);
  }
}

let storage = memoryStorage();

/** @param {Shelf} shelf @param {import("../../frontend/transport/event_socket.js").User} [user] */
function newChat(shelf, user = ALICE) {
  FakeWebSocket.all = [];
  return new Chat({
    user,
    storage,
    documents: shelf,
    publish: () => Promise.reject(new Error("nobody publishes here")),
    products: new Api(() => Promise.reject(new Error("nobody asks for products here"))),
    onSignedOut: () => undefined,
    editing: NO_EDITING,
    socket: {
      url: (otp) => otp,
      admission: async () => ({ otp: "x" }),
      WebSocket: /** @type {any} */ (FakeWebSocket),
      random: () => 0.5,
    },
  });
}

/** In General, with the socket open. @param {Shelf} shelf @param {import("../../frontend/transport/event_socket.js").User} [user] */
async function inGeneral(shelf, user) {
  const chat = newChat(shelf, user);
  chat.start();
  chat.documents.watch("general");
  await settled();
  latest().greets(TOPICS);
  await latest().ok("list_rooms", { rooms: [GENERAL] });
  return { chat, documents: chat.documents };
}

/** @param {string} type @param {object} payload @param {number} [offset] */
async function told(type, payload, offset = 6) {
  latest().receives({ type, topic: "room.general", offset, payload: { room: "general", by: "bob", ...payload } });
  await settled();
}

/** @param {import("../../frontend/models/documents.js").Documents} documents */
const titles = (documents) => documents.of("general").all.map(({ title }) => title);

describe("Documents", () => {
  beforeEach(() => {
    storage = memoryStorage();
    mock.timers.reset();
    mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"], now: 1_000_000 });
  });

  it("are read when somebody is in their room, and then follow its events", async () => {
    const { chat, documents } = await inGeneral(new Shelf(document(1, { title: "Plan" })));
    assert.deepEqual([documents.of("general").loaded, titles(documents)], [true, ["Plan"]]);
    await told("document_created", { document: document(2, { title: "Agenda" }) });
    assert.deepEqual(titles(documents), ["Agenda", "Plan"]);
    await told("document_updated", { document: document(1, { title: "A plan" }) }, 7);
    await told("document_deleted", { name: "doc2", id: 2 }, 8);
    assert.deepEqual(titles(documents), ["A plan"]);
    assert.equal(chat.rooms.unread, 0);
    chat.stop();
  });

  it("are told of in the room's timeline, by the title that one had", async () => {
    const { chat } = await inGeneral(new Shelf());
    const timeline = chat.timeline("general");
    await told("document_created", { document: document(2, { title: "Agenda" }) });
    await told("document_updated", { document: document(2, { title: "The agenda" }) }, 7);
    await told("document_deleted", { name: "doc2", id: 2, by: null }, 8);
    assert.deepEqual(
      timeline.items.map((item) => item.kind !== "message" && [item.kind, item.from, item.document]),
      [
        ["document_created", "bob", { name: "doc2", title: "Agenda" }],
        ["document_deleted", "A program", { name: "doc2", title: "The agenda" }],
      ],
    );
    chat.stop();
  });

  it("keep what happens while they are read", async () => {
    const shelf = new Shelf(document(1), document(2));
    /** @type {() => void} */
    let open = () => undefined;
    shelf.gate = new Promise((resolve) => (open = resolve));
    const { chat, documents } = await inGeneral(shelf);
    await told("document_created", { document: document(3) });
    await told("document_deleted", { name: "doc1", id: 1 }, 7);
    open();
    await settled();
    assert.deepEqual(titles(documents), ["Document 2", "Document 3"]);
    chat.stop();
  });

  it("are read anew after a gap, and after a connection that missed something", async () => {
    const shelf = new Shelf(document(1));
    const { chat, documents } = await inGeneral(shelf);
    shelf.documents.set("doc2", document(2));
    await told("new_message", { id: 9, from: "bob", message: "x", sent: 1 }, 9);
    assert.deepEqual(titles(documents), ["Document 1", "Document 2"]);
    shelf.documents.delete("doc1");
    latest().drops(1006);
    mock.timers.tick(500);
    await settled();
    latest().greets({ "room.general": { offset: 20, recovered: false } });
    await settled();
    assert.deepEqual(titles(documents), ["Document 2"]);
    const asked = shelf.asked.length;
    latest().drops(1006);
    mock.timers.tick(500);
    await settled();
    latest().greets({ "room.general": { offset: 20, recovered: true } });
    await settled();
    assert.equal(shelf.asked.length, asked, "nothing was missed");
    chat.stop();
  });

  it("say why they cannot be read, and are there at the next try", async () => {
    const shelf = new Shelf(document(1));
    shelf.failure = new ApiError("storage_unavailable", "no", { status: 503 });
    const { chat, documents } = await inGeneral(shelf);
    assert.deepEqual([documents.of("general").failure?.code, documents.of("general").loaded], ["storage_unavailable", false]);
    await documents.load("general");
    assert.deepEqual([documents.of("general").failure, titles(documents)], [null, ["Document 1"]]);
    chat.stop();
  });

  it("are made, renamed and deleted", async () => {
    const { chat, documents } = await inGeneral(new Shelf());
    const made = await documents.create("general", { title: "Plan", members: "read" });
    assert.deepEqual(documents.beside("general"), made);
    await documents.change(made, { title: "The plan" });
    assert.equal(/** @type {Document} */ (documents.beside("general")).title, "The plan");
    await documents.remove(made);
    assert.deepEqual([documents.beside("general"), titles(documents)], ["list", []]);
    chat.stop();
  });

  it("belong to whoever made them, and to those who run the server", async () => {
    const own = document(1, { created_by: "bob", members: "read" });
    const other = document(2, { members: "read" });
    const bob = newChat(new Shelf(), BOB).documents;
    assert.deepEqual([bob.manages(own), bob.mayWrite(own)], [true, true]);
    assert.deepEqual([bob.manages(other), bob.mayWrite(other)], [false, false]);
    assert.equal(bob.mayWrite(document(3)), true);
    assert.equal(newChat(new Shelf()).documents.manages(own), true);
  });

  it("stay open beside their room's chat, over a reload and without a server", async () => {
    const plan = document(1, { title: "Plan" });
    const { chat, documents } = await inGeneral(new Shelf(plan, document(2)));
    chat.showProducts();
    chat.showDocument(plan);
    assert.deepEqual([chat.products.shown, documents.beside("general")], [false, plan]);
    chat.stop();
    const again = newChat(new Shelf());
    assert.deepEqual([again.documents.beside("general"), titles(again.documents)], [plan, ["Document 2", "Plan"]]);
    again.clear();
    const other = newChat(new Shelf());
    assert.deepEqual([other.documents.beside("general"), titles(other.documents)], [null, []]);
  });

  it("stay on the screen when somebody deletes them, and say so", async () => {
    const plan = document(1);
    const shelf = new Shelf(plan);
    const { chat, documents } = await inGeneral(shelf);
    documents.show(plan);
    await told("document_deleted", { name: "doc1", id: 1 });
    assert.deepEqual([documents.beside("general"), documents.isGone(plan)], [plan, true]);
    documents.hide("general");
    assert.equal(documents.isGone(plan), false);
    chat.stop();
    // And when that happened while nobody was here.
    const before = newChat(shelf);
    before.documents.show(plan);
    shelf.documents.clear();
    const later = await inGeneral(shelf);
    assert.equal(later.documents.isGone(plan), true);
    later.chat.stop();
  });

  it("leave no copy on this device when they are gone, unless something of it is not saved", async (test) => {
    /** @type {string[]} */
    const dropped = [];
    const before = globalThis.indexedDB;
    globalThis.indexedDB = /** @type {any} */ ({ deleteDatabase: (/** @type {string} */ name) => dropped.push(name.replace("switchboard.document.1.", "")) });
    test.after(() => (globalThis.indexedDB = before));
    const shelf = new Shelf(document(1), document(2), document(3), document(4), document(5, { room: "alpha" }));
    const { chat, documents } = await inGeneral(shelf);
    await documents.find("doc5");
    shelf.documents.delete("doc1");
    await told("document_deleted", { name: "doc1", id: 1 });
    assert.deepEqual(dropped.splice(0), ["1.1"]);
    // While nobody was here: one is deleted, one too that was written in, and a room is not ours any more.
    storage.setItem("switchboard.1.unsaved.3", JSON.stringify({ id: 3, name: "doc3", title: "Document 3" }));
    for (const name of ["doc2", "doc3"]) shelf.documents.delete(name);
    chat.stop();
    const again = await inGeneral(shelf);
    await settled();
    assert.deepEqual(dropped.splice(0).sort(), ["2.1", "5.1"]);
    assert.deepEqual(again.documents.of("alpha").all, []);
    latest().receives({ type: "room_removed", topic: "user.1", offset: 1, payload: { room: "general" } });
    assert.deepEqual(dropped, ["4.1"]);
    again.chat.stop();
  });

  it("are forgotten with a room that was left", async () => {
    const { chat, documents } = await inGeneral(new Shelf(document(1)));
    documents.showList("general");
    latest().receives({ type: "room_removed", topic: "user.1", offset: 1, payload: { room: "general" } });
    assert.deepEqual([documents.beside("general"), titles(documents)], [null, []]);
    chat.stop();
  });

  it("have versions, the newest first, live while somebody looks", async () => {
    const plan = document(1);
    const shelf = new Shelf(plan);
    shelf.versionsOf = [{ id: 1, name: "first", by: null, at: 1, bytes: 0 }];
    const { chat, documents } = await inGeneral(shelf);
    const versions = documents.versions(plan);
    versions.open();
    await settled();
    await versions.save("second");
    await told("document_version_saved", { name: "doc1", version: { id: 7, name: "third", by: "bob", at: 900, bytes: 1 } });
    assert.deepEqual(versions.all.map(({ name }) => name), ["third", "second", "first"]);
    await told("document_version_deleted", { name: "doc1", version: { id: 7 } }, 7);
    await versions.remove(1);
    assert.deepEqual(versions.all.map(({ name }) => name), ["second"]);
    shelf.failure = new ApiError("network", "no");
    await versions.load();
    assert.equal(versions.failure?.code, "network");
    chat.stop();
  });
});

describe("DocumentLink", () => {
  beforeEach(() => (storage = memoryStorage()));

  it("is written and read", () => {
    for (const name of ["plan", "größe_1.b", "日本"]) assert.equal(documentOf(documentHash(name)), name);
    for (const hash of ["", "#document=", "#invite=abc", "#document=%E0%A4%A"]) assert.equal(documentOf(hash), null);
  });

  it("waits until somebody is signed in, then opens the document in its room", async () => {
    let done = 0;
    const link = new DocumentLink(() => (done += 1));
    link.arrive("doc1");
    await link.follow(null);
    assert.deepEqual([link.name, done], ["doc1", 0]);
    const { chat, documents } = await inGeneral(new Shelf(document(1, { title: "Plan" })));
    await link.follow(chat);
    assert.equal(/** @type {Document} */ (documents.beside("general")).title, "Plan");
    assert.deepEqual([link.name, link.failure, done], [null, null, 1]);
    chat.stop();
  });

  it("says why it leads nowhere, and tries again", async () => {
    const link = new DocumentLink(() => undefined);
    const shelf = new Shelf();
    const { chat, documents } = await inGeneral(shelf);
    await link.follow(chat);
    link.arrive("doc1");
    await settled();
    assert.equal(link.failure?.code, "no_such_document");
    shelf.documents.set("doc1", document(1));
    await link.retry();
    assert.deepEqual([link.failure, documents.beside("general") === null], [null, false]);
    chat.stop();
  });

  it("opens without a server what was seen here", async () => {
    const first = await inGeneral(new Shelf(document(1)));
    first.chat.stop();
    const shelf = new Shelf();
    const chat = newChat(shelf);
    const link = new DocumentLink(() => undefined);
    shelf.failure = new ApiError("network", "no");
    link.arrive("doc1");
    await link.follow(chat);
    assert.notEqual(chat.documents.beside("general"), null);
  });
});
