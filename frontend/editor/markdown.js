import {
  GFM,
  Language,
  defineLanguageFacet,
  languageDataProp,
  parser,
  syntaxHighlighting,
  tagHighlighter,
  tags,
} from "../vendor/editor.js";

/** Classes, not styles: how it looks is said in editor.css, in both themes. */
const classes = tagHighlighter([
  { tag: tags.heading1, class: "md-heading md-heading-1" },
  { tag: tags.heading2, class: "md-heading md-heading-2" },
  { tag: tags.heading, class: "md-heading" },
  { tag: tags.strong, class: "md-strong" },
  { tag: tags.emphasis, class: "md-emphasis" },
  { tag: tags.strikethrough, class: "md-strikethrough" },
  { tag: tags.link, class: "md-link" },
  { tag: tags.url, class: "md-url" },
  { tag: tags.monospace, class: "md-code" },
  { tag: tags.quote, class: "md-quote" },
  { tag: [tags.processingInstruction, tags.contentSeparator, tags.labelName, tags.escape], class: "md-mark" },
  { tag: [tags.comment, tags.angleBracket, tags.tagName], class: "md-mark" },
  { tag: tags.atom, class: "md-task" },
]);

/** Markdown as it is written: what is written stays as it is and is only coloured. */
export function markdown() {
  const data = defineLanguageFacet();
  const language = new Language(
    data,
    parser.configure([GFM, { props: [languageDataProp.add((type) => (type.isTop ? data : undefined))] }]),
    [],
    "markdown",
  );
  return [language.extension, syntaxHighlighting(classes)];
}
