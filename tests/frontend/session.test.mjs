import assert from "node:assert/strict";
import { beforeEach, describe, it, mock } from "node:test";
import { Chat } from "../../frontend/models/chat.js";
import { Door } from "../../frontend/models/door.js";
import { Server } from "../../frontend/models/server.js";
import { Session } from "../../frontend/models/session.js";
import { Api, ApiError } from "../../frontend/transport/api.js";
import { ALICE, FakeWebSocket, NO_DOCUMENTS, NO_EDITING, latest, memoryStorage, settled } from "./fakes.mjs";

const BOB = { id: 2, name: "bob", role: "member" };
/** @param {object} [user] */
const grant = (user = ALICE) => ({ status: 200, body: { otp: "otp", expires_in: 5, user } });
/** @param {number} status @param {string} code @param {Record<string, string>} [headers] */
const refusal = (status, code, headers) => ({ status, body: { error: { code, message: code } }, headers });

/** The server's answers, by path, in turn; the last one stays. @param {Record<string, any[]>} answers */
function scripted(answers) {
  /** @type {{ path: string, init: RequestInit }[]} */
  const calls = [];
  const api = new Api(async (path, init = {}) => {
    calls.push({ path: String(path), init });
    const queue = answers[String(path)] ?? [];
    const answer = queue.length > 1 ? queue.shift() : queue[0];
    if (!answer) throw new TypeError("fetch failed");
    return new Response(answer.status === 204 ? null : JSON.stringify(answer.body), {
      status: answer.status,
      headers: answer.headers,
    });
  });
  return { api, calls };
}

/** @param {Api} api */
function newSession(api, storage = memoryStorage()) {
  FakeWebSocket.all = [];
  return new Session(api, ({ user, admission, onSignedOut }) => {
    const socket = {
      url: (/** @type {string} */ otp) => otp,
      admission,
      WebSocket: /** @type {any} */ (FakeWebSocket),
      random: () => 0.5,
    };
    const publish = () => Promise.reject(new Error("nobody publishes here"));
    return new Chat({ user, storage, onSignedOut, publish, products: new Api(publish), documents: NO_DOCUMENTS, editing: NO_EDITING, socket });
  }, storage);
}

describe("Session", () => {
  beforeEach(() => {
    mock.timers.reset();
    mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"], now: 1_000_000 });
  });

  it("takes up the session of the cookie, with the one-time password that came along", async () => {
    const { api, calls } = scripted({ "/otp": [grant()] });
    const session = newSession(api);
    await session.restore();
    await settled();
    assert.equal(session.state, "signed_in");
    assert.equal(session.user?.name, "alice");
    assert.equal(latest().url, "otp");
    assert.equal(calls.length, 1);
    session.chat?.stop();
  });

  it("shows the door when there is none", async () => {
    const session = newSession(scripted({ "/otp": [refusal(401, "unauthorized")] }).api);
    await session.restore();
    assert.deepEqual([session.state, session.ended, session.chat], ["signed_out", false, null]);
  });

  it("waits for a server that does not answer", async () => {
    const session = newSession(scripted({ "/otp": [refusal(503, "unavailable"), grant()] }).api);
    await session.restore();
    assert.equal(session.state, "unreachable");
    mock.timers.tick(1000);
    await new Promise((resolve) => setImmediate(resolve));
    await settled();
    assert.equal(session.state, "signed_in");
    session.chat?.stop();
  });

  it("ends when the server says so, and tells that it did", async () => {
    const session = newSession(scripted({ "/otp": [grant()] }).api);
    await session.restore();
    await settled();
    latest().greets();
    latest().drops(4001, "signed_out");
    assert.deepEqual([session.state, session.ended, session.chat], ["signed_out", true, null]);
  });

  it("ends without a word when the user wants it", async () => {
    const session = newSession(scripted({ "/otp": [grant()], "/logout": [{ status: 204 }] }).api);
    await session.restore();
    await settled();
    const leaving = session.logout();
    latest().drops(4001, "signed_out"); // the socket hears it before the answer is here
    await leaving;
    assert.deepEqual([session.state, session.ended], ["signed_out", false]);
  });

  it("stays signed in when signing out did not work", async () => {
    const session = newSession(scripted({ "/otp": [grant()], "/logout": [refusal(503, "unavailable")] }).api);
    await session.restore();
    await assert.rejects(session.logout(), { code: "unavailable" });
    assert.equal(session.state, "signed_in");
    session.chat?.stop();
  });

  it("changes hands when somebody else has signed in in another tab", async () => {
    const session = newSession(scripted({ "/otp": [grant(), grant(BOB)] }).api);
    await session.restore();
    await settled();
    const first = session.chat;
    latest().greets();
    latest().drops(1006);
    mock.timers.tick(500);
    await new Promise((resolve) => setImmediate(resolve));
    await settled();
    assert.equal(session.user?.name, "bob");
    assert.equal(session.state, "signed_in");
    assert.equal(first?.socket.state === "open", false);
    session.chat?.stop();
  });

  it("sends what was unsent when it ended, at the next sign-in", async () => {
    const session = newSession(scripted({ "/otp": [grant()], "/login": [grant()] }).api);
    await session.restore();
    await settled();
    latest().greets({ "room.general": { offset: 0, recovered: false } });
    session.chat?.timeline("general").send("hello");
    latest().drops(4001, "signed_out");
    await session.login({ username: "alice", password: "x" });
    await settled();
    latest().greets({ "room.general": { offset: 0, recovered: false } });
    latest().catchesUp();
    assert.equal(latest().request("send_message").payload.message, "hello");
    session.chat?.stop();
  });

  it("sends nothing of it to another server at the same address", async () => {
    const session = newSession(scripted({ "/otp": [grant()], "/login": [grant()] }).api);
    await session.restore();
    await settled();
    latest().greets({ "room.general": { offset: 0, recovered: false } }, "e1");
    session.chat?.timeline("general").send("hello");
    latest().drops(4001, "signed_out");
    await session.login({ username: "alice", password: "x" });
    await settled();
    latest().greets({ "room.general": { offset: 0, recovered: false } }, "e2");
    latest().catchesUp();
    assert.equal(
      latest().sent.some((sent) => sent.type === "send_message"),
      false,
    );
    session.chat?.stop();
  });

  it("leaves nothing half-said behind when the user signs out", async () => {
    const storage = memoryStorage();
    const answers = { "/otp": [grant()], "/login": [grant()], "/logout": [{ status: 204 }] };
    const session = newSession(scripted(answers).api, storage);
    const write = async () => {
      await settled();
      latest().greets({ "room.general": { offset: 0, recovered: false } });
      session.chat?.timeline("general").send("unsent");
      session.chat?.drafts.set("general", "half a thought");
    };
    const left = () => Array.from({ length: storage.length }, (_, index) => storage.key(index)).join(" ");
    await session.restore();
    await write();
    latest().drops(4001, "signed_out"); // not the user's doing
    assert.match(left(), /outbox.*draft/);
    await session.login({ username: "alice", password: "x" });
    await write();
    await session.logout();
    assert.doesNotMatch(left(), /outbox|draft/);
  });

  it("goes on as whoever was signed in here, while the server is away, and for good when it is back", async () => {
    const storage = memoryStorage();
    const first = newSession(scripted({ "/otp": [grant()] }).api, storage);
    await first.restore();
    first.chat?.stop();
    const session = newSession(scripted({ "/otp": [refusal(503, "unavailable"), refusal(502, "internal"), grant()] }).api, storage);
    await session.restore();
    assert.deepEqual([session.state, session.user], ["signed_in", ALICE]);
    const { chat } = session;
    await settled();
    mock.timers.tick(1000);
    await new Promise((resolve) => setImmediate(resolve));
    await settled();
    latest().greets();
    assert.deepEqual([session.chat === chat, chat?.socket.state], [true, "open"]);
    chat?.stop();
  });

  it("goes on after a while of silence, too", async () => {
    const storage = memoryStorage();
    const { api } = scripted({ "/otp": [grant()] });
    const first = newSession(api, storage);
    await first.restore();
    first.chat?.stop();
    const silent = scripted({}).api;
    silent.otp = () => new Promise(() => undefined);
    const session = newSession(silent, storage);
    void session.restore();
    await settled();
    assert.equal(session.state, "loading");
    mock.timers.tick(4001);
    assert.deepEqual([session.state, session.user?.name], ["signed_in", "alice"]);
    session.chat?.stop();
  });

  it("signs out whoever went on without the server and is signed in no more", async () => {
    const storage = memoryStorage();
    const first = newSession(scripted({ "/otp": [grant()] }).api, storage);
    await first.restore();
    first.chat?.stop();
    const session = newSession(scripted({ "/otp": [refusal(503, "unavailable"), refusal(401, "unauthorized")] }).api, storage);
    await session.restore();
    await new Promise((resolve) => setImmediate(resolve));
    await settled();
    assert.deepEqual([session.state, session.ended, session.chat], ["signed_out", true, null]);
    const next = newSession(scripted({}).api, storage);
    await next.restore();
    assert.equal(next.state, "unreachable");
  });

  it("remembers nobody and no place after signing out", async () => {
    const storage = memoryStorage();
    const session = newSession(scripted({ "/otp": [grant()], "/logout": [{ status: 204 }] }).api, storage);
    await session.restore();
    await settled();
    latest().greets({ "room.general": { offset: 0, recovered: false } });
    await latest().ok("list_rooms", { rooms: [{ name: "general", title: "General", public: true, joined: true, members: 1 }] });
    const keys = () => Array.from({ length: storage.length }, (_, index) => storage.key(index)).sort();
    assert.deepEqual(keys().filter((key) => /user|rooms/.test(key ?? "")), ["switchboard.1.rooms", "switchboard.user"]);
    await session.logout();
    assert.deepEqual(keys().filter((key) => /user|rooms|beside|documents/.test(key ?? "")), []);
  });

  it("becomes what the server says the user is now", async () => {
    const session = newSession(scripted({ "/otp": [grant({ ...ALICE, role: "member" }), grant()] }).api);
    await session.restore();
    await settled();
    latest().greets();
    latest().drops(1006);
    mock.timers.tick(500);
    await new Promise((resolve) => setImmediate(resolve));
    await settled();
    assert.deepEqual([session.state, session.user?.role], ["signed_in", "owner"]);
    session.chat?.stop();
  });

  it("lets nobody in by the old cookie once somebody has signed in", async () => {
    /** @type {(grant: any) => void} */
    let answer = () => undefined;
    const { api } = scripted({ "/login": [grant(BOB)] });
    api.otp = () => new Promise((resolve) => (answer = resolve));
    const session = newSession(api);
    const restoring = session.restore();
    await session.login({ username: "bob", password: "x" });
    const { chat } = session;
    answer(grant().body);
    await restoring;
    assert.equal(session.chat, chat);
    assert.equal(session.user?.name, "bob");
    chat?.stop();
  });

  it("asks no more about the cookie once somebody has signed in", async () => {
    const { api, calls } = scripted({ "/otp": [refusal(503, "unavailable")], "/login": [grant(BOB)] });
    const session = newSession(api);
    await session.restore();
    await session.login({ username: "bob", password: "x" });
    mock.timers.tick(2000);
    await settled();
    assert.equal(calls.filter(({ path }) => path === "/otp").length, 1);
    assert.equal(session.state, "signed_in");
    session.chat?.stop();
  });
});

describe("Server", () => {
  it("says its name and its terms, and keeps the name for the next time", async () => {
    const storage = memoryStorage();
    const answer = { status: 200, body: { needed: false, server: "Our chat", password_min_chars: 20 } };
    const server = new Server(scripted({ "/setup": [answer] }).api, storage);
    assert.deepEqual([server.name, server.passwordMinChars, server.known], ["Switchboard", 15, false]);
    await Promise.all([server.load(), server.load()]);
    assert.deepEqual([server.name, server.passwordMinChars, server.known], ["Our chat", 20, true]);
    const again = new Server(scripted({}).api, storage);
    await again.load(); // there is no answer
    assert.deepEqual([again.name, again.known], ["Our chat", false]);
  });
});

describe("Api", () => {
  it("says code, status and how long to wait", async () => {
    const { api } = scripted({ "/login": [refusal(429, "too_many_attempts", { "Retry-After": "30" })] });
    await assert.rejects(
      api.login({ username: "a", password: "b" }),
      (error) =>
        error instanceof ApiError &&
        error.code === "too_many_attempts" &&
        error.status === 429 &&
        error.retryAfter === 30,
    );
  });

  it("tells a server that is not there from one that refuses", async () => {
    await assert.rejects(scripted({}).api.otp(), { code: "network", status: 0 });
    const { api } = scripted({ "/otp": [{ status: 502, body: "<html>" }] });
    await assert.rejects(api.otp(), { code: "internal", status: 502 });
  });

  it("asks as the protocol wants it", async () => {
    const { api, calls } = scripted({ "/otp": [grant()], "/invitations/7": [{ status: 204 }] });
    await api.otp({ epoch: "e", positions: { "room.general": 3 } });
    await api.revokeInvitation(7);
    assert.deepEqual(
      calls.map(({ path, init }) => [init.method, path]),
      [
        ["POST", "/otp"],
        ["DELETE", "/invitations/7"],
      ],
    );
    assert.deepEqual(JSON.parse(String(calls[0]?.init.body)), {
      resume: { epoch: "e", positions: { "room.general": 3 } },
    });
    assert.deepEqual(calls[0]?.init.headers, { "Content-Type": "application/json" });
  });
});

describe("Door", () => {
  it("shows who invites, or that the link no longer works", async () => {
    const info = { role: "member", invited_by: "alice", expires_at: 5 };
    const { api } = scripted({ "/invitations/check": [{ status: 200, body: info }, refusal(403, "bad_token")] });
    const door = new Door(api, new Server(api));
    door.arrive({ kind: "invite", token: "t" });
    await new Promise((resolve) => setImmediate(resolve));
    await settled();
    assert.deepEqual(door.invitation, info);
    await door.checkInvitation();
    assert.equal(door.error?.code, "bad_token");
  });

  it("knows when the server has no owner yet, even if it answers late", async () => {
    const { api } = scripted({ "/setup": [{ status: 200, body: { needed: true } }] });
    const server = new Server(api);
    const door = new Door(api, server);
    door.arrive(null);
    await server.load();
    assert.equal(door.kind, "needs_setup");
  });
});
