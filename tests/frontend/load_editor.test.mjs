import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { EditorLoader } from "../../frontend/models/load_editor.js";

/** @typedef {import("../../frontend/models/load_editor.js").EditorParts} EditorParts */

const PARTS = /** @type {EditorParts} */ ({});
const broken = () => Promise.reject(new Error("failed to fetch"));

describe("the editor", () => {
  it("is loaded once, and again after a failure", async () => {
    let reads = 0;
    const loader = new EditorLoader(
      async () => ((reads += 1) === 1 ? broken() : PARTS),
      async () => ({ status: 200 }),
    );
    await assert.rejects(loader.load(), { why: "unavailable" });
    assert.equal(loader.isStuck, false, "it may have been the network");
    assert.deepEqual(await Promise.all([loader.load(), loader.load()]), [PARTS, PARTS]);
    assert.equal(reads, 2);
  });

  it("is stuck when it fails again though the server has it", async () => {
    let status = 0;
    const loader = new EditorLoader(broken, async () => (status === 0 ? broken() : { status }));
    for (let times = 0; times < 3; times += 1) await assert.rejects(loader.load(), { why: "unavailable" });
    assert.equal(loader.isStuck, false, "without the server nothing helps");
    status = 200;
    await assert.rejects(loader.load(), { why: "unavailable" });
    assert.equal(loader.isStuck, true);
    status = 404;
    await assert.rejects(loader.load(), { why: "outdated" });
  });
});
