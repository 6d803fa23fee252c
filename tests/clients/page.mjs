/** Prints what the documents' page shows in a browser, a line each, as it comes. usage: page.mjs APP */
import { launch } from "../page/harness.mjs";

const browser = await launch();
const page = await (await browser.newContext({ ignoreHTTPSErrors: true })).newPage();
page.on("pageerror", (error) => console.log(JSON.stringify({ error: String(error) })));
await page.exposeFunction("show", (/** @type {string} */ text) => console.log(text));
await page.addInitScript(() => {
  const show = (/** @type {MutationRecord[]} */ records) => {
    const shown = records.flatMap((record) => [...record.addedNodes]).filter((node) => node.nodeName === "LI");
    for (const item of shown) /** @type {any} */ (globalThis).show(item.textContent);
  };
  new MutationObserver(show).observe(document, { childList: true, subtree: true });
});
await page.goto(process.argv[2] ?? "");
await new Promise((resolve) => process.once("SIGTERM", resolve));
await browser.close();
