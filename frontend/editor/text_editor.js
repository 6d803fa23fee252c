import {
  Compartment,
  EditorState,
  EditorView,
  Prec,
  highlightSpecialChars,
  indentLess,
  indentMore,
  indentUnit,
  insertTab,
  keymap,
  search,
  searchKeymap,
  standardKeymap,
} from "../vendor/editor.js";
import { binding, redo, undo, undoing } from "./binding.js";
import { lineDirections } from "./line_directions.js";
import { markdown } from "./markdown.js";
import { remoteCarets } from "./remote_carets.js";

/** @typedef {import("./shared_text.js").SharedText} SharedText */

/** What control and direction characters do is not seen; that they are there should be. A carriage return is no news. */
const UNSEEN = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb]/gu;
/** So long Tab leaves the text after Escape, in milliseconds. */
const LEAVING_MS = 10_000;
/**
 * What is put in at once goes to the server in one message, whose size is limited: a MiB where nothing else is set, and three
 * bytes are the most that one of these takes.
 */
const MOST_AT_ONCE = 300_000;

/** The text on the page, where it is written. */
export class TextEditor {
  #view;
  #shared;
  #access = new Compartment();
  #name = new Compartment();

  /**
   * @param {object} options
   * @param {HTMLElement} options.parent
   * @param {SharedText} options.shared
   * @param {string} options.label what the text is called
   * @param {string} options.describedBy the id of what is said of it
   * @param {boolean} options.editable
   * @param {import("./remote_carets.js").Describe} options.describe
   * @param {() => void} options.onTooLong when more is put in at once than can be
   */
  constructor({ parent, shared, label, describedBy, editable, describe, onTooLong }) {
    this.#shared = shared;
    this.#view = new EditorView({
      parent,
      state: EditorState.create({
        doc: shared.toString(),
        extensions: [
          // A carriage return that is in the shared text counts there, so it must count here.
          EditorState.lineSeparator.of("\n"),
          EditorView.clipboardInputFilter.of((text) => text.replace(/\r\n?/g, "\n")),
          EditorState.transactionFilter.of((transaction) => (isTooLong(transaction) ? (onTooLong(), []) : transaction)),
          this.#access.of(accessOf(editable)),
          this.#name.of(nameOf(label)),
          EditorView.contentAttributes.of({
            "aria-describedby": describedBy,
            spellcheck: "true",
            autocorrect: "on",
            autocapitalize: "sentences",
          }),
          EditorView.lineWrapping,
          lineDirections(),
          EditorState.tabSize.of(4),
          indentUnit.of("  "),
          highlightSpecialChars({ specialChars: UNSEEN }),
          markdown(),
          binding(shared),
          undoing(shared),
          remoteCarets(shared, describe),
          search({ top: true }),
          Prec.high(keymap.of(keysOf(shared))),
          keymap.of([...searchKeymap.filter(isPlain), ...standardKeymap]),
        ],
      }),
    });
  }

  /** @param {boolean} editable */
  setEditable(editable) {
    if (this.#view.state.readOnly === editable) this.#view.dispatch({ effects: this.#access.reconfigure(accessOf(editable)) });
  }

  /** What the text is called now. @param {string} label */
  setLabel(label) {
    if (this.#view.contentDOM.getAttribute("aria-label") !== label) this.#view.dispatch({ effects: this.#name.reconfigure(nameOf(label)) });
  }

  focus() {
    this.#view.focus();
  }

  undo() {
    undo(this.#view, this.#shared);
  }

  redo() {
    redo(this.#view, this.#shared);
  }

  destroy() {
    this.#view.destroy();
  }
}

/** @param {string} label */
const nameOf = (label) => EditorView.contentAttributes.of({ "aria-label": label });

/**
 * What may only be read can have the focus all the same, and be searched and copied.
 * @param {boolean} editable
 */
function accessOf(editable) {
  return [
    EditorState.readOnly.of(!editable),
    EditorView.editable.of(editable),
    EditorView.contentAttributes.of({ "aria-readonly": String(!editable), tabindex: "0" }),
  ];
}

/** @param {SharedText} shared @returns {import("../vendor/editor.js").KeyBinding[]} */
function keysOf(shared) {
  return [
    { key: "Mod-z", run: (view) => undo(view, shared), preventDefault: true },
    { key: "Mod-y", mac: "Mod-Shift-z", run: (view) => redo(view, shared), preventDefault: true },
    { key: "Mod-Shift-z", run: (view) => redo(view, shared), preventDefault: true },
    { key: "Tab", run: (view) => (view.state.selection.main.empty ? insertTab(view) : indentMore(view)), shift: indentLess },
    {
      key: "Escape",
      run: (view) => {
        view.setTabFocusMode(LEAVING_MS);
        return false;
      },
    },
  ];
}

/** Without what other things of the page are reached by, and what selects in ways that need more than one caret. @param {{ key?: string }} binding */
function isPlain({ key = "" }) {
  return ["Mod-f", "F3", "Mod-g", "Escape"].includes(key);
}

/** @param {import("../vendor/editor.js").Transaction} transaction */
function isTooLong(transaction) {
  if (!transaction.docChanged || !transaction.isUserEvent("input")) return false;
  let length = 0;
  transaction.changes.iterChanges((_fromA, _toA, _fromB, _toB, inserted) => (length += inserted.length));
  return length > MOST_AT_ONCE;
}
