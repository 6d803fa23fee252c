import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { nextPiece } from "../../frontend/editor/pieces.js";
import { Doc, UndoManager, applyUpdate, decodeStateVector, encodeStateAsUpdate, encodeStateVector } from "../../frontend/vendor/editor.js";

/** Numbers in [0, most) that are the same each time. @param {number} seed */
function numbers(seed) {
  let state = seed;
  return (/** @type {number} */ most) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor((state / 2 ** 32) * most);
  };
}

const WORDS = ["a", "words ", "😀😀😀", "ü – ", "a longer piece of text, all at once. "];

/** Three people who write, delete and undo, and hear of each other now and then. @param {(most: number) => number} next */
function written(next) {
  const docs = [new Doc(), new Doc(), new Doc()];
  const undo = docs.map((doc) => new UndoManager(doc.getText("text")));
  for (let step = 0; step < 150; step += 1) {
    const who = next(docs.length);
    const doc = /** @type {Doc} */ (docs[who]);
    const text = doc.getText("text");
    const what = next(10);
    // No editor puts anything into the middle of a character, which Yjs would break.
    const characters = [...text.toString()];
    const at = next(characters.length + 1);
    const from = characters.slice(0, at).join("").length;
    if (what < 5) text.insert(from, WORDS[next(WORDS.length)] ?? "");
    else if (what < 7 && at < characters.length) text.delete(from, characters[at]?.length ?? 0);
    else if (what === 7) undo[who]?.undo();
    else applyUpdate(doc, encodeStateAsUpdate(/** @type {Doc} */ (docs[next(docs.length)])));
  }
  const [first, ...others] = /** @type {[Doc, ...Doc[]]} */ (docs);
  for (const other of others) applyUpdate(first, encodeStateAsUpdate(other));
  return { first, other: /** @type {Doc} */ (others[0]) };
}

describe("nextPiece", () => {
  it("cuts a text into parts of which none lacks anything, and which are all of it", () => {
    for (let seed = 1; seed <= 60; seed += 1) {
      const next = numbers(seed);
      const { first: doc, other } = written(next);
      const server = next(2) === 0 ? new Doc() : other;
      let known = decodeStateVector(encodeStateVector(server));
      for (let parts = 0, isAll = false; !isAll; parts += 1) {
        const piece = nextPiece(doc, known, 60);
        ({ known, isAll } = piece);
        applyUpdate(server, piece.update);
        assert.equal(server.store.pendingStructs, null, `seed ${seed}, part ${parts}`);
        assert.deepEqual([...decodeStateVector(encodeStateVector(server))].sort(), [...known].sort());
        assert.ok(piece.update.length < 400 && parts < 5000);
      }
      applyUpdate(server, encodeStateAsUpdate(doc, encodeStateVector(server)));
      assert.equal(server.getText("text").toString(), doc.getText("text").toString(), `seed ${seed}`);
      assert.deepEqual(encodeStateVector(server), encodeStateVector(doc));
    }
  });
});
