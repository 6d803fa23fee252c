import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { textDiff } from "../../frontend/lib/text_diff.js";

/** @param {ReturnType<typeof textDiff>} diff as it is read: a sign, the text, what is marked in brackets */
const read = ({ rows }) =>
  rows.map((row) => {
    if (row.kind === "skipped") return `… ${row.count}`;
    const text = row.parts.map((part) => (part.changed ? `[${part.text}]` : part.text)).join("");
    return `${{ same: " ", added: "+", removed: "-" }[row.kind]}${text}`;
  });

describe("textDiff", () => {
  it("has nothing to say about what is the same", () => {
    for (const [before, now] of [["", ""], ["a\nb", "a\nb"], ["a", "a\n"]]) {
      assert.deepEqual(textDiff(before ?? "", now ?? ""), { rows: [], added: 0, removed: 0 });
    }
  });

  it("marks the words that differ in a line", () => {
    assert.deepEqual(read(textDiff("Hello world\n", "Good morning world\n")), ["-[Hello] world", "+[Good morning ]world"]);
    assert.deepEqual(read(textDiff("one\n", "two\n")), ["-one", "+two"]);
    assert.deepEqual(read(textDiff("stop the server\n", "stop the program\nand wait\n")), ["-stop the [server]", "+stop the [program]", "+and wait"]);
  });

  it("tells lines that came and went, and leaves out what is far from any change", () => {
    const lines = Array.from({ length: 20 }, (_, index) => `line ${index}`);
    const before = lines.join("\n");
    const now = [...lines.slice(0, 10), "new", ...lines.slice(10)].join("\n");
    const diff = textDiff(before, now);
    assert.deepEqual(read(diff), ["… 8", " line 8", " line 9", "+new", " line 10", " line 11", "… 8"]);
    assert.deepEqual([diff.added, diff.removed], [1, 0]);
    assert.deepEqual(read(textDiff("a\nb\nc", "a")), [" a", "-b", "-c"]);
    assert.deepEqual(read(textDiff("", "a\n\nb")), ["+a", "+", "+b"]);
  });

  it("ends soon, however much differs", () => {
    const text = (/** @type {number} */ seed) => Array.from({ length: 20_000 }, (_, index) => `${(index * seed) % 9973}`).join("\n");
    const begun = performance.now();
    const { added, removed } = textDiff(text(7), text(31));
    assert.ok(added > 1000 && removed > 1000);
    assert.ok(performance.now() - begun < 1000);
  });

  it("has one deadline for all lines, however many are long and in the place of others", () => {
    const text = (/** @type {number} */ seed) => {
      const line = (/** @type {number} */ row) => Array.from({ length: 2000 }, (_, index) => `w${(index * seed + row) % 997}`).join(" ");
      return Array.from({ length: 200 }, (_, row) => line(row)).join("\n");
    };
    const [before, now] = [text(7), text(31)];
    const begun = performance.now();
    const { added, removed } = textDiff(before, now);
    assert.ok(performance.now() - begun < 1000);
    assert.deepEqual([added, removed], [200, 200]);
  });

  it("leaves out what is the same at both ends even when there is no time to look closer", () => {
    const text = (/** @type {number} */ seed) => Array.from({ length: 20_000 }, (_, index) => `${(index * seed) % 9973}`);
    const ends = Array.from({ length: 50 }, (_, index) => `end ${index}`);
    const { rows } = textDiff([...ends, ...text(7), ...ends].join("\n"), [...ends, ...text(31).map((line) => `x${line}`), ...ends].join("\n"));
    assert.deepEqual([rows[0], rows.at(-1)], [{ kind: "skipped", count: 48 }, { kind: "skipped", count: 48 }]);
  });
});
