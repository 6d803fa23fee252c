import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { documentState } from "../../frontend/models/document_state.js";
import { CARET_COLOURS, PeopleHere } from "../../frontend/models/people_here.js";
import { SaveProgress } from "../../frontend/models/save_progress.js";
import { announcement } from "../../frontend/views/explain_document.js";

describe("SaveProgress", () => {
  it("takes for saved what was made before the fence that came back, and nothing that was made after", () => {
    const progress = new SaveProgress();
    progress.changed();
    const first = progress.fence();
    progress.changed();
    progress.answered(first);
    assert.equal(progress.isUnsaved, true);
    progress.answered(progress.fence());
    assert.equal(progress.isUnsaved, false);
  });

  it("believes no fence of an earlier connection", () => {
    const progress = new SaveProgress();
    progress.changed();
    const before = progress.fence();
    progress.disconnected();
    progress.answered(before);
    assert.deepEqual([progress.isUnsaved, progress.isConfirmed], [true, false]);
  });

  it("takes nothing for saved that comes after a refusal", () => {
    const progress = new SaveProgress();
    progress.changed();
    const fence = progress.fence();
    progress.refused();
    progress.answered(fence);
    progress.answered(progress.fence());
    assert.equal(progress.isUnsaved, true);
    progress.disconnected();
    assert.deepEqual([progress.isUnsaved, progress.isRefused], [true, false]);
  });
});

describe("documentState", () => {
  const saved = {
    missing: null,
    readable: true,
    connection: /** @type {const} */ ("open"),
    failed: true,
    why: null,
    kept: /** @type {const} */ ("yes"),
    access: /** @type {const} */ ("write"),
    progress: { isUnsaved: false, isConfirmed: true, isRefused: false },
  };
  /** @param {Partial<import("../../frontend/models/document_state.js").Facts>} other */
  const state = (other) => documentState({ ...saved, ...other });

  it("is saved only when everything is well and the server has said so on this connection", () => {
    assert.equal(state({}), "saved");
    assert.equal(state({ progress: { isUnsaved: true, isConfirmed: true, isRefused: false } }), "saving");
    assert.equal(state({ progress: { isUnsaved: false, isConfirmed: false, isRefused: false } }), "connecting");
    for (const connection of /** @type {const} */ (["connecting", "waiting", "stopped"])) {
      assert.equal(state({ connection }), "offline");
    }
    assert.equal(state({ connection: "connecting", failed: false }), "connecting");
  });

  it("promises on this device only what the browser has promised", () => {
    assert.equal(state({ connection: "waiting", kept: "soon" }), "keeping");
    assert.equal(state({ connection: "waiting", kept: "no" }), "unkept");
  });

  it("says what matters most first", () => {
    assert.equal(state({ missing: "outdated", why: "gone" }), "outdated");
    assert.equal(state({ why: "gone", connection: "stopped" }), "deleted");
    assert.equal(state({ why: "full", connection: "stopped" }), "full");
    assert.equal(state({ readable: false, connection: "waiting" }), "loading");
    assert.equal(state({ progress: { isUnsaved: true, isConfirmed: true, isRefused: true } }), "refused");
    assert.equal(state({ access: "read" }), "read_only");
  });
});

describe("PeopleHere", () => {
  const states = (/** @type {unknown[]} */ ...names) => names.map((name) => ({ user: { name } }));

  it("shows each person once, ourselves first, and nobody who gives no name", () => {
    const here = new PeopleHere("maya");
    assert.equal(here.update([...states("bob", "anna", "bob", "maya", "", 7), null, "x", { user: null }]), true);
    assert.deepEqual(here.all.map(({ name }) => name), ["maya", "anna", "bob"]);
    assert.equal(here.update(states("anna", "bob")), false);
    assert.equal(here.update([]), true);
  });

  it("gives people who are here together different colours, and keeps them", () => {
    const here = new PeopleHere("maya");
    const names = Array.from({ length: CARET_COLOURS - 1 }, (_, number) => `person ${number}`);
    here.update(states(...names));
    assert.equal(new Set(here.all.map(({ colour }) => colour)).size, CARET_COLOURS);
    const before = names.map((name) => here.colourOf(name));
    here.update(states("one more", ...names));
    assert.deepEqual(names.map((name) => here.colourOf(name)), before);
  });
});

describe("announcement", () => {
  it("tells what is news, and not that every word is saved", () => {
    assert.equal(announcement("saving", "saved"), "");
    assert.equal(announcement("saved", "saving"), "");
    assert.equal(announcement("offline", "saving"), "Offline – kept on this device");
    assert.equal(announcement("keeping", "offline"), "");
    assert.equal(announcement("saving", "offline"), "");
    assert.equal(announcement("saved", "offline"), "Saved");
  });
});
