/** Rebuilds yjs.js from the packages pinned in package-lock.json: `npm ci && npm run vendor`. */
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const PACKAGES = ["yjs", "y-websocket", "y-protocols", "lib0"];
const here = fileURLToPath(new URL(".", import.meta.url));
const root = fileURLToPath(new URL("../../../../", import.meta.url));

const versions = [];
const licences = [];
for (const name of PACKAGES) {
  const { version, license } = JSON.parse(await readFile(`${root}node_modules/${name}/package.json`, "utf8"));
  versions.push(`${name} ${version} (${license})`);
  licences.push(`${name} ${version}\n\n${await readFile(`${root}node_modules/${name}/LICENSE`, "utf8")}`);
}
await build({
  stdin: { contents: 'export * from "yjs"; export { WebsocketProvider } from "y-websocket";', resolveDir: root },
  outfile: `${here}yjs.js`,
  bundle: true,
  format: "esm",
  minify: true,
  target: "es2022",
  legalComments: "none",
  banner: { js: `/*! ${versions.join(", ")}: see yjs.LICENSE. Made by build.mjs. */` },
});
await writeFile(`${here}yjs.LICENSE`, licences.join("\n"));
console.log(versions.join(", "));
