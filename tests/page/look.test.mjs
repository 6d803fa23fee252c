import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import {
  PASSWORD,
  Server,
  accessibleInBoth,
  composer,
  createRoom,
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
import { noted } from "./noted.mjs";

const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };

describe("the page", () => {
  /** @type {Server} */ let server;
  /** @type {import("playwright-core").Browser} */ let browser;
  /** @type {import("./harness.mjs").Person} */ let alice;
  /** @type {import("./harness.mjs").Person} */ let bob;

  before(async () => {
    [server, browser] = await Promise.all([Server.start({ SWITCHBOARD__SERVER__NAME: "Café am Hafen" }), launch()]);
    [alice, bob] = [await newPerson(browser, server), await newPerson(browser, server, PHONE)];
  });
  after(async () => {
    await browser?.close();
    await server?.remove();
  });

  it("is accessible at the door", async () => {
    await alice.page.goto("/");
    await alice.page.getByRole("heading", { name: "Almost there" }).waitFor();
    await accessibleInBoth(alice.page, "before setup");
    await alice.page.goto(server.setupLink);
    await fillAccount(alice.page, "alice", "short");
    await alice.page.getByRole("button", { name: "Create owner account" }).click();
    await alice.page.getByRole("alert").waitFor();
    await accessibleInBoth(alice.page, "setup");
    await setUpOwner(alice, server);
    const link = await invitationLink(alice.page);
    await bob.page.goto(link);
    await bob.page.getByRole("heading", { name: "You’re invited" }).waitFor();
    await accessibleInBoth(bob.page, "invitation");
    // Not by the link once more, which would take away the form that is there.
    await fillAccount(bob.page, "bob");
    await bob.page.getByRole("button", { name: "Create account and join" }).click();
    await inRoom(bob.page, "General");
    const visitor = await newPerson(browser, server);
    await visitor.page.goto(link);
    await visitor.page.getByRole("button", { name: "Sign in instead" }).waitFor();
    await accessibleInBoth(visitor.page, "used invitation");
    await visitor.page.getByRole("button", { name: "Sign in instead" }).click();
    await visitor.page.getByRole("heading", { name: "Sign in" }).waitFor();
    await accessibleInBoth(visitor.page, "login");
    assert.deepEqual(visitor.problems, []);
    await visitor.context.close();
  });

  it("says whose it is", async () => {
    const visitor = await newPerson(browser, server);
    await visitor.page.goto("/");
    await visitor.page.locator(".door .brand").getByText("Café am Hafen").waitFor();
    await until(async () => (await visitor.page.title()) === "Café am Hafen", "the title names the server");
    await until(async () => (await alice.page.title()) === "General · Café am Hafen", "the title names room and server");
    await alice.page.locator(".sidebar .brand").getByText("Café am Hafen", { exact: true }).waitFor();
    await visitor.context.close();
  });

  it("asks for passwords as long as the server wants them", async () => {
    const visitor = await newPerson(browser, server);
    await visitor.page.route("**/setup", (route) =>
      route.fulfill({ json: { needed: false, server: "Elsewhere", password_min_chars: 22 } }),
    );
    await visitor.page.goto("/#setup=a-link");
    await visitor.page.getByText("At least 22 characters.").waitFor();
    assert.equal(await visitor.page.getByLabel("Password", { exact: true }).getAttribute("minlength"), "22");
    await fillAccount(visitor.page, "eve", "twenty-one characters");
    await visitor.page.getByRole("button", { name: "Create owner account" }).click();
    await visitor.page.getByRole("alert").getByText("21 of at least 22").waitFor();
    await visitor.context.close();
  });

  it("is accessible in a conversation", async () => {
    await createRoom(alice.page, "Plans");
    await createRoom(alice.page, "Secret", { isPublic: false });
    await roomItem(alice.page, "General").click();
    await inRoom(alice.page, "General");
    await say(alice.page, "a link: https://example.org");
    await say(alice.page, "and more");
    await hears(alice.page, "and more");
    await accessibleInBoth(alice.page, "chat");
    await alice.page.getByRole("button", { name: /^Signed in as/ }).click();
    await alice.page.getByRole("button", { name: "Sign out" }).waitFor();
    await accessibleInBoth(alice.page, "menu");
    await alice.page.keyboard.press("Escape");
    await alice.page.getByRole("button", { name: "Sign out" }).waitFor({ state: "hidden" });
  });

  it("is accessible in its dialogs", async () => {
    const has = (/** @type {string} */ name) =>
      alice.page.waitForFunction((label) => document.activeElement?.getAttribute("aria-label") === label, name);
    await alice.page.getByRole("button", { name: "Create a room" }).click();
    await alice.page.locator("dialog input:focus").first().waitFor();
    await accessibleInBoth(alice.page, "create a room");
    await alice.page.getByRole("button", { name: "Create room" }).click();
    await alice.page.getByRole("alert").getByText("needs a name").waitFor();
    await accessibleInBoth(alice.page, "create a room, refused");
    await alice.page.keyboard.press("Escape");
    await alice.page.getByRole("dialog").waitFor({ state: "detached" });
    await has("Create a room");
    await alice.page.locator(".room-header").getByRole("button", { name: "Invite" }).click();
    await alice.page.getByRole("button", { name: "Create link" }).click();
    await alice.page.getByLabel("Invitation link").waitFor();
    await alice.page.getByRole("button", { name: /^Revoke/ }).waitFor();
    await accessibleInBoth(alice.page, "invite");
    await alice.page.keyboard.press("Escape");
    await alice.page.getByRole("dialog").waitFor({ state: "detached" });
    await roomItem(alice.page, "Plans").click();
    await inRoom(alice.page, "Plans");
    await alice.page.getByRole("button", { name: "Leave Plans" }).click();
    await alice.page.getByRole("dialog", { name: "Leave this room?" }).waitFor();
    await accessibleInBoth(alice.page, "leave");
    await alice.page.getByRole("button", { name: "Stay" }).click();
    await alice.page.getByRole("dialog").waitFor({ state: "detached" });
  });

  it("is accessible in trouble", async () => {
    const page = await alice.context.newPage();
    let blocked = false;
    await page.routeWebSocket(/\/ws/, (socket) => {
      if (blocked) return void socket.close({ code: 1011 });
      const upstream = socket.connectToServer();
      socket.onMessage((text) => {
        const { type, id } = JSON.parse(String(text));
        if (type !== "send_message") return upstream.send(text);
        socket.send(JSON.stringify({ type: "error", id, payload: { code: "storage_unavailable", message: "no" } }));
        blocked = true;
        void socket.close({ code: 1011 });
      });
    });
    await page.goto("/");
    await inRoom(page, "Plans");
    await say(page, "will not go");
    await message(page, "will not go").getByRole("button", { name: "Retry" }).waitFor();
    await page.locator(".banner.shown").waitFor();
    await accessibleInBoth(page, "failed message and lost connection");
    await message(page, "will not go").getByRole("button", { name: "Delete" }).press("Enter");
    await message(page, "will not go").waitFor({ state: "detached" });
    await page.locator("[role=log]:focus").waitFor();
    await page.close();
  });

  it("fits a phone: two screens, nothing beside the edge", async () => {
    const { page } = bob;
    const overflows = () =>
      page.evaluate(
        () => document.documentElement.scrollWidth > innerWidth || document.body.scrollHeight > innerHeight + 1,
      );
    await say(page, `a-very-long-word-${"x".repeat(300)}`);
    await hears(page, `a-very-long-word-${"x".repeat(300)}`);
    assert.equal(await overflows(), false);
    await page.getByRole("navigation").waitFor({ state: "hidden" });
    await page.getByRole("button", { name: "All rooms" }).click();
    await page.getByRole("navigation").waitFor();
    await composer(page).waitFor({ state: "hidden" });
    await page.getByRole("button", { name: "Join Plans" }).waitFor(); // the list is read anew
    assert.equal(await overflows(), false);
    await accessibleInBoth(page, "room list on a phone");
    // Nobody sees the room now, so what is said there is not read.
    await roomItem(alice.page, "General").click();
    await inRoom(alice.page, "General");
    await alice.page.locator("textarea:focus").waitFor(); // a room takes the focus a moment after it is there
    await say(alice.page, "is anybody looking?");
    await roomItem(page, "General").getByText("1").waitFor();
    await until(async () => (await page.title()).startsWith("(1) General"), "the title says so, too");
    await roomItem(page, "General").click();
    await until(async () => (await page.title()).startsWith("General"), "it is read");
    await page.getByRole("button", { name: "All rooms" }).click();
    await roomItem(page, "General").locator(".badge").waitFor({ state: "detached" });
    await page.getByRole("button", { name: "Join Plans" }).click();
    await inRoom(page, "Plans");
    await page.getByRole("navigation").waitFor({ state: "hidden" });
    const targets = await page
      .locator(".room-header button:visible, .composer button")
      .evaluateAll((all) =>
        all.map((button) => button.getBoundingClientRect()).map(({ width, height }) => Math.min(width, height)),
      );
    assert.ok(
      targets.every((size) => size >= 36),
      `too small for a finger: ${targets}`,
    );
    await accessibleInBoth(page, "room on a phone");
  });

  it("can be walked through with Tab, in the order of sight, and shows where one is", async () => {
    const { page } = alice;
    await roomItem(page, "General").click();
    await inRoom(page, "General");
    await roomItem(page, "General").locator(".badge").waitFor({ state: "detached" });
    await roomItem(page, "Products").waitFor();
    await page.evaluate(() => /** @type {HTMLElement} */ (document.activeElement)?.blur());
    await page.mouse.click(640, 2); // from where Tab begins
    await page.locator(".sidebar .brand").click();
    const stops = [];
    for (let step = 0; step < 12; step += 1) {
      await page.keyboard.press("Tab");
      stops.push(
        await page.evaluate(() => {
          const at = /** @type {HTMLElement} */ (document.activeElement);
          const box = at.closest(".composer-box") && at.matches("textarea") ? at.closest(".composer-box") : at;
          const { outlineStyle, boxShadow } = getComputedStyle(/** @type {Element} */ (box));
          const name = at.getAttribute("aria-label") ?? at.textContent ?? "";
          return { name: name.trim(), shown: outlineStyle !== "none" || boxShadow !== "none" };
        }),
      );
    }
    assert.deepEqual(
      stops.map(({ name }) => (name.includes("Signed in as") ? "me" : name)),
      [
        "Create a room",
        "General",
        "Plans",
        "Secret, private",
        "Add a channel",
        "Products",
        "me",
        "Documents",
        "Invite people",
        "Messages in General",
        "https://example.org",
        "Message General",
      ],
    );
    assert.deepEqual(
      stops.filter(({ shown }) => !shown),
      [],
    );
  });

  it("keeps the focus where somebody is, when what had it goes away", async () => {
    const { page } = alice;
    const focused = () =>
      page.evaluate(() => document.activeElement?.getAttribute("aria-label") ?? document.activeElement?.tagName);
    await page.locator(".room-header").getByRole("button", { name: "Invite people" }).click();
    await page.getByRole("button", { name: /^Revoke/ }).press("Enter");
    await page.getByRole("button", { name: /^Revoke/ }).waitFor({ state: "detached" });
    await until(async () => (await focused()) === "BUTTON", "a button has the focus again");
    await page.keyboard.press("Escape");
    await until(async () => (await focused()) === "Invite people", "the focus is where it was before");
    await bob.page.getByRole("button", { name: "All rooms" }).press("Enter");
    await bob.page.waitForFunction(() => document.activeElement?.getAttribute("aria-current") === "page");
    await bob.page.keyboard.press("Enter");
    await bob.page.waitForFunction(() => document.activeElement?.classList.contains("back"));
    const visitor = await newPerson(browser, server);
    await visitor.page.goto("/#invite=used-up");
    await visitor.page.getByRole("button", { name: "Sign in instead" }).press("Enter");
    await visitor.page.getByLabel("User name").waitFor();
    await visitor.page.waitForFunction(() => document.activeElement?.getAttribute("name") === "username");
    await visitor.context.close();
  });

  it("is dark where people like it dark", async () => {
    const background = () => alice.page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    await alice.page.emulateMedia({ colorScheme: "light" });
    await until(async () => (await background()) === "rgb(255, 255, 255)", "the page is light");
    await alice.page.emulateMedia({ colorScheme: "dark" });
    await until(async () => /^rgb\((\d|[1-3]\d), /.test(await background()), "the page is dark");
  });

  it("shows a password when asked, and names its fields for password managers", async () => {
    const visitor = await newPerson(browser, server);
    await visitor.page.goto("/");
    const password = visitor.page.getByLabel("Password", { exact: true });
    await password.fill(PASSWORD);
    assert.deepEqual(
      await password.evaluate((input) => [input.getAttribute("type"), input.getAttribute("autocomplete")]),
      ["password", "current-password"],
    );
    await visitor.page.getByRole("button", { name: "Show password" }).click();
    await until(async () => (await password.getAttribute("type")) === "text", "the password is shown");
    assert.equal(await password.inputValue(), PASSWORD);
    assert.equal(await visitor.page.getByLabel("User name").getAttribute("autocomplete"), "username");
    await visitor.context.close();
  });

  it("counts down when somebody tried too often", async () => {
    const visitor = await newPerson(browser, server);
    await visitor.page.goto("/");
    await visitor.page.route("**/login", (route) =>
      route.fulfill({
        status: 429,
        headers: { "Retry-After": "30" },
        json: { error: { code: "too_many_attempts", message: "wait" } },
      }),
    );
    await fillAccount(visitor.page, "alice", PASSWORD);
    const said = await noted(visitor.page, ".countdown");
    await visitor.page.getByRole("button", { name: "Sign in" }).click();
    await until(async () => (await said.all()).length > 2, "it counts");
    const seconds = (await said.all()).map(({ text }) => Number(/^Try again in (\d+) s\.$/.exec(text.trim())?.[1]));
    assert.equal(seconds[0], 30);
    assert.deepEqual(seconds, [...seconds].sort((a, b) => b - a));
    await visitor.context.close();
  });

  it("never did what it must not", () => {
    assert.deepEqual([...alice.problems, ...bob.problems], []);
  });
});
