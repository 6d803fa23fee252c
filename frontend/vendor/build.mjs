/** Rebuilds frontend/vendor/ from the packages pinned in package-lock.json: `npm ci && npm run vendor`. */
import { copyFile, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = fileURLToPath(new URL(".", import.meta.url));
const root = fileURLToPath(new URL("../../", import.meta.url));
const { version, license } = JSON.parse(await readFile(`${root}node_modules/preact/package.json`, "utf8"));

await build({
  stdin: {
    contents: `
      export { h, render, Fragment, createContext, createRef } from "preact";
      export * from "preact/hooks";`,
    resolveDir: root,
  },
  outfile: `${here}preact.js`,
  bundle: true,
  format: "esm",
  minify: true,
  target: "es2022",
  legalComments: "none",
  banner: {
    js: `/*! preact ${version} (with preact/hooks), ${license} licence: see preact.LICENSE. Made by build.mjs. */`,
  },
});
await copyFile(`${root}node_modules/preact/LICENSE`, `${here}preact.LICENSE`);
console.log(`preact ${version} (${license})`);
