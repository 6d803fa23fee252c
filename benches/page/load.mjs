/**
 * How long the page takes to load over HTTP/2 and TLS, in a real browser, over lines of several lengths and widths:
 * `npm run measure:page -- [--runs N]`. The server is that of SWITCHBOARD_BIN, best a release build, with the page inside
 * it or that of SWITCHBOARD_FRONTEND. Prints a table, after a line of JSON with every figure.
 */
import { once } from "node:events";
import http2 from "node:http2";
import { parseArgs } from "node:util";
import { BINARY, Server, launch, newPerson, setUpOwner, trusting } from "../../tests/page/harness.mjs";
import { Wire } from "./wire.mjs";

/** @typedef {import("playwright-core").BrowserContext} Context */
/** @typedef {import("./wire.mjs").Line} Line */

const { values } = parseArgs({ options: { runs: { type: "string", default: "7" } } });
const RUNS = Number(values.runs);

/** @type {Line[]} */
const LINES = [
  { rttMs: 40, kbit: 0 },
  { rttMs: 150, kbit: 0 },
  { rttMs: 40, kbit: 1600 },
  { rttMs: 150, kbit: 1600 },
];

/** The middle one. @param {number[]} all */
function median(all) {
  const sorted = all.toSorted((one, other) => one - other);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}

/** Notes when the login form is there. It runs in the page, before the page. */
function watchForForm() {
  const found = new MutationObserver(() => {
    if (!document.querySelector("#app form input")) return;
    found.disconnect();
    Object.assign(globalThis, { formAt: performance.now() });
  });
  found.observe(document, { childList: true, subtree: true });
}

/** One visit by somebody whose connections are gone. @param {Context} context @param {Wire} wire */
async function visit(context, wire) {
  wire.cut();
  const page = await context.newPage();
  let requests = 0;
  const protocols = new Set();
  const session = await context.newCDPSession(page);
  await session.send("Network.enable");
  session.on("Network.responseReceived", ({ response }) => {
    if (response.fromDiskCache || response.fromPrefetchCache) return;
    requests += 1;
    protocols.add(response.protocol);
  });
  session.on("Network.requestServedFromCache", () => (requests -= 1));
  await page.goto(wire.origin);
  await page.getByLabel("User name").waitFor();
  const times = await page.evaluate(async () => {
    const painted = () => performance.getEntriesByName("first-contentful-paint")[0]?.startTime;
    while (painted() === undefined) await new Promise((resolve) => requestAnimationFrame(resolve));
    const [navigation] = performance.getEntriesByType("navigation");
    const { domContentLoadedEventEnd } = /** @type {PerformanceNavigationTiming} */ (navigation);
    const { formAt } = /** @type {any} */ (globalThis);
    return { paintMs: painted(), domMs: domContentLoadedEventEnd, formMs: formAt };
  });
  const figures = { ...times, requests, kib: wire.bytes / 1024 };
  await page.close();
  return { ...figures, protocols: [...protocols] };
}

/** @param {import("playwright-core").Browser} browser @param {Server} server @param {Line} line */
async function measure(browser, server, line) {
  const wire = await Wire.to(server.origin, line);
  const visits = { first: /** @type {any[]} */ ([]), second: /** @type {any[]} */ ([]) };
  for (let run = 0; run < RUNS; run += 1) {
    const { context, page } = await newPerson(browser, server);
    await page.close();
    await context.addInitScript(watchForForm);
    visits.first.push(await visit(context, wire));
    visits.second.push(await visit(context, wire));
    await context.close();
  }
  wire.close();
  return visits;
}

/** What early hints could save at most: how long the server thinks about the page. @param {Server} server */
async function thinkingMs(server) {
  const session = http2.connect(server.origin, { rejectUnauthorized: false });
  const times = [];
  for (let ask = 0; ask < 200; ask += 1) {
    const start = performance.now();
    const stream = session.request({ ":path": "/", "accept-encoding": "br" });
    await once(stream, "response");
    times.push(performance.now() - start);
    stream.resume();
    await once(stream, "end");
  }
  session.close();
  return median(times);
}

const FIGURES = /** @type {const} */ (["requests", "kib", "paintMs", "domMs", "formMs"]);
const server = await Server.start();
const browser = await launch([await trusting(server)]);
try {
  const owner = await newPerson(browser, server);
  await setUpOwner(owner, server);
  await owner.context.close();
  const rows = [];
  for (const line of LINES) {
    for (const [which, visits] of Object.entries(await measure(browser, server, line))) rows.push({ line, which, visits });
  }
  const thinking = await thinkingMs(server);
  console.log(JSON.stringify({ binary: BINARY, runs: RUNS, thinkingMs: thinking, rows }));
  console.log(`\nthe answer to GET /, on an open connection over loopback: ${thinking.toFixed(2)} ms\n`);
  console.log("| round trip | line | visit | requests | KiB | first paint, ms | DOMContentLoaded, ms | login form, ms |");
  console.log("| --- | --- | --- | --- | --- | --- | --- | --- |");
  for (const { line, which, visits } of rows) {
    const middle = FIGURES.map((figure) => Math.round(median(visits.map((visit_) => visit_[figure]))));
    const width = line.kbit ? `${line.kbit / 1000} Mbit/s` : "wide";
    console.log(`| ${[`${line.rttMs} ms`, width, which, ...middle].join(" | ")} |`);
  }
} finally {
  await browser.close();
  await server.remove();
}
