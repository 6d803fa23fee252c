import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import {
  Server,
  acceptInvitation,
  accessibleInBoth,
  banner,
  composer,
  createRoom,
  drawn,
  fillAccount,
  hears,
  inRoom,
  isKept,
  launch,
  message,
  newPerson,
  openPlace,
  roomItem,
  say,
  setUpOwner,
  trusting,
  until,
} from "./harness.mjs";

/** @typedef {import("./harness.mjs").Page} Page */

const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };

/** The button in the room's header. @param {Page} page */
const button = (page) => page.getByRole("button", { name: /^Documents(, \d+)?$/ });

/** @param {Page} page @param {string} title */
const item = (page, title) => page.locator(".document-item").filter({ has: page.getByText(title, { exact: true }) });

/** The text of the open document, to write in. @param {Page} page @param {string} title */
const text = (page, title) => page.locator(".document").getByRole("textbox", { name: new RegExp(title) });

/** @param {Page} page */
const saved = (page) => page.locator('.document[data-state="saved"]').waitFor();

/** @param {Page} page @param {RegExp} title */
const isTitled = (page, title) => until(async () => title.test(await page.title()), `its title is ${title}`);

/** What this device keeps of each document it has may be written in without the server: it says so. @param {Page} page */
async function isKeptHere(page) {
  const marks = () =>
    page.evaluate(async () => {
      const answer = (/** @type {IDBRequest} */ request) =>
        new Promise((resolve, reject) => {
          request.onsuccess = () => resolve(request.result);
          request.onerror = () => reject(request.error);
        });
      const all = [];
      for (const { name = "" } of await indexedDB.databases()) {
        const database = await answer(indexedDB.open(name));
        all.push(await answer(database.transaction("marks").objectStore("marks").get("synced")));
        database.close();
      }
      return all;
    });
  await until(async () => (await marks()).every((mark) => mark === "write"), "this device keeps it");
}

/** @param {Page} page */
async function openList(page) {
  if ((await button(page).getAttribute("aria-expanded")) === "false") await button(page).click();
  await page.getByRole("heading", { level: 2, name: "Documents" }).waitFor();
}

/** @param {Page} page @param {string} title @param {{ readOnly?: boolean }} [options] */
async function createDocument(page, title, { readOnly = false } = {}) {
  await openList(page);
  await page.getByRole("button", { name: "New document" }).click();
  const dialog = page.getByRole("dialog", { name: "Create a document" });
  await dialog.getByLabel("Name").fill(title);
  if (readOnly) await dialog.getByRole("radio", { name: /^Only read/ }).check();
  await dialog.getByRole("button", { name: "Create document" }).click();
  await page.getByRole("heading", { level: 2, name: title }).waitFor();
  await saved(page);
}

describe("documents of a room", () => {
  /** @type {Server} */ let server;
  /** @type {import("playwright-core").Browser} */ let browser;
  /** @type {import("./harness.mjs").Person} */ let alice;
  /** @type {import("./harness.mjs").Person} */ let bob;
  /** @type {import("./harness.mjs").Person} */ let carol;
  let link = "";

  before(async () => {
    server = await Server.start();
    browser = await launch([await trusting(server)]);
    [alice, bob, carol] = [await newPerson(browser, server), await newPerson(browser, server), await newPerson(browser, server, PHONE)];
    await setUpOwner(alice, server);
    await acceptInvitation(bob, await server.invite(), "bob");
    await acceptInvitation(carol, await server.invite(), "carol");
  });
  after(async () => {
    await browser?.close();
    await server?.remove();
  });

  /** @param {Page} page */
  const overflows = (page) => page.evaluate(() => document.documentElement.scrollWidth > innerWidth);

  it("invite to make the first", async () => {
    for (const { page } of [alice, carol]) {
      await openList(page);
      await page.getByRole("heading", { name: "Write something together" }).waitFor();
      await accessibleInBoth(page, "no documents");
      assert.equal(await overflows(page), false);
    }
    // A phone shows one thing at a time, and the way back.
    assert.equal(await composer(alice.page).isVisible(), true);
    assert.equal(await composer(carol.page).isVisible(), false);
    await carol.page.getByRole("button", { name: "Back to General" }).click();
    await composer(carol.page).waitFor();
  });

  it("are made in a dialog, and everybody in the room is told, without it being a message", async () => {
    const { page } = alice;
    await page.getByRole("button", { name: "New document" }).click();
    await accessibleInBoth(page, "create a document");
    await page.getByRole("button", { name: "Create document" }).click();
    await page.getByRole("alert").getByText("A name has 1 to 100 characters").waitFor();
    await page.keyboard.press("Escape");
    await createRoom(bob.page, "Elsewhere");
    await createDocument(page, "Release plan");
    assert.equal(await composer(page).isVisible(), true, "the chat stays beside it");
    await isTitled(page, /^Release plan · General · /);
    await page.locator(".system-line").getByRole("link", { name: "Release plan" }).waitFor();
    // What is said after it is all that counts as unread.
    await say(page, "there is a plan now");
    await roomItem(bob.page, "General").locator(".badge").waitFor();
    assert.match(await roomItem(bob.page, "General").locator(".badge").innerText(), /^\D*1\D*$/);
    await openPlace(bob.page, "General");
    await until(async () => (await bob.page.locator(".badge").count()) === 0, "bob has read it");
    await until(async () => (await button(bob.page).getAttribute("aria-label")) === "Documents, 1", "bob sees that there is one");
    await openList(bob.page);
    await item(bob.page, "Release plan").getByText("by alice").waitFor();
    await accessibleInBoth(bob.page, "a document in the list");
  });

  it("are opened from the note in the chat, and written in together beside it", async () => {
    await bob.page.getByRole("button", { name: "Close", exact: true }).click();
    await bob.page.locator(".system-line").getByRole("link", { name: "Release plan" }).click();
    await saved(bob.page);
    await text(alice.page, "Release plan").click();
    await alice.page.keyboard.type("Step one");
    await until(async () => /Step one/.test(await text(bob.page, "Release plan").innerText()), "bob reads it");
    await say(bob.page, "nice");
    await hears(alice.page, "nice");
    await accessibleInBoth(alice.page, "a document beside the chat");
    const [chat, document] = await Promise.all([".room-view", ".document-pane"].map((part) => alice.page.locator(part).boundingBox()));
    assert.ok(chat && document && chat.width >= 320 && document.width > chat.width && chat.x + chat.width <= document.x + 1);
  });

  it("are a screen of their own on a phone, with a way back", async () => {
    const { page } = carol;
    await openList(page);
    await item(page, "Release plan").click();
    await saved(page);
    assert.equal(await composer(page).isVisible(), false);
    assert.equal(await overflows(page), false);
    await isTitled(page, /^Release plan · General · /);
    await accessibleInBoth(page, "a document on a phone");
    await page.getByRole("button", { name: "All documents" }).click();
    await item(page, "Release plan").waitFor();
    await page.getByRole("button", { name: "Back to General" }).click();
    await composer(page).waitFor();
    await say(page, "from the phone");
    await hears(page, "from the phone");
  });

  it("have versions: saved, compared with the text now, and gone back to as a new change", async () => {
    const { page } = alice;
    await page.getByRole("button", { name: "Versions", exact: true }).click();
    await page.getByText("There are no versions yet.", { exact: false }).waitFor();
    await page.getByLabel("Save the text now as a version").fill("First draft");
    await page.getByRole("button", { name: "Save version" }).click();
    await page.getByText("Saved as “First draft”.").waitFor();
    await text(page, "Release plan").click();
    await page.keyboard.press("End");
    await page.keyboard.type(" and a half");
    await saved(page);
    await item(page, "First draft").click();
    await page.locator("ins", { hasText: "Step one and a half" }).waitFor();
    assert.equal(await page.locator("ins mark").innerText(), " and a half");
    assert.match(await page.locator("del").innerText(), /Removed:\s+Step one$/);
    await accessibleInBoth(page, "a version");
    await page.getByRole("button", { name: "Restore" }).click();
    await page.getByText("as a new change, and nobody’s words are lost", { exact: false }).waitFor();
    await accessibleInBoth(page, "before restoring");
    await page.getByRole("button", { name: "Restore this version" }).click();
    await page.getByText("Restored: the text is what it was then.").waitFor();
    await page.getByText("The text now is the same.").waitFor();
    await until(async () => (await text(bob.page, "Release plan").innerText()).trim() === "Step one", "bob has it too");
    await page.getByRole("button", { name: "Back to all versions" }).press("Enter");
    assert.equal(await item(page, "First draft").evaluate((one) => one === document.activeElement), true);
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Delete this version" }).click();
    await page.getByRole("button", { name: "Delete version" }).click();
    await page.getByText("There are no versions yet.", { exact: false }).waitFor();
    assert.equal(await page.getByRole("region", { name: "Versions" }).evaluate((one) => one === document.activeElement), true);
    await page.getByRole("button", { name: "Versions", exact: true }).click();
  });

  it("are compared without holding up who writes, however much differs", async () => {
    const { page } = alice;
    const put = (/** @type {string} */ body) =>
      page.evaluate(async (value) => {
        const documents = await (await fetch("/documents?room=general")).json();
        const path = `/documents/${documents.documents[0].name}`;
        const headers = { "Content-Type": "text/plain" };
        return (await fetch(`${path}/text`, { method: "PUT", headers, body: value })).status;
      }, body);
    const long = (/** @type {number} */ seed) =>
      Array.from({ length: 1500 }, (_, row) => Array.from({ length: 20 }, (__, word) => `w${(word * seed + row) % 97}`).join(" ")).join("\n");
    assert.equal(await put(long(7)), 204);
    await page.getByRole("button", { name: "Versions", exact: true }).click();
    await page.getByLabel("Save the text now as a version").fill("Long");
    await page.getByRole("button", { name: "Save version" }).click();
    await page.getByText("Saved as “Long”.").waitFor();
    assert.equal(await put(long(31)), 204);
    await item(page, "Long").click();
    const rows = page.locator(".diff-row");
    await until(async () => (await rows.count()) === 1000, "as much is shown as at once");
    await page.getByRole("button", { name: /lines more$/ }).press("Enter");
    await until(async () => (await rows.count()) === 2000, "more is shown");
    await page.getByRole("button", { name: /lines more$/ }).press("Enter");
    await page.getByRole("button", { name: /lines more$/ }).waitFor({ state: "detached" });
    assert.equal(await page.locator(".diff-rows").evaluate((one) => one === document.activeElement), true);
    assert.equal(await put("Step one"), 204);
    await page.locator("ins", { hasText: "Step one" }).waitFor();
    await page.getByRole("button", { name: "Versions", exact: true }).click();
    await saved(page);
  });

  it("are renamed for everybody, and say who may write", async () => {
    await bob.page.getByRole("button", { name: "Rename this document" }).click();
    await bob.page.getByRole("textbox", { name: "Name" }).fill("Plan");
    assert.equal(await bob.page.getByRole("radio").count(), 0, "the rights are not bob's to give");
    await bob.page.getByRole("button", { name: "Save", exact: true }).click();
    for (const { page } of [alice, bob]) await page.getByRole("heading", { level: 2, name: "Plan", exact: true }).waitFor();
    await alice.page.getByRole("button", { name: "Document settings" }).click();
    await accessibleInBoth(alice.page, "document settings");
    await alice.page.getByRole("radio", { name: /^Only read/ }).check();
    await alice.page.getByRole("button", { name: "Save", exact: true }).click();
    await bob.page.locator('.document[data-state="read_only"]').waitFor();
    await bob.page.getByRole("button", { name: "Rename this document" }).waitFor({ state: "detached" });
    await bob.page.getByRole("button", { name: "All documents" }).click();
    await item(bob.page, "Plan").getByText("read only").waitFor();
  });

  it("have a link that opens them, after signing in too", async () => {
    const { page, context } = alice;
    await context.grantPermissions(["clipboard-read", "clipboard-write"]);
    // It is said for a while only.
    await Promise.all([page.getByText("Link copied").waitFor(), page.getByRole("button", { name: "Copy link" }).click()]);
    link = await page.evaluate(() => navigator.clipboard.readText());
    assert.match(link, /\/#document=[\w-]+$/);
    const visitor = await newPerson(browser, server);
    await visitor.page.goto(link);
    await fillAccount(visitor.page, "bob");
    await visitor.page.getByRole("button", { name: "Sign in" }).click();
    await visitor.page.getByRole("heading", { level: 2, name: "Plan", exact: true }).waitFor();
    await visitor.page.locator('.document[data-state="read_only"]').waitFor();
    await until(() => new URL(visitor.page.url()).hash === "", "the link is out of the address bar");
    await visitor.page.goto(`${server.origin}/#document=nowhere`);
    await visitor.page.getByRole("dialog").getByText("There is no such document").waitFor();
    await accessibleInBoth(visitor.page, "a link that leads nowhere");
    await visitor.page.keyboard.press("Escape");
    assert.deepEqual(visitor.problems, []);
    await visitor.context.close();
  });

  it("stay open over a reload, and are written in without the server, which gets it when it is back", async () => {
    const { page } = alice;
    await isKept(page);
    await page.reload();
    await saved(page);
    await isKeptHere(page);
    await server.stop();
    await banner(page).waitFor();
    await page.reload();
    await page.getByRole("heading", { level: 2, name: "Plan", exact: true }).waitFor();
    await banner(page).waitFor();
    await drawn(page);
    await text(page, "Plan").click();
    await page.keyboard.press("End");
    await page.keyboard.type(", in the tunnel");
    const isThere = async () => /in the tunnel/.test(await text(page, "Plan").innerText());
    await until(isThere, "it is written");
    await page.locator('.document[data-state="offline"]').waitFor();
    await page.reload();
    await until(isThere, "it is still there");
    await openPlace(page, "General");
    await page.getByRole("button", { name: "All documents" }).click();
    await item(page, "Plan").waitFor();
    await accessibleInBoth(page, "documents without the server");
    await item(page, "Plan").click();
    await server.run();
    await saved(page);
    await item(bob.page, "Plan").click();
    await until(async () => /Step one, in the tunnel/.test(await bob.page.locator(".document-text").innerText()), "bob reads it");
  });

  it("say why they cannot be listed, and try again", async () => {
    // What a worker has seen first cannot be answered otherwise here.
    const { page, context } = await newPerson(browser, server, { ...PHONE, serviceWorkers: "block" });
    await page.goto("/");
    await fillAccount(page, "carol");
    await page.getByRole("button", { name: "Sign in" }).click();
    await inRoom(page, "General");
    await context.route(
      (url) => url.pathname === "/documents",
      (route) => route.fulfill({ status: 503, json: { error: { code: "storage_unavailable", message: "no" } } }),
    );
    await page.reload();
    await openList(page);
    await page.getByRole("alert").getByText("cannot store anything right now").waitFor();
    await context.unrouteAll();
    const listed = page.waitForResponse((response) => new URL(response.url()).pathname === "/documents" && response.ok());
    await page.getByRole("button", { name: "Try again" }).click();
    await listed;
    await item(page, "Plan").waitFor();
    assert.equal(await page.locator(".aside").getByRole("alert").count(), 0);
    await context.close();
  });

  it("ask before what is not saved is lost by signing out, and leave nothing behind", async () => {
    const { page, context, problems } = await newPerson(browser, server);
    await page.goto("/");
    await fillAccount(page, "alice");
    await page.getByRole("button", { name: "Sign in" }).click();
    await inRoom(page, "General");
    await openList(page);
    await item(page, "Plan").click();
    await saved(page);
    await isKeptHere(page);
    // From now on nothing comes back of what is sent.
    await context.routeWebSocket(/\/documents\//, () => undefined);
    await page.reload();
    await text(page, "Plan").waitFor();
    await drawn(page);
    await text(page, "Plan").click();
    await page.keyboard.press("Control+End");
    await page.keyboard.type(" and never sent");
    const signOut = async () => {
      await page.getByRole("button", { name: /^Signed in as/ }).click();
      await page.getByRole("button", { name: "Sign out" }).click();
    };
    await signOut();
    const dialog = page.getByRole("dialog", { name: "Sign out and lose changes?" });
    await dialog.getByRole("listitem").getByText("Plan", { exact: true }).waitFor();
    await accessibleInBoth(page, "before signing out");
    await dialog.getByRole("button", { name: "Stay" }).click();
    await dialog.waitFor({ state: "detached" });
    assert.match(await text(page, "Plan").innerText(), /and never sent/);
    await signOut();
    await dialog.getByRole("button", { name: "Sign out and lose it" }).click();
    await page.getByRole("heading", { name: "Sign in" }).waitFor();
    const left = () =>
      page.evaluate(async () => [
        ...Object.keys(localStorage).filter((key) => /^switchboard\.\d/.test(key)),
        ...(await indexedDB.databases()).map(({ name }) => name),
      ]);
    await until(async () => (await left()).length === 0, "nothing is left");
    assert.deepEqual(problems, []);
    await context.close();
  });

  it("are deleted after a question, and those who have them open are told", async () => {
    const { page } = alice;
    await page.getByRole("button", { name: "Document settings" }).click();
    await page.getByRole("button", { name: "Delete…" }).click();
    await accessibleInBoth(page, "before deleting");
    await page.getByRole("dialog", { name: "Delete this document?" }).getByRole("button", { name: "Delete document" }).click();
    await page.getByRole("heading", { name: "Write something together" }).waitFor();
    await bob.page.locator('.document[data-state="deleted"]').waitFor();
    await bob.page.locator(".system-line", { hasText: "alice deleted the document Plan" }).waitFor();
    await bob.page.getByRole("button", { name: "Back", exact: true }).press("Enter");
    await bob.page.getByRole("heading", { name: "Write something together" }).waitFor();
    assert.equal(await bob.page.evaluate(() => document.activeElement?.closest(".aside") !== null), true, "the focus is in the list");
    assert.equal(await message(bob.page, "nice").count(), 1);
  });

  it("can be reached and left with the keyboard alone", async () => {
    const { page } = alice;
    await page.getByRole("button", { name: "Close", exact: true }).click();
    await button(page).focus();
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "New document" }).focus();
    await page.keyboard.press("Enter");
    await page.keyboard.type("By keys");
    await page.keyboard.press("Enter");
    await saved(page);
    await page.keyboard.press("Alt+ArrowDown");
    await page.keyboard.press("Alt+ArrowUp");
    await inRoom(page, "General");
    await page.getByRole("heading", { level: 2, name: "By keys" }).waitFor();
    await drawn(page); // a room that is entered takes the focus
    await page.getByRole("button", { name: "Close", exact: true }).focus();
    await page.keyboard.press("Enter");
    await until(() => page.evaluate(() => document.activeElement?.classList.contains("documents-button") ?? false), "the focus is at the button");
  });

  it("never made a page do what it must not", () => {
    assert.deepEqual([...alice.problems, ...bob.problems, ...carol.problems], []);
  });
});
