import assert from "node:assert/strict";
import { beforeEach, describe, it, mock } from "node:test";
import { Connection } from "../../frontend/models/connection.js";
import { FakeWebSocket, latest, newSocket, settled } from "./fakes.mjs";

async function opened() {
  const socket = newSocket();
  let verified = 0;
  const connection = new Connection(socket, () => (verified += 1));
  connection.start();
  socket.start();
  await settled();
  latest().greets();
  latest().catchesUp();
  return { socket, connection, verified: () => verified };
}

describe("Connection", () => {
  beforeEach(() => {
    mock.timers.reset();
    mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"], now: 1_000_000 });
  });

  it("says nothing is lost before anything was there", async () => {
    const socket = newSocket({ admission: () => Promise.reject(new Error("away")) });
    const connection = new Connection(socket, () => undefined);
    socket.start();
    assert.deepEqual([connection.state, connection.lost], ["connecting", false]);
    await settled();
    assert.deepEqual([connection.state, connection.lost], ["waiting", true]);
    connection.tryNow();
    assert.deepEqual([connection.state, connection.lost], ["connecting", true]);
    socket.stop();
    assert.equal((await opened()).connection.lost, false);
  });

  it("asks a silent connection whether it lives, and one that speaks not at all", async () => {
    const { connection, verified } = await opened();
    for (let seconds = 0; seconds < 300; seconds += 20) {
      mock.timers.tick(20_000);
      latest().receives({ type: "new_message", topic: "room.general", offset: seconds + 1, payload: {} });
    }
    assert.equal(verified(), 0);
    mock.timers.tick(45_000);
    assert.equal(verified(), 1);
    connection.verify();
    assert.equal(verified(), 2);
    connection.stop();
    mock.timers.tick(90_000);
    assert.equal(verified(), 2);
  });

  it("tries at once when the network is back", async () => {
    const { connection, socket } = await opened();
    connection.setOnline(false);
    latest().drops(1006);
    assert.deepEqual([connection.online, connection.state], [false, "waiting"]);
    assert.equal(connection.retryAt, Date.now() + 250);
    connection.setOnline(true);
    await settled();
    assert.equal(FakeWebSocket.all.length, 2);
    assert.equal(socket.state, "connecting");
    connection.stop();
  });

  it("starts again by hand what would not by itself", async () => {
    const { connection } = await opened();
    latest().drops(1003, "binary_not_accepted");
    assert.equal(connection.state, "closed");
    connection.verify();
    await settled();
    assert.equal(FakeWebSocket.all.length, 1);
    connection.tryNow();
    await settled();
    assert.equal(FakeWebSocket.all.length, 2);
    connection.stop();
  });

  it("tells its views", async () => {
    const { connection } = await opened();
    let changes = 0;
    connection.addEventListener("change", () => (changes += 1));
    latest().drops(1006);
    assert.equal(changes, 1);
    connection.stop();
  });
});
