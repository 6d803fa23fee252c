import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setFlagsFromString } from "node:v8";

// What browsers have, and Node since 21. Before anything is imported that looks for it.
if (process.versions.node.startsWith("20.")) setFlagsFromString("--harmony-json-parse-with-source");
const { KEEPS_DIGITS, parseExactly } = await import("../../frontend/lib/exact_json.js");
const { prettyJson } = await import("../../frontend/lib/pretty_json.js");
const { FakeWebSocket, latest, newSocket, settled } = await import("./fakes.mjs");

const ALL = { lines: 1000, characters: 100_000 };

/** @param {string} json @param {import("../../frontend/lib/pretty_json.js").Budget} [budget] */
const drawn = (json, budget = ALL) =>
  prettyJson(parseExactly(json), budget)
    .tokens.map(({ text }) => text)
    .join("");

describe("exact JSON", () => {
  it("shows numbers as they were written", () => {
    assert.equal(KEEPS_DIGITS, true);
    const numbers = ["12345678901234567890", "1.10", "1.0", "-0", "-0.0", "1e3", "1E+3", "0.0000001", "1234567890123.45678"];
    for (const number of [...numbers, "9007199254740993", "123456789012345678901234567890", "5e-324", "0", "-1.5", "100"]) {
      assert.equal(drawn(number), number);
      assert.equal(drawn(`[${number}]`), `[\n  ${number}\n]`);
    }
  });

  it("finds every number that would be written otherwise", () => {
    for (let round = 0; round < 20_000; round += 1) {
      const digits = () => String(Math.random()).slice(2, 2 + Math.floor(Math.random() * 16));
      const sign = Math.random() < 0.5 ? "-" : "";
      const whole = (digits() + digits()).replace(/^0+/, "") || "0";
      const fraction = Math.random() < 0.5 ? `.${digits()}${Math.floor(Math.random() * 10)}` : "";
      const number = sign + whole + fraction;
      assert.equal(drawn(number), number);
    }
  });

  it("leaves plain numbers what they are, and all else", () => {
    const text = '{"type":"published","offset":7,"payload":{"data":[1.10,1,-2.5,"1.10",{"__proto__":1e2}]}}';
    const { type, offset, payload } = parseExactly(text);
    assert.deepEqual([type, offset, payload.data.slice(1, 4)], ["published", 7, [1, -2.5, "1.10"]]);
    assert.equal(JSON.stringify(payload.data[4]), '{"__proto__":"1e2"}');
    assert.equal(Object.getPrototypeOf(payload.data[4]), Object.prototype);
  });

  it("cuts a number that is endless", () => {
    const number = `1.${"1".repeat(60_000)}`;
    const { tokens, complete } = prettyJson(parseExactly(number), { lines: 5, characters: 10 });
    assert.deepEqual([tokens[0]?.text, complete], ["1.11111111…", false]);
    assert.equal(drawn(number), number);
  });

  it("is how events are read", async () => {
    const socket = newSocket();
    /** @type {any[]} */
    const events = [];
    socket.addEventListener("event", (event) => events.push(/** @type {CustomEvent} */ (event).detail));
    socket.start();
    await settled();
    assert.equal(FakeWebSocket.all.length, 1);
    latest().greets({ "channel.bunno": { offset: 1, recovered: false } });
    const data = '{"type":"published","topic":"channel.bunno","offset":2,"payload":{"channel":"bunno","data":1.10}}';
    latest().onmessage?.({ data });
    assert.deepEqual([events[0].offset, events[0].payload.data.source], [2, "1.10"]);
    socket.stop();
  });
});
