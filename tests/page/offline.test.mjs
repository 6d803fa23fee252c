import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { after, before, describe, it } from "node:test";
import {
  Server,
  accessibleInBoth,
  banner,
  createRoom,
  fillAccount,
  hears,
  inRoom,
  isKept,
  launch,
  message,
  newPerson,
  roomItem,
  say,
  setUpOwner,
  trusting,
  until,
} from "./harness.mjs";

/** @typedef {import("./harness.mjs").Page} Page */

/** What the browser keeps for the page, by the names of its caches. @param {Page} page @returns {Promise<Record<string, string[]>>} */
const kept = (page) =>
  page.evaluate(async () => {
    const entries = (await caches.keys()).map(async (name) => {
      const requests = await (await caches.open(name)).keys();
      return [name, requests.map(({ url }) => new URL(url).pathname)];
    });
    return Object.fromEntries(await Promise.all(entries));
  });

const skip = process.env.SWITCHBOARD_FRONTEND ? "a page from a directory is not kept" : false;

describe("without the server", { skip }, () => {
  /** @type {Server} */ let server;
  /** @type {import("playwright-core").Browser} */ let browser;
  /** @type {import("./harness.mjs").Person} */ let alice;

  before(async () => {
    server = await Server.start();
    browser = await launch([await trusting(server)]);
    alice = await newPerson(browser, server);
  });
  after(async () => {
    await browser?.close();
    await server?.remove();
  });

  it("a visitor keeps nothing, and is told that the server is away", async () => {
    const visitor = await newPerson(browser, server);
    await visitor.page.goto("/");
    await visitor.page.getByRole("heading", { name: "Almost there" }).waitFor();
    assert.equal(await visitor.page.evaluate(async () => (await navigator.serviceWorker.getRegistrations()).length), 0);
    await visitor.context.close();
  });

  it("whoever was signed in keeps the whole page, and none of the server's answers", async () => {
    const { page } = alice;
    await setUpOwner(alice, server);
    await isKept(page);
    await createRoom(page, "Plans");
    const all = Object.entries(await kept(page));
    assert.equal(all.length, 1);
    const [paths] = all.map(([, value]) => value);
    assert.deepEqual(paths?.filter((path) => path !== "/" && !path.startsWith("/assets/")), []);
    const named = await page
      .locator("link[rel=modulepreload], link[rel=stylesheet], script[type=module]")
      .evaluateAll((links) => links.map((one) => one.getAttribute("href") ?? one.getAttribute("src") ?? ""));
    assert.ok(named.length > 80);
    assert.deepEqual(named.filter((path) => !paths?.includes(path)), []);
  });

  it("the page starts, in the place where one was, and says how things are", async () => {
    const { page } = alice;
    await say(page, "before the tunnel");
    await hears(page, "before the tunnel");
    await server.stop();
    await page.reload();
    await page.getByRole("heading", { level: 1, name: "Plans" }).waitFor();
    await banner(page).getByText("Connection lost.").waitFor();
    await roomItem(page, "General").waitFor();
    await page.getByText("Messages are shown when the connection is back.").waitFor();
    assert.match(await page.getByRole("button", { name: /^Signed in as/ }).innerText(), /alice\s+owner/i);
    await accessibleInBoth(page, "without the server");
  });

  it("what is written then goes out when the server is back, once, over another reload", async () => {
    const { page } = alice;
    await say(page, "from the tunnel");
    await message(page, "from the tunnel").getByText("Goes out when you are connected again").waitFor();
    await page.reload();
    await message(page, "from the tunnel").waitFor();
    await server.run();
    await hears(page, "from the tunnel");
    await hears(page, "before the tunnel");
    await banner(page).waitFor({ state: "detached" });
  });

  it("the page says so when it is not the server's version, with a way to that", async () => {
    const { page } = alice;
    // As the worker does, whose part in this is tested below.
    await page.evaluate(() => navigator.serviceWorker.dispatchEvent(new MessageEvent("message", { data: { type: "another_version" } })));
    await page.locator(".banner").getByText("A new version is there.").waitFor();
    await accessibleInBoth(page, "another version");
    // What is on the screen before it is reloaded looks the same.
    await Promise.all([page.waitForEvent("load"), page.locator(".banner").getByRole("button", { name: "Reload" }).click()]);
    await inRoom(page, "Plans");
    await banner(page).waitFor({ state: "detached" });
  });

  it("whose session has ended meanwhile is asked to sign in, when the server says so", async () => {
    const { page, context } = alice;
    await server.stop();
    await context.clearCookies();
    await page.reload();
    await page.getByRole("heading", { level: 1, name: "Plans" }).waitFor();
    await server.run();
    await page.getByRole("heading", { name: "Sign in" }).waitFor();
    await server.stop();
    await page.reload();
    await page.getByRole("heading", { name: "The server cannot be reached" }).waitFor();
    await server.run();
    await fillAccount(page, "alice");
    await page.getByRole("button", { name: "Sign in" }).click();
    await inRoom(page, "Plans");
  });

  it("whoever has signed out leaves nothing behind but the page itself", async () => {
    const { page } = alice;
    await page.getByRole("button", { name: /^Signed in as/ }).click();
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByRole("heading", { name: "Sign in" }).waitFor();
    const left = await page.evaluate(() => JSON.stringify(localStorage));
    assert.doesNotMatch(left, /alice|Plans/);
    await server.stop();
    await page.reload();
    await page.getByRole("heading", { name: "The server cannot be reached" }).waitFor();
    await server.run();
    await page.getByRole("heading", { name: "Sign in" }).waitFor();
    assert.deepEqual(alice.problems, []);
  });
});

const PATIENCE = "PATIENCE_MS = 8_000";
/** The version whose worker waits for the server only shortly; the others' wait longer than any machine is slow. */
const IMPATIENT = "c";

/** Serves two files and the worker, in as many versions as there are, and may be away. */
class Versions {
  version = "a";
  isAway = false;
  /** The version that the HTML is of, when it is another. @type {string | null} */
  html = null;
  /** Holds the HTML back. @type {Promise<void>} */
  gate = Promise.resolve();
  /** @type {string[]} */
  asked = [];
  #source;
  #server = createServer((request, response) => void this.#answer(request.url ?? "", response));

  /** @param {string} source of the worker */
  constructor(source) {
    this.#source = source;
  }

  async start() {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    const { port } = /** @type {import("node:net").AddressInfo} */ (this.#server.address());
    return `http://127.0.0.1:${port}`;
  }

  async stop() {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  /** @param {string} url @param {import("node:http").ServerResponse} response */
  async #answer(url, response) {
    const { version } = this;
    this.asked.push(url);
    const send = (/** @type {number} */ status, /** @type {string} */ type, /** @type {string} */ body) =>
      response.writeHead(status, { "Content-Type": type, "Cache-Control": "no-cache" }).end(body);
    if (this.isAway) return send(502, "text/html", "<title>the proxy</title>");
    const place = '{ version: "", files: /** @type {string[]} */ ([]) }';
    assert.ok(this.#source.includes(place), "as the server finds it");
    if (url === "/sw.js") {
      const page = JSON.stringify({ version: `r-${version}`, files: [`/assets/${version}/app.js`, `/assets/${version}/lazy.js`] });
      const source = this.#source.replace(place, version === "" ? place : page);
      return send(200, "text/javascript", version === IMPATIENT ? source.replace(PATIENCE, "PATIENCE_MS = 500") : source);
    }
    if (url === "/") {
      await this.gate;
      const of = this.html ?? version;
      return send(200, "text/html", `<title>${of}</title><script src="/assets/${of}/app.js"></script>`);
    }
    if (url.startsWith(`/assets/${version}/`)) return send(200, "text/javascript", `globalThis.loaded = "${version}"; navigator.serviceWorker.onmessage = ({ data }) => (globalThis.told = data.type);`);
    if (url === "/api") return send(200, "application/json", `{"version":"${version}"}`);
    return send(404, "text/plain", "");
  }
}

describe("the worker", () => {
  /** @type {Versions} */ let site;
  /** @type {import("playwright-core").Browser} */ let browser;
  /** @type {Page} */ let page;

  before(async () => {
    const source = await readFile(new URL("../../frontend/sw.js", import.meta.url), "utf8");
    assert.ok(source.includes(PATIENCE));
    site = new Versions(source);
    browser = await launch();
    page = await browser.newPage({ baseURL: await site.start() });
    await page.goto("/");
    await page.evaluate(() => navigator.serviceWorker.register("/sw.js"));
    await isKept(page);
  });
  after(async () => {
    await browser?.close();
    await site?.stop();
  });

  const loaded = () => page.evaluate(() => /** @type {any} */ (globalThis).loaded);

  /** The page of another version is loaded, and its worker is in charge. @param {string} version */
  async function upgrade(version) {
    site.version = version;
    await page.goto("/");
    await page.evaluate(async () => void (await (await navigator.serviceWorker.ready).update()));
    await until(async () => `switchboard-page-r-${version}` in (await kept(page)), `version ${version} is kept`);
    await until(
      () =>
        page.evaluate(async () => {
          const { installing, waiting, active } = (await navigator.serviceWorker.getRegistration()) ?? {};
          return !installing && !waiting && active?.state === "activated";
        }),
      "its worker is there, not the one before",
    );
  }

  it("shows a new version at the first load that meets it", async () => {
    site.version = "b";
    await page.goto("/");
    assert.deepEqual([await page.title(), await loaded()], ["b", "b"]);
  });

  it("keeps one version whole, and starts with it while the server is away", async () => {
    await upgrade("b");
    site.isAway = true;
    await page.reload();
    assert.deepEqual([await page.title(), await loaded()], ["b", "b"]);
    site.isAway = false;
  });

  it("has for an older page what it may still load, and drops what is older than that", async () => {
    const lazy = (/** @type {string} */ version) =>
      page.evaluate(async (path) => (await fetch(path)).status, `/assets/${version}/lazy.js`);
    assert.equal(await lazy("a"), 200);
    await upgrade("c");
    await until(async () => !("switchboard-page-r-a" in (await kept(page))), "the oldest is dropped");
    assert.deepEqual([await lazy("c"), await lazy("b"), await lazy("a")], [200, 200, 404]);
  });

  it("keeps nothing of a version that it cannot have whole", async () => {
    // The server becomes another one between the worker and the page: its HTML names other files than the worker's.
    site.html = "f";
    site.version = "d";
    await page.evaluate(async () => void (await (await navigator.serviceWorker.ready).update()).installing);
    const tried = () => site.asked.lastIndexOf("/") > site.asked.indexOf("/assets/d/lazy.js");
    await until(() => site.asked.includes("/assets/d/lazy.js") && tried(), "it has been tried");
    await until(async () => !("switchboard-page-r-d" in (await kept(page))), "it was given up");
    site.html = null;
    site.isAway = true;
    await page.reload();
    assert.deepEqual([await page.title(), await loaded()], ["c", "c"]);
    site.isAway = false;
  });

  it("shows what is kept while the server takes its time, and tells the page when the answer is another version", async () => {
    for (const [version, told] of /** @type {const} */ ([["c", undefined], ["e", "another_version"]])) {
      let open = () => undefined;
      site.version = version;
      site.gate = new Promise((resolve) => (open = () => void resolve()));
      await page.reload();
      assert.deepEqual([await page.title(), await loaded()], ["c", "c"]);
      open();
      const heard = () => page.evaluate(() => /** @type {any} */ (globalThis).told);
      if (told) await until(async () => (await heard()) === told, "the page is told");
      else {
        // Whoever asks the worker afterwards gets the answer after what it has said before.
        await page.evaluate(async () => (await fetch("/assets/c/lazy.js")).text());
        assert.equal(await heard(), undefined);
      }
    }
  });

  it("never keeps an answer of the API", async () => {
    const ask = () => page.evaluate(async () => (await fetch("/api")).status);
    assert.equal(await ask(), 200);
    site.isAway = true;
    assert.equal(await ask(), 502);
    site.isAway = false;
    for (const paths of Object.values(await kept(page))) assert.ok(!paths.includes("/api"));
  });

  it("goes, with all it has, when there is nothing to keep any more", async () => {
    site.version = "";
    await page.goto("/");
    await page.evaluate(async () => void (await (await navigator.serviceWorker.getRegistration())?.update()));
    await until(
      () => page.evaluate(async () => (await navigator.serviceWorker.getRegistrations()).length === 0),
      "it is gone",
    );
    await until(async () => Object.keys(await kept(page)).length === 0, "nothing is kept");
  });
});
