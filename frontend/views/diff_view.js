import { textDiff } from "../lib/text_diff.js";
import { h, useMemo, useRef, useState } from "../vendor/preact.js";

const SIGNS = { same: " ", removed: "−", added: "+" };
/** So many rows are drawn at once: more would hold up the page. */
const MOST_ROWS = 1000;
/** Read aloud before a line, since a sign is not. */
const WORDS = { same: "", removed: "Removed: ", added: "Added: " };

/**
 * What has changed from one text to another.
 * @param {{ before: string, now: string, label: string, onLook: (() => void) | undefined }} props `onLook`: there is a newer text
 */
export function DiffView({ before, now, label, onLook }) {
  const { rows, added, removed } = useMemo(() => textDiff(before, now), [before, now]);
  const [most, setMost] = useState(MOST_ROWS);
  const region = useRef(/** @type {HTMLDivElement | null} */ (null));
  const more = Math.max(0, rows.length - most);

  function unfold() {
    setMost(most + MOST_ROWS);
    // The last time the button goes.
    if (more <= MOST_ROWS) region.current?.focus({ preventScroll: true });
  }

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
      onLook && [" Somebody is writing. ", h("button", { key: "look", type: "button", class: "button quiet small", onClick: onLook }, "Compare again")],
    ),
    h(
      "div",
      { ref: region, class: "diff-rows", role: "region", "aria-label": label, tabIndex: 0 },
      rows.slice(0, most).map((row, index) => h(DiffRow, { key: index, row })),
    ),
    more > 0 && h("button", { type: "button", class: "button small to-start", onClick: unfold }, `${lines(more)} more`),
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
