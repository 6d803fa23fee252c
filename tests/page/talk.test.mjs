import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import {
  PASSWORD,
  Server,
  acceptInvitation,
  composer,
  createRoom,
  drawn,
  fillAccount,
  hears,
  inRoom,
  invitationLink,
  launch,
  message,
  newPerson,
  roomItem,
  say,
  setUpOwner,
  until,
} from "./harness.mjs";

describe("two people", () => {
  /** @type {Server} */ let server;
  /** @type {import("playwright-core").Browser} */ let browser;
  /** @type {import("./harness.mjs").Person} */ let alice;
  /** @type {import("./harness.mjs").Person} */ let bob;

  before(async () => {
    [server, browser] = await Promise.all([Server.start(), launch()]);
    [alice, bob] = [await newPerson(browser, server), await newPerson(browser, server)];
  });
  after(async () => {
    await browser?.close();
    await server?.remove();
  });

  it("are told where the setup link is, before there is an owner", async () => {
    await bob.page.goto("/");
    await bob.page.getByRole("heading", { name: "Almost there" }).waitFor();
  });

  it("cannot set up with a password that is too short", async () => {
    await alice.page.goto(server.setupLink);
    await until(() => new URL(alice.page.url()).hash === "", "the token is out of the address bar");
    await fillAccount(alice.page, "alice", "too short");
    await alice.page.getByRole("button", { name: "Create owner account" }).click();
    await alice.page.getByRole("alert").getByText("9 of at least 15").waitFor();
    await drawn(alice.page);
    assert.equal(await alice.page.evaluate(() => document.activeElement?.getAttribute("role")), "alert");
  });

  it("set up, invite, accept and talk", async () => {
    await setUpOwner(alice, server);
    const link = await invitationLink(alice.page);
    await bob.page.goto(link);
    await bob.page.getByText("alice invites you").waitFor();
    await until(() => new URL(bob.page.url()).hash === "", "the token is out of the address bar");
    await acceptInvitation(bob, link, "bob");
    await say(alice.page, "Hello Bob");
    await hears(bob.page, "Hello Bob");
    await say(bob.page, "Hello Alice");
    await hears(alice.page, "Hello Alice");
  });

  it("join by a link made on the command line too", async () => {
    const link = await server.invite();
    const dora = await newPerson(browser, server);
    await dora.page.goto(link);
    await dora.page.getByText("You are invited to join the conversation.").waitFor();
    await alice.page.locator(".room-header").getByRole("button", { name: "Invite" }).click();
    const dialog = alice.page.getByRole("dialog", { name: "Invite people" });
    await dialog.getByText("made on the command line").waitFor();
    await alice.page.keyboard.press("Escape");
    await dialog.waitFor({ state: "detached" });
    await acceptInvitation(dora, link, "dora");
    assert.deepEqual(dora.problems, []);
    await dora.context.close();
  });

  it("see at once what they write, without the row being drawn anew", async () => {
    await alice.page.evaluate(() => {
      /** @type {any} */ (globalThis).rows = [];
      new MutationObserver((changes) => {
        for (const change of changes) {
          for (const node of change.addedNodes) {
            if (/** @type {Element} */ (node).matches?.(".message") && node.textContent?.includes("one row only")) /** @type {any} */ (globalThis).rows.push(node);
          }
        }
      }).observe(/** @type {Node} */ (document.querySelector(".timeline-items")), { childList: true });
    });
    await say(alice.page, "one row only");
    await hears(alice.page, "one row only");
    // Its answer and its event have both come when what was said after it has.
    await say(bob.page, "and one after it");
    await hears(alice.page, "and one after it");
    assert.equal(await alice.page.evaluate(() => /** @type {any} */ (globalThis).rows.length), 1);
  });

  it("write several lines with Shift+Enter, and do not send while composing", async () => {
    const area = composer(alice.page);
    await area.fill("first line");
    await area.press("Shift+Enter");
    await area.pressSequentially("second line");
    await area.dispatchEvent("keydown", { key: "Enter", isComposing: true });
    await area.dispatchEvent("keydown", { key: "Enter", keyCode: 229 });
    assert.equal(await area.inputValue(), "first line\nsecond line");
    await area.press("Enter");
    await bob.page.locator(".message-text", { hasText: "second line" }).waitFor();
    assert.equal(
      await bob.page.locator(".message-text", { hasText: "second line" }).innerText(),
      "first line\nsecond line",
    );
  });

  it("read markup as text, and get links as links", async () => {
    const hostile = `<img src=x onerror="console.error('run')"><script>console.error('run')</script>`;
    await say(alice.page, hostile);
    await hears(bob.page, hostile);
    assert.equal(await bob.page.locator(".message img, .message script").count(), 0);
    await say(alice.page, "see https://example.org/a?b=1, not javascript:alert(1)");
    const link = bob.page.locator(".message a").last();
    await link.waitFor();
    assert.deepEqual(
      await link.evaluate((a) => [a.getAttribute("href"), a.getAttribute("target"), a.getAttribute("rel")]),
      ["https://example.org/a?b=1", "_blank", "noopener noreferrer"],
    );
    assert.equal(await bob.page.locator(".message a").count(), 1);
  });

  it("create, join and leave rooms, whatever these are called", async () => {
    await createRoom(alice.page, "<b>Plans</b> & more");
    await say(alice.page, "first in here");
    await hears(alice.page, "first in here");
    assert.equal(await alice.page.locator("h1 b").count(), 0);
    await bob.page.reload(); // a public room is announced to nobody but its members
    await bob.page.getByRole("button", { name: "Join <b>Plans</b> & more" }).click();
    await inRoom(bob.page, "<b>Plans</b> & more");
    await hears(bob.page, "first in here");
    await alice.page.getByText("bob joined the room").waitFor();
    await say(bob.page, "second in here");
    await hears(alice.page, "second in here");
    await bob.page.getByRole("button", { name: "Leave <b>Plans</b> & more" }).click();
    await bob.page.getByRole("button", { name: "Leave room" }).click();
    await inRoom(bob.page, "General");
    await alice.page.getByText("bob left the room").waitFor();
    await bob.page.getByRole("button", { name: "Join <b>Plans</b> & more" }).waitFor();
  });

  it("keep private rooms to themselves", async () => {
    await createRoom(alice.page, "Secret", { isPublic: false });
    await alice.page.getByText("Private · 1 member").waitFor();
    await bob.page.reload();
    await inRoom(bob.page, "General");
    await bob.page.getByRole("button", { name: "Join <b>Plans</b> & more" }).waitFor(); // now all rooms are there
    assert.equal(await bob.page.getByText("Secret").count(), 0);
  });

  it("see how much is unread, in the list and in the title", async () => {
    await say(bob.page, "are you there?");
    await say(bob.page, "hello?");
    await roomItem(alice.page, "General").getByText("2").waitFor();
    await until(async () => (await alice.page.title()).startsWith("(2) "), "the title counts");
    await roomItem(alice.page, "Products").waitFor();
    await alice.page.keyboard.press("Alt+ArrowDown"); // from the last room to the products
    await alice.page.keyboard.press("Alt+ArrowDown"); // and round to the first
    await until(async () => (await alice.page.title()) === "General · Switchboard", "the room is open and read");
    await alice.page.getByText("New", { exact: true }).waitFor();
  });

  it("move the caret with Alt+Arrow on a Mac, and only without text the room", async () => {
    const mac = await alice.context.newPage();
    await mac.addInitScript(() => Object.defineProperty(navigator, "platform", { value: "MacIntel" }));
    await mac.goto("/");
    await inRoom(mac, "General");
    for (const place of ["Products", "Secret"]) await roomItem(mac, place).waitFor();
    await composer(mac).fill("one\ntwo");
    await mac.keyboard.press("Alt+ArrowUp");
    await composer(mac).fill("");
    await inRoom(mac, "General");
    await mac.keyboard.press("Alt+ArrowUp");
    await mac.getByRole("heading", { level: 1, name: "Products" }).waitFor();
    await mac.keyboard.press("Alt+ArrowUp");
    await inRoom(mac, "Secret");
    await roomItem(mac, "General").click();
    await inRoom(mac, "General");
    await mac.close();
  });

  it("keep half-written messages per room, over a reload too", async () => {
    await composer(alice.page).fill("half a thought");
    await roomItem(alice.page, "Secret").click();
    await inRoom(alice.page, "Secret");
    assert.equal(await composer(alice.page).inputValue(), "");
    await until(
      () => composer(alice.page).evaluate((area) => area === document.activeElement),
      "the composer has the focus",
    );
    await roomItem(alice.page, "General").click();
    await inRoom(alice.page, "General");
    assert.equal(await composer(alice.page).inputValue(), "half a thought");
    await alice.page.reload();
    await inRoom(alice.page, "General");
    assert.equal(await composer(alice.page).inputValue(), "half a thought");
    await composer(alice.page).fill("");
  });

  it("are warned before a message is too long", async () => {
    await composer(alice.page).fill("x".repeat(7_990));
    await alice.page.getByText("10 characters left").waitFor();
    await composer(alice.page).fill("x".repeat(8_001));
    await alice.page.getByText("1 character too long").waitFor();
    await composer(alice.page).press("Enter");
    assert.equal((await composer(alice.page).inputValue()).length, 8_001);
    await composer(alice.page).fill("");
  });

  it("cannot use an invitation twice, nor one that was revoked", async () => {
    const used = await invitationLink(alice.page);
    const carol = await newPerson(browser, server);
    await acceptInvitation(carol, used, "carol");
    const late = await newPerson(browser, server);
    await late.page.goto(used);
    await late.page.getByRole("heading", { name: "This invitation no longer works" }).waitFor();

    const revoked = await invitationLink(alice.page);
    await alice.page.getByRole("button", { name: /^Signed in as/ }).click();
    await alice.page.getByRole("button", { name: "Invite people" }).last().click();
    const dialog = alice.page.getByRole("dialog");
    await dialog
      .getByRole("button", { name: /^Revoke/ })
      .first()
      .click();
    await dialog.getByRole("button", { name: /^Revoke/ }).waitFor({ state: "detached" });
    await alice.page.keyboard.press("Escape");
    await late.page.goto(revoked);
    await late.page.reload();
    await late.page.goto(revoked);
    await late.page.getByRole("heading", { name: "This invitation no longer works" }).waitFor();
    assert.deepEqual([...late.problems, ...carol.problems], []);
    await late.context.close();
    await carol.context.close();
  });

  it("sign out in all tabs of a browser, and in again", async () => {
    const second = await bob.context.newPage();
    await second.goto("/");
    await inRoom(second, "General");
    await composer(bob.page).fill("nobody else's business");
    await bob.page.getByRole("button", { name: /^Signed in as bob/ }).click();
    await bob.page.getByRole("button", { name: "Sign out" }).click();
    await bob.page.getByRole("heading", { name: "Sign in" }).waitFor();
    await second.getByText("Your session has ended").waitFor();
    await second.close();
    const left = await bob.page.evaluate(() => Object.keys(localStorage).filter((key) => /draft|outbox/.test(key)));
    assert.deepEqual(left, []);
    await fillAccount(bob.page, "bob", "not the password at all");
    await bob.page.getByRole("button", { name: "Sign in" }).click();
    await bob.page.getByRole("alert").getByText("do not match").waitFor();
    await fillAccount(bob.page, "bob", PASSWORD);
    await bob.page.getByRole("button", { name: "Sign in" }).click();
    await inRoom(bob.page, "General");
    await message(bob.page, "hello?").waitFor();
  });

  it("never made a page do what it must not", () => {
    assert.deepEqual([...alice.problems, ...bob.problems], []);
  });
});
