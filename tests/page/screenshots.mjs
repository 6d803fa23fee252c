/** Pictures of the page with a real server behind it: `npm run screenshots -- DIRECTORY`. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import {
  PASSWORD,
  Server,
  acceptInvitation,
  composer,
  createRoom,
  fillAccount,
  inRoom,
  invitationLink,
  launch,
  message,
  newPerson,
  roomItem,
  say,
  setUpOwner,
} from "./harness.mjs";

/** @typedef {import("./harness.mjs").Page} Page */

const directory = process.argv[2];
if (!directory) {
  console.error("usage: npm run screenshots -- DIRECTORY");
  process.exit(2);
}
await mkdir(directory, { recursive: true });

const SIZES = /** @type {const} */ ([
  ["desktop", { viewport: { width: 1280, height: 800 } }],
  ["phone", { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 }],
]);

/** Who says what in General. */
const TALK = /** @type {const} */ ([
  ["jonas", "Morning! The new build has been on staging since last night."],
  ["jonas", "Upgrade notes, if somebody wants to read them before lunch:\nhttps://example.org/notes/upgrade"],
  [
    "priya",
    [
      "Read them. I would only say more clearly that the order matters:\n",
      "1. stop the old one",
      "2. start the new one",
      "3. that is all – nobody has to reload anything",
    ].join("\n"),
  ],
  ["maya", "Good point, I’ll change it 👍"],
  ["anton.k", "Has anyone measured how long it takes until everybody is back after a restart?"],
  ["priya", "Restart it and watch this page: I never had to reload it."],
  ["priya", "The banner counts down, then everything is there."],
  ["anton.k", "Nice. Then I have no more excuses."],
  ["lena", "Hello everyone, first day here 👋"],
  ["maya", "Welcome, Lena! Ask anything, at any time."],
]);

const [server, browser] = await Promise.all([Server.start(), launch()]);
try {
  const people = await gather();
  for (const [name, text] of TALK) {
    await say(/** @type {Page} */ (people.get(name)), text);
    await /** @type {Page} */ (people.get("maya"))
      .locator(".message.sent")
      .filter({ hasText: text.split("\n")[0] ?? "" })
      .first()
      .waitFor();
  }
  await /** @type {Page} */ (people.get("jonas")).reload();
  const jonas = /** @type {Page} */ (people.get("jonas"));
  await jonas.getByRole("button", { name: "Join Release planning" }).click();
  await inRoom(jonas, "Release planning");
  for (const [size, options] of SIZES) await photograph(size, options, jonas);
} finally {
  await browser.close();
  await server.remove();
}

/** Accounts and rooms. @returns {Promise<Map<string, Page>>} */
async function gather() {
  const maya = await newPerson(browser, server);
  await setUpOwner(maya, server, "maya");
  const link = await invitationLink(maya.page, { uses: "25 people" });
  const people = new Map([["maya", maya.page]]);
  for (const name of ["jonas", "priya", "anton.k", "lena"]) {
    const person = await newPerson(browser, server);
    await acceptInvitation(person, link, name);
    people.set(name, person.page);
  }
  await createRoom(maya.page, "Release planning");
  await createRoom(maya.page, "Design");
  await createRoom(maya.page, "Salaries", { isPublic: false });
  await roomItem(maya.page, "General").click();
  await inRoom(maya.page, "General");
  return people;
}

/**
 * @param {string} size
 * @param {import("playwright-core").BrowserContextOptions} options
 * @param {Page} jonas who speaks elsewhere meanwhile
 */
async function photograph(size, options, jonas) {
  const { page, context } = await newPerson(browser, server, options);
  const take = async (/** @type {string} */ what) => {
    for (const colorScheme of /** @type {const} */ (["light", "dark"])) {
      await page.emulateMedia({ colorScheme });
      await page.mouse.move(0, 0);
      await page.screenshot({ path: join(/** @type {string} */ (directory), `${what}-${size}-${colorScheme}.png`) });
    }
  };
  let [refusing, cut] = [false, false];
  await page.routeWebSocket(/\/ws/, (socket) => {
    if (cut) return void socket.close({ code: 1011, reason: "internal" });
    const upstream = socket.connectToServer();
    socket.onMessage((text) => {
      const { type, id } = JSON.parse(String(text));
      if (type !== "send_message" || !refusing) return upstream.send(text);
      socket.send(JSON.stringify({ type: "error", id, payload: { code: "storage_unavailable", message: "no" } }));
      if (cut) void socket.close({ code: 1011, reason: "internal" });
    });
  });

  await page.goto("/#setup=a-link");
  await page.getByRole("heading", { name: "Set up your server" }).waitFor();
  await take("setup");
  await page.goto(await server.invite());
  await page.getByRole("heading", { name: "You’re invited" }).waitFor();
  await take("invitation");
  await page.getByRole("button", { name: "Sign in instead" }).click();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  await take("login");
  await fillAccount(page, "maya");
  await page.getByRole("button", { name: "Sign in" }).click();
  await inRoom(page, "General");
  await message(page, "Welcome, Lena! Ask anything, at any time.").waitFor();
  for (const text of ["Shall we say Thursday?", "I can take the changelog."]) await say(jonas, text);
  await page.locator(".badge", { hasText: "2" }).waitFor({ state: "attached" });
  await take("chat");

  await page.locator(".room-header").getByRole("button", { name: "Invite" }).click();
  await page.getByRole("button", { name: "Create link" }).click();
  await page.getByLabel("Invitation link").waitFor();
  await take("invite");
  await page.keyboard.press("Escape");

  const list = page.getByRole("button", { name: /^All rooms/ });
  if (await list.isVisible()) {
    await list.click();
    await take("rooms");
  }
  await page.getByRole("button", { name: "Create a room" }).click();
  await page.getByLabel("Name").fill("Summer party!");
  await take("create-room");
  await page.keyboard.press("Escape");
  await roomItem(page, "Design").click();
  await page.locator(".beginning, .system-line").first().waitFor();
  await take("empty");
  if (await list.isVisible()) await list.click();
  await roomItem(page, "General").click();
  await inRoom(page, "General");

  refusing = true;
  await say(page, "Lunch at one?");
  await message(page, "Lunch at one?").getByRole("button", { name: "Retry" }).waitFor();
  await take("failing");
  cut = true;
  await say(page, "And coffee after that?"); // refused, and the line with it
  await page.locator(".banner.shown").waitFor();
  await say(page, "Never mind, I’ll be back in a minute.");
  await composer(page).evaluate((area) => area.blur());
  await message(page, "Never mind, I’ll be back in a minute.").waitFor();
  await message(page, "And coffee after that?").getByRole("button", { name: "Delete" }).click();
  await take("offline");
  await message(page, "Lunch at one?").getByRole("button", { name: "Delete" }).click();
  await context.close();
}

console.log(`pictures are in ${directory}; everybody’s password was “${PASSWORD}”`);
