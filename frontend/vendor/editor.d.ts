// The types of the bundle are those of the packages it is made of.
export {
  ContentString,
  Doc,
  Item,
  Text,
  UndoManager,
  UpdateEncoderV1,
  applyUpdate,
  createAbsolutePositionFromRelativePosition,
  createRelativePositionFromJSON,
  createRelativePositionFromTypeIndex,
  decodeStateVector,
  decodeUpdate,
  encodeStateAsUpdate,
  encodeStateVector,
  encodeStateVectorFromUpdate,
  equalDeleteSets,
  mergeDeleteSets,
  mergeUpdates,
  relativePositionToJSON,
  snapshot,
} from "yjs";
export type { GC, RelativePosition, Skip, Transaction as SharedTransaction, YTextEvent } from "yjs";
export { Awareness, applyAwarenessUpdate, encodeAwarenessUpdate, removeAwarenessStates } from "y-protocols/awareness";
export { createEncoder, length as byteLength, toUint8Array, writeUint8Array, writeVarUint, writeVarUint8Array } from "lib0/encoding";
export type { Encoder } from "lib0/encoding";
export { createDecoder, hasContent, readVarString, readVarUint, readVarUint8Array } from "lib0/decoding";
export { Annotation, Compartment, EditorSelection, EditorState, Prec, Transaction } from "@codemirror/state";
export type { ChangeSpec, Extension, SelectionRange } from "@codemirror/state";
export {
  Decoration,
  Direction,
  EditorView,
  RectangleMarker,
  ViewPlugin,
  highlightSpecialChars,
  keymap,
  layer,
  placeholder,
} from "@codemirror/view";
export type { DecorationSet, KeyBinding, LayerMarker, PluginValue, ViewUpdate } from "@codemirror/view";
export { indentLess, indentMore, insertTab, standardKeymap } from "@codemirror/commands";
export {
  Language,
  defineLanguageFacet,
  indentUnit,
  languageDataProp,
  syntaxHighlighting,
} from "@codemirror/language";
export { search, searchKeymap } from "@codemirror/search";
export { GFM, parser } from "@lezer/markdown";
export { tagHighlighter, tags } from "@lezer/highlight";
