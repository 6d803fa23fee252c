import assert from "node:assert/strict";
import { beforeEach, describe, it, mock } from "node:test";
import { checkFields, productFrom, productJson } from "../../frontend/lib/product.js";
import { WrittenNumber } from "../../frontend/lib/exact_json.js";
import { Chat } from "../../frontend/models/chat.js";
import { MARK_MS, PAGE, ProductTable } from "../../frontend/models/product_table.js";
import { ApiError } from "../../frontend/transport/api.js";
import { explainFailure, explainTally } from "../../frontend/views/explain_product.js";
import { ALICE, FakeWebSocket, NO_DOCUMENTS, NO_EDITING, latest, memoryStorage, settled } from "./fakes.mjs";

/** @typedef {import("../../frontend/models/products.js").Products} Products */
/** @typedef {import("../../frontend/lib/product.js").Product} Product */

const TOPIC = "products.*";
const ROOM = { "room.general": { offset: 1, recovered: false } };

/** A row as the server has it. @param {number} id @param {object} [more] */
const row = (id, more = {}) => ({
  productId: id,
  manufacturer: "Acme",
  pricePerUnit: 12.5,
  unitsAvailable: 3,
  productName: `Anvil ${id}`,
  ...more,
});

/** @param {number} offset @param {string} action @param {any} changed */
const event = (offset, action, changed) => ({
  type: "row_changed",
  topic: TOPIC,
  offset,
  payload: { action, key: String(changed.productId), row: changed },
});

/** A server of products over HTTP, and all that was asked of it. */
class Shelf {
  /** @type {Map<string, any>} */
  rows = new Map();
  /** @type {string[]} */
  asked = [];
  /** What the next requests of that kind are answered with. @type {Record<string, Error[]>} */
  refusals = {};
  /** Called when a page has been read. @type {((after: string | null) => void | Promise<void>) | null} */
  onPage = null;
  /** Called between the reading and the writing. @type {(() => void) | null} */
  between = null;

  /** @param {any[]} rows */
  constructor(rows = []) {
    for (const one of rows) this.rows.set(String(one.productId), one);
  }

  async products() {
    this.#ask("products");
  }

  /** @param {string | null} after */
  async productPage(after) {
    this.#ask(`page ${after}`);
    const ids = [...this.rows.keys()].map(Number).sort((a, b) => a - b).filter((id) => id > Number(after));
    const products = ids.slice(0, 100).map((id) => productFrom(this.rows.get(String(id))));
    await this.onPage?.(after);
    return { products, more: ids.length > 100 };
  }

  /** @param {string} key */
  async product(key) {
    this.#ask(`get ${key}`);
    const found = this.#find(key);
    const answer = { product: productFrom(found), tag: JSON.stringify(found) };
    queueMicrotask(() => {
      this.between?.();
      this.between = null;
    });
    return answer;
  }

  /** @param {string} key @param {string} json @param {string | null} tag */
  async changeProduct(key, json, tag) {
    this.#ask(`put ${key} ${json}`);
    if (JSON.stringify(this.#find(key)) !== tag) throw refusal("precondition_failed", 412);
    this.rows.set(key, { ...this.#find(key), ...JSON.parse(json) });
    return { product: productFrom(this.#find(key)), tag: null };
  }

  /** @param {string} json @param {string} name */
  async addProduct(json, name) {
    this.#ask(`post ${name} ${json}`);
    return { product: productFrom({ productId: 99, ...JSON.parse(json) }), tag: null };
  }

  /** @param {string} key @param {string | null} tag */
  async deleteProduct(key, tag) {
    this.#ask(`delete ${key}`);
    if (JSON.stringify(this.#find(key)) !== tag) throw refusal("precondition_failed", 412);
    this.rows.delete(key);
  }

  /** @param {string} what */
  #ask(what) {
    this.asked.push(what);
    const error = this.refusals[what.split(" ")[0] ?? ""]?.shift();
    if (error) throw error;
  }

  /** @param {string} key */
  #find(key) {
    const found = this.rows.get(key);
    if (!found) throw refusal("not_found", 404);
    return found;
  }
}

/** @param {string} code @param {number} status @param {Record<string, string>} [fields] */
const refusal = (code, status, fields) => new ApiError(code, code, { status, fields });

let storage = memoryStorage();
/** @type {any[]} */
let resumes = [];

/** @param {Shelf} [shelf] */
async function signedIn(shelf = new Shelf()) {
  FakeWebSocket.all = [];
  resumes = [];
  const chat = new Chat({
    user: ALICE,
    storage,
    publish: () => Promise.reject(new Error("nobody publishes here")),
    products: shelf,
    documents: NO_DOCUMENTS,
    onSignedOut: () => undefined,
    editing: NO_EDITING,
    socket: {
      url: (otp) => otp,
      admission: async (resume) => {
        resumes.push(resume);
        return { otp: "x" };
      },
      WebSocket: /** @type {any} */ (FakeWebSocket),
      random: () => 0.5,
    },
  });
  chat.start();
  await settled();
  latest().greets(ROOM);
  await settled();
  return chat;
}

/** Answers the subscription with all rows. @param {any[]} rows @param {number} offset */
const snapshot = (rows, offset) =>
  latest().ok("subscribe", { topics: { [TOPIC]: { offset, recovered: false, rows } } });

/** Somebody looks at these. @param {any[]} rows @param {number} [offset] */
async function watching(rows, offset = 0) {
  const shelf = new Shelf(rows);
  const chat = await signedIn(shelf);
  const { products } = chat;
  products.open();
  await settled();
  await snapshot(rows, offset);
  return { chat, products, shelf };
}

/** The connection is lost, and there again. @param {object} topics @param {string} [epoch] */
async function reconnected(topics, epoch = "e1") {
  latest().drops(1006);
  mock.timers.tick(20_000);
  await settled();
  latest().greets({ ...ROOM, ...topics }, epoch);
  await settled();
}

/** @param {Products} products */
const prices = (products) => Object.fromEntries(products.table.products.map(({ key, pricePerUnit }) => [key, pricePerUnit]));

/** How often something was sent. @param {string} type */
const sent = (type) => latest().sent.filter((one) => one.type === type).length;

function freshTimers() {
  storage = memoryStorage();
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"], now: 1_000_000 });
}

describe("Products", () => {
  beforeEach(freshTimers);

  it("takes all rows, then every change above where they stood", async () => {
    const { products } = await watching([row(1), row(2)], 7);
    assert.deepEqual(latest().request("subscribe").payload, { topics: { [TOPIC]: null }, epoch: "e1", snapshot: true });
    assert.equal(products.state, "live");
    latest().receives(event(7, "UPDATE", row(1, { pricePerUnit: 1 }))); // in the rows already
    latest().receives(event(8, "UPDATE", row(1, { pricePerUnit: 13 })));
    latest().receives(event(9, "INSERT", row(3)));
    latest().receives(event(10, "DELETE", row(2)));
    latest().receives(event(10, "INSERT", row(2))); // a second time
    assert.deepEqual(prices(products), { 1: "13.00", 3: "12.50" });
  });

  it("asks for nothing but whether it is there, until somebody looks", async () => {
    const shelf = new Shelf();
    const chat = await signedIn(shelf);
    assert.deepEqual([chat.products.available, shelf.asked, sent("subscribe")], [true, ["products"], 0]);
  });

  it("is not there where the server has none, and is believed to be where nobody knows", async () => {
    const shelf = new Shelf();
    shelf.refusals.products = [refusal("network", 0), refusal("not_found", 404)];
    const chat = await signedIn(shelf);
    chat.showProducts();
    assert.deepEqual([chat.products.available, chat.products.current], [null, true]);
    await reconnected({});
    assert.deepEqual([chat.products.available, chat.products.current], [false, false]);
  });

  it("resumes by position: nothing is lost, nothing comes twice, and no rows are read again", async () => {
    const { products } = await watching([row(1)], 4);
    latest().receives(event(5, "UPDATE", row(1, { pricePerUnit: 13 })));
    await reconnected({ [TOPIC]: { offset: 7, recovered: true } });
    assert.equal(resumes.at(-1)?.positions[TOPIC], 5);
    assert.deepEqual([products.state, sent("subscribe")], ["live", 0]);
    latest().receives(event(6, "INSERT", row(2)));
    latest().receives(event(7, "DELETE", row(1)));
    assert.deepEqual(prices(products), { 2: "12.50" });
  });

  for (const [why, epoch] of /** @type {const} */ ([
    ["too_old", "e1"],
    ["other_epoch", "e2"],
  ])) {
    it(`takes all rows anew when it cannot (${why}), and loses none of what comes meanwhile`, async () => {
      const { products } = await watching([row(1), row(2)], 4);
      await reconnected({ [TOPIC]: { offset: 900, recovered: false, reason: why } }, epoch);
      assert.equal(products.state, "waiting");
      latest().receives(event(901, "UPDATE", row(1, { pricePerUnit: 1 })));
      latest().receives(event(902, "UPDATE", row(1, { pricePerUnit: 2 })));
      assert.deepEqual(latest().request("subscribe").payload.topics, { [TOPIC]: null });
      await snapshot([row(1, { pricePerUnit: 1 }), row(3)], 901);
      assert.deepEqual(prices(products), { 1: "2.00", 3: "12.50" });
      latest().receives(event(903, "UPDATE", row(3, { pricePerUnit: 3 })));
      assert.deepEqual(prices(products), { 1: "2.00", 3: "3.00" });
    });
  }

  it("asks again from where it was when the connection did not resume it", async () => {
    const { products } = await watching([row(1)], 4);
    await reconnected({});
    assert.deepEqual(latest().request("subscribe").payload.topics, { [TOPIC]: 4 });
    await latest().ok("subscribe", { topics: { [TOPIC]: { offset: 5, recovered: true } } });
    latest().receives(event(5, "UPDATE", row(1, { pricePerUnit: 5 })));
    assert.deepEqual(prices(products), { 1: "5.00" });
  });

  it("takes all rows anew after a jump", async () => {
    const { products } = await watching([row(1)], 4);
    latest().receives(event(9, "INSERT", row(2)));
    await settled();
    await snapshot([row(1), row(2), row(3)], 9);
    assert.deepEqual(Object.keys(prices(products)), ["1", "2", "3"]);
  });

  it("reads the rows when one of them was too large to come by itself", async () => {
    const { products } = await watching([row(1)], 4);
    const { payload, ...rest } = event(5, "UPDATE", row(1));
    latest().receives({ ...rest, payload: { ...payload, row: null, omitted: "too_large" } });
    await settled();
    await snapshot([row(1, { pricePerUnit: 99 })], 5);
    assert.deepEqual(prices(products), { 1: "99.00" });
  });

  it("is not heard while nobody looks, and goes on where it was", async () => {
    const { products } = await watching([row(1)], 4);
    products.close();
    assert.deepEqual(latest().request("unsubscribe").payload, { topics: [TOPIC] });
    latest().receives(event(5, "UPDATE", row(1, { pricePerUnit: 5 }))); // on its way already
    products.open();
    await settled();
    assert.deepEqual(latest().request("subscribe").payload.topics, { [TOPIC]: 4 });
    await latest().ok("subscribe", { topics: { [TOPIC]: { offset: 6, recovered: true } } });
    latest().receives(event(5, "UPDATE", row(1, { pricePerUnit: 5 })));
    latest().receives(event(6, "UPDATE", row(1, { pricePerUnit: 6 })));
    assert.deepEqual(prices(products), { 1: "6.00" });
  });

  it("takes back what it has asked for when somebody leaves before the answer", async () => {
    const chat = await signedIn();
    const { products } = chat;
    products.open();
    await settled();
    products.close();
    await snapshot([row(1)], 3);
    assert.deepEqual([sent("unsubscribe"), products.table.size], [1, 0]);
    products.open();
    await settled();
    await snapshot([row(1), row(2)], 5);
    assert.equal(products.table.size, 2);
  });

  it("says why it is refused, and tries again by itself only where that helps", async () => {
    const chat = await signedIn();
    const { products } = chat;
    products.open();
    await settled();
    const refuse = (/** @type {string} */ code) =>
      latest().ok("subscribe", { topics: {}, refused: { [TOPIC]: { code, message: code } } });
    await refuse("unavailable");
    assert.deepEqual([products.state, products.refusal?.code], ["refused", "unavailable"]);
    mock.timers.tick(1000);
    await settled();
    assert.equal(sent("subscribe"), 2);
    await refuse("too_large");
    await refuse("too_large"); // nor by pages
    mock.timers.tick(5_000);
    await settled();
    assert.deepEqual([products.refusal?.code, sent("subscribe")], ["too_large", 3]);
    products.retry();
    await settled();
    await snapshot([row(1)], 1);
    assert.deepEqual([products.state, products.refusal, products.table.size], ["live", null, 1]);
  });

  /** As many as do not fit into one answer. @param {Shelf} shelf */
  async function tooMany(shelf) {
    const { products } = await signedIn(shelf);
    products.open();
    await settled();
    await latest().ok("subscribe", { topics: {}, refused: { [TOPIC]: { code: "too_large", message: "" } } });
    return products;
  }

  it("is read in pages when it does not fit into one answer, with what comes meanwhile on top", async () => {
    const shelf = new Shelf(Array.from({ length: 250 }, (_, index) => row(index + 1)));
    const products = await tooMany(shelf);
    assert.deepEqual(latest().request("subscribe").payload, { topics: { [TOPIC]: null }, epoch: "e1" });
    /** @type {(number | null)[]} */
    const counts = [];
    products.addEventListener("change", () => counts.push(products.read));
    shelf.onPage = (after) => {
      if (after !== "100") return;
      // The first page holds none of these, the last one holds all.
      for (const [offset, id, pricePerUnit] of /** @type {const} */ ([[8, 1, 1], [9, 240, 2], [10, 240, 3]])) {
        shelf.rows.set(String(id), row(id, { pricePerUnit }));
        latest().receives(event(offset, "UPDATE", row(id, { pricePerUnit })));
      }
      shelf.rows.delete("2");
      latest().receives(event(11, "DELETE", row(2)));
    };
    await latest().ok("subscribe", { topics: { [TOPIC]: { offset: 7, recovered: false } } });
    await settled();
    assert.deepEqual([products.state, products.table.size, products.read], ["live", 249, null]);
    assert.deepEqual([...new Set(counts)].slice(0, 3), [100, 200, 250]);
    const { 1: first, 2: second, 240: late } = prices(products);
    assert.deepEqual([first, second, late], ["1.00", undefined, "3.00"]);
    latest().receives(event(12, "INSERT", row(900)));
    assert.equal(products.table.size, 250);
    await reconnected({ [TOPIC]: { offset: 12, recovered: true } });
    assert.deepEqual([resumes.at(-1)?.positions[TOPIC], products.state], [12, "live"]);
  });

  it("begins anew when the connection is lost while it is read in pages", async () => {
    const shelf = new Shelf(Array.from({ length: 250 }, (_, index) => row(index + 1)));
    const products = await tooMany(shelf);
    let goOn = () => {};
    shelf.onPage = () => {
      shelf.onPage = null;
      latest().receives(event(8, "UPDATE", row(1, { pricePerUnit: 8 }))); // nothing keeps it but the rows themselves
      latest().drops(1006);
      return new Promise((resolve) => void (goOn = resolve));
    };
    await latest().ok("subscribe", { topics: { [TOPIC]: { offset: 7, recovered: false } } });
    await settled();
    mock.timers.tick(20_000);
    await settled();
    latest().greets({ ...ROOM, [TOPIC]: { offset: 8, recovered: true } });
    await settled();
    assert.deepEqual(latest().request("subscribe").payload.topics, { [TOPIC]: null });
    await snapshot([row(1, { pricePerUnit: 8 })], 8);
    goOn();
    await settled();
    assert.deepEqual([products.state, prices(products)], ["live", { 1: "8.00" }]);
  });

  it("says when its pages cannot be read, and reads them when asked again", async () => {
    const shelf = new Shelf([row(1)]);
    shelf.refusals.page = [refusal("forbidden", 403)];
    const products = await tooMany(shelf);
    await latest().ok("subscribe", { topics: { [TOPIC]: { offset: 7, recovered: false } } });
    await settled();
    assert.deepEqual([products.state, products.refusal?.code, sent("unsubscribe")], ["refused", "forbidden", 1]);
    products.retry();
    await settled();
    await snapshot([row(1)], 8);
    assert.equal(products.state, "live");
  });

  it("is one of the places that the keys lead through, and remembered", async () => {
    const chat = await signedIn();
    chat.rooms.current = "general";
    chat.showProducts();
    assert.equal((await signedIn()).products.current, true);
    chat.showRoom("general");
    assert.equal((await signedIn()).products.current, false);
  });
});

describe("ProductTable", () => {
  beforeEach(freshTimers);

  /** @param {ProductTable} table */
  const shown = (table) => table.lines.map(({ key }) => Number(key));
  /** @param {any[]} rows */
  const tableOf = (rows) => {
    const table = new ProductTable({ locale: "en" });
    table.replace(rows.map(productFrom));
    return table;
  };

  it("sorts numbers as numbers and words as people do, and never swaps equals", () => {
    const table = tableOf([
      row(1, { productName: "ångström 10", pricePerUnit: 100 }),
      row(2, { productName: "Angstrom 9", pricePerUnit: 20 }),
      row(10, { productName: "zebra", pricePerUnit: 20 }),
      row(9, { productName: "Zebra", pricePerUnit: 20 }),
    ]);
    assert.deepEqual(shown(table), [2, 1, 9, 10]);
    table.sortBy("productName");
    assert.deepEqual(shown(table), [9, 10, 1, 2]);
    table.sortBy("pricePerUnit");
    assert.deepEqual(shown(table), [2, 9, 10, 1]);
    table.sortBy("pricePerUnit");
    assert.deepEqual(shown(table), [1, 2, 9, 10]);
  });

  it("finds all words, in any case, without accents", () => {
    const table = tableOf([row(1, { productName: "Crème brûlée", manufacturer: "Kuchen" }), row(2)]);
    table.search("  kuchen CREME");
    assert.deepEqual([shown(table), table.found, table.size], [[1], 1, 2]);
    table.search("nothing");
    assert.deepEqual([shown(table), table.found], [[], 0]);
  });

  it("marks what changes, with its direction, and for a moment only", () => {
    const table = tableOf([row(1, { pricePerUnit: 9.9 })]);
    assert.deepEqual(table.lines[0]?.marks, {}, "the first rows are no news");
    table.put(productFrom(row(1, { pricePerUnit: 10, unitsAvailable: 2, manufacturer: "Other" })));
    const first = table.lines[0]?.marks;
    assert.deepEqual(
      [first?.pricePerUnit?.direction, first?.unitsAvailable?.direction, first?.manufacturer?.direction, first?.productName],
      ["up", "down", "other", undefined],
    );
    table.put(productFrom(row(1, { pricePerUnit: 11, unitsAvailable: 2, manufacturer: "Other" })));
    assert.notEqual(table.lines[0]?.marks.pricePerUnit?.turn, first?.pricePerUnit?.turn, "each change flashes anew");
    mock.timers.tick(MARK_MS + 1000);
    assert.deepEqual(table.lines[0]?.marks, {});
  });

  it("shows what comes and what goes, and then no more", () => {
    const table = tableOf([row(1), row(2)]);
    table.put(productFrom(row(3)));
    table.remove("1");
    assert.deepEqual(
      table.lines.map(({ key, phase }) => [key, phase]),
      [
        ["1", "gone"],
        ["2", "there"],
        ["3", "came"],
      ],
    );
    assert.deepEqual([table.size, table.found], [2, 2]);
    mock.timers.tick(MARK_MS + 1000);
    assert.deepEqual(
      table.lines.map(({ key, phase }) => [key, phase]),
      [
        ["2", "there"],
        ["3", "there"],
      ],
    );
  });

  it("moves no row while somebody is in it, and all of them afterwards", () => {
    const table = tableOf([row(1, { pricePerUnit: 1 }), row(2, { pricePerUnit: 2 }), row(3, { pricePerUnit: 3 })]);
    table.sortBy("pricePerUnit");
    table.hold("focus", true);
    table.put(productFrom(row(1, { pricePerUnit: 9 })));
    table.put(productFrom(row(4, { pricePerUnit: 0 })));
    table.remove("2");
    mock.timers.tick(MARK_MS + 1000);
    assert.deepEqual([shown(table), table.waiting], [[1, 2, 3, 4], true], "what is new comes last");
    assert.equal(table.lines[0]?.product.pricePerUnit, "9.00", "in its place, with its new value");
    assert.equal(table.lines[1]?.phase, "gone");
    table.rearrange();
    assert.deepEqual([shown(table), table.waiting], [[4, 2, 3, 1], false]);
    table.hold("edit", true);
    table.hold("focus", false);
    table.put(productFrom(row(3, { pricePerUnit: 99 })));
    assert.deepEqual(shown(table), [4, 2, 3, 1], "another reason still holds it");
    table.hold("edit", false);
    assert.deepEqual(shown(table), [4, 1, 3]);
  });

  it("moves no row where one is written into, and any elsewhere", () => {
    const many = Array.from({ length: PAGE + 1 }, (_, index) => row(index + 1, { pricePerUnit: index + 1 }));
    const table = tableOf(many);
    table.sortBy("pricePerUnit");
    table.pin(["1"]);
    table.put(productFrom(row(2, { pricePerUnit: 0.5 })));
    assert.deepEqual([shown(table).slice(0, 2), table.waiting, table.isHere("1")], [[1, 2], true, true]);
    table.turnTo(1);
    table.put(productFrom(row(3, { pricePerUnit: 999 })));
    assert.deepEqual([shown(table), table.waiting, table.isHere("1")], [[3], false, false]);
    table.remove("1");
    table.remove("2");
    mock.timers.tick(MARK_MS + 1000);
    table.search("anvil 50");
    assert.deepEqual([shown(table), table.isHere("1")], [[50], false]);
    table.reveal("1");
    assert.deepEqual([table.filter, table.lines[0]?.key, table.lines[0]?.phase], ["", "1", "gone"], "it is not lost");
    assert.equal(shown(table).includes(2), false);
    table.pin([]);
    assert.equal(table.isHere("1"), false);
  });

  it("shows new ones at once while nothing may move, if they are looked for", () => {
    const table = tableOf([row(5), row(6)]);
    table.search("anvil");
    table.hold("focus", true);
    table.put(productFrom(row(1)));
    table.put(productFrom(row(2, { productName: "Hammer" })));
    assert.deepEqual([shown(table), table.lines[2]?.phase], [[5, 6, 1], "came"]);
    table.remove("1");
    table.put(productFrom(row(1)));
    assert.deepEqual(shown(table), [5, 6, 1], "once");
    table.hold("focus", false);
    assert.deepEqual(shown(table), [1, 5, 6]);
  });

  it("comes in pages, and stays usable with many rows", () => {
    const many = Array.from({ length: 10_000 }, (_, index) => row(index + 1, { pricePerUnit: (index * 7919) % 10_000 }));
    const table = tableOf(many);
    assert.deepEqual([table.lines.length, table.pages], [PAGE, 100]);
    table.turnTo(99);
    assert.equal(table.lines.length, PAGE);
    table.sortBy("pricePerUnit");
    assert.equal(table.page, 0);
    const started = performance.now();
    for (let frame = 0; frame < 10; frame += 1) {
      for (let id = 1; id <= 1000; id += 1) table.put(productFrom(row(id, { pricePerUnit: frame * 1000 + id })));
      assert.equal(table.lines.length, PAGE);
    }
    assert.ok(performance.now() - started < 5000, "ten frames of a thousand changes each");
    table.search("anvil 10000");
    assert.deepEqual([shown(table), table.pages], [[10_000], 1]);
  });
});

describe("a row that somebody writes into", () => {
  beforeEach(freshTimers);

  /** @param {object} [more] */
  async function editing(more = {}) {
    const before = await watching([row(1, more), row(2)], 0);
    before.products.edit("1");
    const edit = before.products.edits.get("1");
    assert.ok(edit);
    return { ...before, edit };
  }

  it("is saved whole, with the version it was compared with", async () => {
    const { products, shelf, edit } = await editing();
    edit.write("pricePerUnit", "13,5");
    assert.equal(await products.save("1"), true);
    assert.deepEqual(shelf.asked.slice(1), [
      "get 1",
      'put 1 {"manufacturer":"Acme","pricePerUnit":13.50,"unitsAvailable":3,"productName":"Anvil 1"}',
    ]);
    assert.deepEqual([products.edits.size, prices(products)[1]], [0, "13.50"]);
  });

  it("follows others where nothing was written, and keeps what was", async () => {
    const { products, edit } = await editing();
    edit.write("pricePerUnit", "20");
    latest().receives(event(1, "UPDATE", row(1, { unitsAvailable: 8 })));
    assert.deepEqual([edit.draft.unitsAvailable, edit.draft.pricePerUnit, edit.conflicts], ["8", "20", []]);
    latest().receives(event(2, "UPDATE", row(1, { unitsAvailable: 8, pricePerUnit: 14 })));
    assert.deepEqual([edit.draft.pricePerUnit, edit.conflicts, edit.latest.pricePerUnit], ["20", ["pricePerUnit"], "14.00"]);
    assert.equal(prices(products)[1], "14.00", "the table itself shows what is");
  });

  it("is not saved over what its author has not seen, until they say so", async () => {
    const { products, shelf, edit } = await editing();
    edit.write("pricePerUnit", "20");
    shelf.rows.set("1", row(1, { pricePerUnit: 14 })); // and the feed has not said so yet
    assert.equal(await products.save("1"), false);
    assert.deepEqual([edit.conflicts, shelf.asked.filter((what) => what.startsWith("put"))], [["pricePerUnit"], []]);
    edit.keepMine("pricePerUnit");
    assert.equal(await products.save("1"), true);
    assert.equal(shelf.rows.get("1").pricePerUnit, 20);
  });

  it("takes theirs", async () => {
    const { products, shelf, edit } = await editing();
    edit.write("pricePerUnit", "20");
    edit.write("unitsAvailable", "4");
    shelf.rows.set("1", row(1, { pricePerUnit: 14 }));
    await products.save("1");
    edit.takeTheirs("pricePerUnit");
    assert.deepEqual([edit.draft.pricePerUnit, edit.conflicts], ["14.00", []]);
    assert.equal(await products.save("1"), true);
    assert.deepEqual([shelf.rows.get("1").pricePerUnit, shelf.rows.get("1").unitsAvailable], [14, 4]);
  });

  it("sees who comes between the reading and the writing (412)", async () => {
    const { products, shelf, edit } = await editing();
    edit.write("pricePerUnit", "20");
    shelf.between = () => shelf.rows.set("1", row(1, { pricePerUnit: 14 }));
    assert.equal(await products.save("1"), false);
    assert.deepEqual(edit.conflicts, ["pricePerUnit"]);
    assert.equal(shelf.rows.get("1").pricePerUnit, 14);
    edit.keepMine("pricePerUnit");
    shelf.between = () => shelf.rows.set("1", row(1, { pricePerUnit: 14, unitsAvailable: 77 }));
    assert.equal(await products.save("1"), true, "what another field became is no matter of dispute");
    assert.deepEqual([shelf.rows.get("1").pricePerUnit, shelf.rows.get("1").unitsAvailable], [20, 77]);
  });

  it("is no conflict when others write the same", async () => {
    const { edit } = await editing();
    edit.write("pricePerUnit", "14");
    latest().receives(event(1, "UPDATE", row(1, { pricePerUnit: 14 })));
    assert.deepEqual([edit.conflicts, edit.draft.pricePerUnit], [[], "14"]);
  });

  it("survives a lost connection and a restart, and hears of what happened meanwhile", async () => {
    const { products, edit } = await editing();
    edit.write("productName", "Hammer");
    await reconnected({ [TOPIC]: { offset: 50, recovered: false, reason: "too_old" } });
    await snapshot([row(1, { productName: "Anvil, new" }), row(2)], 50);
    assert.deepEqual([edit.draft.productName, edit.conflicts], ["Hammer", ["productName"]]);
    assert.equal(products.edits.get("1"), edit);
  });

  it("is still there when the row is gone, and can become another", async () => {
    const { products, shelf, edit } = await editing();
    edit.write("unitsAvailable", "5");
    latest().receives(event(1, "DELETE", row(1)));
    assert.deepEqual([edit.gone, edit.draft.unitsAvailable], [true, "5"]);
    mock.timers.tick(60_000);
    assert.ok(products.table.lines.some(({ key }) => key === "1"), "its place stays while it is written into");
    await products.addAgain("1");
    assert.match(shelf.asked.at(-1) ?? "", /^post .*"unitsAvailable":5/);
    assert.equal(products.edits.size, 0);
  });

  it("says what is wrong where it is wrong, before the server and after it", async () => {
    const { products, shelf, edit } = await editing();
    edit.write("pricePerUnit", "1.234");
    assert.equal(await products.save("1"), false);
    assert.deepEqual([Object.keys(edit.problems), shelf.asked.length], [["pricePerUnit"], 1]);
    edit.write("pricePerUnit", "1.23");
    assert.deepEqual(edit.problems, {});
    shelf.refusals.put = [refusal("invalid_product", 422, { manufacturer: "is forbidden" })];
    assert.equal(await products.save("1"), false);
    assert.deepEqual([edit.problems, edit.failure], [{ manufacturer: "is forbidden" }, null]);
  });

  it("is kept when it may not be saved, or nobody knows whether it was", async () => {
    const { products, shelf, edit } = await editing();
    edit.write("pricePerUnit", "1.23");
    shelf.refusals.put = [refusal("network", 0), refusal("forbidden", 403)];
    await products.save("1");
    assert.match(explainFailure("saved", edit.failure ?? { code: "" }), /^It is not known whether this was saved/);
    assert.equal(products.readOnly, false);
    await products.save("1");
    assert.match(explainFailure("saved", edit.failure ?? { code: "" }), /^Not saved\. You may look/);
    assert.deepEqual([products.readOnly, edit.draft.pricePerUnit, products.edits.size], [true, "1.23", 1]);
  });

  it("does not put an older answer over what has come since", async () => {
    const { products, shelf, edit } = await editing();
    edit.write("pricePerUnit", "20");
    const change = shelf.changeProduct.bind(shelf);
    shelf.changeProduct = async (...all) => {
      const answer = await change(...all);
      latest().receives(event(1, "UPDATE", row(1, { pricePerUnit: 20 })));
      latest().receives(event(2, "UPDATE", row(1, { pricePerUnit: 21 }))); // somebody else, right after us
      return answer;
    };
    assert.equal(await products.save("1"), true);
    assert.equal(prices(products)[1], "21.00");
  });

  it("is added once, however often the answer is lost", async () => {
    const { products, shelf } = await editing();
    const { fields } = checkFields({ productName: "New", manufacturer: "Acme", pricePerUnit: "1", unitsAvailable: "2" });
    shelf.refusals.post = [refusal("network", 0)];
    await assert.rejects(products.add(fields));
    await products.add(fields);
    await products.add(fields);
    const names = shelf.asked.filter((what) => what.startsWith("post")).map((what) => what.split(" ")[1]);
    assert.equal(names[0], names[1]);
    assert.notEqual(names[1], names[2]);
  });

  it("is deleted as it was seen", async () => {
    const { products, shelf } = await editing();
    shelf.between = () => shelf.rows.set("1", row(1, { unitsAvailable: 1 }));
    await assert.rejects(products.remove("1"), { code: "precondition_failed" });
    await products.remove("1");
    assert.deepEqual([products.table.find("1"), products.edits.size], [undefined, 0]);
  });
});

describe("numbers", () => {
  it("are the digits they were written with", () => {
    const product = productFrom(row(1, { pricePerUnit: new WrittenNumber("12.50"), unitsAvailable: 9007199254740991 }));
    assert.deepEqual([product.pricePerUnit, product.unitsAvailable], ["12.50", "9007199254740991"]);
    for (const cents of [1, 10, 105, 110, 999999999999, 123456789012, 999999999989, 100000000001]) {
      const text = `${Math.floor(cents / 100)}.${String(cents % 100).padStart(2, "0")}`;
      assert.equal(productFrom(row(1, { pricePerUnit: JSON.parse(text) })).pricePerUnit, text, "where they are not shown");
    }
  });

  it("go as they were typed", () => {
    const typed = { productName: " A ", manufacturer: "B\u0007", pricePerUnit: "9999999999,9", unitsAvailable: "0012" };
    const { fields, problems } = checkFields(typed);
    assert.deepEqual(problems, {});
    assert.equal(
      productJson(fields),
      '{"manufacturer":"B","pricePerUnit":9999999999.90,"unitsAvailable":12,"productName":"A"}',
    );
  });

  it("are refused when they are none", () => {
    const good = { productName: "A", manufacturer: "B", pricePerUnit: "1", unitsAvailable: "1" };
    for (const price of ["", "-1", "1.234", "1e3", "12345678901", "1.", ".5", "1 000", "NaN", "0x1"]) {
      assert.deepEqual(Object.keys(checkFields({ ...good, pricePerUnit: price }).problems), ["pricePerUnit"], price);
    }
    for (const units of ["", "-1", "1.5", "9007199254740992", "1e3", "many"]) {
      assert.deepEqual(Object.keys(checkFields({ ...good, unitsAvailable: units }).problems), ["unitsAvailable"], units);
    }
    const long = { ...good, productName: "🦀".repeat(200), manufacturer: "🦀".repeat(201) };
    assert.deepEqual(Object.keys(checkFields(long).problems), ["manufacturer"]);
  });
});

describe("what is said of a table", () => {
  it("is one sentence, however much happens", () => {
    assert.equal(explainTally({ came: 0, changed: 0, went: 0 }), "");
    assert.equal(explainTally({ came: 2, changed: 1, went: 0 }), "Products: 1 change, 2 new.");
    assert.equal(explainTally({ came: 0, changed: 1000, went: 3 }), "Products: 1000 changes, 3 deleted.");
  });
});
