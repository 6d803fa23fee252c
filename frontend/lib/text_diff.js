import { diffLines, diffWordsWithSpace } from "../vendor/diff.js";

/** Unchanged lines that stand around a change. */
const CONTEXT = 2;
/** As many lines in the place of others are looked into. */
const MOST_PAIRS = 200;
/** A longer line is not looked into: taking it apart alone would take too long. */
const MOST_CHARACTERS = 20_000;
/** Of two lines that are looked into, so much is the same. */
const LEAST_COMMON = 0.25;
/** Everything together takes no longer, in milliseconds: what is not looked into by then is shown whole. */
const PATIENCE_MS = 150;
/** So much of it is for finding the lines. */
const LINES_MS = 100;

/** @typedef {{ text: string, changed: boolean }} Part */
/** @typedef {{ kind: "same" | "removed" | "added", parts: Part[] }} Line */
/** @typedef {Line | { kind: "skipped", count: number }} Row */

/**
 * What is different between two texts, line by line; lines that were replaced by as many others say which words differ.
 * @param {string} before
 * @param {string} now
 * @returns {{ rows: Row[], added: number, removed: number }} no rows when nothing differs
 */
export function textDiff(before, now) {
  const deadline = performance.now() + PATIENCE_MS;
  const changes = diffLines(ended(before), ended(now), { timeout: LINES_MS }) ?? roughly(linesOf(ended(before)), linesOf(ended(now)));
  /** @type {Line[]} */
  const lines = [];
  for (let at = 0; at < changes.length; at += 1) {
    const [change, next] = [changes[at], changes[at + 1]];
    if (!change) continue;
    if (change.removed && next?.added) {
      lines.push(...replaced(linesOf(change.value), linesOf(next.value), deadline));
      at += 1;
    } else {
      const kind = change.removed ? "removed" : change.added ? "added" : "same";
      lines.push(...linesOf(change.value).map((text) => whole(kind, text)));
    }
  }
  const count = (/** @type {Line["kind"]} */ kind) => lines.filter((line) => line.kind === kind).length;
  return { rows: folded(lines), added: count("added"), removed: count("removed") };
}

/**
 * What is the same at both ends, and between them one change.
 * @param {string[]} before
 * @param {string[]} now
 * @returns {Pick<import("diff").Change, "value" | "added" | "removed">[]}
 */
function roughly(before, now) {
  const most = Math.min(before.length, now.length);
  let [head, tail] = [0, 0];
  while (head < most && before[head] === now[head]) head += 1;
  while (tail < most - head && before.at(-1 - tail) === now.at(-1 - tail)) tail += 1;
  const part = (/** @type {string[]} */ lines, /** @type {number} */ from, /** @type {number} */ to) =>
    lines.slice(from, to).map((line) => `${line}\n`).join("");
  return [
    { value: part(now, 0, head), added: false, removed: false },
    { value: part(before, head, before.length - tail), added: false, removed: true },
    { value: part(now, head, now.length - tail), added: true, removed: false },
    { value: part(now, now.length - tail, now.length), added: false, removed: false },
  ];
}

/**
 * Lines in the place of others: one after the other they are compared by words.
 * @param {string[]} before
 * @param {string[]} now
 * @param {number} deadline
 * @returns {Line[]}
 */
function replaced(before, now, deadline) {
  const pairs = before
    .slice(0, Math.min(now.length, MOST_PAIRS))
    .map((text, index) => byWords(text, now[index] ?? "", deadline - performance.now()));
  return [
    ...pairs.map(([removed]) => removed),
    ...before.slice(pairs.length).map((text) => whole("removed", text)),
    ...pairs.map(([, added]) => added),
    ...now.slice(pairs.length).map((text) => whole("added", text)),
  ];
}

/** @param {string} before @param {string} now @param {number} timeout milliseconds @returns {[Line, Line]} */
function byWords(before, now, timeout) {
  const isShort = Math.max(before.length, now.length) <= MOST_CHARACTERS;
  const words = isShort && timeout > 0 ? diffWordsWithSpace(before, now, { timeout }) : undefined;
  const common = words?.reduce((sum, { added, removed, value }) => sum + (added || removed ? 0 : value.trim().length), 0) ?? 0;
  // With little in common, marks would only be noise.
  if (!words || common < LEAST_COMMON * Math.max(before.length, now.length)) {
    return [whole("removed", before), whole("added", now)];
  }
  return [partsOf(words, "removed"), partsOf(words, "added")];
}

/** One side of a line, in as few parts as there are. @param {import("diff").Change[]} words @param {"added" | "removed"} kind @returns {Line} */
function partsOf(words, kind) {
  /** @type {Part[]} */
  const parts = [];
  const ours = words.filter((word) => word[kind] || (!word.added && !word.removed));
  for (const [at, { value, [kind]: isOurs }] of ours.entries()) {
    const last = parts.at(-1);
    // The space between two changed words is no island.
    const changed = isOurs || (value.trim() === "" && last?.changed === true && ours[at + 1]?.[kind] === true);
    if (last?.changed === changed) last.text += value;
    else parts.push({ text: value, changed });
  }
  return { kind, parts };
}

/** @param {Line["kind"]} kind @param {string} text @returns {Line} */
const whole = (kind, text) => ({ kind, parts: [{ text, changed: false }] });

/** @param {string} text */
const ended = (text) => (text === "" || text.endsWith("\n") ? text : `${text}\n`);

/** @param {string} text whole lines */
const linesOf = (text) => (text === "" ? [] : text.replace(/\n$/, "").split("\n"));

/** Without what stands far from any change. @param {Line[]} lines @returns {Row[]} */
function folded(lines) {
  const near = new Set();
  lines.forEach(({ kind }, at) => {
    if (kind === "same") return;
    for (let other = at - CONTEXT; other <= at + CONTEXT; other += 1) near.add(other);
  });
  if (near.size === 0) return [];
  /** @type {Row[]} */
  const rows = [];
  for (const [at, line] of lines.entries()) {
    const last = rows.at(-1);
    if (near.has(at)) rows.push(line);
    else if (last?.kind === "skipped") last.count += 1;
    else rows.push({ kind: "skipped", count: 1 });
  }
  return rows;
}
