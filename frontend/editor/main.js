/**
 * What the page loads when the first document is opened: everything that needs the bundle of the editor, and nothing else of
 * the page imports it. See docs/architecture.md.
 */
export { awarenessMessage, fenceMessage, frameOf, messagesIn, syncMessage } from "./messages.js";
export { SharedText, compacted, knownOf, merged } from "./shared_text.js";
export { TextEditor } from "./text_editor.js";
