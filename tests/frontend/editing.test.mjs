import assert from "node:assert/strict";
import { beforeEach, describe, it, mock } from "node:test";
import * as parts from "../../frontend/editor/main.js";
import { Editing } from "../../frontend/models/editing.js";
import { ALICE, memoryStorage, settled } from "./fakes.mjs";

const PLAN = { name: "plan", id: 7, title: "Plan", created_at: 5, access: /** @type {const} */ ("write") };

/** @type {Storage} */
let storage;
let writes = 0;

/** A window, whose documents are on this device and whose server never answers. */
function newWindow() {
  const copy = { load: async () => ({ updates: [], access: "write" }), keep: async () => true, markSynced() {}, async close() {}, remove() {} };
  return new Editing(
    {
      user: ALICE,
      url: (name) => name,
      admission: () => new Promise(() => undefined),
      find: async () => PLAN,
      connection: /** @type {any} */ (Object.assign(new EventTarget(), { state: "connecting" })),
      load: async () => parts,
      keep: /** @type {any} */ (async () => copy),
    },
    storage,
  );
}

const marks = () => Array.from({ length: storage.length }, (_, at) => storage.key(at) ?? "");

describe("Editing", () => {
  beforeEach(() => {
    mock.timers.reset();
    mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
    storage = memoryStorage();
    const { setItem } = storage;
    writes = 0;
    storage.setItem = (key, value) => {
      writes += 1;
      setItem(key, value);
    };
  });

  it("remembers once that something is unsaved, and no other window forgets it", async () => {
    const [here, there] = [newWindow(), newWindow()];
    const [ours, theirs] = [here.open(PLAN), there.open(PLAN)];
    await settled();
    for (const letter of "written") ours.shared?.change([{ from: 0, to: 0, insert: letter }]);
    await settled();
    assert.equal(writes, 1);
    theirs.changed();
    there.close(theirs);
    assert.equal(marks().length, 1);
    here.stop();
    there.stop();
  });

  it("says so again when another window has taken the mark away", async () => {
    const here = newWindow();
    const ours = here.open(PLAN);
    await settled();
    ours.shared?.change([{ from: 0, to: 0, insert: "more" }]);
    const [key = ""] = marks();
    storage.removeItem(key);
    here.onStorage(/** @type {any} */ ({ key, newValue: null }));
    assert.deepEqual(marks(), [key]);
    here.stop();
  });

  it("opens after a reload what was left unsaved", async () => {
    const here = newWindow();
    const ours = here.open(PLAN);
    await settled();
    ours.shared?.change([{ from: 0, to: 0, insert: "left" }]);
    here.stop();
    const later = newWindow();
    later.start();
    await settled();
    assert.equal(later.open(PLAN).isReadable, true);
    assert.equal(marks().length, 1);
    later.stop();
  });
});
