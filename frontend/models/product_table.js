import { Model } from "../lib/model.js";
import { FIELDS, amount, sameFields, searchable } from "../lib/product.js";

/** @typedef {import("../lib/product.js").Product} Product */
/** @typedef {import("../lib/product.js").Field} Field */
/** @typedef {{ direction: "up" | "down" | "other", turn: number }} Mark a value that has just changed; `turn` tells two changes apart */
/**
 * One row as it is drawn; another object whenever anything about it is other.
 * @typedef {{ key: string, product: Product, phase: "there" | "came" | "gone",
 *   marks: Partial<Record<Field, Mark>>, text: string }} Line
 */
/** @typedef {{ field: Field | "key", descending: boolean }} Sorting */

/** How long a row shows that something has happened to it. */
export const MARK_MS = 2500;
const SWEEP_MS = 500;
export const PAGE = 100;

/** The rows that are shown, in their order, with what has just happened to them. */
export class ProductTable extends Model {
  /** @type {Sorting} */
  sorting = { field: "productName", descending: false };
  filter = "";
  page = 0;
  /** What has happened since the beginning, for those who do not see it. */
  tally = { came: 0, changed: 0, went: 0 };

  #now;
  #collator;
  /** @type {Map<string, Line>} */
  #lines = new Map();
  /** Until when each line is marked; the first to end comes first. @type {Map<string, number>} */
  #marked = new Map();
  #gone = 0;
  #turn = 0;
  /** @type {string[]} all keys, sorted */
  #sorted = [];
  /** @type {string[]} those that are found */
  #shown = [];
  /** What is looked for. @type {string[]} */
  #words = [];
  #outdated = false;
  /** Why nothing may move just now, wherever. @type {Set<string>} */
  #holds = new Set();
  /** Rows that are written into: they are never dropped, and where one is shown nothing moves. @type {Set<string>} */
  #pinned = new Set();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #sweeping;

  /** @param {{ now?: () => number, locale?: string }} [options] */
  constructor({ now = Date.now, locale } = {}) {
    super();
    this.#now = now;
    this.#collator = new Intl.Collator(locale, { numeric: true, sensitivity: "base" });
  }

  /** How many products there are. */
  get size() {
    return this.#lines.size - this.#gone;
  }

  /** How many of them are found. */
  get found() {
    this.#arrange();
    return this.#gone === 0 ? this.#shown.length : this.#shown.filter((key) => this.find(key)).length;
  }

  get pages() {
    this.#arrange();
    return Math.max(1, Math.ceil(this.#shown.length / PAGE));
  }

  /** What is on the page that is shown, in order. @returns {Line[]} */
  get lines() {
    this.#arrange();
    this.page = Math.min(this.page, this.pages - 1);
    return this.#pageKeys.flatMap((key) => this.#lines.get(key) ?? []);
  }

  /** Whether the order is not what it should be, since somebody is in the table. */
  get waiting() {
    return this.#outdated && this.#held;
  }

  /** @param {string} key @returns {Product | undefined} undefined also for one that is about to go */
  find(key) {
    const line = this.#lines.get(key);
    return line?.phase === "gone" ? undefined : line?.product;
  }

  /** All there are. @returns {Product[]} */
  get products() {
    return [...this.#lines.values()].filter(({ phase }) => phase !== "gone").map(({ product }) => product);
  }

  /** A row as it is now. @param {Product} product */
  put(product) {
    const { key } = product;
    const line = this.#lines.get(key);
    if (line && line.phase !== "gone" && sameFields(line.product, product)) return;
    const text = searchable(`${product.productName} ${product.manufacturer}`);
    if (!line || line.phase === "gone") {
      if (line) this.#gone -= 1;
      else if (this.#held && this.#isFound(text)) this.#shown.push(key);
      this.#mark({ key, product, phase: "came", marks: {}, text });
      this.#outdated = true;
      this.tally.came += 1;
    } else {
      const changed = FIELDS.filter((field) => product[field] !== line.product[field]);
      const marks = { ...line.marks };
      for (const field of changed) marks[field] = { direction: direction(field, line.product, product), turn: ++this.#turn };
      this.#mark({ ...line, product, marks, text });
      this.#outdated ||= text !== line.text || changed.some((field) => field === this.sorting.field);
      this.tally.changed += 1;
    }
    this.changed();
  }

  /** A row that is no more; it is seen going. @param {string} key */
  remove(key) {
    const line = this.#lines.get(key);
    if (!line || line.phase === "gone") return;
    this.#gone += 1;
    this.#mark({ ...line, phase: "gone", marks: {} });
    this.tally.went += 1;
    this.changed();
  }

  /** All rows as they are now. The first ones are no news. @param {Product[]} products */
  replace(products) {
    const first = this.#lines.size === 0;
    const keys = new Set(products.map(({ key }) => key));
    for (const product of products) this.put(product);
    for (const key of [...this.#lines.keys()]) if (!keys.has(key)) this.remove(key);
    if (first) {
      for (const [key, line] of this.#lines) this.#lines.set(key, { ...line, phase: "there" });
      this.#marked.clear();
      this.tally.came = 0;
    }
    this.changed();
  }

  /** @param {Sorting["field"]} field the same once more turns the order around */
  sortBy(field) {
    this.sort({ field, descending: this.sorting.field === field && !this.sorting.descending });
  }

  /** @param {Sorting} sorting */
  sort(sorting) {
    this.sorting = sorting;
    this.#begin();
  }

  /** @param {string} filter */
  search(filter) {
    if (filter === this.filter) return;
    this.filter = filter;
    this.#begin();
  }

  /** @param {number} page from 0 */
  turnTo(page) {
    this.page = Math.max(0, page);
    this.#sweep(); // what kept its place for somebody on the other page
    this.changed();
  }

  /**
   * While anybody holds it no row moves: values change in their places, new rows come last, and those that went stay.
   * @param {string} reason
   * @param {boolean} held
   */
  hold(reason, held) {
    if (this.#holds.has(reason) === held) return;
    this.#arrange(); // what is held is the order of this moment
    if (held) this.#holds.add(reason);
    else this.#holds.delete(reason);
    this.#sweep();
    this.changed();
  }

  /** What somebody writes into. As long as one of them is on the page that is shown, no row moves. @param {Iterable<string>} keys */
  pin(keys) {
    this.#arrange();
    this.#pinned = new Set(keys);
    this.#sweep();
    this.changed();
  }

  /** Whether a row is on the page that is shown. @param {string} key */
  isHere(key) {
    return this.lines.some((line) => line.key === key);
  }

  /** Turns to where a row is, and shows all if it is not among what is looked for. @param {string} key */
  reveal(key) {
    this.#arrange();
    if (!this.#shown.includes(key)) this.search("");
    this.turnTo(Math.floor(Math.max(0, this.#shown.indexOf(key)) / PAGE));
  }

  /** Everything into its order now, whoever holds it. */
  rearrange() {
    this.#arrange(true);
    this.#sweep();
    this.changed();
  }

  get #held() {
    return this.#holds.size > 0 || this.#pageKeys.some((key) => this.#pinned.has(key));
  }

  get #pageKeys() {
    return this.#shown.slice(this.page * PAGE, (this.page + 1) * PAGE);
  }

  #begin() {
    this.page = 0;
    this.#outdated = true;
    this.rearrange();
  }

  /** @param {Line} line */
  #mark(line) {
    this.#lines.set(line.key, line);
    this.#marked.delete(line.key); // so that it comes last
    this.#marked.set(line.key, this.#now() + MARK_MS);
    this.#sweeping ??= setTimeout(() => this.#sweep(), SWEEP_MS);
  }

  /** Ends what has been shown long enough. */
  #sweep() {
    clearTimeout(this.#sweeping);
    this.#sweeping = undefined;
    const now = this.#now();
    const held = this.#held;
    let some = false;
    let left = false;
    for (const [key, until] of this.#marked) {
      if (until > now) {
        left = true;
        break;
      }
      const line = /** @type {Line} */ (this.#lines.get(key));
      if (line.phase === "gone" && (held || this.#pinned.has(key))) continue; // it keeps its place
      some = true;
      this.#marked.delete(key);
      if (line.phase === "gone") this.#drop(key);
      else this.#lines.set(key, { ...line, phase: "there", marks: {} });
    }
    if (left) this.#sweeping = setTimeout(() => this.#sweep(), SWEEP_MS);
    if (some) this.changed();
  }

  /** @param {string} key */
  #drop(key) {
    this.#lines.delete(key);
    this.#gone -= 1;
    this.#outdated = true;
  }

  #arrange(now = false) {
    if (!this.#outdated || (this.#held && !now)) return;
    this.#outdated = false;
    const known = new Set(this.#sorted);
    const keys = this.#sorted.filter((key) => this.#lines.has(key));
    for (const key of this.#lines.keys()) if (!known.has(key)) keys.push(key);
    this.#sorted = this.#inOrder(keys);
    this.#words = searchable(this.filter).split(/\s+/).filter(Boolean);
    this.#shown = this.#sorted.filter((key) => this.#isFound(this.#lines.get(key)?.text ?? ""));
  }

  /** @param {string} text */
  #isFound(text) {
    return this.#words.every((word) => text.includes(word));
  }

  /** Almost in order they are already, which is what makes it quick. @param {string[]} keys */
  #inOrder(keys) {
    const { field, descending } = this.sorting;
    const turn = descending ? -1 : 1;
    const valueOf = (/** @type {string} */ key) => this.#lines.get(key)?.product[field] ?? "";
    // Equal ones never change places, whichever way round.
    if (isNumber(field)) {
      return keys
        .map((key) => ({ key, id: Number(key), value: amount(valueOf(key)) }))
        .sort((a, b) => turn * (a.value - b.value) || a.id - b.id)
        .map(({ key }) => key);
    }
    const { compare } = this.#collator;
    return keys
      .map((key) => ({ key, id: Number(key), value: valueOf(key) }))
      .sort((a, b) => turn * compare(a.value, b.value) || a.id - b.id)
      .map(({ key }) => key);
  }
}

/** @param {Sorting["field"]} field */
function isNumber(field) {
  return field === "pricePerUnit" || field === "unitsAvailable" || field === "key";
}

/** @param {Field} field @param {Product} before @param {Product} after @returns {Mark["direction"]} */
function direction(field, before, after) {
  if (!isNumber(field)) return "other";
  return amount(after[field]) > amount(before[field]) ? "up" : "down";
}
