import assert from "node:assert/strict";
import { beforeEach, describe, it, mock } from "node:test";
import { Outbox } from "../../frontend/models/outbox.js";
import { Timeline } from "../../frontend/models/timeline.js";
import { connected, latest, memoryStorage, newSocket, settled } from "./fakes.mjs";

/** @param {number} offset @param {object} [more] */
const message = (offset, more = {}) => ({
  id: offset * 10,
  room: "general",
  from: "bob",
  message: `m${offset}`,
  sent: 1000 + offset,
  offset,
  ...more,
});

/** @param {number} from @param {number} to */
const messages = (from, to) => Array.from({ length: to - from + 1 }, (_, index) => message(from + index));

/** @param {Timeline} timeline */
const texts = (timeline) =>
  timeline.items.map((item) => (item.kind === "message" ? item.message : `${item.from} ${item.kind}`));

/** @param {ReturnType<typeof message>} made */
const event = ({ offset, ...payload }) => ({ type: "new_message", topic: "room.general", offset, payload });

let storage = memoryStorage();

/** @param {import("../../frontend/transport/event_socket.js").EventSocket} socket */
function timelineOn(socket) {
  let ids = 0;
  return new Timeline({
    room: "general",
    me: "alice",
    socket,
    outbox: new Outbox(storage, 1),
    newClientId: () => `c${(ids += 1)}`,
    now: () => 5000,
  });
}

/** @param {object[]} page @param {object} [more] */
async function opened(page, more = {}) {
  const { socket, server } = await connected({ "room.general": { offset: page.length, recovered: false } });
  const timeline = timelineOn(socket);
  timeline.open();
  await server.ok("get_history", {
    room: "general",
    messages: page,
    offset: page.length,
    more_before: false,
    more_after: false,
    ...more,
  });
  return { socket, server, timeline };
}

describe("Timeline", () => {
  beforeEach(() => {
    storage = memoryStorage();
    mock.timers.reset();
    mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_000_000 });
  });

  it("shows history, then what is live, each once", async () => {
    const { timeline } = await opened(messages(1, 2));
    timeline.apply(event(message(3)));
    timeline.apply(event(message(3)));
    timeline.apply(event(message(2)));
    assert.deepEqual(texts(timeline), ["m1", "m2", "m3"]);
  });

  it("keeps live events that come before the history they follow", async () => {
    const { socket, server } = await connected();
    const timeline = timelineOn(socket);
    timeline.open();
    timeline.apply(event(message(3)));
    await server.ok("get_history", {
      room: "general",
      messages: messages(1, 2),
      offset: 2,
      more_before: false,
      more_after: false,
    });
    assert.deepEqual(texts(timeline), ["m1", "m2", "m3"]);
  });

  it("reads further into the past", async () => {
    const { timeline, server } = await opened(messages(51, 100), { more_before: true, offset: 100 });
    const loading = timeline.loadOlder();
    void timeline.loadOlder(); // a second call while one runs asks for nothing
    assert.equal(server.sent.length, 2);
    assert.deepEqual(server.request("get_history").payload, { room: "general", before: 51, limit: 50 });
    await server.ok("get_history", {
      room: "general",
      messages: messages(1, 50),
      offset: 100,
      more_before: false,
      more_after: true,
    });
    await loading;
    assert.equal(timeline.items.length, 100);
    assert.equal(texts(timeline)[0], "m1");
    assert.equal(timeline.moreBefore, false);
  });

  it("turns what was sent into what was confirmed, in place", async () => {
    const { timeline, server } = await opened(messages(1, 1));
    timeline.send("hello\r\nthere\u0007 ");
    const [, unsent] = timeline.items;
    assert.equal(unsent?.kind === "message" && unsent.delivery, "sending");
    assert.deepEqual(server.request("send_message").payload, {
      room: "general",
      message: "hello\nthere",
      client_id: "c1",
    });
    await server.ok("send_message", { id: 20, offset: 2, sent: 7000, duplicate: false });
    const [, sent] = timeline.items;
    assert.equal(sent?.key, unsent?.key);
    assert.equal(sent?.kind === "message" && sent.delivery, "sent");
    assert.equal(sent?.sent, 7000);
    timeline.apply(event(message(2, { id: 20, from: "alice", message: "hello\nthere", client_id: "c1" })));
    assert.equal(timeline.items.length, 2);
    assert.deepEqual(new Outbox(storage, 1).all(), []);
  });

  it("takes the announcement for the confirmation when it comes first", async () => {
    const { timeline, server } = await opened([]);
    timeline.send("hello");
    timeline.apply(event(message(1, { from: "alice", message: "hello", client_id: "c1" })));
    assert.equal(timeline.items.length, 1);
    await server.ok("send_message", { id: 10, offset: 1, sent: 1001, duplicate: false });
    assert.equal(timeline.items.length, 1);
  });

  it("does not take another author's client_id for its own", async () => {
    const { timeline } = await opened([]);
    timeline.send("hello");
    timeline.apply(event(message(1, { from: "bob", message: "hello", client_id: "c1" })));
    assert.equal(timeline.items.length, 2);
    assert.equal(new Set(timeline.items.map((item) => item.key)).size, 2);
  });

  it("sends one after the other, in the order they were written", async () => {
    const { timeline, server } = await opened([]);
    timeline.send("one");
    timeline.send("two");
    assert.equal(server.sent.filter((sent) => sent.type === "send_message").length, 1);
    await server.ok("send_message", { id: 10, offset: 1, sent: 1, duplicate: false });
    assert.equal(server.request("send_message").payload.message, "two");
  });

  it("sends again after a lost connection, under the same client_id", async () => {
    const { timeline, server, socket } = await opened([]);
    timeline.send("hello");
    server.drops(1006);
    await settled();
    assert.equal(timeline.items[0]?.kind === "message" && timeline.items[0].delivery, "sending");
    mock.timers.tick(500);
    await settled();
    latest().greets({ "room.general": { offset: 0, recovered: true } });
    assert.equal(socket.state, "open");
    void timeline.flush();
    assert.equal(latest().request("send_message").payload.client_id, "c1");
    await latest().ok("send_message", { id: 10, offset: 1, sent: 1, duplicate: true });
    assert.equal(timeline.items.length, 1);
    assert.equal(timeline.items[0]?.kind === "message" && timeline.items[0].delivery, "sent");
  });

  it("waits while there is no connection", async () => {
    const socket = newSocket();
    const timeline = timelineOn(socket);
    timeline.send("hello");
    assert.deepEqual(texts(timeline), ["hello"]);
    socket.start();
    await settled();
    latest().greets();
    void timeline.flush();
    assert.equal(latest().request("send_message").payload.message, "hello");
  });

  it("shows a refusal, and retries under the same client_id", async () => {
    const { timeline, server } = await opened([]);
    timeline.send("hello");
    await server.refuses("send_message", "storage_unavailable");
    const [failed] = timeline.items;
    assert.ok(failed?.kind === "message" && failed.delivery === "failed" && failed.error === "storage_unavailable");
    timeline.retry(failed.key);
    assert.equal(server.request("send_message").payload.client_id, "c1");
    await server.ok("send_message", { id: 10, offset: 1, sent: 1, duplicate: false });
    assert.equal(timeline.items[0]?.key, failed.key);
    assert.equal(timeline.items.length, 1);
  });

  it("goes on with the next message after a refusal", async () => {
    const { timeline, server } = await opened([]);
    timeline.send("one");
    timeline.send("two");
    await server.refuses("send_message", "bad_payload");
    assert.equal(server.request("send_message").payload.message, "two");
  });

  it("gives up a failed message for good", async () => {
    const { timeline, server } = await opened([]);
    timeline.send("hello");
    await server.refuses("send_message", "bad_payload");
    timeline.discard(timeline.items[0]?.key ?? "");
    assert.deepEqual(timeline.items, []);
    assert.deepEqual(timelineOn(newSocket()).items, []);
  });

  it("remembers unsent and failed messages over a reload", async () => {
    const { timeline, server } = await opened([]);
    timeline.send("refused");
    await server.refuses("send_message", "bad_payload");
    timeline.send("waiting");
    const again = timelineOn(newSocket());
    assert.deepEqual(
      again.items.map((item) => item.kind === "message" && [item.message, item.delivery, item.clientId]),
      [
        ["refused", "failed", "c1"],
        ["waiting", "sending", "c2"],
      ],
    );
  });

  it("starts over when its position could not be recovered, but keeps what is unsent", async () => {
    const { timeline, server } = await opened(messages(1, 3));
    timeline.send("unsent");
    server.drops(1006);
    await settled();
    mock.timers.tick(500);
    await settled();
    latest().greets({ "room.general": { offset: 2000, recovered: false } });
    timeline.connected({ offset: 2000, recovered: false }, "e1");
    assert.deepEqual(texts(timeline), ["m1", "m2", "m3", "unsent"]); // nothing flashes while it loads
    await latest().ok("get_history", {
      room: "general",
      messages: messages(1999, 2000),
      offset: 2000,
      more_before: true,
      more_after: false,
    });
    assert.deepEqual(texts(timeline), ["m1999", "m2000", "unsent"]);
    assert.equal(timeline.moreBefore, true);
  });

  it("finds its own unsent message in the history it reads anew", async () => {
    const { timeline, server } = await opened([]);
    timeline.send("hello");
    server.drops(1006);
    await settled();
    mock.timers.tick(500);
    await settled();
    latest().greets({ "room.general": { offset: 1, recovered: false } });
    timeline.connected({ offset: 1, recovered: false }, "e1");
    await latest().ok("get_history", {
      room: "general",
      messages: [message(1, { from: "alice", message: "hello", client_id: "c1" })],
      offset: 1,
      more_before: false,
      more_after: false,
    });
    assert.deepEqual(texts(timeline), ["hello"]);
    assert.equal(timeline.items[0]?.kind === "message" && timeline.items[0].delivery, "sent");
  });

  it("loads at the next connection what was cut off in this one", async () => {
    const { socket, server } = await connected();
    const timeline = timelineOn(socket);
    timeline.open();
    server.drops(1006);
    await settled();
    assert.equal(timeline.loading, false);
    mock.timers.tick(500);
    await settled();
    latest().greets({ "room.general": { offset: 1, recovered: true } });
    timeline.connected({ offset: 1, recovered: true }, "e1");
    await latest().ok("get_history", {
      room: "general",
      messages: messages(1, 1),
      offset: 1,
      more_before: false,
      more_after: false,
    });
    assert.deepEqual(texts(timeline), ["m1"]);
  });

  it("reads anew after a hole", async () => {
    const { timeline, server } = await opened(messages(1, 2));
    timeline.gap();
    timeline.apply(event(message(9)));
    await server.ok("get_history", {
      room: "general",
      messages: messages(5, 9),
      offset: 9,
      more_before: true,
      more_after: false,
    });
    assert.deepEqual(texts(timeline), ["m5", "m6", "m7", "m8", "m9"]);
  });

  it("does not glue an old page to a new beginning", async () => {
    const { timeline, server } = await opened(messages(51, 100), { more_before: true, offset: 100 });
    void timeline.loadOlder();
    const older = server.request("get_history").id;
    timeline.gap();
    await server.ok("get_history", {
      room: "general",
      messages: messages(951, 1000),
      offset: 1000,
      more_before: true,
      more_after: false,
    });
    server.receives({
      type: "ok",
      id: older,
      payload: { room: "general", messages: messages(1, 50), offset: 100, more_before: false, more_after: true },
    });
    await settled();
    assert.equal(texts(timeline)[0], "m951");
    assert.equal(timeline.moreBefore, true);
  });

  it("shows who came and went, in its place", async () => {
    const { timeline } = await opened(messages(1, 1));
    timeline.apply({
      type: "member_joined",
      topic: "room.general",
      offset: 2,
      payload: { room: "general", user: "carol" },
    });
    timeline.apply(event(message(3)));
    timeline.apply({
      type: "member_left",
      topic: "room.general",
      offset: 4,
      payload: { room: "general", user: "carol" },
    });
    timeline.apply({ type: "something_new", topic: "room.general", offset: 5, payload: { room: "general" } });
    assert.deepEqual(texts(timeline), ["m1", "carol joined", "m3", "carol left"]);
  });

  it("says why history could not be read", async () => {
    const { socket, server } = await connected();
    const timeline = timelineOn(socket);
    timeline.open();
    await server.refuses("get_history", "storage_unavailable");
    assert.equal(timeline.error, "storage_unavailable");
    assert.equal(timeline.loading, false);
  });

  it("sends nothing when there is nothing to send", async () => {
    const { timeline, server } = await opened([]);
    timeline.send("  \n ");
    assert.deepEqual(timeline.items, []);
    assert.equal(
      server.sent.some((sent) => sent.type === "send_message"),
      false,
    );
  });

  /** A new connection to the server, whatever has become of its store. @param {string} epoch */
  async function comesBack(epoch) {
    latest().drops(1006);
    await settled();
    mock.timers.tick(500);
    await settled();
    latest().greets({ "room.general": { offset: 3, recovered: false } }, epoch);
    return latest();
  }

  it("shows nothing of another store, and misses nothing of the new one", async () => {
    const { timeline } = await opened(messages(1, 9));
    const server = await comesBack("e2");
    timeline.connected({ offset: 3, recovered: false }, "e2");
    assert.deepEqual([texts(timeline), timeline.loaded, timeline.generation], [[], false, 1]);
    const page = [message(2, { id: 60, message: "id and offset" }), message(3, { id: 90, message: "were used before" })];
    await server.ok("get_history", { messages: page, offset: 3, more_before: false, more_after: false });
    timeline.apply(event(message(4, { id: 40, message: "and again" })));
    assert.deepEqual(texts(timeline), ["id and offset", "were used before", "and again"]);
  });

  it("replaces a restored store's page whole, even under the same epoch, without a blink", async () => {
    const { timeline } = await opened(messages(1, 9));
    const server = await comesBack("e1");
    timeline.connected({ offset: 3, recovered: false }, "e1");
    timeline.apply(event(message(4, { id: 40, message: "live, before the page" })));
    assert.equal(timeline.items.length, 9); // m4 is another one now
    assert.equal(new Set(timeline.items.map((item) => item.key)).size, 9);
    await server.ok("get_history", {
      messages: [message(2), message(3, { id: 90, message: "with an id seen before" })],
      offset: 3,
      more_before: false,
      more_after: false,
    });
    assert.deepEqual(texts(timeline), ["m2", "with an id seen before", "live, before the page"]);
  });

  it("keeps the old page when the fresh one cannot be had, and tries again when asked", async () => {
    const { timeline } = await opened(messages(1, 2));
    const server = await comesBack("e1");
    timeline.connected({ offset: 3, recovered: false }, "e1");
    await server.refuses("get_history", "storage_unavailable");
    assert.deepEqual([texts(timeline), timeline.error], [["m1", "m2"], "storage_unavailable"]);
    void timeline.loadAgain();
    await server.ok("get_history", { messages: messages(3, 3), offset: 3, more_before: true, more_after: false });
    assert.deepEqual(texts(timeline), ["m3"]);
  });

  it("does not send to another store what was written for this one, unless told to", async () => {
    const { timeline } = await opened([]);
    timeline.send("for the first store");
    const server = await comesBack("e2");
    timeline.connected({ offset: 3, recovered: false }, "e2");
    void timeline.flush();
    await server.ok("get_history", { messages: [], offset: 3, more_before: false, more_after: false });
    const [item] = timeline.items;
    assert.ok(item?.kind === "message" && item.delivery === "failed" && item.error === "other_store");
    assert.equal(
      server.sent.some((sent) => sent.type === "send_message"),
      false,
    );
    timeline.retry(item.key);
    assert.equal(server.request("send_message").payload.message, "for the first store");
  });

  it("does not send to another store what an earlier page left behind", async () => {
    new Outbox(storage, 1).greeted("e1");
    const before = timelineOn(newSocket());
    before.send("written without a connection"); // for the store that was there last
    for (const [epoch, delivery] of [
      ["e1", "sending"],
      ["e2", "failed"],
    ]) {
      const timeline = timelineOn((await connected()).socket);
      timeline.connected({ offset: 0, recovered: false }, epoch ?? "");
      assert.equal(timeline.items[0]?.kind === "message" && timeline.items[0].delivery, delivery);
    }
  });

  it("holds a bounded number of messages at its end, and reads the rest back", async () => {
    const { timeline, server } = await opened(messages(1, 50));
    let most = 0;
    for (let offset = 51; offset <= 5000; offset += 1) {
      timeline.apply(event(message(offset)));
      most = Math.max(most, timeline.items.length);
    }
    assert.ok(most <= 501 && timeline.items.length >= 300, `${most}, ${timeline.items.length}`);
    assert.equal(timeline.moreBefore, true);
    assert.equal(texts(timeline).at(-1), "m5000");
    const first = timeline.items[0]?.offset ?? 0;
    timeline.readingAt("past");
    void timeline.loadOlder();
    assert.equal(server.request("get_history").payload.before, first);
    await server.ok("get_history", {
      messages: messages(first - 50, first - 1),
      offset: 5000,
      more_before: true,
      more_after: true,
    });
    assert.deepEqual(
      timeline.items.map((item) => item.offset),
      Array.from({ length: 5000 - first + 51 }, (_, index) => first - 50 + index),
    );
  });

  it("takes nothing away from somebody who reads further up", async () => {
    const { timeline } = await opened(messages(1, 50));
    timeline.readingAt("past");
    for (let offset = 51; offset <= 700; offset += 1) timeline.apply(event(message(offset)));
    assert.equal(timeline.items.length, 700);
    timeline.readingAt("end");
    timeline.apply(event(message(701)));
    assert.equal(timeline.items.length, 300);
  });

  it("keeps one page of a room that nobody looks at", async () => {
    const { timeline } = await opened(messages(1, 50));
    for (let offset = 51; offset <= 400; offset += 1) timeline.apply(event(message(offset)));
    timeline.send("still unsent");
    timeline.close();
    assert.equal(timeline.items.length, 51);
    assert.deepEqual([texts(timeline)[0], timeline.moreBefore], ["m351", true]);
  });

  it("does not put the answer to a repeated send above a hole", async () => {
    const { timeline, server } = await opened(messages(51, 100), { more_before: true, offset: 100 });
    timeline.send("sent long ago");
    await server.ok("send_message", { id: 30, offset: 3, sent: 1, duplicate: true });
    assert.deepEqual([timeline.items.length, texts(timeline)[0]], [50, "m51"]);
    void timeline.loadOlder();
    assert.equal(server.request("get_history").payload.before, 51);
  });
});
