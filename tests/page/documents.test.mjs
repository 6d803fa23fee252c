import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import {
  Server,
  acceptInvitation,
  accessibleInBoth,
  drawn,
  isKept,
  launch,
  newPerson,
  setUpOwner,
  trusting,
  until,
} from "./harness.mjs";

/** @typedef {import("./harness.mjs").Page} Page */
/** @typedef {import("./harness.mjs").Person} Person */

/** @type {import("playwright-core").BrowserContextOptions} */
const CALM = { reducedMotion: "reduce" };
const PHONE = { ...CALM, viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };

/** @param {Page} page @param {string} title */
const text = (page, title) => page.getByRole("textbox", { name: title, exact: true });

/** @param {Page} page @param {string} state */
const stands = (page, state) => page.locator(`.document[data-state="${state}"]`).waitFor();

/** All of the text, as the page has it, which is more than it draws. @param {Page} page */
const written = (page) =>
  page.locator(".cm-content").evaluate((content) => /** @type {any} */ (content).cmTile.view.state.doc.toString());

/** Asks the server as the page does. @param {Page} page @param {string} method @param {string} path @param {unknown} [body] */
const ask = (page, method, path, body) =>
  page.evaluate(
    async (request) => {
      const headers = { "Content-Type": "application/json" };
      const sent = await fetch(request.path, { method: request.method, headers, body: request.body });
      return { status: sent.status, text: await sent.text() };
    },
    { method, path, body: body === undefined ? null : JSON.stringify(body) },
  );

/** @param {Page} page @param {string} name @param {string} content @param {"read" | "write"} [members] */
async function makeDocument(page, name, content, members = "write") {
  const title = name.replace(/^./, (first) => first.toUpperCase());
  const { status, text: answer } = await ask(page, "POST", "/documents", { room: "general", name, title, members, text: content });
  assert.equal(status, 201, answer);
}

/** Follows a link to it. @param {Page} page @param {string} name */
async function openDocument(page, name) {
  await page.evaluate((hash) => void (location.hash = hash), `#document=${name}`);
  const title = name.replace(/^./, (first) => first.toUpperCase());
  await page.locator(".document").getByRole("heading", { name: title, exact: true }).waitFor();
  await text(page, title).waitFor();
  // Until the link has served, it may still open something, or say that there is nothing to open.
  await until(() => page.evaluate(() => location.hash === ""), "the link has served");
}

/**
 * To the end of a line. Not by many arrow keys: where they come faster than the page draws, the editor guesses how high the
 * lines are that it has not drawn.
 * @param {Page} page
 * @param {number} line from the first
 */
async function toLine(page, line) {
  await drawn(page);
  await page.locator(".cm-content").focus();
  await page.locator(".cm-content").evaluate((content, number) => {
    const { view } = /** @type {any} */ (content).cmTile;
    view.dispatch({ selection: { anchor: view.state.doc.line(number).to }, scrollIntoView: true });
  }, line);
  await drawn(page);
}

describe("a document", () => {
  /** @type {Server} */ let server;
  /** @type {import("playwright-core").Browser} */ let browser;
  /** @type {Person} */ let alice;
  /** @type {Person} */ let bob;
  /** @type {Person} */ let carol;

  before(async () => {
    server = await Server.start();
    browser = await launch([await trusting(server)]);
    const people = [CALM, CALM, PHONE].map((options) => newPerson(browser, server, options));
    [alice, bob, carol] = /** @type {[Person, Person, Person]} */ (await Promise.all(people));
    await setUpOwner(alice, server);
    await acceptInvitation(bob, await server.invite(), "bob");
    await acceptInvitation(carol, await server.invite(), "carol");
  });
  after(async () => {
    await browser?.close();
    await server?.remove();
  });

  /** @param {Person[]} people @param {string} expected */
  const allHave = (people, expected) =>
    Promise.all(people.map(({ page }) => until(async () => (await written(page)) === expected, `everybody has “${expected}”`)));

  it("loads the editor with the first document, and not before", async () => {
    const loaded = () => alice.page.evaluate(() => performance.getEntriesByType("resource").some(({ name }) => name.endsWith("vendor/editor.js")));
    assert.equal(await loaded(), false);
    await makeDocument(alice.page, "plan", "# Plan\n\nfirst\n\nlast");
    await openDocument(alice.page, "plan");
    await stands(alice.page, "saved");
    assert.equal(await loaded(), true);
  });

  it("shows two people each other’s carets, names and words", async () => {
    await openDocument(bob.page, "plan");
    await toLine(bob.page, 3);
    await bob.page.keyboard.insertText(" and more"); // at once: what is typed slowly is undone in parts
    const name = alice.page.locator(".remote-caret-name");
    await name.getByText("bob", { exact: true }).waitFor({ state: "attached" });
    await allHave([alice, bob], "# Plan\n\nfirst and more\n\nlast");
    await bob.page.keyboard.press("Shift+Home");
    await alice.page.locator(".remote-selection").first().waitFor();
    await alice.page.locator(".document-person", { hasText: "bob" }).waitFor();
    await alice.page.locator(".document-news").getByText("bob is here").waitFor({ state: "attached" });
    await stands(bob.page, "saved");
    const { text: kept } = await ask(alice.page, "GET", "/documents/plan/text");
    assert.equal(kept, "# Plan\n\nfirst and more\n\nlast");
  });

  it("undoes what somebody did, and nothing of the others", async () => {
    await toLine(alice.page, 5);
    await alice.page.keyboard.type(" words");
    await allHave([bob], "# Plan\n\nfirst and more\n\nlast words");
    await bob.page.locator(".document").getByRole("button", { name: "Undo my last change" }).click();
    await allHave([alice, bob], "# Plan\n\nfirst\n\nlast words");
    await bob.page.keyboard.press("Control+y");
    await allHave([alice, bob], "# Plan\n\nfirst and more\n\nlast words");
  });

  it("keeps place and selection while others write above", async () => {
    await makeDocument(alice.page, "long", Array.from({ length: 300 }, (_, line) => `line ${line + 1}`).join("\n"));
    for (const { page } of [alice, bob]) await openDocument(page, "long");
    await toLine(alice.page, 150);
    await alice.page.keyboard.press("Shift+Home");
    const line = alice.page.locator(".cm-line", { hasText: /^line 150$/ });
    const top = async () => Math.round((await line.boundingBox())?.y ?? NaN);
    const there = await top();
    await toLine(bob.page, 1);
    for (let count = 0; count < 5; count += 1) await bob.page.keyboard.type("\nabove");
    await until(async () => (await written(alice.page)).includes("above\nabove\nabove\nabove\nabove"), "alice has it");
    await drawn(alice.page);
    assert.equal(await top(), there);
    assert.equal(await alice.page.evaluate(() => String(getSelection())), "line 150");
  });

  it("does not disturb a composition", async () => {
    const session = await alice.context.newCDPSession(alice.page);
    await toLine(alice.page, 155);
    await session.send("Input.imeSetComposition", { text: "にほ", selectionStart: 2, selectionEnd: 2 });
    await until(async () => (await written(alice.page)).includes("line 150にほ"), "it is being composed");
    await toLine(bob.page, 1);
    await bob.page.keyboard.type("!");
    await until(async () => (await written(alice.page)).startsWith("line 1!"), "bob’s change is there");
    await session.send("Input.imeSetComposition", { text: "にほん", selectionStart: 3, selectionEnd: 3 });
    await until(async () => (await written(alice.page)).includes("line 150にほん"), "it goes on being composed");
    await session.send("Input.insertText", { text: "日本" });
    await until(async () => (await written(bob.page)).includes("line 150日本"), "what was composed is there, once");
    await until(async () => (await written(alice.page)) === (await written(bob.page)), "both have the same");
    assert.equal((await written(alice.page)).split("日本").length, 2);
    assert.doesNotMatch(await written(alice.page), /にほ/);
  });

  it("stays as it is under somebody who writes while another renames it", async () => {
    const { page } = alice;
    await openDocument(page, "long");
    await toLine(page, 150);
    const content = await page.locator(".cm-content").elementHandle();
    const place = () =>
      page.evaluate(
        (element) => ({
          isSame: document.querySelector(".cm-content") === element,
          hasFocus: document.activeElement === element,
          top: document.querySelector(".cm-scroller")?.scrollTop,
        }),
        content,
      );
    const then = await place();
    assert.ok(Number(then.top) > 0 && then.hasFocus);
    for (const title of ["Longer", "Long"]) {
      assert.equal((await ask(bob.page, "PATCH", "/documents/long", { title })).status, 200);
      await text(page, title).waitFor();
      await drawn(page);
      assert.deepEqual(await place(), then);
    }
  });

  it("counts carriage returns as the server does", async () => {
    await makeDocument(alice.page, "returns", "");
    const put = (/** @type {string} */ body) =>
      alice.page.evaluate(
        async (content) =>
          (await fetch("/documents/returns/text", { method: "PUT", headers: { "Content-Type": "text/plain" }, body: content })).status,
        body,
      );
    assert.equal(await put("one\r\ntwo\rthree\r\n"), 204);
    for (const { page } of [alice, bob]) await openDocument(page, "returns");
    await allHave([alice, bob], "one\r\ntwo\rthree\r\n");
    await alice.page.locator(".cm-content").focus();
    await alice.page.keyboard.press("Control+End");
    await alice.page.keyboard.type("end");
    await allHave([alice, bob], "one\r\ntwo\rthree\r\nend");
    assert.equal(await put("zero\r\none\r\ntwo\rthree\r\nend"), 204);
    await allHave([alice, bob], "zero\r\none\r\ntwo\rthree\r\nend");
    await bob.page.locator(".cm-content").focus();
    await bob.page.keyboard.press("Control+Home");
    await bob.page.keyboard.press("End");
    await bob.page.keyboard.type("!");
    await until(async () => (await written(alice.page)).replace("!", "") === "zero\r\none\r\ntwo\rthree\r\nend", "it is there, once");
    await stands(bob.page, "saved");
    assert.equal((await ask(bob.page, "GET", "/documents/returns/text")).text, await written(alice.page));
  });

  it("runs each line the way its letters do, and shows carets where they are", async () => {
    await makeDocument(alice.page, "both", "left to right\nשלום עולם\n- مرحبا");
    for (const { page } of [alice, bob]) await openDocument(page, "both");
    await toLine(bob.page, 2);
    const directions = await alice.page.locator(".cm-line").evaluateAll((all) => all.map((one) => getComputedStyle(one).direction));
    assert.deepEqual(directions, ["ltr", "rtl", "rtl"]);
    /** How far bob's caret is, for alice, from the one end of what is written in that line and from the other. */
    const caret = () =>
      alice.page.evaluate(() => {
        const box = document.querySelector(".remote-caret")?.getBoundingClientRect();
        const words = new Range();
        words.selectNodeContents(/** @type {Node} */ (document.querySelectorAll(".cm-line")[1]));
        const { left, right, top, bottom } = words.getBoundingClientRect();
        return box && box.top < bottom && box.bottom > top ? { left: Math.abs(box.left - left), right: Math.abs(box.left - right) } : null;
      });
    await until(async () => Number((await caret())?.left) < 4, "it is at the left end, where the line ends");
    await bob.page.keyboard.press("Home");
    await until(async () => Number((await caret())?.right) < 4, "it is at the right end, where the line begins");
    await bob.page.keyboard.press("ArrowLeft");
    await until(async () => Number((await caret())?.right) > 4, "it has moved left");
  });

  it("keeps many changes as few, while it is open", async () => {
    const counts = await bob.page.evaluate(async () => {
      const path = "/transport/local_copy.js"; // a variable, so that nobody resolves it here
      const { LocalCopy } = await import(path);
      const whose = { user: 1_000_000, id: 1, created: 1 };
      const copy = await LocalCopy.open(whose);
      const merge = (/** @type {Uint8Array[]} */ all) => Uint8Array.from(all.flatMap((one) => [...one]));
      await copy.load(merge);
      for (let batch = 0; batch < 11; batch += 1) {
        await Promise.all(Array.from({ length: 100 }, (_, at) => copy.keep(Uint8Array.of(batch * 10 + (at % 10)))));
      }
      await copy.close();
      const again = await LocalCopy.open(whose);
      const { updates } = await again.load(merge);
      let taken = false;
      again.onTaken = () => void (taken = true);
      const other = await LocalCopy.open(whose);
      other.remove();
      const last = await LocalCopy.open(whose);
      const left = (await last.load(merge)).updates.length;
      last.remove();
      return { records: updates.length, bytes: merge(updates).length, taken, left };
    });
    assert.ok(counts.records < 200, `${counts.records}`);
    assert.deepEqual({ ...counts, records: 0 }, { records: 0, bytes: 1100, taken: true, left: 0 });
  });

  it("brings more than a message may hold, written without the server", async () => {
    await makeDocument(alice.page, "much", "");
    for (const { page } of [alice, bob]) {
      await openDocument(page, "much");
      await stands(page, "saved");
    }
    await server.stop("SIGTERM");
    await stands(bob.page, "offline");
    await bob.page.locator(".cm-content").evaluate((content) => {
      const { view } = /** @type {any} */ (content).cmTile;
      for (let part = 0; part < 10; part += 1) view.dispatch({ changes: { from: 0, insert: `${part} ${"wide – ".repeat(20_000)}\n` } });
    });
    await bob.page.locator(".document-state").getByText("Offline – kept on this device").waitFor();
    await server.run();
    await stands(bob.page, "saved");
    const { text: there } = await ask(bob.page, "GET", "/documents/much/text");
    assert.equal(there.length > 1_400_000 && there === (await written(bob.page)), true);
    await until(async () => (await written(alice.page)) === there, "alice has all of it");
  });

  it("can be left by keyboard: Escape, then Tab", async () => {
    const { page } = bob;
    await openDocument(page, "long");
    await toLine(page, 2);
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement?.className.includes("cm-content")), true);
    await page.keyboard.press("Control+z");
    await page.keyboard.press("Escape");
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement?.className.includes("cm-content")), false);
    const description = await text(page, "Long").getAttribute("aria-describedby");
    assert.match(await page.locator(`#${description}`).innerText(), /Escape, then Tab leaves the text/);
  });

  it("takes up what was written on both sides of a lost connection", async () => {
    await makeDocument(alice.page, "notes", "one\ntwo\n");
    for (const { page } of [alice, bob]) {
      await openDocument(page, "notes");
      await stands(page, "saved");
    }
    await alice.context.setOffline(true);
    await server.stop("SIGKILL");
    for (const { page } of [alice, bob]) await stands(page, "offline");
    await toLine(alice.page, 1);
    await alice.page.keyboard.type(" by alice");
    await toLine(bob.page, 2);
    await bob.page.keyboard.type(" by bob");
    await alice.page.locator(".document-state").getByText("Offline – kept on this device").waitFor();
    await server.run();
    await alice.context.setOffline(false);
    await allHave([alice, bob], "one by alice\ntwo by bob\n");
    for (const { page } of [alice, bob]) await stands(page, "saved");
  });

  it("goes on in mid-sentence over a restart of the server", async () => {
    await toLine(alice.page, 3);
    const typing = alice.page.keyboard.type("a sentence that a restart does not end.", { delay: 40 });
    await server.stop("SIGTERM");
    await server.run();
    await typing;
    await allHave([alice, bob], "one by alice\ntwo by bob\na sentence that a restart does not end.");
    await stands(alice.page, "saved");
    assert.equal((await ask(bob.page, "GET", "/documents/notes/text")).text, await written(alice.page));
  });

  it("keeps over a reload what was written without the server, and sends it when that is back", async () => {
    if (!process.env.SWITCHBOARD_FRONTEND) await isKept(bob.page);
    await server.stop("SIGTERM");
    await stands(bob.page, "offline");
    await toLine(bob.page, 1);
    await bob.page.keyboard.type(", then bob");
    await bob.page.locator(".document-state").getByText("Offline – kept on this device").waitFor();
    if (!process.env.SWITCHBOARD_FRONTEND) {
      await bob.page.reload();
      await text(bob.page, "Notes").waitFor();
      assert.match(await written(bob.page), /^one by alice, then bob\n/);
      await toLine(bob.page, 2);
      await bob.page.keyboard.type(" again");
      await stands(bob.page, "offline");
    }
    await server.run();
    await stands(bob.page, "saved");
    assert.match(await written(bob.page), /^one by alice, then bob\n/);
    await until(async () => (await written(alice.page)) === (await written(bob.page)), "alice has it");
  });

  it("is only read by who may only read", async () => {
    await makeDocument(alice.page, "rules", "be kind", "read");
    await openDocument(bob.page, "rules");
    await stands(bob.page, "read_only");
    await bob.page.locator(".cm-content").focus();
    await bob.page.keyboard.type("no");
    await openDocument(alice.page, "rules");
    await toLine(alice.page, 1);
    await alice.page.keyboard.type(", always");
    await allHave([alice, bob], "be kind, always");
    await accessibleInBoth(bob.page, "read only");
  });

  it("says when what was written last is not taken any more, and hands it out", async () => {
    await makeDocument(alice.page, "board", "free");
    await openDocument(bob.page, "board");
    await stands(bob.page, "saved");
    await bob.context.setOffline(true);
    await server.stop("SIGTERM");
    await stands(bob.page, "offline");
    await toLine(bob.page, 1);
    await bob.page.keyboard.type(" for all");
    await stands(bob.page, "offline");
    await server.run();
    const change = () => ask(alice.page, "PATCH", "/documents/board", { members: "read" }).catch(() => null);
    await until(async () => (await change())?.status === 200, "bob may only read it");
    await bob.context.setOffline(false);
    await stands(bob.page, "refused");
    await accessibleInBoth(bob.page, "refused");
    await bob.page.getByRole("button", { name: "Discard my changes" }).click();
    await stands(bob.page, "read_only");
    assert.equal(await written(bob.page), "free");
    await bob.page.getByRole("button", { name: "Copy my text" }).waitFor();
  });

  it("stays to be copied when it is deleted meanwhile, and nothing of it stays on the device", async () => {
    await openDocument(bob.page, "board");
    await bob.page.locator(".cm-content").focus();
    const kept = () => bob.page.evaluate(async () => (await indexedDB.databases()).length);
    const many = await kept();
    assert.equal((await ask(alice.page, "DELETE", "/documents/board")).status, 204);
    await stands(bob.page, "deleted");
    assert.equal(await written(bob.page), "free");
    await bob.page.getByRole("button", { name: "Copy my text" }).waitFor();
    assert.equal(await bob.page.evaluate(() => document.activeElement?.closest(".document") !== null), true);
    await until(async () => (await kept()) === many - 1, "the copy is gone");
    await accessibleInBoth(bob.page, "deleted");
  });

  it("is shown to be copied by hand where the clipboard is closed", async () => {
    const { page } = bob;
    await page.evaluate(() => Object.defineProperty(navigator, "clipboard", { value: undefined, configurable: true })); // as without TLS
    await page.getByRole("button", { name: "Copy my text" }).click();
    const area = page.getByLabel("Selected: press Ctrl+C");
    await area.waitFor();
    await until(() => area.evaluate((element) => document.activeElement === element), "the text is selected");
    assert.deepEqual(
      await area.evaluate((/** @type {HTMLTextAreaElement} */ one) => [one.value, one.value.slice(one.selectionStart, one.selectionEnd)]),
      ["free", "free"],
    );
    await accessibleInBoth(page, "a text to copy by hand");
  });

  it("is never mixed with another that takes its name", async () => {
    await makeDocument(alice.page, "again", "the first");
    await openDocument(bob.page, "again");
    await stands(bob.page, "saved");
    await bob.context.setOffline(true);
    await server.stop("SIGTERM");
    await stands(bob.page, "offline");
    await toLine(bob.page, 1);
    await bob.page.keyboard.type(" of bob");
    await bob.page.locator(".document-state").getByText("Offline – kept on this device").waitFor();
    await server.run();
    await until(async () => (await ask(alice.page, "DELETE", "/documents/again").catch(() => null))?.status === 204, "it is deleted");
    await makeDocument(alice.page, "again", "the second");
    await bob.context.setOffline(false);
    await stands(bob.page, "deleted");
    assert.equal((await ask(alice.page, "GET", "/documents/again/text")).text, "the second");
  });

  it("fits a phone, in both themes", async () => {
    const { page } = carol;
    await openDocument(page, "notes");
    await stands(page, "saved");
    await openDocument(bob.page, "notes");
    await toLine(bob.page, 1);
    await page.locator(".remote-caret").waitFor();
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth > innerWidth), false);
    const sizes = await page
      .locator(".document-tools button")
      .evaluateAll((all) => all.map((one) => one.getBoundingClientRect()).map(({ width, height }) => Math.min(width, height)));
    assert.ok(sizes.every((size) => size >= 36), `too small for a finger: ${sizes}`);
    await page.locator(".remote-caret-name").waitFor({ state: "hidden" });
    await accessibleInBoth(page, "a document on a phone");
    await page.emulateMedia({ forcedColors: "active" });
    await page.locator(".remote-caret").waitFor();
    await page.emulateMedia({ forcedColors: "none" });
  });

  it("is searched whole, though only what is seen is drawn", async () => {
    const { page } = alice;
    await openDocument(page, "long");
    await toLine(page, 1);
    await page.keyboard.press("Control+f");
    await page.keyboard.type("line 280");
    await page.keyboard.press("Enter");
    await page.locator(".cm-line", { hasText: /^line 280$/ }).waitFor();
    await accessibleInBoth(page, "search");
    await page.keyboard.press("Escape");
  });

  it("asks for a reload when the server has another version of the page", async () => {
    // A page that keeps its version for when there is no server has this, too.
    const { page, context } = await newPerson(browser, server, { serviceWorkers: "block" });
    await page.route(/\/(editor\/main|vendor\/editor)\.js$/, (route) => route.fulfill({ status: 404 }));
    await acceptInvitation({ page, context, problems: [] }, await server.invite(), "dave");
    await page.evaluate(() => void (location.hash = "#document=notes"));
    await stands(page, "outdated");
    await page.getByRole("button", { name: "Reload" }).waitFor();
    await accessibleInBoth(page, "another version");
    await context.close();
  });

  it("leaves nothing behind when somebody signs out", async () => {
    const { page } = carol;
    assert.ok((await page.evaluate(async () => (await indexedDB.databases()).length)) > 0);
    await page.evaluate(() => fetch("/logout", { method: "POST", headers: { "Content-Type": "application/json" }, body: "{}" }));
    await page.getByRole("heading", { name: "Sign in" }).waitFor();
    // Signed out elsewhere, what was written here is kept for its writer; by the button, it goes.
    assert.ok((await page.evaluate(async () => (await indexedDB.databases()).length)) > 0);
    const { page: here } = bob;
    await here.getByRole("button", { name: /^Signed in as/ }).click();
    await here.getByRole("button", { name: "Sign out" }).click();
    await here.getByRole("heading", { name: "Sign in" }).waitFor();
    await until(async () => (await here.evaluate(async () => (await indexedDB.databases()).length)) === 0, "nothing is kept");
  });

  it("never made a page do what it must not", () => {
    assert.deepEqual([...alice.problems, ...bob.problems, ...carol.problems], []);
  });
});
