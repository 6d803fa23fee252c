import assert from "node:assert/strict";
import { beforeEach, describe, it, mock } from "node:test";
import { Rooms } from "../../frontend/models/rooms.js";
import { ALICE, connected, latest, memoryStorage, settled } from "./fakes.mjs";

const GENERAL = { name: "general", title: "General", public: true, joined: true, members: 2 };
const ALPHA = { name: "alpha", title: "Alpha", public: true, joined: true, members: 2 };
const OPEN = { name: "open", title: "Open", public: true, joined: false, members: 5 };

/** @param {number} offset @param {string} [room] @param {string} [from] */
const said = (offset, room = "alpha", from = "bob") => ({
  type: "new_message",
  topic: `room.${room}`,
  offset,
  payload: { id: offset, room, from, message: "x", sent: 1 },
});

let storage = memoryStorage();

/** @param {Record<string, { offset: number, recovered: boolean }>} topics */
function wired(topics, recovered = false) {
  return connected(topics).then(async ({ socket, server }) => {
    const rooms = new Rooms({ user: ALICE, socket, storage });
    socket.addEventListener("event", (event) => rooms.apply(/** @type {CustomEvent} */ (event).detail));
    const greeting = rooms.connected({ user: ALICE, epoch: "e1", ping_period_secs: 25, topics });
    await server.ok("list_rooms", { rooms: [OPEN, ALPHA, GENERAL] });
    if (!recovered) await settled();
    return { socket, server, rooms, greeting };
  });
}

const TOPICS = { "room.general": { offset: 5, recovered: false }, "room.alpha": { offset: 9, recovered: false } };

describe("Rooms", () => {
  beforeEach(() => {
    storage = memoryStorage();
    mock.timers.reset();
    mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_000_000 });
  });

  it("lists general first, and what could be joined apart", async () => {
    const { rooms } = await wired(TOPICS);
    assert.deepEqual(
      rooms.joined.map((room) => room.name),
      ["general", "alpha"],
    );
    assert.deepEqual(
      rooms.others.map((room) => room.name),
      ["open"],
    );
  });

  it("takes everything for read in a browser that never saw the room", async () => {
    const { rooms, greeting } = await wired(TOPICS);
    await greeting;
    assert.equal(rooms.unread, 0);
  });

  it("counts what comes in rooms nobody looks at, but not one's own words", async () => {
    const { rooms, server, greeting } = await wired(TOPICS);
    await greeting;
    rooms.watch("general");
    server.receives(said(10));
    server.receives(said(11));
    server.receives(said(6, "general"));
    assert.equal(rooms.find("alpha")?.unread, 2);
    assert.equal(rooms.find("general")?.unread, 0);
    server.receives(said(12, "alpha", "alice")); // from another device: whoever answers has read
    assert.equal(rooms.find("alpha")?.unread, 0);
  });

  it("counts what came while the browser was away, from its read mark", async () => {
    const first = await wired(TOPICS);
    await first.greeting;
    const { rooms, server, greeting } = await wired({ ...TOPICS, "room.alpha": { offset: 12, recovered: false } });
    assert.deepEqual(server.request("get_history").payload, { room: "alpha", after: 9, limit: 100 });
    await server.ok("get_history", {
      messages: [{ from: "bob" }, { from: "alice" }, { from: "bob" }],
      more_after: false,
    });
    await greeting;
    assert.equal(rooms.find("alpha")?.unread, 2);
    assert.equal(rooms.find("alpha")?.read, 9);
  });

  it("counts at the next connection what was cut off in this one", async () => {
    const first = await wired(TOPICS);
    await first.greeting;
    const { rooms, server, greeting } = await wired({ ...TOPICS, "room.alpha": { offset: 12, recovered: false } });
    server.drops(1006);
    await greeting;
    mock.timers.tick(500);
    await settled();
    const topics = { ...TOPICS, "room.alpha": { offset: 12, recovered: true } };
    latest().greets(topics);
    void rooms.connected({ user: ALICE, epoch: "e1", ping_period_secs: 25, topics });
    await latest().ok("list_rooms", { rooms: [OPEN, ALPHA, GENERAL] });
    await latest().ok("get_history", { messages: [{ from: "bob" }], more_after: false });
    assert.equal(rooms.find("alpha")?.unread, 1);
  });

  it("says 99+ when it is more than a page", async () => {
    const first = await wired(TOPICS);
    await first.greeting;
    const { rooms, server } = await wired({ ...TOPICS, "room.alpha": { offset: 500, recovered: false } });
    await server.ok("get_history", { messages: [], more_after: true });
    assert.equal(rooms.find("alpha")?.unread, 100);
  });

  it("marks as read by looking", async () => {
    const { rooms, server, greeting } = await wired(TOPICS);
    await greeting;
    server.receives(said(10));
    rooms.watch("alpha");
    assert.equal(rooms.find("alpha")?.unread, 0);
    assert.equal(rooms.find("alpha")?.read, 10);
  });

  it("hears from another tab what was read there", async () => {
    const { rooms, server, greeting } = await wired(TOPICS);
    await greeting;
    server.receives(said(10));
    storage.setItem("switchboard.1.read.alpha", JSON.stringify({ epoch: "e1", offset: 10 }));
    rooms.storageChanged("switchboard.1.read.alpha");
    assert.equal(rooms.find("alpha")?.unread, 0);
  });

  it("creates, selects and follows a room", async () => {
    const { rooms, server, socket } = await wired(TOPICS);
    const creating = rooms.create({ room: "new", title: "New", public: false });
    const room = { name: "new", title: "New", public: false, joined: true, members: 1 };
    await server.ok("create_room", { room, offset: 1 });
    await creating;
    assert.equal(rooms.current, "new");
    assert.equal(socket.resume?.positions["room.new"], 1);
    server.receives({ type: "room_added", topic: "user.1", offset: 1, payload: { room, offset: 1 } });
    assert.equal(rooms.joined.filter((other) => other.name === "new").length, 1);
  });

  it("passes on why a room cannot be joined", async () => {
    const { rooms, server } = await wired(TOPICS);
    const joining = rooms.join("open");
    await server.refuses("join_room", "no_such_room");
    await assert.rejects(joining, { code: "no_such_room" });
    assert.equal(rooms.current, "general");
  });

  it("shows what was joined and left on another device", async () => {
    const { rooms, server, socket } = await wired(TOPICS);
    server.receives({
      type: "room_added",
      topic: "user.1",
      offset: 1,
      payload: { room: { ...OPEN, joined: true, members: 6 }, offset: 40 },
    });
    assert.deepEqual(
      rooms.joined.map((room) => room.name),
      ["general", "alpha", "open"],
    );
    assert.equal(socket.resume?.positions["room.open"], 40);
    rooms.select("open");
    server.receives({ type: "room_removed", topic: "user.1", offset: 2, payload: { room: "open" } });
    assert.equal(rooms.current, "general");
    assert.equal(rooms.find("open")?.joined, false);
    assert.equal(socket.resume?.positions["room.open"], undefined);
  });

  it("forgets a private room that was left", async () => {
    const { rooms, server } = await wired(TOPICS);
    const secret = { name: "secret", title: "Secret", public: false, joined: true, members: 1 };
    server.receives({ type: "room_added", topic: "user.1", offset: 1, payload: { room: secret, offset: 1 } });
    const leaving = rooms.leave("secret");
    await server.ok("leave_room", {});
    await leaving;
    assert.equal(rooms.find("secret"), undefined);
  });

  it("counts members as they come and go", async () => {
    const { rooms, server } = await wired(TOPICS);
    server.receives({
      type: "member_joined",
      topic: "room.alpha",
      offset: 10,
      payload: { room: "alpha", user: "carol" },
    });
    assert.equal(rooms.find("alpha")?.members, 3);
    server.receives({
      type: "member_left",
      topic: "room.alpha",
      offset: 11,
      payload: { room: "alpha", user: "carol" },
    });
    assert.equal(rooms.find("alpha")?.members, 2);
  });

  it("opens the room that was open last", async () => {
    const { rooms } = await wired(TOPICS);
    rooms.select("alpha");
    const again = await wired(TOPICS);
    assert.equal(again.rooms.current, "alpha");
    assert.equal(latest(), again.server);
  });

  it("shows the rooms of the last visit until the server says which there are", async () => {
    const { server } = await wired(TOPICS);
    const { socket } = await connected({});
    const rooms = new Rooms({ user: ALICE, socket, storage });
    assert.deepEqual(
      rooms.joined.map(({ name, title, members, unread }) => ({ name, title, members, unread })),
      [
        { name: "general", title: "General", members: 2, unread: 0 },
        { name: "alpha", title: "Alpha", members: 2, unread: 0 },
      ],
    );
    assert.deepEqual([rooms.loaded, rooms.others], [false, []]);
    const topics = { ...TOPICS, "room.alpha": { offset: 12, recovered: false } };
    const greeting = rooms.connected({ user: ALICE, epoch: "e1", ping_period_secs: 25, topics });
    await latest().ok("list_rooms", { rooms: [ALPHA, GENERAL] });
    await latest().ok("get_history", { messages: [{ from: "bob" }], more_after: false });
    await greeting;
    assert.deepEqual([rooms.find("alpha")?.read, rooms.find("alpha")?.unread], [9, 1]);
    assert.equal(rooms.find("general")?.read, 5);
    assert.notEqual(server, latest());
  });

  it("takes nothing that happens to a document for a message", async () => {
    const { rooms, server, greeting } = await wired(TOPICS);
    await greeting;
    server.receives({ type: "document_created", topic: "room.alpha", offset: 10, payload: { room: "alpha", document: {}, by: "bob" } });
    assert.equal(rooms.find("alpha")?.unread, 0);
  });

  it("takes no read mark of another store for its own", async () => {
    const { rooms, server, greeting } = await wired(TOPICS);
    await greeting;
    server.receives(said(10));
    assert.deepEqual([rooms.find("alpha")?.read, rooms.unread], [9, 1]);
    const topics = { "room.general": { offset: 1, recovered: false }, "room.alpha": { offset: 2, recovered: false } };
    const again = rooms.connected({ user: ALICE, epoch: "e2", ping_period_secs: 25, topics });
    await server.ok("list_rooms", { rooms: [ALPHA, GENERAL] });
    await again;
    assert.deepEqual([rooms.find("alpha")?.read, rooms.unread], [2, 0]);
    rooms.apply(said(3));
    assert.equal(rooms.unread, 1);
  });

  it("counts on from the end of a log that went back behind what was read", async () => {
    const first = await wired(TOPICS);
    await first.greeting;
    const { rooms, server, greeting } = await wired({ ...TOPICS, "room.alpha": { offset: 4, recovered: false } });
    await greeting;
    assert.equal(rooms.find("alpha")?.read, 4);
    server.receives(said(5));
    assert.equal(rooms.find("alpha")?.unread, 1);
  });

  it("reads the list anew when somebody looks at an old one", async () => {
    const { rooms, server, greeting } = await wired(TOPICS);
    await greeting;
    const asked = () => server.sent.filter((sent) => sent.type === "list_rooms").length;
    rooms.look();
    assert.equal(asked(), 1);
    mock.timers.tick(10_001);
    rooms.look();
    rooms.look();
    assert.equal(asked(), 2);
  });
});
