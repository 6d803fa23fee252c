/**
 * Where the others are. Drawn in layers of their own, so that nothing in the text moves and no composition is disturbed; placed
 * through the object model, since the content security policy takes no style attributes.
 */
import { Annotation, EditorSelection, RectangleMarker, ViewPlugin, layer } from "../vendor/editor.js";

/** @typedef {import("./shared_text.js").SharedText} SharedText */
/** @typedef {import("../vendor/editor.js").EditorView} EditorView */
/** @typedef {import("../vendor/editor.js").LayerMarker} LayerMarker */
/** @typedef {import("../vendor/editor.js").ViewUpdate} ViewUpdate */
/** @typedef {{ id: number, name: string, colour: number, anchor: number, head: number }} Caret */
/** @typedef {(state: unknown) => { name: string, colour: number } | null} Describe */

const moved = Annotation.define();

/**
 * @param {SharedText} shared
 * @param {Describe} describe who a state is of
 */
export function remoteCarets(shared, describe) {
  const carets = caretsPlugin(shared, describe);
  const update = (/** @type {ViewUpdate} */ change) => change.viewportChanged || isMoved(change);
  return [
    carets,
    layer({
      above: false,
      class: "cm-remote-selections",
      update,
      markers: (view) => view.plugin(carets)?.all.flatMap((caret) => selectionOf(view, caret)) ?? [],
    }),
    layer({
      above: true,
      class: "cm-remote-carets",
      update,
      markers: (view) => view.plugin(carets)?.all.flatMap((caret) => caretOf(view, caret)) ?? [],
    }),
  ];
}

/** Whether the others may be somewhere else by that. @param {ViewUpdate} change */
function isMoved({ docChanged, transactions }) {
  return docChanged || transactions.some((one) => one.annotation(moved));
}

/** Knows where the others are, draws again when they say so, and says where we are. @param {SharedText} shared @param {Describe} describe */
function caretsPlugin(shared, describe) {
  return ViewPlugin.fromClass(
    class {
      /** @type {Caret[] | null} */
      #all = null;

      /** @param {EditorView} view */
      constructor(view) {
        this.view = view;
        this.frame = 0;
        this.redraw = () => {
          // Not within an update of the editor, which is where our own move comes from.
          cancelAnimationFrame(this.frame);
          this.frame = requestAnimationFrame(() => view.dispatch({ annotations: moved.of(true) }));
        };
        shared.addEventListener("people", this.redraw);
      }

      /** Asked for when it is drawn, when the shared text and the editor are the same again. */
      get all() {
        return (this.#all ??= caretsOf(shared, describe, this.view));
      }

      /** @param {ViewUpdate} change */
      update(change) {
        const { view, selectionSet, docChanged, focusChanged, transactions } = change;
        if (isMoved(change)) this.#all = null;
        const isOurs = selectionSet || (docChanged && transactions.some((one) => one.isUserEvent("input")));
        if (isOurs || focusChanged) {
          // After the shared text has followed.
          queueMicrotask(() => shared.select(view.hasFocus ? view.state.selection.main : null));
        }
      }

      destroy() {
        cancelAnimationFrame(this.frame);
        shared.removeEventListener("people", this.redraw);
        shared.select(null);
      }
    },
  );
}

/** @param {SharedText} shared @param {Describe} describe @param {EditorView} view @returns {Caret[]} */
function caretsOf(shared, describe, { state }) {
  return shared.others().flatMap(([id, said]) => {
    const person = describe(said);
    const { anchor, head } = /** @type {any} */ (said)?.cursor ?? {};
    const [from, to] = [shared.indexOf(anchor), shared.indexOf(head)];
    if (!person || from === null || to === null) return [];
    const { length } = state.doc;
    return [{ id, ...person, anchor: Math.min(from, length), head: Math.min(to, length) }];
  });
}

/** @param {EditorView} view @param {Caret} caret */
function selectionOf(view, { anchor, head, colour }) {
  if (anchor === head) return [];
  return RectangleMarker.forRange(view, `remote-selection caret-${colour}`, EditorSelection.range(anchor, head));
}

/** @param {EditorView} view @param {Caret} caret */
function caretOf(view, caret) {
  const [box] = RectangleMarker.forRange(view, "", EditorSelection.cursor(caret.head));
  return box ? [new CaretMarker(caret, box, view)] : [];
}

/** @implements {LayerMarker} */
class CaretMarker {
  /** @param {Caret} caret @param {RectangleMarker} box @param {EditorView} view */
  constructor(caret, { left, top, height }, { contentDOM }) {
    this.caret = caret;
    this.box = { left, top, height };
    this.side = left > contentDOM.clientWidth / 2 ? "before" : "after";
  }

  /** @param {CaretMarker} other */
  eq(other) {
    const [{ left, top, height }, { id, name, head }] = [this.box, this.caret];
    const [box, caret] = [other.box, other.caret];
    return (
      left === box.left && top === box.top && height === box.height && id === caret.id && name === caret.name && head === caret.head
    );
  }

  draw() {
    const element = document.createElement("div");
    const label = element.appendChild(document.createElement("span"));
    this.#place(element, label);
    return element;
  }

  /** @param {HTMLElement} element @param {CaretMarker} before */
  update(element, before) {
    if (before.caret.id !== this.caret.id) return false;
    const label = /** @type {HTMLElement} */ (element.firstElementChild);
    // Whoever moves says again who it is: another element begins its animation anew.
    const fresh = before.caret.head === this.caret.head ? label : document.createElement("span");
    if (fresh !== label) label.replaceWith(fresh);
    this.#place(element, fresh);
    return true;
  }

  /** @param {HTMLElement} element @param {HTMLElement} label */
  #place(element, label) {
    const { left, top, height } = this.box;
    element.className = `remote-caret caret-${this.caret.colour} ${this.side}`;
    element.style.left = `${left}px`;
    element.style.top = `${top}px`;
    element.style.height = `${height}px`;
    label.className = "remote-caret-name";
    label.textContent = this.caret.name;
  }
}
