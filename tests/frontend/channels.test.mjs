import assert from "node:assert/strict";
import { beforeEach, describe, it, mock } from "node:test";
import { Chat } from "../../frontend/models/chat.js";
import { AT_END, UNOPENED, WHILE_READING } from "../../frontend/models/log_limits.js";
import { Api, ApiError } from "../../frontend/transport/api.js";
import { ALICE, FakeWebSocket, NO_DOCUMENTS, NO_EDITING, latest, memoryStorage, settled } from "./fakes.mjs";

/** @typedef {import("../../frontend/models/channel_log.js").ChannelLog} ChannelLog */

const ROOM = { "room.general": { offset: 1, recovered: false } };

/** @param {number} offset @param {string} [name] @param {unknown} [data] */
const published = (offset, name = "bunno", data = { n: offset }) => ({
  type: "published",
  topic: `channel.${name}`,
  offset,
  payload: { channel: name, data },
});

/** A page of publications. @param {number} first @param {number} last @param {boolean} more */
const page = (first, last, more) => ({
  topic: "channel.bunno",
  publications: Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => {
    const { type, payload } = published(first + index);
    return { type, offset: first + index, payload };
  }),
  offset: last,
  more_before: more,
  more_after: false,
});

/** What a log shows: offsets, and gaps by their reason. @param {ChannelLog} log */
const shown = (log) => log.items.map((item) => (item.kind === "gap" ? item.reason : item.offset));

let storage = memoryStorage();
/** @type {any[]} */
let resumes = [];

/** @param {import("../../frontend/models/channel_log.js").Publish} [publish] */
async function signedIn(publish = () => Promise.reject(new Error("nobody publishes here"))) {
  FakeWebSocket.all = [];
  resumes = [];
  const chat = new Chat({
    user: ALICE,
    storage,
    publish,
    products: new Api(() => Promise.reject(new Error("nobody asks for products here"))),
    documents: NO_DOCUMENTS,
    onSignedOut: () => undefined,
    editing: NO_EDITING,
    socket: {
      url: (otp) => otp,
      admission: async (resume) => {
        resumes.push(resume);
        return { otp: "x" };
      },
      WebSocket: /** @type {any} */ (FakeWebSocket),
      random: () => 0.5,
    },
  });
  chat.start();
  await settled();
  latest().greets(ROOM);
  await settled();
  return chat;
}

/** @param {Chat} chat @param {string} name @returns {ChannelLog} */
function logOf(chat, name) {
  const log = chat.channels.find(name);
  assert.ok(log, `${name} is not there`);
  return log;
}

/** Listening to `bunno` from there on, looked at, with nothing kept. */
async function listening(offset = 0, more = {}) {
  const chat = await signedIn();
  chat.channels.add("bunno");
  await settled();
  await latest().ok("subscribe", { topics: { "channel.bunno": { offset, recovered: false, ...more } } });
  const log = logOf(chat, "bunno");
  log.open();
  await settled();
  return { chat, log };
}

/** The connection is lost, and there again. @param {object} topics @param {string} [epoch] @param {object} [refused] */
async function reconnected(topics, epoch = "e1", refused = undefined) {
  latest().drops(1006);
  mock.timers.tick(20_000);
  await settled();
  const payload = { user: ALICE, epoch, ping_period_secs: 25, topics: { ...ROOM, ...topics }, refused };
  latest().receives({ type: "hello", payload });
  await settled();
}

describe("Channels", () => {
  beforeEach(() => {
    storage = memoryStorage();
    mock.timers.reset();
    mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"], now: 1_000_000 });
  });

  it("subscribes, reads back what is kept, and goes on live", async () => {
    const { log } = await listening(3);
    assert.equal(log.state, "listening");
    assert.deepEqual(latest().request("get_publications").payload, { topic: "channel.bunno", limit: 50 });
    latest().receives(published(4)); // before the page
    await latest().ok("get_publications", page(1, 4, false));
    latest().receives(published(5));
    assert.deepEqual([shown(log), log.arrived], [[1, 2, 3, 4, 5], 2]);
    assert.deepEqual(
      log.items.map((item) => (item.kind === "publication" ? item.at : undefined)),
      [null, null, null, 1_000_000, 1_000_000],
    );
  });

  it("remembers the names, and subscribes to them again with one request", async () => {
    await listening();
    const again = await signedIn();
    assert.equal(again.channels.current, "bunno");
    assert.deepEqual(latest().request("subscribe").payload, { topics: { "channel.bunno": null }, epoch: "e1" });
    assert.deepEqual(Object.keys(JSON.parse(storage.getItem("switchboard.1.channels") ?? "")), ["0"]);
  });

  it("forgets the names when somebody signs out", async () => {
    const { chat } = await listening();
    chat.clear();
    const kept = Array.from({ length: storage.length }, (_, index) => storage.getItem(storage.key(index) ?? ""));
    assert.doesNotMatch(kept.join(), /bunno/);
    assert.deepEqual((await signedIn()).channels.all, []);
  });

  it("takes only names out of what is remembered", async () => {
    storage.setItem("switchboard.1.channels", JSON.stringify(["good", "good", "../bad", "", 7, null, "a..b"]));
    const chat = await signedIn();
    assert.deepEqual(
      chat.channels.all.map(({ name }) => name),
      ["good"],
    );
  });

  it("keeps what another tab has added meanwhile", async () => {
    const chat = await signedIn();
    storage.setItem("switchboard.1.channels", JSON.stringify(["of-the-other-tab"]));
    chat.channels.add("mine");
    chat.channels.add("other");
    chat.channels.remove("mine");
    assert.deepEqual(JSON.parse(storage.getItem("switchboard.1.channels") ?? ""), ["of-the-other-tab", "other"]);
  });

  it("waits for a connection", async () => {
    const chat = await signedIn();
    latest().drops(1006);
    chat.channels.add("bunno");
    assert.equal(logOf(chat, "bunno").state, "waiting");
    await reconnected({});
    await latest().ok("subscribe", { topics: { "channel.bunno": { offset: 0, recovered: false } } });
    assert.equal(logOf(chat, "bunno").state, "listening");
  });

  it("keeps what is refused, with why, until it is tried again or removed", async () => {
    const chat = await signedIn();
    chat.channels.add("closed");
    await settled();
    const refused = { "channel.closed": { code: "forbidden", message: "no" } };
    await latest().ok("subscribe", { topics: {}, refused });
    const log = logOf(chat, "closed");
    assert.deepEqual([log.state, log.refusal], ["refused", refused["channel.closed"]]);
    void chat.channels.retry("closed");
    assert.equal(log.state, "waiting");
    await latest().refuses("subscribe", "bad_payload");
    assert.equal(log.refusal?.code, "bad_payload");
    chat.channels.remove("closed");
    assert.equal(chat.channels.current, null);
    assert.equal(
      latest().sent.some(({ type }) => type === "unsubscribe"),
      false,
    );
  });

  it("asks again, later and later, when the server could not answer", async () => {
    const { chat, log } = await listening();
    chat.channels.add("other");
    await settled();
    for (const [code, ms] of /** @type {const} */ ([
      ["storage_unavailable", 500],
      ["unavailable", 1000],
      ["internal", 2000],
    ])) {
      await latest().refuses("subscribe", code);
      assert.deepEqual([logOf(chat, "other").state, log.state], ["waiting", "listening"]);
      const before = latest().sent.length;
      mock.timers.tick(ms);
      await settled();
      assert.deepEqual(latest().request("subscribe").payload.topics, { "channel.other": null });
      assert.equal(latest().sent.length, before + 1);
    }
    await latest().ok("subscribe", { topics: {}, refused: { "channel.other": { code: "unavailable", message: "" } } });
    assert.equal(logOf(chat, "other").state, "waiting");
    mock.timers.tick(4000);
    await settled();
    await latest().ok("subscribe", { topics: { "channel.other": { offset: 0, recovered: false } } });
    assert.equal(logOf(chat, "other").state, "listening");
  });

  it("asks again on the connection there is, and for what is still wanted", async () => {
    const chat = await signedIn();
    chat.channels.add("bunno");
    await settled();
    await latest().refuses("subscribe", "unavailable");
    const refused = { "channel.bunno": { code: "unavailable", message: "" } };
    latest().drops(1006);
    mock.timers.tick(450);
    await settled();
    latest().receives({ type: "hello", payload: { user: ALICE, epoch: "e1", ping_period_secs: 25, topics: ROOM, refused } });
    await settled();
    const asked = () => latest().sent.filter(({ type }) => type === "subscribe").length;
    assert.equal(asked(), 1);
    mock.timers.tick(1000);
    await settled();
    assert.equal(asked(), 1);
    await latest().refuses("subscribe", "unavailable");
    chat.channels.remove("bunno");
    mock.timers.tick(1000);
    await settled();
    assert.equal(asked(), 1);
  });

  it("says that something new is there, until somebody looks", async () => {
    const { chat, log } = await listening();
    chat.channels.watch("bunno");
    latest().receives(published(1));
    assert.equal(log.unread, false);
    chat.showRoom("general");
    latest().receives(published(2));
    assert.deepEqual([log.unread, chat.channels.unread], [true, 1]);
    chat.channels.select("bunno");
    chat.channels.watch("bunno");
    assert.equal(chat.channels.unread, 0);
  });

  it("unsubscribes, and resumes nothing of it though something still comes", async () => {
    const { chat } = await listening();
    latest().receives(published(1));
    chat.channels.remove("bunno");
    assert.deepEqual(latest().request("unsubscribe").payload, { topics: ["channel.bunno"] });
    latest().receives(published(2)); // was on its way
    await reconnected({});
    assert.deepEqual(resumes.at(-1), { epoch: "e1", positions: { "room.general": 1 } });
  });

  it("unsubscribes what was removed while its position was on its way", async () => {
    const { chat } = await listening();
    latest().drops(1006);
    mock.timers.tick(20_000);
    await settled();
    chat.channels.remove("bunno");
    latest().greets({ ...ROOM, "channel.bunno": { offset: 2, recovered: true } });
    assert.deepEqual(latest().request("unsubscribe").payload, { topics: ["channel.bunno"] });
    assert.deepEqual(Object.keys(chat.socket.resume?.positions ?? {}), ["room.general"]);
  });

  it("subscribes anew to what was removed and added again while its position was on its way", async () => {
    const { chat } = await listening(2);
    latest().drops(1006);
    mock.timers.tick(20_000);
    await settled();
    chat.channels.remove("bunno");
    chat.channels.add("bunno");
    latest().greets({ ...ROOM, "channel.bunno": { offset: 2, recovered: true } });
    await settled();
    const types = latest().sent.map(({ type }) => type).filter((type) => type.endsWith("subscribe"));
    assert.deepEqual(types, ["unsubscribe", "subscribe"]);
    const log = logOf(chat, "bunno");
    assert.equal(log.state, "waiting");
    const topics = { "channel.bunno": { offset: 2, recovered: false, may_publish: true } };
    await latest().ok("subscribe", { topics });
    latest().receives(published(3));
    assert.deepEqual([log.state, log.mayPublish, shown(log)], ["listening", true, [3]]);
  });

  it("does not hear what was removed before the server had answered", async () => {
    const chat = await signedIn();
    chat.channels.add("bunno");
    await settled();
    chat.channels.remove("bunno");
    await latest().ok("subscribe", { topics: { "channel.bunno": { offset: 5, recovered: false } } });
    assert.equal(chat.socket.resume?.positions["channel.bunno"], undefined);
    assert.equal(latest().request("unsubscribe").payload.topics[0], "channel.bunno");
  });

  it("goes on after a lost connection without holes or doubles, and still knows who may publish", async () => {
    const { log } = await listening(0, { may_publish: true });
    await latest().ok("get_publications", page(1, 0, false));
    for (const offset of [1, 2]) latest().receives(published(offset));
    await reconnected({ "channel.bunno": { offset: 4, recovered: true } });
    assert.deepEqual(resumes.at(-1), { epoch: "e1", positions: { "room.general": 1, "channel.bunno": 2 } });
    for (const offset of [2, 3, 4, 5]) latest().receives(published(offset));
    assert.deepEqual(shown(log), [1, 2, 3, 4, 5]);
    assert.equal(log.mayPublish, true);
  });

  it("marks what is missing, and reads back what is kept after it", async () => {
    const { log } = await listening();
    await latest().ok("get_publications", page(1, 0, false));
    for (const offset of [1, 2]) latest().receives(published(offset));
    await reconnected({ "channel.bunno": { offset: 90, recovered: false, reason: "too_old" } });
    await latest().ok("get_publications", page(80, 90, false));
    latest().receives(published(91));
    assert.deepEqual(shown(log), [1, 2, "too_old", 80, 81, 82, 83, 84, 85, 86, 87, 88, 89, 90, 91]);
  });

  it("says that something new is there when it was missed", async () => {
    const { chat, log } = await listening();
    latest().receives(published(1));
    chat.channels.watch("bunno");
    chat.showRoom("general");
    await reconnected({ "channel.bunno": { offset: 1, recovered: false, reason: "other_epoch" } }, "e2");
    assert.equal(log.unread, false);
    await reconnected({ "channel.bunno": { offset: 9, recovered: false, reason: "too_old" } }, "e2");
    assert.equal(log.unread, true);
  });

  it("closes a gap when all of it has been read back", async () => {
    const { log } = await listening();
    await latest().ok("get_publications", page(1, 0, false));
    for (const offset of [1, 2, 3]) latest().receives(published(offset));
    await reconnected({ "channel.bunno": { offset: 60, recovered: false, reason: "too_far" } });
    await latest().ok("get_publications", page(11, 60, true));
    assert.deepEqual(shown(log).slice(0, 5), [1, 2, 3, "too_far", 11]);
    void log.load();
    assert.equal(latest().request("get_publications").payload.before, 11);
    await latest().ok("get_publications", page(1, 10, false));
    assert.deepEqual(
      shown(log),
      Array.from({ length: 60 }, (_, index) => index + 1),
    );
    const keys = log.items.map(({ key }) => key);
    assert.equal(new Set(keys).size, 60);
    // What came live keeps its time.
    assert.deepEqual(
      log.items.slice(0, 5).map((item) => item.kind === "publication" && item.at !== null),
      [true, true, true, false, false],
    );
  });

  it("begins anew with another store, whose offsets are others", async () => {
    const { log } = await listening();
    await latest().ok("get_publications", page(1, 0, false));
    for (const offset of [1, 2]) latest().receives(published(offset));
    await reconnected({ "channel.bunno": { offset: 1, recovered: false, reason: "other_epoch" } }, "e2");
    await latest().ok("get_publications", page(1, 1, false));
    latest().receives(published(2));
    assert.deepEqual(shown(log), [1, 2, "other_epoch", 1, 2]);
    assert.equal(new Set(log.items.map(({ key }) => key)).size, 5);
  });

  it("begins anew with another store though its position was not asked about", async () => {
    const { chat, log } = await listening();
    await latest().ok("get_publications", page(1, 0, false));
    for (const offset of [1, 2, 3]) latest().receives(published(offset));
    chat.channels.watch("bunno");
    chat.showRoom("general");
    await reconnected({}, "e2");
    assert.deepEqual(latest().request("subscribe").payload, { topics: { "channel.bunno": null }, epoch: "e2" });
    await latest().ok("subscribe", { topics: { "channel.bunno": { offset: 4, recovered: false } } });
    await latest().ok("get_publications", page(1, 4, false));
    assert.deepEqual(shown(log), [1, 2, 3, "other_epoch", 1, 2, 3, 4]);
    assert.equal(log.unread, true);
  });

  it("honours what the server refuses when it is back", async () => {
    const { log } = await listening();
    latest().receives(published(1));
    await reconnected({}, "e1", { "channel.bunno": { code: "no_such_namespace", message: "gone" } });
    assert.deepEqual([log.state, log.refusal?.code], ["refused", "no_such_namespace"]);
    assert.deepEqual(shown(log), [1]);
  });

  it("subscribes from where it was to what did not fit into the positions of a new connection", async () => {
    const { log } = await listening();
    await latest().ok("get_publications", page(1, 0, false));
    latest().receives(published(1));
    await reconnected({});
    assert.deepEqual(latest().request("subscribe").payload, { topics: { "channel.bunno": 1 }, epoch: "e1" });
    await latest().ok("subscribe", { topics: { "channel.bunno": { offset: 3, recovered: true } } });
    for (const offset of [2, 3]) latest().receives(published(offset));
    assert.deepEqual(shown(log), [1, 2, 3]);
  });

  it("holds no more than it says, and can read the rest again", async () => {
    const { log } = await listening();
    await latest().ok("get_publications", page(1, 0, false));
    for (let offset = 1; offset <= AT_END.items + 20; offset += 1) latest().receives(published(offset));
    assert.deepEqual([log.items.length, shown(log)[0], log.moreBefore], [AT_END.items, 21, true]);
    log.readingAt("past");
    void log.load();
    assert.equal(latest().request("get_publications").payload.before, 21);
    await latest().ok("get_publications", page(1, 20, false));
    assert.deepEqual([log.items.length, shown(log)[0]], [AT_END.items + 20, 1]);
    for (let offset = AT_END.items + 21; offset <= WHILE_READING.items + 1; offset += 1) latest().receives(published(offset));
    assert.equal(log.items.length, AT_END.items);
    log.readingAt("end");
    assert.equal(shown(log).at(-1), WHILE_READING.items + 1);
  });

  it("holds no more text than it says", async () => {
    const { log } = await listening();
    await latest().ok("get_publications", page(1, 0, false));
    const text = "x".repeat(60_000);
    const arrive = (/** @type {number} */ first, /** @type {number} */ last) => {
      for (let offset = first; offset <= last; offset += 1) latest().receives(published(offset, "bunno", text));
      return log.items.length * text.length;
    };
    const held = arrive(1, 60);
    assert.ok(held <= AT_END.characters && held > AT_END.characters / 2, String(held));
    assert.equal(log.moreBefore, true);
    log.readingAt("past");
    assert.ok(arrive(61, 80) > AT_END.characters, "what somebody reads stays");
    assert.ok(arrive(81, 300) <= WHILE_READING.characters);
    assert.equal(shown(log).at(-1), 300);
    log.readingAt("end");
    assert.ok(arrive(301, 301) <= AT_END.characters);
  });

  it("holds little of what nobody has opened, and reads it back", async () => {
    const chat = await signedIn();
    chat.channels.add("bunno");
    await settled();
    await latest().ok("subscribe", { topics: { "channel.bunno": { offset: 0, recovered: false } } });
    const log = logOf(chat, "bunno");
    for (let offset = 1; offset <= 100; offset += 1) latest().receives(published(offset));
    assert.deepEqual([log.items.length, log.unread, log.position?.offset], [UNOPENED.items, true, 100]);
    for (let offset = 101; offset <= 110; offset += 1) latest().receives(published(offset, "bunno", "x".repeat(60_000)));
    assert.deepEqual(shown(log), [110]);
    log.open();
    await latest().ok("get_publications", page(61, 110, true));
    assert.deepEqual(
      shown(log),
      Array.from({ length: 50 }, (_, index) => 61 + index),
    );
  });

  it("puts no page in front of what it does not belong to", async () => {
    const { log } = await listening(WHILE_READING.items);
    log.readingAt("past");
    await latest().ok("get_publications", page(WHILE_READING.items - 49, WHILE_READING.items, true));
    const first = WHILE_READING.items - 49;
    void log.load();
    assert.equal(latest().request("get_publications").payload.before, first);
    const last = first + WHILE_READING.items;
    for (let offset = WHILE_READING.items + 1; offset <= last; offset += 1) latest().receives(published(offset));
    await latest().ok("get_publications", page(first - 50, first - 1, true));
    assert.equal(log.moreBefore, true);
    const whole = Array.from({ length: log.items.length }, (_, index) => last - log.items.length + 1 + index);
    assert.deepEqual(shown(log), whole);
  });

  it("takes no first page that ends before what is left of a flood", async () => {
    const { log } = await listening(3);
    log.readingAt("past");
    const last = WHILE_READING.items + 4;
    for (let offset = 4; offset <= last; offset += 1) latest().receives(published(offset));
    await latest().ok("get_publications", page(1, 3, false));
    assert.deepEqual([shown(log)[0], log.items.length], [last - AT_END.items + 1, AT_END.items]);
    assert.deepEqual([log.loaded, log.moreBefore], [true, true]);
  });

  it("says why nothing could be read back, and tries again", async () => {
    const { log } = await listening(5);
    await latest().refuses("get_publications", "storage_unavailable");
    assert.equal(log.error, "storage_unavailable");
    void log.load();
    await latest().ok("get_publications", page(1, 5, false));
    assert.deepEqual([log.error, log.items.length], [null, 5]);
  });

  it("publishes the same text after a failure as the same attempt, and a new one afterwards", async () => {
    /** @type {string[]} */
    const keys = [];
    /** @type {(ApiError | null)[]} */
    const fates = [new ApiError("network", ""), null, null, new ApiError("conflict", ""), null];
    const chat = await signedIn(async (channel, text, key) => {
      assert.deepEqual([channel, text], ["bunno", "[1]"]);
      keys.push(key);
      const fate = fates.shift();
      if (fate) throw fate;
      return { offset: keys.length };
    });
    chat.channels.add("bunno");
    const log = logOf(chat, "bunno");
    await assert.rejects(log.publish("[1]"), { code: "network" });
    assert.equal(await log.publish("[1]"), 2);
    await log.publish("[1]");
    await assert.rejects(log.publish("[1]"), { code: "conflict" });
    await log.publish("[1]");
    const [first, second, third, fourth, fifth] = keys;
    assert.equal(first, second);
    assert.equal(new Set([second, third, fourth, fifth]).size, 4);
  });

  it("publishes anew what was edited after a failure, though it is the same text again", async () => {
    /** @type {string[]} */
    const keys = [];
    const chat = await signedIn(async (channel, text, key) => {
      keys.push(key);
      throw new ApiError("network", "");
    });
    chat.channels.add("bunno");
    const log = logOf(chat, "bunno");
    await assert.rejects(log.publish("[1]"));
    await assert.rejects(log.publish("[1]"));
    log.edited();
    await assert.rejects(log.publish("[1]"));
    assert.deepEqual([keys[0] === keys[1], keys[1] === keys[2]], [true, false]);
  });

  it("does not end an attempt because another has succeeded", async () => {
    /** @type {string[]} */
    const keys = [];
    /** @type {(() => void)[]} */
    const answers = [];
    const chat = await signedIn(async (channel, text, key) => {
      keys.push(key);
      if (text === "1") await new Promise((resolve) => answers.push(() => resolve(undefined)));
      else throw new ApiError("timeout", "");
      return { offset: 1 };
    });
    chat.channels.add("bunno");
    const log = logOf(chat, "bunno");
    const slow = log.publish("1");
    log.edited();
    await assert.rejects(log.publish("2"));
    answers[0]?.();
    await slow;
    await assert.rejects(log.publish("2"));
    assert.equal(keys[1], keys[2]);
  });

  it("learns that only keys publish", async () => {
    const chat = await signedIn(() => Promise.reject(new ApiError("forbidden", "")));
    chat.channels.add("bunno");
    await settled();
    const topics = { "channel.bunno": { offset: 0, recovered: false, may_publish: true } };
    await latest().ok("subscribe", { topics });
    const log = logOf(chat, "bunno");
    assert.equal(log.mayPublish, true);
    await assert.rejects(log.publish("1"), { code: "forbidden" });
    assert.equal(log.mayPublish, false);
  });

  it("walks through rooms and channels in a circle", async () => {
    const chat = await signedIn();
    const rooms = ["general", "alpha"].map((name) => ({ name, title: name, public: true, joined: true, members: 1 }));
    await latest().ok("list_rooms", { rooms });
    chat.channels.add("bunno");
    const here = () => chat.channels.current ?? `#${chat.rooms.current}`;
    const places = [here()];
    for (let step = 0; step < 3; step += 1) {
      chat.showNeighbour(1);
      places.push(here());
    }
    chat.showNeighbour(-1);
    assert.deepEqual([...places, here()], ["bunno", "#general", "#alpha", "bunno", "#alpha"]);
  });

  it("sends as many positions as the server takes, rooms first", async () => {
    const chat = await signedIn();
    for (let n = 0; n < 1100; n += 1) chat.socket.follow(`channel.c${n}`, n);
    chat.socket.follow("room.late", 3);
    const positions = chat.socket.resume?.positions ?? {};
    assert.equal(Object.keys(positions).length, 1024);
    assert.equal(positions["room.late"], 3);
  });

  it("sends no more bytes at once than the server takes", async () => {
    const names = Array.from({ length: 300 }, (_, n) => `${String(n).padStart(3, "0")}${"न".repeat(125)}`);
    storage.setItem("switchboard.1.channels", JSON.stringify(names));
    const chat = await signedIn();
    const bytes = (/** @type {unknown} */ value) => Buffer.byteLength(JSON.stringify(value));
    const requests = latest().sent.filter(({ type }) => type === "subscribe");
    assert.deepEqual(requests.filter((request) => bytes(request) > 60 * 1024).map(bytes), []);
    const topics = requests.flatMap(({ payload }) => Object.keys(payload.topics));
    assert.equal(new Set(topics).size, 300);
    for (const topic of topics) chat.socket.follow(topic, 7);
    chat.socket.follow("room.late", 3);
    const { resume } = chat.socket;
    assert.ok(bytes(resume) < 60 * 1024 && bytes(resume) > 40 * 1024, String(bytes(resume)));
    assert.equal(resume?.positions["room.late"], 3);
  });
});
