/** Rebuilds frontend/vendor/ from the packages pinned in package-lock.json: `npm ci && npm run vendor`. */
import { copyFile, readFile, readdir, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

/** @typedef {{ name: string, version: string, license: string, folder: string }} Package */

const here = fileURLToPath(new URL(".", import.meta.url));
const root = fileURLToPath(new URL("../../", import.meta.url));

/** What documents are written with. The page imports this one when the first document is opened. */
const EDITOR = `
  export {
    ContentString, Doc, Item, Text, UndoManager, UpdateEncoderV1, applyUpdate, createAbsolutePositionFromRelativePosition,
    createRelativePositionFromJSON, createRelativePositionFromTypeIndex, decodeStateVector, decodeUpdate, encodeStateAsUpdate,
    encodeStateVector, encodeStateVectorFromUpdate, equalDeleteSets, mergeDeleteSets, mergeUpdates, relativePositionToJSON,
    snapshot,
  } from "yjs";
  export { Awareness, applyAwarenessUpdate, encodeAwarenessUpdate, removeAwarenessStates } from "y-protocols/awareness";
  export {
    createEncoder, length as byteLength, toUint8Array, writeUint8Array, writeVarUint, writeVarUint8Array,
  } from "lib0/encoding";
  export { createDecoder, hasContent, readVarString, readVarUint, readVarUint8Array } from "lib0/decoding";
  export { Annotation, Compartment, EditorSelection, EditorState, Prec, Transaction } from "@codemirror/state";
  export {
    Decoration, Direction, EditorView, RectangleMarker, ViewPlugin, highlightSpecialChars, keymap, layer, placeholder,
  } from "@codemirror/view";
  export { indentLess, indentMore, insertTab, standardKeymap } from "@codemirror/commands";
  export {
    Language, defineLanguageFacet, languageDataProp, indentUnit, syntaxHighlighting,
  } from "@codemirror/language";
  export { search, searchKeymap } from "@codemirror/search";
  export { GFM, parser } from "@lezer/markdown";
  export { tagHighlighter, tags } from "@lezer/highlight";`;

/** @param {string} name @returns {Promise<Package>} */
async function packageAt(name) {
  const folder = `${root}node_modules/${name}`;
  const { version, license } = JSON.parse(await readFile(`${folder}/package.json`, "utf8"));
  return { name, version, license, folder };
}

/**
 * CodeMirror puts its styles into a <style> element, which our content security policy forbids, except within a shadow
 * root, where it adopts a style sheet. Every browser that runs this page can adopt one in a document, too.
 * @type {import("esbuild").Plugin}
 */
const adoptStyles = {
  name: "adopt-styles",
  setup({ onLoad }) {
    onLoad({ filter: /style-mod\/src\/style-mod\.js$/ }, async ({ path }) => {
      const source = await readFile(path, "utf8");
      const contents = source.replace("if (!root.head && root.adoptedStyleSheets", "if (root.adoptedStyleSheets");
      if (contents === source) throw new Error("style-mod decides in another way how it mounts its styles");
      return { contents };
    });
  },
};

/**
 * @param {string} contents what the bundle exports
 * @param {string} outfile
 * @param {string} banner
 * @returns {Promise<string[]>} the names of the packages in it
 */
async function bundle(contents, outfile, banner) {
  const { metafile } = await build({
    stdin: { contents, resolveDir: root },
    outfile: here + outfile,
    bundle: true,
    format: "esm",
    minify: true,
    target: "es2022",
    legalComments: "none",
    metafile: true,
    absWorkingDir: root,
    banner: { js: `/*! ${banner} Made by build.mjs. */` },
    plugins: [adoptStyles],
  });
  const used = Object.values(metafile.outputs).flatMap(({ inputs }) =>
    Object.entries(inputs).flatMap(([path, { bytesInOutput }]) => (bytesInOutput > 0 ? path : [])),
  );
  const names = used.map((path) => /node_modules\/((?:@[^/]+\/)?[^/]+)\/(?!.*node_modules\/)/.exec(path)?.[1] ?? "");
  return [...new Set(names)].filter(Boolean).sort();
}

/** @param {Package} of */
async function licenceText({ name, folder }) {
  const file = (await readdir(folder)).find((entry) => /^licen[sc]e/i.test(entry));
  if (!file) throw new Error(`${name} comes without its licence`);
  return (await readFile(`${folder}/${file}`, "utf8")).trim();
}

/** One file with the notice of every package in the bundle. @param {Package[]} packages @param {string} outfile */
async function writeNotices(packages, outfile) {
  const notices = packages.map(
    async (one) => `${one.name} ${one.version} (${one.license})\n\n${await licenceText(one)}\n`,
  );
  await writeFile(here + outfile, (await Promise.all(notices)).join(`\n${"-".repeat(80)}\n\n`));
}

const preact = await packageAt("preact");
await bundle(
  `
    export { h, render, Fragment, createContext, createRef } from "preact";
    export * from "preact/hooks";`,
  "preact.js",
  `preact ${preact.version} (with preact/hooks), ${preact.license} licence: see preact.LICENSE.`,
);
await copyFile(`${preact.folder}/LICENSE`, `${here}preact.LICENSE`);

const diff = await packageAt("diff");
await bundle(
  'export { diffLines, diffWordsWithSpace } from "diff";',
  "diff.js",
  `diff ${diff.version}, ${diff.license} licence: see diff.LICENSE.`,
);
await copyFile(`${diff.folder}/LICENSE`, `${here}diff.LICENSE`);

const names = await bundle(EDITOR, "editor.js", "yjs, CodeMirror and what they need: see editor.LICENSES.");
const packages = await Promise.all(names.map(packageAt));
await writeNotices(packages, "editor.LICENSES");
for (const { name, version, license } of [preact, diff, ...packages]) console.log(`${name} ${version} (${license})`);
