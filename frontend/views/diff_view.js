import { textDiff } from "../lib/text_diff.js";
import { h, useMemo } from "../vendor/preact.js";

const SIGNS = { same: " ", removed: "−", added: "+" };
/** Read aloud before a line, since a sign is not. */
const WORDS = { same: "", removed: "Removed: ", added: "Added: " };

/**
 * What has changed from one text to another.
 * @param {{ before: string, now: string, label: string }} props
 */
export function DiffView({ before, now, label }) {
  const { rows, added, removed } = useMemo(() => textDiff(before, now), [before, now]);
  if (rows.length === 0) return h("p", { class: "diff-none" }, "The text now is the same.");
  return h(
    "div",
    { class: "diff" },
    h(
      "p",
      { class: "hint" },
      "Since then: ",
      h("span", { class: "diff-count added" }, `${lines(added)} added`),
      ", ",
      h("span", { class: "diff-count removed" }, `${lines(removed)} removed`),
      ".",
    ),
    h(
      "div",
      { class: "diff-rows", role: "region", "aria-label": label, tabIndex: 0 },
      rows.map((row, index) => h(DiffRow, { key: index, row })),
    ),
  );
}

/** @param {{ row: import("../lib/text_diff.js").Row }} props */
function DiffRow({ row }) {
  if (row.kind === "skipped") {
    return h("p", { class: "diff-skipped" }, `${lines(row.count)} unchanged`);
  }
  const { kind, parts } = row;
  const tag = kind === "removed" ? "del" : kind === "added" ? "ins" : "span";
  return h(
    "div",
    { class: `diff-row ${kind}` },
    h("span", { class: "diff-sign", "aria-hidden": "true" }, SIGNS[kind]),
    h(
      tag,
      { class: "diff-text", dir: "auto" },
      WORDS[kind] && h("span", { class: "visually-hidden" }, WORDS[kind]),
      parts.map(({ text, changed }, index) => (changed ? h("mark", { key: index }, text) : text)),
    ),
  );
}

/** @param {number} count */
const lines = (count) => `${count.toLocaleString("en")} ${count === 1 ? "line" : "lines"}`;
