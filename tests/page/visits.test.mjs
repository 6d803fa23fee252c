import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { Server, launch, newPerson, setUpOwner, trusting } from "./harness.mjs";

/** @typedef {import("./harness.mjs").Person} Person */
/** @typedef {{ path: string, cached: boolean, status: number }} Answer */

const VERSIONED = /^\/assets\/[\w-]+\//;

/** Loads the page and says what answered, the server or what the browser has kept. @param {Person} person */
async function load({ page, context }) {
  await page.goto("about:blank");
  const session = await context.newCDPSession(page);
  await session.send("Network.enable");
  /** @type {Map<string, Answer>} */
  const answers = new Map();
  session.on("Network.responseReceived", ({ requestId, response }) => {
    const cached = Boolean(response.fromDiskCache) || answers.get(requestId)?.cached === true;
    answers.set(requestId, { path: new URL(response.url).pathname, cached, status: response.status });
  });
  session.on("Network.requestServedFromCache", ({ requestId }) => {
    answers.set(requestId, { path: "", cached: true, status: 0 });
  });
  await page.goto("/");
  await page.getByLabel("User name").waitFor();
  await session.detach();
  return [...answers.values()];
}

const skip = process.env.SWITCHBOARD_FRONTEND ? "a page from a directory is read anew" : false;

describe("visits", { skip }, () => {
  /** @type {Server} */ let server;
  /** @type {import("playwright-core").Browser} */ let browser;

  before(async () => {
    server = await Server.start();
    browser = await launch([await trusting(server)]);
    const owner = await newPerson(browser, server);
    await setUpOwner(owner, server);
    await owner.context.close();
  });
  after(async () => {
    await browser?.close();
    await server?.remove();
  });

  it("the first names all modules before any of them is there", async () => {
    const visitor = await newPerson(browser, server);
    const answers = await load(visitor);
    const named = await visitor.page
      .locator("link[rel=modulepreload], script[type=module]")
      .evaluateAll((all) => all.map((one) => one.getAttribute("href") ?? one.getAttribute("src") ?? ""));
    const loaded = answers.map(({ path }) => path).filter((path) => path.endsWith(".js"));
    assert.ok(loaded.length > 50);
    assert.deepEqual(loaded.toSorted(), named.toSorted());
    assert.deepEqual(visitor.problems, []);
    await visitor.context.close();
  });

  it("the second asks for nothing but the page and who one is", async () => {
    const visitor = await newPerson(browser, server);
    await load(visitor);
    const answers = await load(visitor);
    const asked = answers.filter(({ cached }) => !cached).map(({ path }) => path);
    assert.deepEqual(asked.filter((path) => VERSIONED.test(path)), []);
    assert.ok(answers.filter(({ path }) => VERSIONED.test(path)).length > 50, "they are there all the same");
    assert.deepEqual(visitor.problems, []);
    await visitor.context.close();
  });

  it("those after a restart with the same page are as short", async () => {
    const visitor = await newPerson(browser, server);
    await load(visitor);
    await server.stop();
    await server.run();
    const answers = await load(visitor);
    const asked = answers.filter(({ cached }) => !cached).map(({ path }) => path);
    assert.deepEqual(asked.filter((path) => VERSIONED.test(path)), []);
    assert.deepEqual(visitor.problems, []);
    await visitor.context.close();
  });
});
