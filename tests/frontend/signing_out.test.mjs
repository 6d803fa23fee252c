import assert from "node:assert/strict";
import { beforeEach, describe, it, mock } from "node:test";
import { Editing } from "../../frontend/models/editing.js";
import { lostBySigningOut } from "../../frontend/models/signing_out.js";
import { ALICE, memoryStorage, settled } from "./fakes.mjs";

/** @typedef {import("../../frontend/models/editing.js").Unsaved} Unsaved */

/** What is open, and how often it was told to try. */
class Open {
  tried = 0;

  /** @param {Unsaved[]} unsaved */
  constructor(...unsaved) {
    this.unsaved = unsaved;
  }

  tryNow() {
    this.tried += 1;
  }
}
const PLAN = { id: 7, title: "Plan", isHopeless: false };

/** @param {number} milliseconds */
async function pass(milliseconds) {
  for (let passed = 0; passed < milliseconds; passed += 50) {
    await settled();
    mock.timers.tick(50);
  }
  await settled();
}

describe("signing out", () => {
  beforeEach(() => {
    mock.timers.reset();
    mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"] });
  });

  it("loses nothing where everything is saved, and asks at once where nothing will be", async () => {
    const [saved, full] = [new Open(), new Open({ ...PLAN, isHopeless: true })];
    assert.equal((await lostBySigningOut(saved)).length, 0);
    assert.deepEqual(await lostBySigningOut(full), full.unsaved);
    assert.deepEqual([saved.tried, full.tried], [0, 0]);
  });

  it("sends first what can be sent, and does not wait for ever", async () => {
    const [soon, never] = [new Open(PLAN), new Open(PLAN)];
    /** @type {Unsaved[][]} */
    const lost = [];
    void lostBySigningOut(soon).then((unsaved) => lost.push(unsaved));
    await pass(500);
    assert.equal(lost.length, 0);
    assert.equal(soon.tried, 1);
    soon.unsaved = [];
    await pass(100);
    assert.equal(lost.length, 1);
    void lostBySigningOut(never).then((unsaved) => lost.push(unsaved));
    await pass(3100);
    assert.deepEqual(lost, [[], [PLAN]]);
  });

  it("knows of what an earlier visit or another tab could not save", () => {
    const storage = memoryStorage();
    storage.setItem("switchboard.1.unsaved.7", JSON.stringify({ id: 7, name: "plan", title: "Plan", created_at: 5 }));
    storage.setItem("switchboard.2.unsaved.8", JSON.stringify({ id: 8, name: "other", title: "Other", created_at: 5 }));
    storage.setItem("switchboard.1.unsaved.9", "1");
    const editing = new Editing(/** @type {any} */ ({ user: ALICE }), storage);
    assert.deepEqual(editing.unsaved, [PLAN]);
  });
});
