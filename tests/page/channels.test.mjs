import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import {
  Server,
  acceptInvitation,
  accessibleInBoth,
  addChannel,
  banner,
  createRoom,
  fillAccount,
  hears,
  inRoom,
  launch,
  newPerson,
  offsets,
  openPlace,
  publication,
  say,
  setUpOwner,
  until,
} from "./harness.mjs";
import { noted } from "./noted.mjs";

/** @typedef {import("./harness.mjs").Page} Page */

const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };
/** Members publish to `team` and `short`, keys to `news`; nothing else is there but what nobody may hear. */
const NAMESPACES = `
[[namespace]]
pattern = "team.*"
publish = "members"
[[namespace]]
pattern = "short.*"
publish = "members"
history_count = 3
[[namespace]]
pattern = "news.*"
[[namespace]]
pattern = "closed.*"
subscribe = "listed"
`;

describe("channels", () => {
  /** @type {Server} */ let server;
  /** @type {import("playwright-core").Browser} */ let browser;
  /** @type {import("./harness.mjs").Person} */ let alice;
  /** @type {import("./harness.mjs").Person} */ let bob;

  before(async () => {
    [server, browser] = await Promise.all([Server.start({}, NAMESPACES), launch()]);
    [alice, bob] = [await newPerson(browser, server), await newPerson(browser, server, PHONE)];
    await setUpOwner(alice, server);
    await acceptInvitation(bob, await server.invite(), "bob");
  });
  after(async () => {
    await browser?.close();
    await server?.remove();
  });

  /** @param {Page} page */
  const overflows = (page) =>
    page.evaluate(
      () => document.documentElement.scrollWidth > innerWidth || document.body.scrollHeight > innerHeight + 1,
    );

  it("invite to publish where nothing is kept", async () => {
    const { page } = alice;
    await page.getByRole("button", { name: "Add a channel" }).click();
    await page.getByLabel("Channel", { exact: true }).fill("no spaces");
    await page.getByRole("button", { name: "Subscribe", exact: true }).click();
    await page.getByRole("alert").getByText("separated by single dots").waitFor();
    await accessibleInBoth(page, "a name that is none");
    await page.keyboard.press("Escape");
    await addChannel(page, "news.daily");
    await page.getByRole("heading", { name: "Nothing has arrived in news.daily" }).waitFor();
    await page.getByText("Only API keys may publish here").waitFor();
    assert.equal(await page.getByRole("textbox").count(), 0);
    const curl = page.locator(".copy-line .sample").first();
    await curl.waitFor(); // it is opened a moment after the rest
    assert.equal(
      await curl.innerText(),
      `curl -k ${server.origin}/publish -H 'Authorization: Bearer sbk_YOUR_KEY' -H 'Content-Type: application/json' ` +
        `-d '{"channel":"news.daily","data":{"message":{"text":"oh hai"}}}'`,
    );
    await page.getByText("switchboard key create publish-news.daily --scope publish:news.daily").waitFor();
    await alice.context.grantPermissions(["clipboard-read", "clipboard-write"]);
    const said = await noted(page, ".copy-line [role=status]");
    await page.getByRole("button", { name: "Copy the curl line" }).click();
    await said.first(/^Copied$/); // for four seconds
    await said.stop();
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), await curl.innerText());
    await accessibleInBoth(page, "an empty channel");
  });

  it("show what a program publishes with the line they offer", async () => {
    const { page } = alice;
    const line = await page.locator(".copy-line .sample").first().innerText();
    const answer = await server.shell(line.replace("sbk_YOUR_KEY", await server.key()));
    assert.equal(JSON.parse(answer).offset, 1);
    await publication(page, 1).getByText('"oh hai"').waitFor();
    await publication(page, 1).locator("time").waitFor();
    await page.getByRole("status").getByText("Publication 1 has arrived.").waitFor({ state: "attached" });
    assert.equal(await page.getByRole("log").getAttribute("aria-live"), "off");
    await page.reload();
    // Read back: when it came is not known any more.
    await publication(page, 1).getByText('"oh hai"').waitFor();
    assert.equal(await publication(page, 1).locator("time").count(), 0);
  });

  it("let a member publish where members may, once for each attempt", async () => {
    const { page } = alice;
    await addChannel(page, "team.orders");
    await addChannel(bob.page, "team.orders");
    const area = page.getByLabel("JSON to publish to team.orders");
    await area.fill('{"half": ');
    await area.press("Control+Enter");
    await page.getByRole("alert").getByText("This is not JSON").waitFor();
    await area.fill('{"order": 4711}');
    // The server has it, and the answer is lost.
    await page.route("**/publish", async (route) => {
      await route.fetch();
      await route.abort();
    });
    await area.press("Control+Enter");
    await page.getByRole("alert").getByText("It is not known whether this was published.").waitFor();
    await publication(page, 1).getByText("4711").waitFor();
    await page.unroute("**/publish");
    await area.press("Meta+Enter");
    await page.getByText("Published as #1.").waitFor();
    await until(async () => (await area.inputValue()) === "", "what was published is taken out");
    await area.fill('{"price": 1.10, "id": 12345678901234567890}');
    await page.getByRole("button", { name: "Publish", exact: true }).click();
    await publication(bob.page, 2).getByText("from alice").waitFor();
    assert.deepEqual(await publication(bob.page, 2).locator(".json-number").allInnerTexts(), ["1.10", "12345678901234567890"]);
    assert.deepEqual(await offsets(bob.page), [1, 2]);
  });

  it("say so when only keys may publish after all", async () => {
    const { page } = alice;
    await page.route("**/publish", (route) =>
      route.fulfill({ status: 403, json: { error: { code: "forbidden", message: "no" } } }),
    );
    await page.getByLabel(/^JSON to publish/).fill("1");
    await page.getByRole("button", { name: "Publish", exact: true }).click();
    await page.getByRole("alert").getByText("only API keys may publish here").waitFor();
    await page.unroute("**/publish");
    await page.getByLabel(/^JSON to publish/).waitFor({ state: "detached" });
    await page.locator("[role=log]:focus").waitFor();
    await page.getByRole("button", { name: "Copy the curl line" }).waitFor();
    await page.reload();
    await page.getByLabel(/^JSON to publish/).waitFor();
  });

  it("keep what is refused, with why", async () => {
    const { page } = alice;
    for (const [name, why] of /** @type {const} */ ([
      ["closed.plans", "You may not listen to this channel."],
      ["nowhere", "none of its namespaces matches it"],
    ])) {
      await addChannel(page, name);
      await page.getByRole("alert").getByText(why).waitFor();
      await page.getByRole("button", { name: "Try again" }).click();
      await page.getByRole("alert").getByText(why).waitFor();
    }
    await accessibleInBoth(page, "a refused channel");
    await page.reload();
    await page.getByRole("heading", { name: "The server refuses nowhere" }).waitFor();
    await page.getByRole("navigation").getByRole("button", { name: /^closed\.plans ?, refused/ }).waitFor();
    await page.getByRole("button", { name: "Remove" }).click();
    await page.getByRole("navigation").getByRole("button", { name: /^nowhere/ }).waitFor({ state: "detached" });
    await inRoom(page, "General");
    await page.reload();
    await inRoom(page, "General");
    assert.equal(await page.getByRole("navigation").getByRole("button", { name: /^nowhere/ }).count(), 0);
  });

  it("say where something new is, on a phone too", async () => {
    const [wide, phone] = [alice.page, bob.page];
    await openPlace(phone, "General");
    await server.publish(wide, "team.orders", { n: 3 });
    await wide.getByRole("navigation").getByRole("button", { name: /^team\.orders ?, something new/ }).waitFor();
    await phone.getByRole("button", { name: "All rooms and channels, news in 1 channel" }).click();
    await phone.getByRole("button", { name: /^team\.orders ?, something new/ }).waitFor();
    assert.equal(await overflows(phone), false);
    await accessibleInBoth(phone, "the list on a phone");
    for (const page of [wide, phone]) {
      await openPlace(page, "team.orders");
      await publication(page, 3).waitFor();
      await page.locator(".new-dot").waitFor({ state: "detached" });
    }
  });

  it("go on through restarts and kills: every publication once, in order", async () => {
    const first = (await offsets(alice.page)).at(-1) ?? 0;
    const key = await server.key();
    for (const page of [alice.page, bob.page]) {
      await page.evaluate(() => Object.assign(globalThis, { neverReloaded: true }));
    }
    for (const [round, signal] of /** @type {const} */ (["SIGKILL", "SIGTERM", "SIGKILL", "SIGKILL"]).entries()) {
      await server.publishByKey(key, "team.orders", [{ round, before: "the stop" }, { round, and: "another" }]);
      await server.stop(signal);
      await banner(alice.page).waitFor();
      await server.run();
      // Long before the pages are back.
      await server.publishByKey(key, "team.orders", [{ round, after: "the start" }]);
    }
    const all = Array.from({ length: first + 12 }, (_, index) => index + 1); // the last of them comes last
    for (const page of [alice.page, bob.page]) {
      await publication(page, first + 12).waitFor({ timeout: 60_000 });
      assert.deepEqual(await offsets(page), all);
      assert.equal(await page.locator(".gap-line").count(), 0);
      assert.equal(await page.evaluate(() => /** @type {any} */ (globalThis).neverReloaded), true);
    }
  });

  it("mark what is missing", async () => {
    const { page } = alice;
    const key = await server.key();
    await addChannel(page, "short.lived");
    await server.publishByKey(key, "short.lived", [1]);
    await publication(page, 1).waitFor();
    await alice.context.setOffline(true);
    await server.stop("SIGKILL");
    await page.getByText("You are offline.").waitFor();
    await page.getByText("Waiting for the connection").waitFor();
    await accessibleInBoth(page, "offline");
    await server.run();
    await server.publishByKey(key, "short.lived", [2, 3, 4, 5, 6, 7]);
    await alice.context.setOffline(false);
    const gap = page.locator(".gap-line").getByText("the server no longer keeps what came while you were away");
    await gap.waitFor({ timeout: 60_000 }); // after many attempts it waits up to half a minute
    await publication(page, 7).waitFor();
    assert.deepEqual(await offsets(page), [1, 5, 6, 7]);
    await server.publishByKey(key, "short.lived", [8]);
    await publication(page, 8).locator("time").waitFor();
    await accessibleInBoth(page, "a gap");
  });

  it("read back older ones, and stay where somebody reads", async () => {
    const { page } = alice;
    await addChannel(page, "team.many");
    const key = await server.key();
    for (let start = 0; start < 120; start += 40) {
      await server.publishByKey(key, "team.many", Array.from({ length: 40 }, (_, n) => ({ n: start + n })));
    }
    await page.reload();
    await publication(page, 120).waitFor();
    const log = page.getByRole("log");
    const atEnd = () => log.evaluate((element) => element.scrollHeight - element.scrollTop - element.clientHeight < 48);
    await until(atEnd, "it begins at the end");
    assert.equal((await offsets(page)).length, 50);
    await page.getByRole("button", { name: "Load older" }).click();
    await publication(page, 21).waitFor();
    const place = () => publication(page, 71).evaluate((row) => Math.round(row.getBoundingClientRect().top));
    const stood = await place();
    await server.publishByKey(key, "team.many", [{ n: "new" }]);
    await page.getByRole("button", { name: "1 new" }).waitFor();
    assert.ok(Math.abs((await place()) - stood) <= 1, "what is read stays where it is");
    await page.getByRole("button", { name: "Load older" }).click();
    await page.getByText("Nothing older is kept.").waitFor();
    await page.getByRole("button", { name: "1 new" }).click();
    await until(atEnd, "it is at the end again");
    await server.publishByKey(key, "team.many", [{ n: "last" }]);
    await publication(page, 122).waitFor();
    await until(atEnd, "it stays at the end");
    assert.deepEqual(
      await offsets(page),
      Array.from({ length: 122 }, (_, index) => index + 1),
    );
  });

  it("show hostile data as text, and no more of it than somebody wants", async () => {
    const { page } = alice;
    await addChannel(page, "team.hostile");
    const key = await server.key();
    const hostile = {
      html: "<img src=x onerror=alert(1)><script>alert(1)</script>",
      "<b>key</b>": "javascript:alert(1)",
      override: "invoice\u202egnp.exe",
      hebrew: "שלום (עולם)",
      __proto__x: { toString: null, constructor: "x" },
    };
    await server.publishByKey(key, "team.hostile", [hostile]);
    const row = publication(page, 1);
    await row.getByText("<img src=x onerror=alert(1)>").waitFor();
    assert.equal(await row.locator("img, script, b, a").count(), 0);
    const text = await row.locator("pre").innerText();
    assert.deepEqual(JSON.parse(text), hostile, "what is drawn is the JSON");
    assert.doesNotMatch(text, /\u202e/);
    const isolated = await row.locator(".json-string").evaluateAll((all) =>
      all.map((element) => [element.localName, getComputedStyle(element).unicodeBidi]),
    );
    assert.ok(isolated.every(([name, bidi]) => name === "bdi" && bidi === "isolate"));

    const large = { list: Array.from({ length: 5000 }, (_, n) => n), tail: "the end" };
    await server.publishByKey(key, "team.hostile", [large, "x".repeat(60_000), ..."🦀".repeat(3)]);
    const big = publication(page, 2);
    await publication(page, 6).waitFor();
    const lines = async () => (await big.locator("pre").innerText()).split("\n").length;
    assert.ok((await lines()) < 20);
    const more = big.getByRole("button", { name: "Show more of publication 2" });
    await more.focus();
    await page.keyboard.press("Enter");
    await until(async () => (await lines()) > 300, "more is shown");
    assert.ok((await lines()) < 500, "and not all of it");
    assert.equal(await page.evaluate(() => document.activeElement?.textContent), "Show more");
    const button = () => page.evaluate(() => document.activeElement?.textContent);
    const step = async () => {
      if ((await button()) === "Show more") await page.keyboard.press("Enter");
      return (await button()) === "Show less";
    };
    await until(step, "all of it is shown", 60_000);
    await big.getByText('"the end"').waitFor();
    await page.keyboard.press("Enter");
    await until(async () => (await lines()) < 20, "it is short again");
    await accessibleInBoth(page, "data");
  });

  it("are usable on a phone, and by keyboard alone", async () => {
    const phone = bob.page;
    await addChannel(phone, "team.hostile");
    await publication(phone, 6).waitFor();
    assert.equal(await overflows(phone), false);
    await accessibleInBoth(phone, "a channel on a phone");
    const small = await phone
      .locator(".room-header button:visible, .channel-footer button:visible, .channel-footer summary")
      .evaluateAll((all) =>
        all
          .map((element) => [element.textContent, element.getBoundingClientRect()])
          .filter(([, box]) => Math.min(/** @type {DOMRect} */ (box).width, /** @type {DOMRect} */ (box).height) < 36)
          .map(([name]) => name),
      );
    assert.deepEqual(small, []);
    await phone.getByRole("button", { name: "Unsubscribe from team.hostile" }).click();
    await phone.getByRole("navigation").getByRole("button", { name: "team.orders" }).waitFor();
    await phone.getByRole("button", { name: "team.hostile" }).waitFor({ state: "detached" });

    const { page } = alice;
    await openPlace(page, "General");
    await page.keyboard.press("Alt+ArrowDown");
    await page.getByRole("heading", { level: 1, name: "closed.plans" }).waitFor();
    await page.keyboard.press("Alt+ArrowUp");
    await inRoom(page, "General");
    await page.locator("textarea:focus").waitFor(); // a room takes the focus a moment after it is there
    await page.getByRole("button", { name: "Add a channel" }).press("Enter");
    await page.locator("dialog input:focus").waitFor();
    await page.keyboard.type("team.typed");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { level: 1, name: "team.typed", exact: true }).waitFor();
    await page.getByLabel("JSON to publish to team.typed").focus();
    await page.keyboard.type("{");
    await page.keyboard.press("Enter");
    await page.keyboard.type('"lines": 2}');
    await page.keyboard.press("Control+Enter");
    await publication(page, 1).getByText("2", { exact: true }).waitFor();
    await createRoom(page, "After that");
  });

  it("are each tab's own, and each user's", async () => {
    const page = await alice.context.newPage();
    await page.goto("/");
    await openPlace(page, "team.orders");
    await page.getByRole("button", { name: "Unsubscribe from team.orders" }).click();
    await inRoom(page, "After that");
    await openPlace(alice.page, "team.orders");
    await alice.page.locator(".publication").first().waitFor(); // what is kept comes all at once
    const next = ((await offsets(alice.page)).at(-1) ?? 0) + 1;
    await server.publish(page, "team.orders", "only one of them listens");
    await publication(alice.page, next).waitFor();
    await say(page, "what is said now comes after that");
    await hears(page, "what is said now comes after that");
    assert.equal(await page.getByRole("button", { name: "team.orders" }).count(), 0);
    await page.close();
    const carol = await newPerson(browser, server);
    await carol.page.goto(await server.invite());
    await fillAccount(carol.page, "carol");
    await carol.page.getByRole("button", { name: "Create account and join" }).click();
    await inRoom(carol.page, "General");
    await carol.page.getByRole("button", { name: "Products" }).waitFor();
    assert.deepEqual(await carol.page.locator(".room-item").allInnerTexts(), ["General", "Products"]);
    await carol.context.close();
  });

  it("never did what they must not", () => {
    assert.deepEqual([...alice.problems, ...bob.problems], []);
  });
});
