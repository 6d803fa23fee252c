import assert from "node:assert/strict";
import { beforeEach, describe, it, mock } from "node:test";
import { ApiError } from "../../frontend/transport/api.js";
import { FakeWebSocket, connected, latest, newSocket, settled } from "./fakes.mjs";

/** @param {EventTarget} target @param {string} name */
function heard(target, name) {
  /** @type {any[]} */
  const details = [];
  target.addEventListener(name, (event) => details.push(/** @type {CustomEvent} */ (event).detail));
  return details;
}

/** @param {number} offset @param {string} [topic] */
const publication = (offset, topic = "room.general") => ({
  type: "new_message",
  topic,
  offset,
  payload: { id: offset },
});

describe("EventSocket", () => {
  beforeEach(() => {
    mock.timers.reset();
    mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_000_000 });
  });

  it("connects with the one-time password it is given", async () => {
    const socket = newSocket();
    socket.start();
    assert.equal(socket.state, "connecting");
    await settled();
    assert.equal(latest().url, "wss://chat.test/ws?otp=otp-1");
    latest().greets({ "room.general": { offset: 3, recovered: false } });
    assert.equal(socket.state, "open");
  });

  it("starts from the offsets of hello and remembers what it has heard", async () => {
    const { socket, server } = await connected({ "room.general": { offset: 3, recovered: false } });
    const events = heard(socket, "event");
    server.receives(publication(4));
    assert.deepEqual(
      events.map((event) => event.offset),
      [4],
    );
    assert.deepEqual(socket.resume, { epoch: "e1", positions: { "room.general": 4 } });
  });

  it("drops what it has heard before", async () => {
    const { socket, server } = await connected({ "room.general": { offset: 3, recovered: false } });
    const events = heard(socket, "event");
    for (const offset of [2, 3, 4, 4, 5]) server.receives(publication(offset));
    assert.deepEqual(
      events.map((event) => event.offset),
      [4, 5],
    );
  });

  it("says which topic has a hole", async () => {
    const { socket, server } = await connected({ "room.general": { offset: 3, recovered: false } });
    const gaps = heard(socket, "gap");
    server.receives(publication(6));
    assert.deepEqual(gaps, [{ topic: "room.general" }]);
    assert.equal(socket.resume?.positions["room.general"], 6);
  });

  it("resumes where it was", async () => {
    /** @type {any[]} */
    const resumes = [];
    const socket = newSocket({
      admission: async (resume) => {
        resumes.push(resume);
        return { otp: "x" };
      },
    });
    socket.start();
    await settled();
    latest().greets({ "room.general": { offset: 3, recovered: false } });
    latest().catchesUp();
    latest().receives(publication(4));
    latest().drops(1006);
    mock.timers.tick(500);
    await settled();
    assert.deepEqual(resumes, [undefined, { epoch: "e1", positions: { "room.general": 4 } }]);
    const events = heard(socket, "event");
    latest().greets({ "room.general": { offset: 5, recovered: true } });
    latest().receives(publication(5));
    assert.deepEqual(
      events.map((event) => event.offset),
      [5],
    );
  });

  it("forgets its positions when the store is another one, and topics it no longer hears", async () => {
    const { socket, server } = await connected({
      "room.general": { offset: 3, recovered: false },
      "room.old": { offset: 9, recovered: false },
    });
    server.drops(1006);
    mock.timers.tick(500);
    await settled();
    latest().greets({ "room.general": { offset: 1, recovered: false } }, "e2");
    assert.deepEqual(socket.resume, { epoch: "e2", positions: { "room.general": 1 } });
  });

  it("answers requests by id, whatever the order", async () => {
    const { socket, server } = await connected();
    const [first, second] = [socket.request("list_rooms", {}), socket.request("get_history", { room: "general" })];
    const [a, b] = server.sent;
    server.receives({ type: "ok", id: b.id, payload: { messages: [] } });
    server.receives({ type: "ok", id: a.id, payload: { rooms: [] } });
    assert.deepEqual(await first, { rooms: [] });
    assert.deepEqual(await second, { messages: [] });
  });

  it("rejects with the server's code", async () => {
    const { socket, server } = await connected();
    const request = socket.request("join_room", { room: "x" });
    server.receives({ type: "error", id: server.sent[0].id, payload: { code: "no_such_room", message: "no" } });
    await assert.rejects(request, { code: "no_such_room", connectionLost: false });
  });

  it("rejects what was in flight when the connection drops, and what comes while there is none", async () => {
    const { socket, server } = await connected();
    const request = socket.request("list_rooms", {});
    server.drops(1006);
    await assert.rejects(request, { code: "disconnected", connectionLost: true });
    await assert.rejects(socket.request("list_rooms", {}), { code: "disconnected" });
  });

  it("takes silence after a request for a dead connection", async () => {
    const { socket, server } = await connected();
    const request = socket.request("list_rooms", {});
    mock.timers.tick(9_999);
    assert.equal(socket.state, "open");
    mock.timers.tick(1);
    await assert.rejects(request, { code: "timeout", connectionLost: true });
    assert.equal(socket.state, "waiting");
    assert.notEqual(server.closedWith, null);
    server.receives(publication(1)); // too late: nobody listens any more
    assert.equal(socket.state, "waiting");
  });

  it("gives up a connection on which nobody says hello", async () => {
    const socket = newSocket();
    socket.start();
    await settled();
    mock.timers.tick(10_000);
    assert.equal(socket.state, "waiting");
  });

  it("backs off further with every failure, until it has caught up once", async () => {
    const socket = newSocket();
    socket.start();
    for (const delay of [250, 500, 1000, 2000]) {
      await settled();
      latest().drops(1006);
      assert.equal((socket.retryAt ?? 0) - Date.now(), delay);
      mock.timers.tick(delay);
    }
    await settled();
    latest().greets();
    latest().drops(1006); // let in and thrown out is not a success
    assert.equal((socket.retryAt ?? 0) - Date.now(), 4000);
    socket.tryNow();
    await settled();
    latest().greets();
    latest().catchesUp();
    latest().drops(1006);
    assert.equal((socket.retryAt ?? 0) - Date.now(), 250);
  });

  it("comes back within the jitter of a restart", async () => {
    const { socket, server } = await connected();
    server.drops(1012, "restart jitter_ms=4000");
    assert.equal((socket.retryAt ?? 0) - Date.now(), 2000);
  });

  it("comes back slowly when there are too many of us", async () => {
    const { socket, server } = await connected();
    server.drops(4004, "too_many_connections");
    assert.equal((socket.retryAt ?? 0) - Date.now(), 6000);
  });

  it("does not come back when signed out", async () => {
    const { socket, server } = await connected();
    server.drops(4001, "signed_out");
    assert.equal(socket.state, "signed_out");
    mock.timers.tick(120_000);
    await settled();
    assert.equal(FakeWebSocket.all.length, 1);
  });

  it("is signed out when there is no session to admit it", async () => {
    const socket = newSocket({
      admission: () => Promise.reject(new ApiError("unauthorized", "no session", { status: 401 })),
    });
    socket.start();
    await settled();
    assert.equal(socket.state, "signed_out");
  });

  it("waits at least as long as the server asks before the next admission", async () => {
    const socket = newSocket({
      admission: () => Promise.reject(new ApiError("unavailable", "busy", { status: 503, retryAfter: 7 })),
    });
    socket.start();
    await settled();
    assert.equal((socket.retryAt ?? 0) - Date.now(), 7250);
  });

  it("tries at once when told to", async () => {
    const { socket, server } = await connected();
    server.drops(1006);
    socket.tryNow();
    await settled();
    assert.equal(FakeWebSocket.all.length, 2);
    mock.timers.tick(9_000); // the planned attempt would have been in this time
    await settled();
    assert.equal(FakeWebSocket.all.length, 2);
  });

  it("stops for good", async () => {
    const { socket, server } = await connected();
    socket.stop();
    assert.equal(server.closedWith, 1000);
    assert.equal(socket.state, "closed");
    mock.timers.tick(60_000);
    await settled();
    assert.equal(FakeWebSocket.all.length, 1);
  });

  it("does not connect after it was stopped while asking for admission", async () => {
    const socket = newSocket();
    socket.start();
    socket.stop();
    await settled();
    assert.equal(FakeWebSocket.all.length, 0);
  });

  it("stays below the server's rate limit, and keeps the order", async () => {
    const { socket, server } = await connected();
    const answers = Array.from({ length: 100 }, (_, index) => socket.request("send_message", { index }));
    assert.equal(server.sent.length, 60);
    mock.timers.tick(1000);
    assert.equal(server.sent.length, 75);
    mock.timers.tick(2000);
    assert.deepEqual(
      server.sent.map((sent) => sent.payload.index),
      Array.from({ length: 100 }, (_, index) => index),
    );
    for (const { id } of server.sent) server.receives({ type: "ok", id, payload: {} });
    assert.equal((await Promise.all(answers)).length, 100);
  });

  it("gives a request that had to wait its whole time for an answer", async () => {
    const { socket, server } = await connected();
    const many = Array.from({ length: 61 }, () => socket.request("list_rooms", {}));
    for (const { id } of server.sent) server.receives({ type: "ok", id, payload: {} });
    mock.timers.tick(10_000); // the last one left a moment after the others
    assert.equal(socket.state, "open");
    server.receives({ type: "ok", id: server.sent[60].id, payload: {} });
    await Promise.all(many);
  });

  it("rejects what still waited for its turn when the connection drops, and sends it to nobody", async () => {
    const { socket, server } = await connected();
    const many = Array.from({ length: 62 }, () => socket.request("list_rooms", {}));
    server.drops(1006);
    const ends = await Promise.allSettled(many);
    assert.ok(ends.every((end) => end.status === "rejected" && end.reason.connectionLost));
    mock.timers.tick(500);
    await settled();
    latest().greets();
    mock.timers.tick(5000);
    assert.deepEqual(latest().sent, []);
  });
});
