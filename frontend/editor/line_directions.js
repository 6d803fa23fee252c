import { Decoration, EditorView, ViewPlugin } from "../vendor/editor.js";

/** @typedef {import("../vendor/editor.js").ViewUpdate} ViewUpdate */

const AUTO = Decoration.line({ attributes: { dir: "auto" } });

/** Each line runs the way its first letters do, whatever the others are: a text may be in Hebrew and in English. */
export function lineDirections() {
  const lines = ViewPlugin.fromClass(
    class {
      /** @param {EditorView} view */
      constructor(view) {
        this.marks = marksOf(view);
      }

      /** @param {ViewUpdate} update */
      update({ docChanged, viewportChanged, view }) {
        if (docChanged || viewportChanged) this.marks = marksOf(view);
      }
    },
    { decorations: ({ marks }) => marks },
  );
  return [EditorView.perLineTextDirection.of(true), lines];
}

/** Of the lines that are drawn. @param {EditorView} view */
function marksOf({ state: { doc }, visibleRanges }) {
  const marks = [];
  let last = -1;
  for (const { from, to } of visibleRanges) {
    for (let at = from; at <= to; ) {
      const line = doc.lineAt(at);
      if (line.from > last) marks.push(AUTO.range((last = line.from)));
      at = line.to + 1;
    }
  }
  return Decoration.set(marks);
}
