import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import {
  Server,
  acceptInvitation,
  createRoom,
  hears,
  inRoom,
  invitationLink,
  launch,
  message,
  newPerson,
  pour,
  roomItem,
  say,
  setUpOwner,
  until,
} from "./harness.mjs";

/** @typedef {import("./harness.mjs").Page} Page */

const COUNT = 300;

/** Where it is noon now, so that all of this happens on one day. */
function noon() {
  const ahead = 12 - new Date().getUTCHours();
  return `Etc/GMT${ahead > 0 ? "-" : "+"}${Math.abs(ahead)}`; // these zones are named the other way round
}

describe("a long conversation", () => {
  /** @type {Server} */ let server;
  /** @type {import("playwright-core").Browser} */ let browser;
  /** @type {import("./harness.mjs").Person} */ let alice;
  /** @type {import("./harness.mjs").Person} */ let bob;

  before(async () => {
    [server, browser] = await Promise.all([Server.start(), launch()]);
    [alice, bob] = [await newPerson(browser, server), await newPerson(browser, server, { timezoneId: noon() })];
    await setUpOwner(alice, server);
    await acceptInvitation(bob, await invitationLink(alice.page), "bob");
    // Of different heights, so that a wrong anchor shows.
    await pour(
      alice.page,
      "general",
      Array.from({ length: COUNT }, (_, index) => `message ${index + 1}${"\nand another line".repeat(index % 4)}`),
    );
    await bob.page.getByText(`message ${COUNT}`).waitFor();
    await bob.page.reload();
    await inRoom(bob.page, "General");
  });
  after(async () => {
    await browser?.close();
    await server?.remove();
  });

  /** @param {Page} page */
  const scroller = (page) => page.locator(".timeline-scroller");
  /** @param {Page} page */
  const fromEnd = (page) =>
    scroller(page).evaluate((element) => element.scrollHeight - element.scrollTop - element.clientHeight);
  /** @param {Page} page */
  const atEnd = (page) => until(async () => (await fromEnd(page)) < 2, "the end is shown");
  /** Scrolls until the page has taken notice. @param {Page} page @param {number} top */
  const scrollUpTo = (page, top) =>
    until(async () => {
      await scroller(page).evaluate((element, to) => (element.scrollTop = to), top);
      return page.locator(".to-end").isVisible();
    }, "it is read further up");
  /** @param {Page} page */
  const scrollToEnd = (page) =>
    until(async () => {
      await scroller(page).evaluate((element) => (element.scrollTop = element.scrollHeight));
      return (await page.locator(".to-end").count()) === 0 && (await fromEnd(page)) < 2;
    }, "it is read at the end");

  it("opens at its end", async () => {
    await bob.page.locator(".message").last().waitFor();
    await atEnd(bob.page);
    assert.ok((await bob.page.locator(".message").count()) < COUNT);
  });

  it("loads its past on the way up, and what is read stays where it is", async () => {
    for (let round = 0; round < 20; round += 1) {
      const held = await scroller(bob.page).evaluate((element) => {
        element.scrollTop = 40;
        const top = element.getBoundingClientRect().top;
        const rows = [...element.querySelectorAll(".message")];
        const row = rows.find((other) => other.getBoundingClientRect().top >= top + 60);
        return {
          key: row?.getAttribute("data-key"),
          top: row?.getBoundingClientRect().top ?? 0,
          count: rows.length,
          done: element.querySelector(".beginning") !== null,
        };
      });
      if (held.done) break;
      await until(async () => (await bob.page.locator(".message").count()) > held.count, "older messages are there");
      await bob.page.locator(".timeline-scroller[aria-busy=false]").waitFor();
      const top = await bob.page.locator(`[data-key="${held.key}"]`).evaluate((row) => row.getBoundingClientRect().top);
      assert.ok(Math.abs(top - held.top) <= 2, `the row jumped by ${top - held.top} px`);
    }
    await bob.page.getByText("This is the beginning of General").waitFor();
    assert.equal(await bob.page.locator(".message").count(), COUNT);
    const numbers = await bob.page
      .locator(".message-text")
      .evaluateAll((rows) => rows.map((row) => Number(/\d+/.exec(row.textContent ?? "")?.[0])));
    assert.deepEqual(
      [...numbers].sort((a, b) => a - b),
      Array.from({ length: COUNT }, (_, index) => index + 1),
    );
  });

  it("does not move under a reader when somebody speaks, and says how many did", async () => {
    await scrollUpTo(bob.page, 2000);
    await bob.page.getByRole("button", { name: "To the newest message" }).waitFor();
    const place = await scroller(bob.page).evaluate((element) => element.scrollTop);
    await say(alice.page, "news");
    await say(alice.page, "more news");
    await bob.page.getByRole("button", { name: "2 new" }).waitFor();
    assert.equal(await scroller(bob.page).evaluate((element) => element.scrollTop), place);
    await roomItem(bob.page, "General").getByText("2").waitFor();
    await bob.page.getByRole("button", { name: "2 new" }).click();
    await hears(bob.page, "more news");
    await atEnd(bob.page);
    await bob.page.locator(".to-end").waitFor({ state: "detached" });
    await roomItem(bob.page, "General").locator(".badge").waitFor({ state: "detached" });
  });

  it("stays at the end while somebody reads there, and when the window shrinks", async () => {
    await say(alice.page, "the latest\nover\nthree lines");
    await bob.page.getByText("the latest").waitFor();
    await atEnd(bob.page);
    for (const height of [500, 800]) {
      await bob.page.setViewportSize({ width: 1280, height });
      await bob.page.waitForFunction((wanted) => innerHeight === wanted, height);
      await atEnd(bob.page);
    }
  });

  it("goes to the end when the reader says something", async () => {
    await scrollUpTo(bob.page, 2000);
    await say(bob.page, "my answer");
    await hears(bob.page, "my answer");
    await atEnd(bob.page);
  });

  it("opens at the first unread message", async () => {
    await createRoom(bob.page, "Elsewhere");
    await pour(
      alice.page,
      "general",
      Array.from({ length: 30 }, (_, index) => `unread ${index + 1}`),
    );
    await roomItem(bob.page, "General").getByText("30").waitFor();
    await roomItem(bob.page, "General").click();
    await inRoom(bob.page, "General");
    await until(
      () =>
        bob.page.locator(".new-line").evaluate((line) => {
          const { top, bottom } = line.getBoundingClientRect();
          return top > 0 && bottom < innerHeight;
        }),
      "the line above the unread is in view",
    );
    await until(() => message(bob.page, "unread 1").isVisible(), "the first unread message is there");
  });

  it("opens there after a reload too", async () => {
    await until(
      async () =>
        (await bob.page.getByRole("button", { name: /\d+ new|To the newest/ }).count()) > 0 ||
        (await fromEnd(bob.page)) < 2,
      "it is settled",
    );
    await scrollToEnd(bob.page);
    await roomItem(bob.page, "General").locator(".badge").waitFor({ state: "detached" });
    await bob.page.goto("about:blank");
    await pour(
      alice.page,
      "general",
      Array.from({ length: 30 }, (_, index) => `overnight ${index + 1}`),
    );
    await bob.page.goto("/");
    await inRoom(bob.page, "General");
    await until(() => message(bob.page, "overnight 1").isVisible(), "the first unread message is there");
    const inView = () =>
      bob.page
        .locator(".new-line")
        .evaluate((line) => line.getBoundingClientRect().top > 0 && line.getBoundingClientRect().bottom < innerHeight);
    await until(inView, "the line above the unread is in view");
    await bob.page.locator(".new-line + .message").getByText("overnight 1", { exact: true }).waitFor();
  });

  it("holds a bounded number of rows at its end, and loads the others back on the way up", async () => {
    const rows = bob.page.locator(".message");
    await scrollToEnd(bob.page);
    await pour(
      alice.page,
      "general",
      Array.from({ length: 600 }, (_, index) => `flood ${index + 1}`),
    );
    await hears(bob.page, "flood 600");
    assert.ok((await rows.count()) <= 510, `${await rows.count()} rows`);
    await atEnd(bob.page);
    assert.equal(await message(bob.page, "flood 1").count(), 0);
    await until(async () => {
      await scroller(bob.page).evaluate((element) => (element.scrollTop = 40));
      return (await message(bob.page, "flood 1").count()) === 1;
    }, "the first one is there again", 60_000);
    const numbers = await bob.page
      .locator(".message-text")
      .evaluateAll((all) => all.map((row) => Number(/^flood (\d+)$/.exec(row.textContent ?? "")?.[1])));
    assert.deepEqual(
      numbers.filter((number) => !Number.isNaN(number)),
      Array.from({ length: 600 }, (_, index) => index + 1),
    );
  });

  it("says when, to machines and to people", async () => {
    const times = await bob.page
      .locator(".message time")
      .evaluateAll((all) => all.map((time) => time.getAttribute("datetime") ?? ""));
    assert.ok(times.length > 0 && times.every((time) => !Number.isNaN(Date.parse(time))));
    await bob.page.locator(".day time", { hasText: "Today" }).waitFor();
  });

  it("never made a page do what it must not", () => {
    assert.deepEqual([...alice.problems, ...bob.problems], []);
  });
});
