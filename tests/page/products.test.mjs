import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import {
  Server,
  acceptInvitation,
  accessibleInBoth,
  banner,
  inRoom,
  launch,
  newPerson,
  openPlace,
  roomItem,
  setUpOwner,
  until,
} from "./harness.mjs";
import { noted } from "./noted.mjs";

/** @typedef {import("./harness.mjs").Page} Page */
/** @typedef {{ productName: string, manufacturer: string, pricePerUnit: string, unitsAvailable: string }} Fields */

/** Little is kept, so that it is soon too little. */
const SETTINGS = `
[[feed.table]]
table = "products"
key = "product_id"
topic = "products"
history_count = 100
`;
const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };

/** @param {Partial<Fields>} fields */
const json = ({ productName = "Anvil", manufacturer = "Acme", pricePerUnit = "12.50", unitsAvailable = "3" }) =>
  `{"productName":${JSON.stringify(productName)},"manufacturer":${JSON.stringify(manufacturer)},` +
  `"pricePerUnit":${pricePerUnit},"unitsAvailable":${unitsAvailable}}`;

/** The row of a product that is not being edited. @param {Page} page @param {string} name */
const row = (page, name) =>
  page.locator(".products-table tbody tr").filter({ has: page.getByRole("rowheader", { name, exact: false }) });

/** @param {Page} page */
const editing = (page) => page.locator("tr.editing");

/** A field of the row that is being edited. @param {Page} page @param {string} name */
const entry = (page, name) => editing(page).getByRole("textbox", { name });

/** A column, as it is read. @param {Page} page @param {number} index */
const column = (page, index) =>
  page
    .locator(".products-table tbody tr:not(.gone)")
    .evaluateAll((rows, at) => rows.map((one) => one.children[at]?.textContent?.replace(/^[▲▼]/, "") ?? ""), index);

/** How many of each are available, as it is read. @param {Page} page */
const units = (page) => page.locator("tr:not(.gone) .product-value.unitsAvailable bdi").allInnerTexts();

/** What has the focus, by its name; "BODY" when nothing has. @param {Page} page */
const focused = (page) =>
  page.evaluate(() => document.activeElement?.getAttribute("aria-label") ?? document.activeElement?.tagName);

/** @param {Page} page */
const names = (page) => page.locator("tr:not(.gone) th[scope=row] > .product-value").allInnerTexts();

describe("products", () => {
  /** @type {Server} */ let server;
  /** @type {import("playwright-core").Browser} */ let browser;
  /** @type {import("./harness.mjs").Person} */ let alice;
  /** @type {import("./harness.mjs").Person} */ let bob;
  let key = "";

  before(async () => {
    [server, browser] = await Promise.all([Server.start({}, SETTINGS), launch()]);
    [alice, bob] = [await newPerson(browser, server), await newPerson(browser, server, PHONE)];
    await setUpOwner(alice, server);
    await acceptInvitation(bob, await server.invite(), "bob");
    key = await server.key("products");
  });
  after(async () => {
    await browser?.close();
    await server?.remove();
  });

  /** What says that something has just happened. */
  const MARKS = ":is(.product-value, .product-input):is(.up, .down, .other), tr:is(.came, .gone)";
  /**
   * Nothing flashes, comes or goes; what is fading away is not there to be read, and what has gone stays as long as
   * somebody writes into a row.
   * @param {Page} page
   */
  const calm = (page) => until(async () => (await page.locator(MARKS).count()) === 0, "it is calm");
  /** What has the focus has this name. @param {Page} page @param {string} name */
  const hasFocus = (page, name) => until(async () => (await focused(page)) === name, `the focus is at ${name}`);
  /** @param {Page} page @param {string} field */
  const isIn = (page, field) => editing(page).locator(`[name=${field}]:focus`).waitFor();

  /** @param {Page} page @param {string} what */
  async function accessibleWhenCalm(page, what) {
    await calm(page);
    await accessibleInBoth(page, what);
  }

  /** @param {Page} page */
  const overflows = (page) =>
    page.evaluate(
      () => document.documentElement.scrollWidth > innerWidth || document.body.scrollHeight > innerHeight + 1,
    );

  /** By a back end. @param {Partial<Fields>} fields @returns {Promise<number>} its id */
  async function add(fields) {
    const { status, body } = await server.call(key, "POST", "/products", json(fields));
    assert.equal(status, 201, body);
    return JSON.parse(body).productId;
  }

  /** @param {number} id @param {Partial<Fields>} fields */
  async function change(id, fields) {
    const { status, body } = await server.call(key, "PUT", `/products/${id}`, json(fields));
    assert.equal(status, 200, body);
  }

  /** @param {number} id */
  async function remove(id) {
    assert.equal((await server.call(key, "DELETE", `/products/${id}`)).status, 204);
  }

  /** What the server has, as the table reads it. */
  async function stored() {
    const all = [];
    let path = "/products?limit=100";
    for (;;) {
      const { body } = await server.call(key, "GET", path);
      all.push(.../** @type {any[]} */ (JSON.parse(body).products));
      if (!JSON.parse(body).more) return all;
      path = `/products?limit=100&after=${all.at(-1).productId}`;
    }
  }

  it("invite to add the first, with a line that does", async () => {
    for (const { page } of [alice, bob]) {
      await openPlace(page, "Products");
      await page.getByRole("heading", { name: "There are no products yet" }).waitFor();
      await page.locator(".room-heading").getByText("Live").waitFor();
      await accessibleWhenCalm(page, "no products");
    }
    await alice.page.getByText("switchboard key create shop --scope products").waitFor();
    const line = await alice.page.locator(".copy-line .sample").first().innerText();
    await server.shell(line.replace("sbk_YOUR_KEY", key));
    for (const { page } of [alice, bob]) {
      await row(page, "Desk lamp").getByText("49.90").waitFor();
      await page.getByText("1 product", { exact: true }).waitFor();
    }
  });

  it("show what comes, changes and goes, and that it does", async () => {
    const { page } = alice;
    const marks = await noted(page, MARKS);
    const id = await add({ productName: "Flasher", pricePerUnit: "10.00", unitsAvailable: "5" });
    await marks.first(/Flasher\b(?!.*Deleted)/s);
    await row(page, "Flasher").waitFor();
    await change(id, { productName: "Flasher", pricePerUnit: "10.10", unitsAvailable: "4" });
    await marks.first(/^▲\s*10\.10$/);
    await marks.first(/^▼\s*4$/);
    await calm(page);
    await remove(id);
    await marks.first(/Flasher.*Deleted/s);
    await row(page, "Flasher").waitFor({ state: "detached" });
    await marks.stop();
    // It is said every fifteen seconds at most.
    await page.getByRole("status").getByText(/^Products: .*deleted/).waitFor({ state: "attached", timeout: 60_000 });
  });

  it("show the same without movement to those who want none", async () => {
    const { page } = alice;
    await page.emulateMedia({ reducedMotion: "reduce" });
    await page.waitForFunction(() => matchMedia("(prefers-reduced-motion: reduce)").matches);
    const id = await add({ productName: "Calm", pricePerUnit: "10.00" });
    await row(page, "Calm").waitFor();
    const marks = await noted(page, ".product-value.down");
    await change(id, { productName: "Calm", pricePerUnit: "9.00" });
    const { animation, background } = await marks.first(/9\.00/);
    assert.equal(animation, "none");
    assert.notEqual(background, "rgba(0, 0, 0, 0)");
    await row(page, "Calm").locator(".product-value.down").waitFor({ state: "detached" });
    await marks.stop();
    await page.emulateMedia({ reducedMotion: null });
    await remove(id);
    await row(page, "Calm").waitFor({ state: "detached" });
  });

  it("keep every digit", async () => {
    const id = await add({ productName: "Digits", pricePerUnit: "9999999999.90", unitsAvailable: "9007199254740991" });
    for (const { page } of [alice, bob]) {
      await row(page, "Digits").getByText("9999999999.90").waitFor();
      await row(page, "Digits").getByText("9007199254740991").waitFor();
      const lines = await row(page, "Digits").locator(".number bdi").evaluateAll((all) => all.map((one) => one.getClientRects().length));
      assert.ok(lines.every((count) => count === 1), "no number is broken in two");
    }
    const { page } = alice;
    await row(page, "Digits").getByText("9007199254740991").dblclick();
    await isIn(page, "unitsAvailable");
    await entry(page, "Price per unit").fill("1.1");
    await page.keyboard.press("Enter");
    await row(page, "Digits").getByText("1.10").waitFor();
    await hasFocus(page, "Edit Digits"); // from now on nothing goes away there
    const { body } = await server.call(key, "GET", `/products/${id}`);
    assert.match(body, /"pricePerUnit":1\.10,"unitsAvailable":9007199254740991/);
    await remove(id);
    await page.locator("tr.gone", { hasText: "Digits" }).waitFor();
    assert.equal(await focused(page), "Edit Digits", "whoever is there is not thrown out");
    await page.getByRole("searchbox").focus(); // and it keeps its place until they leave
  });

  it("sort and filter", async () => {
    const { page } = alice;
    for (const [productName, manufacturer, pricePerUnit, unitsAvailable] of /** @type {const} */ ([
      ["Chair 10", "Sitwell", "100.00", "9"],
      ["Chair 9", "Sitwell", "20.00", "80"],
      ["Äpfel", "Grün", "3.00", "700"],
    ])) {
      await add({ productName, manufacturer, pricePerUnit, unitsAvailable });
    }
    await row(page, "Äpfel").waitFor();
    const head = (/** @type {string} */ name) => page.getByRole("columnheader", { name });
    await until(async () => (await names(page)).join() === "Äpfel,Chair 9,Chair 10,Desk lamp", "words are in order");
    assert.equal(await head("Product").getAttribute("aria-sort"), "ascending");
    await page.getByRole("button", { name: "Price per unit" }).click();
    await until(async () => (await column(page, 3)).join() === "3.00,20.00,49.90,100.00", "it is cheapest first");
    await page.getByRole("button", { name: "Price per unit" }).press("Enter");
    await until(async () => (await column(page, 3)).join() === "100.00,49.90,20.00,3.00", "it is dearest first");
    assert.equal(await head("Price per unit").getAttribute("aria-sort"), "descending");
    assert.equal(await page.locator("[aria-sort]").count(), 1);
    const filter = page.getByRole("searchbox", { name: "Filter by product or manufacturer" });
    await filter.fill("sitwell CHAIR");
    await page.getByText("2 of 4 products").waitFor();
    await add({ productName: "Chair 11", manufacturer: "Sitwell" });
    await page.getByText("3 of 5 products").waitFor();
    await filter.fill("gruen");
    await page.getByText("None of 5 products matches.").waitFor();
    await filter.fill("grun");
    await until(async () => (await names(page)).join() === "Äpfel", "it is found without its dots");
    await filter.fill("nothing");
    await page.getByRole("button", { name: "Show all" }).click();
    await page.getByText("5 products", { exact: true }).waitFor();
    await accessibleWhenCalm(page, "the table");
  });

  it("are edited in place", async () => {
    const { page } = alice;
    await page.getByRole("button", { name: "Edit Chair 10" }).click();
    await entry(page, "Price per unit").fill("1,234");
    await page.keyboard.press("Enter");
    await editing(page).getByText("at most two decimals").waitFor();
    await isIn(page, "pricePerUnit");
    await accessibleWhenCalm(page, "a wrong price");
    await page.keyboard.press("Escape");
    await editing(page).waitFor({ state: "detached" });
    await hasFocus(page, "Edit Chair 10");
    await page.keyboard.press("Enter");
    await entry(page, "Product of").fill("Chair 10 plus");
    await entry(page, "Price per unit").fill("120");
    await accessibleWhenCalm(page, "editing");
    await page.keyboard.press("Enter");
    await row(bob.page, "Chair 10 plus").getByText("120.00").waitFor();
    await row(page, "Chair 10 plus").getByText("120.00").waitFor();
    await hasFocus(page, "Edit Chair 10 plus");
    await page.getByRole("status").getByText("Chair 10 plus is saved.").waitFor({ state: "attached" });
  });

  it("leave the focus alone when a row that was saved goes elsewhere", async () => {
    const { page } = alice;
    const filter = page.getByRole("searchbox");
    await filter.fill("chair 9");
    await page.getByRole("button", { name: "Edit Chair 9" }).click();
    await entry(page, "Product of").fill("Stool 9");
    await page.keyboard.press("Enter");
    await page.getByText(/^None of/).waitFor();
    await hasFocus(page, "Table of products");
    await filter.fill("");
    await row(page, "Stool 9").waitFor();
    assert.equal(await filter.evaluate((element) => element === document.activeElement), true);
    // And one who went elsewhere while it was being saved stays there.
    await page.route(/\/products\/\d+$/, async (route) => {
      if (route.request().method() === "PUT") await filter.focus();
      await route.continue();
    });
    await page.getByRole("button", { name: "Edit Stool 9" }).click();
    await entry(page, "Product of").fill("Chair 9");
    await page.keyboard.press("Enter");
    await row(page, "Chair 9").waitFor();
    await editing(page).waitFor({ state: "detached" });
    // What is said of it comes with the focus, where that is moved.
    await page.getByRole("status").getByText("Chair 9 is saved.").waitFor({ state: "attached" });
    assert.equal(await filter.evaluate((element) => element === document.activeElement), true);
    await page.unroute(/\/products\/\d+$/);
  });

  it("say which row is being changed when it is not shown, and show it", async () => {
    const { page } = alice;
    await page.getByRole("button", { name: "Edit Chair 9" }).click();
    await entry(page, "Units available").fill("81");
    await page.getByRole("searchbox").fill("lamp");
    await page.getByText("You have begun to change Chair 9, not shown here.").waitFor();
    await accessibleWhenCalm(page, "a draft elsewhere");
    await page.getByRole("button", { name: "Show it" }).click();
    assert.equal(await entry(page, "Units available").inputValue(), "81");
    await isIn(page, "productName");
    await page.getByText("You have begun to change").waitFor({ state: "detached" });
    await page.keyboard.press("Escape");
    await editing(page).waitFor({ state: "detached" });
  });

  it("never take away what somebody writes, nor let it overwrite what they have not seen", async () => {
    const { page } = alice;
    const id = await add({ productName: "Disputed", pricePerUnit: "10.00", unitsAvailable: "1" });
    await page.getByRole("button", { name: "Edit Disputed" }).click();
    const price = entry(page, "Price per unit");
    await price.fill("11");
    await change(id, { productName: "Disputed", pricePerUnit: "12.00", unitsAvailable: "2" });
    await editing(page).getByText("Price per unit was changed to 12.00 while you were writing.").waitFor();
    assert.equal(await price.inputValue(), "11");
    assert.equal(await entry(page, "Units available").inputValue(), "2");
    await accessibleWhenCalm(page, "a conflict");
    await editing(page).getByRole("button", { name: "Save" }).click();
    await editing(page).locator(".save[aria-busy=false]").waitFor(); // it would count if we decided while it is being saved
    await editing(page).getByRole("button", { name: "Keep mine: 11" }).click();
    await editing(page).getByRole("button", { name: "Take theirs: 12.00" }).waitFor({ state: "detached" });
    // And once more, between our reading and our writing: the server says 412.
    let writes = 0;
    await page.route(`**/products/${id}`, async (route) => {
      writes += Number(route.request().method() === "PUT");
      if (route.request().method() === "PUT" && writes === 1) {
        await change(id, { productName: "Disputed", pricePerUnit: "13.00", unitsAvailable: "2" });
      }
      await route.continue();
    });
    await editing(page).getByRole("button", { name: "Save" }).click();
    await editing(page).getByText("Price per unit was changed to 13.00").waitFor();
    await editing(page).locator(".save[aria-busy=false]").waitFor();
    await editing(page).getByRole("button", { name: "Keep mine: 11" }).click();
    await editing(page).getByRole("button", { name: "Save" }).click();
    await row(page, "Disputed").getByText("11.00").waitFor();
    assert.equal(writes, 2);
    await page.unroute(`**/products/${id}`);
    await page.getByRole("button", { name: "Edit Disputed" }).click();
    await entry(page, "Units available").fill("50");
    await change(id, { productName: "Disputed", pricePerUnit: "11.00", unitsAvailable: "40" });
    await editing(page).getByRole("button", { name: "Take theirs: 40" }).click();
    await until(async () => (await entry(page, "Units available").inputValue()) === "40", "theirs is taken");
    await entry(page, "Units available").fill("60");
    await remove(id);
    await editing(page).getByText("Somebody has deleted this product meanwhile.").waitFor();
    await accessibleWhenCalm(page, "deleted while editing");
    await editing(page).getByRole("button", { name: "Add it as a new one" }).click();
    await row(page, "Disputed").getByText("60").waitFor();
    await editing(page).waitFor({ state: "detached" });
    await until(async () => /^Edit /.test((await focused(page)) ?? ""), "the focus is in a row");
  });

  it("keep their places while somebody is among them", async () => {
    const { page } = alice;
    const [low, high] = [await add({ productName: "Low", pricePerUnit: "1.00" }), await add({ productName: "High", pricePerUnit: "900.00" })];
    await row(page, "High").waitFor();
    await page.getByRole("searchbox").focus();
    await until(async () => (await names(page))[0] === "High", "the dearest comes first");
    await calm(page); // nothing that goes away stays only because of us
    await page.getByRole("button", { name: "Units available" }).focus();
    for (let step = 0; step < 3; step += 1) await page.keyboard.press("Tab");
    await page.locator(".products-table tbody .edit:focus-visible").waitFor();
    const order = await names(page);
    await change(low, { productName: "Low", pricePerUnit: "950.00" });
    await row(page, "Low").getByText("950.00").waitFor();
    await add({ productName: "Late", pricePerUnit: "999.00" });
    await remove(high);
    await page.locator("tr.gone", { hasText: "High" }).waitFor();
    await page.getByText("Rows keep their places while you are in the table.").waitFor();
    await row(page, "Late").waitFor();
    assert.deepEqual(await page.locator("th[scope=row] > .product-value").allInnerTexts(), [...order, "Late"]);
    await page.getByRole("searchbox").focus();
    await until(async () => (await names(page)).slice(0, 2).join() === "Late,Low", "all are in order");
    await page.getByText("Rows keep their places").waitFor({ state: "detached" });
    await calm(page);
  });

  it("are added and deleted on the page", async () => {
    const { page } = alice;
    await page.getByRole("button", { name: "Add product" }).click();
    const dialog = page.getByRole("dialog", { name: "Add a product" });
    await dialog.getByRole("button", { name: "Add product" }).click();
    await dialog.getByText("A whole number, 0 or more.").waitFor();
    await accessibleWhenCalm(page, "adding, with everything wrong");
    await dialog.getByLabel("Product").fill("Sofa");
    await dialog.getByLabel("Manufacturer").fill("Sitwell");
    await dialog.getByLabel("Price per unit").fill("799");
    await dialog.getByLabel("Units available").fill("2");
    // It arrives, and the answer is lost: to add it again adds it once.
    await page.route("**/products", async (route) => {
      await route.fetch();
      await route.abort();
    });
    await page.keyboard.press("Enter");
    await dialog.getByText("It is not known whether this was added.").waitFor();
    await page.unroute("**/products");
    await dialog.getByRole("button", { name: "Add product" }).click();
    await dialog.waitFor({ state: "detached" });
    await row(page, "Sofa").getByText("799.00").waitFor();
    assert.equal((await stored()).filter(({ productName }) => productName === "Sofa").length, 1);
    assert.equal(await row(page, "Sofa").count(), 1);
    await page.getByRole("button", { name: "Delete Sofa" }).click();
    const question = page.getByRole("dialog", { name: "Delete this product?" });
    await question.getByText("Sofa by Sitwell (799.00, 2 available)").waitFor();
    await accessibleWhenCalm(page, "deleting");
    await question.getByRole("button", { name: "Keep it" }).click();
    await page.getByRole("button", { name: "Delete Sofa" }).click();
    await question.getByRole("button", { name: "Delete product" }).click();
    await question.waitFor({ state: "detached" });
    await until(async () => /^Edit (?!Sofa)/.test((await focused(page)) ?? ""), "the focus is in the next row");
    await row(bob.page, "Sofa").waitFor({ state: "detached" });
    await page.getByRole("searchbox").focus(); // what went stays as long as somebody is there
    await row(page, "Sofa").waitFor({ state: "detached" });
  });

  it("say when they may not be changed", async () => {
    const page = await alice.context.newPage();
    await page.route(/\/products\/\d+$/, (route) =>
      route.request().method() === "PUT"
        ? route.fulfill({ status: 403, json: { error: { code: "forbidden", message: "no" } } })
        : route.continue(),
    );
    await page.goto("/");
    await page.getByRole("button", { name: "Edit Low" }).click();
    await entry(page, "Price per unit").fill("2");
    await page.keyboard.press("Enter");
    await editing(page).getByText("Not saved. You may look at the products, but not change them.").waitFor();
    assert.equal(await entry(page, "Price per unit").inputValue(), "2");
    await page.getByRole("status").getByText("You may look at the products, but not change them.").first().waitFor();
    await until(
      async () => (await page.getByRole("button", { name: /^(Edit|Delete|Add product)/ }).count()) === 0,
      "nothing offers to change anything",
    );
    await page.close();
  });

  it("say why they are not shown", async () => {
    for (const [code, title, why] of /** @type {const} */ ([
      ["too_large", "Too many products to show", "socket.egress_bytes"],
      ["unavailable", "The products cannot be shown", "its database is away"],
    ])) {
      const page = await alice.context.newPage();
      let refusing = true;
      await page.routeWebSocket(/\/ws/, (socket) => {
        const upstream = socket.connectToServer();
        socket.onMessage((text) => {
          const { id, type, payload } = JSON.parse(String(text));
          if (!refusing || type !== "subscribe" || !("products.*" in payload.topics)) return upstream.send(text);
          const refused = { "products.*": { code, message: code } };
          socket.send(JSON.stringify({ type: "ok", id, payload: { topics: {}, refused } }));
        });
      });
      await page.goto("/");
      await page.getByRole("heading", { name: title }).waitFor();
      await page.getByRole("alert").getByText(why).waitFor();
      await page.getByText("Not available").waitFor();
      await accessibleWhenCalm(page, code);
      refusing = false;
      // What passes by itself is tried again by itself.
      if (code === "too_large") await page.getByRole("button", { name: "Try again" }).click();
      await row(page, "Low").waitFor({ timeout: 60_000 }); // after many attempts it waits up to half a minute
      await page.close();
    }
  });

  it("are read in pages when they do not fit into one answer, and are live", async () => {
    const page = await alice.context.newPage();
    await page.routeWebSocket(/\/ws/, (socket) => {
      const upstream = socket.connectToServer();
      socket.onMessage((text) => {
        const { id, payload } = JSON.parse(String(text));
        if (!payload.snapshot) return upstream.send(text);
        const refused = { "products.*": { code: "too_large", message: "too_large" } };
        socket.send(JSON.stringify({ type: "ok", id, payload: { topics: {}, refused } }));
      });
    });
    // While they are read, one comes that no page has any more.
    let late = 0;
    await page.route("**/products?limit=100", async (route) => {
      const response = await route.fetch();
      late ||= await add({ productName: "Latecomer" });
      await route.fulfill({ response });
    });
    await page.goto("/");
    await row(page, "Latecomer").waitFor();
    await page.locator(".room-heading").getByText("Live").waitFor();
    const all = (await stored()).map(({ productName }) => productName).sort();
    await until(async () => (await names(page)).sort().join() === all.join(), "all are there");
    await remove(late);
    await row(page, "Latecomer").waitFor({ state: "detached" });
    await page.close();
  });

  it("wait with what is written while there is no connection", async () => {
    const { page } = alice;
    await calm(page); // the Latecomer is still seen going here, and would stay while we write
    await page.getByRole("button", { name: "Edit Low" }).click();
    await entry(page, "Units available").fill("33");
    await alice.context.setOffline(true);
    await server.stop("SIGKILL");
    await banner(page).getByText("The table is as it was then").waitFor();
    await page.locator(".room-heading").getByText("As it was when the connection was lost").waitFor();
    await editing(page).getByText("What you have written stays here").waitFor();
    assert.equal(await editing(page).getByRole("button", { name: "Save" }).isDisabled(), true);
    await accessibleWhenCalm(page, "offline");
    await page.getByRole("button", { name: "Add product" }).click();
    assert.equal(await page.getByRole("dialog").getByRole("button", { name: "Add product" }).isDisabled(), true);
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await server.run();
    await alice.context.setOffline(false);
    await page.locator(".room-heading").getByText("Live").waitFor({ timeout: 60_000 });
    assert.equal(await entry(page, "Units available").inputValue(), "33");
    await editing(page).getByRole("button", { name: "Save" }).click();
    await row(page, "Low").getByText("33").waitFor();
  });

  it("go on through restarts and kills: no change is lost", async () => {
    for (const { page } of [alice, bob]) {
      await page.evaluate(() => void Object.assign(globalThis, { neverReloaded: true }));
    }
    const ids = await Promise.all(Array.from({ length: 6 }, (_, n) => add({ productName: `Tough ${n}` })));
    for (const [round, signal] of /** @type {const} */ (["SIGKILL", "SIGTERM", "SIGKILL"]).entries()) {
      const fields = (/** @type {number} */ n) => ({ productName: `Tough ${n}`, unitsAvailable: String(round * 100 + n) });
      await Promise.all(ids.map((id, n) => change(id, fields(n))));
      await server.stop(signal);
      await banner(alice.page).waitFor();
      await server.run();
      // Long before the pages are back.
      await change(/** @type {number} */ (ids[round]), { productName: `Tough ${round}`, unitsAvailable: `${round + 1}77` });
      await add({ productName: `Round ${round}` });
      if (round === 1) await remove(/** @type {number} */ (ids[5]));
      if (round === 1) ids.pop();
    }
    const all = (await stored()).map(({ productName, unitsAvailable }) => `${productName} ${unitsAvailable}`).sort();
    for (const { page } of [alice, bob]) {
      await row(page, "Round 2").waitFor({ timeout: 60_000 });
      await until(async () => {
        const [all0, all1] = [await names(page), await units(page)];
        return all0.map((name, at) => `${name} ${all1[at]}`).sort().join("\n") === all.join("\n");
      }, "the table is what the server has");
      assert.equal(await page.evaluate(() => /** @type {any} */ (globalThis).neverReloaded), true);
    }
  });

  it("take all rows anew when what was missed is no longer kept", async () => {
    const { page } = bob;
    await openPlace(page, "General");
    for (let round = 0; round < 11; round += 1) {
      await Promise.all((await stored()).slice(0, 10).map((one) => change(one.productId, { ...one, pricePerUnit: `${round}.00` })));
    }
    await openPlace(page, "Products");
    await page.locator(".room-heading").getByText("Live").waitFor();
    const lamp = (await stored()).find(({ productName }) => productName === "Desk lamp");
    await until(async () => (await row(page, "Desk lamp").innerText()).includes(lamp.pricePerUnit.toFixed(2)), "it is up to date");
  });

  it("come in pages when they are many", async () => {
    const { page } = alice;
    const { length } = await stored();
    const all = Array.from({ length: 230 - length }, (_, n) => add({ productName: `Many ${n}`, pricePerUnit: `${n}.00` }));
    await Promise.all(all);
    await page.getByText("230 products", { exact: true }).waitFor();
    const pager = page.getByRole("navigation", { name: "Pages of the table" });
    await pager.getByText("1–100 of 230").waitFor();
    const rows = (/** @type {number} */ count) =>
      until(async () => (await page.locator("tbody tr").count()) === count, `${count} rows, and none of them still going`);
    await rows(100);
    await pager.getByRole("button", { name: "Next" }).click();
    await pager.getByText("101–200 of 230").waitFor();
    await pager.getByRole("button", { name: "Next" }).click();
    await pager.getByText("201–230 of 230").waitFor();
    await rows(30);
    await accessibleWhenCalm(page, "pages");
    await page.getByRole("searchbox").fill("many 1");
    await pager.getByText(/^1–100 of (?!230)/).waitFor();
    await page.getByRole("searchbox").fill("");
    await pager.getByText("1–100 of 230").waitFor();
  });

  it("are usable on a phone", async () => {
    const { page } = bob;
    await page.getByText("230 products", { exact: true }).waitFor(); // all that the others have added is here, too
    await page.getByRole("combobox", { name: "Sort by" }).selectOption({ label: "Units available, many to few" });
    await until(async () => (await names(page))[0] === "Äpfel", "it is sorted");
    assert.equal(await overflows(page), false);
    const small = () =>
      page.evaluate(() =>
        [...document.querySelectorAll("button:not([inert] *), input, select, summary")]
          .filter((element) => element.getClientRects().length > 0)
          .map((element) => /** @type {const} */ ([element.textContent || element.getAttribute("aria-label"), element.getBoundingClientRect()]))
          .filter(([, box]) => Math.min(box.width, box.height) < 36)
          .map(([name]) => name),
      );
    assert.deepEqual(await small(), []);
    await accessibleWhenCalm(page, "the table on a phone");
    await page.getByRole("button", { name: "Edit Äpfel" }).click();
    await entry(page, "Price per unit").fill("3,50");
    assert.equal(await overflows(page), false);
    assert.deepEqual(await small(), []);
    await accessibleWhenCalm(page, "editing on a phone");
    await editing(page).getByRole("button", { name: "Save" }).click();
    await row(page, "Äpfel").getByText("3.50").waitFor();
    await page.getByRole("button", { name: "Edit Äpfel" }).click();
    await editing(page).getByRole("button", { name: "Delete" }).click();
    await page.getByRole("button", { name: "Delete product" }).click();
    await until(async () => /^Edit (?!Äpfel)/.test((await focused(page)) ?? ""), "the focus is in the next row");
    await page.getByRole("searchbox").focus(); // what went stays as long as somebody is there
    await row(page, "Äpfel").waitFor({ state: "detached" });
    await page.getByRole("searchbox").fill("chair");
    await until(async () => (await names(page)).length === 3, "it is filtered");
    assert.equal(await overflows(page), false);
  });

  it("are a place like the others", async () => {
    const { page } = alice;
    await until(async () => /^Products · /.test(await page.title()), "the title names them");
    await page.reload();
    await page.getByRole("heading", { level: 1, name: "Products" }).waitFor();
    // The place, and the rooms that were known, are there before anything listens for keys.
    await page.locator(".room-heading").getByText("Live").waitFor();
    await roomItem(page, "General").waitFor();
    await page.keyboard.press("Alt+ArrowDown");
    await inRoom(page, "General");
    // From here it leads there only when the server has said that there are any.
    await roomItem(page, "Products").waitFor();
    await page.keyboard.press("Alt+ArrowUp");
    await page.getByRole("heading", { level: 1, name: "Products" }).waitFor();
    await openPlace(page, "General");
    await page.reload();
    await inRoom(page, "General");
  });

  it("never did what they must not", () => {
    assert.deepEqual([...alice.problems, ...bob.problems], []);
  });
});

describe("a server without products", () => {
  it("shows no way to them", async () => {
    const [server, browser] = await Promise.all([Server.start({}, "[feed]\ntable = []\n"), launch()]);
    try {
      const person = await newPerson(browser, server);
      const answered = person.page.waitForResponse("**/products?limit=1");
      await setUpOwner(person, server);
      assert.equal((await answered).status(), 404);
      await inRoom(person.page, "General");
      // What the page asks now it is told after that, and has drawn by then what it made of it.
      await person.page.evaluate(async () => {
        await (await fetch("/products?limit=1")).text();
        await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
      });
      assert.equal(await person.page.getByRole("navigation").getByRole("button", { name: "Products" }).count(), 0);
      assert.deepEqual(person.problems, []);
    } finally {
      await browser.close();
      await server.remove();
    }
  });
});
