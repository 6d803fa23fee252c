import { Annotation, EditorSelection, EditorView, Transaction, ViewPlugin } from "../vendor/editor.js";
import { textOf } from "./shared_text.js";

/** @typedef {import("./shared_text.js").SharedText} SharedText */
/** @typedef {import("../vendor/editor.js").ViewUpdate} ViewUpdate */

/** A change of the editor that the shared text has already. */
const isShared = Annotation.define();

/**
 * Keeps the editor and the shared text the same, each following the other.
 * @param {SharedText} shared
 */
export function binding(shared) {
  return ViewPlugin.fromClass(
    class {
      /** @param {EditorView} view */
      constructor(view) {
        this.view = view;
        this.observe = this.observe.bind(this);
        shared.text.observe(this.observe);
      }

      /** @param {ViewUpdate} update */
      update(update) {
        const ours = update.transactions.filter((one) => one.docChanged && !one.annotation(isShared));
        if (ours.length === 0) return;
        /** @type {{ from: number, to: number, insert: string }[]} */
        const changes = [];
        update.changes.iterChanges((from, to, _fromB, _toB, insert) =>
          changes.push({ from, to, insert: insert.sliceString(0, undefined, "\n") }),
        );
        shared.change(changes);
      }

      /** @param {import("../vendor/editor.js").YTextEvent} event @param {import("../vendor/editor.js").SharedTransaction} transaction */
      observe({ delta }, { origin }) {
        if (origin === shared.origin) return;
        /** @type {{ from: number, to: number, insert: string }[]} */
        const changes = [];
        let at = 0;
        for (const { insert, delete: gone = 0, retain = 0 } of delta) {
          if (insert !== undefined) changes.push({ from: at, to: at, insert: textOf([{ insert }]) });
          else if (gone > 0) changes.push({ from: at, to: at + gone, insert: "" });
          at += gone + retain;
        }
        this.view.dispatch({
          changes,
          annotations: [isShared.of(true), Transaction.remote.of(true), Transaction.addToHistory.of(false)],
        });
      }

      destroy() {
        shared.text.unobserve(this.observe);
      }
    },
  );
}

/**
 * Undoing takes the selection back to where it was before what is undone. Stands behind the binding: when the shared text has
 * changed, what is remembered here is still the selection before.
 * @param {SharedText} shared
 */
export function undoing(shared) {
  const { undoManager } = shared;
  const places = ViewPlugin.fromClass(
    class {
      /** @param {EditorView} view */
      constructor(view) {
        this.view = view;
        this.before = this.places();
        this.added = this.added.bind(this);
        this.popped = this.popped.bind(this);
        undoManager.on("stack-item-added", this.added);
        undoManager.on("stack-item-popped", this.popped);
      }

      places() {
        const { anchor, head } = this.view.state.selection.main;
        return { anchor: shared.mark(anchor), head: shared.mark(head) };
      }

      /** @param {ViewUpdate} update */
      update(update) {
        if (update.selectionSet || update.docChanged) this.before = this.places();
      }

      /** @param {{ stackItem: { meta: Map<unknown, unknown> } }} event */
      added({ stackItem: { meta } }) {
        if (!meta.has(places)) meta.set(places, this.before);
      }

      /** @param {{ stackItem: { meta: Map<unknown, unknown> } }} event */
      popped({ stackItem: { meta } }) {
        const { anchor, head } = /** @type {any} */ (meta.get(places)) ?? {};
        const [from, to] = [shared.indexOf(anchor), shared.indexOf(head)];
        if (from === null || to === null) return;
        const selection = EditorSelection.single(from, to);
        this.view.dispatch({ selection, effects: EditorView.scrollIntoView(selection.main), userEvent: "undo" });
      }

      destroy() {
        undoManager.off("stack-item-added", this.added);
        undoManager.off("stack-item-popped", this.popped);
      }
    },
  );
  return [
    places,
    EditorView.domEventHandlers({
      beforeinput({ inputType }, view) {
        if (inputType === "historyUndo") return undo(view, shared);
        return inputType === "historyRedo" && redo(view, shared);
      },
    }),
  ];
}

/** @param {EditorView} view @param {SharedText} shared */
export function undo(view, shared) {
  if (!view.state.readOnly) shared.undoManager.undo();
  return true;
}

/** @param {EditorView} view @param {SharedText} shared */
export function redo(view, shared) {
  if (!view.state.readOnly) shared.undoManager.redo();
  return true;
}
