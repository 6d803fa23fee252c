import { WrittenNumber } from "./exact_json.js";

/**
 * A piece of JSON as it is drawn: what it is, and its text. Line breaks and indentation are "layout".
 * @typedef {{ kind: "key" | "string" | "number" | "word" | "layout", text: string }} Token
 */
/** @typedef {{ lines: number, characters: number }} Budget how much of it is drawn */
/** @typedef {{ closer: string, entries: Iterator<[string | null, unknown]>, some: boolean }} Open */

const INDENT = "  ";
/** Deeper than this nothing moves further to the right. */
const MAX_INDENTS = 16;
// Characters that do not show, or that show others in another order. Those that join letters and emoji stay.
const UNSEEN = /[\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;

/**
 * Any JSON value in lines, as far as the budget reaches. However large or deep it is, the work is bounded by the budget
 * and by the number of members of one object.
 * @param {unknown} value
 * @param {Budget} budget
 * @returns {{ tokens: Token[], complete: boolean }}
 */
export function prettyJson(value, budget) {
  const printer = new Printer(budget);
  const complete = printer.print(value);
  return { tokens: printer.tokens, complete };
}

class Printer {
  /** @type {Token[]} */
  tokens = [];
  #lines;
  #characters;
  /** Not by recursion: data may be nested deeper than a stack. @type {Open[]} */
  #open = [];

  /** @param {Budget} budget */
  constructor({ lines, characters }) {
    this.#lines = lines - 1;
    this.#characters = characters;
  }

  /** @param {unknown} root @returns {boolean} whether the budget sufficed */
  print(root) {
    if (!this.#value(root)) return false;
    for (let open = this.#open.at(-1); open; open = this.#open.at(-1)) {
      const { done, value: entry } = open.entries.next();
      if (done) {
        this.#open.pop();
        if (!this.#newLine("") || !this.#put("layout", open.closer)) return false;
        continue;
      }
      if (!this.#newLine(open.some ? "," : "")) return false;
      open.some = true;
      const [key, member] = entry;
      if (key !== null && !(this.#text("key", key) && this.#put("layout", ": "))) return false;
      if (!this.#value(member)) return false;
    }
    return true;
  }

  /** @param {unknown} value */
  #value(value) {
    if (typeof value === "string") return this.#text("string", value);
    if (typeof value === "number") return this.#put("number", JSON.stringify(value));
    if (value instanceof WrittenNumber) return this.#written(value.source);
    if (typeof value !== "object" || value === null) return this.#put("word", String(value));
    const [opener, closer, size] = Array.isArray(value)
      ? ["[", "]", value.length]
      : ["{", "}", Object.keys(value).length];
    if (size === 0) return this.#put("layout", opener + closer);
    this.#open.push({ closer, entries: entriesOf(value), some: false });
    return this.#put("layout", opener);
  }

  /** @param {"key" | "string"} kind @param {string} text */
  #text(kind, text) {
    // Cut before it is escaped: a long text costs only what is shown of it.
    const all = text.length <= this.#characters;
    const shown = all ? text : `${text.slice(0, this.#characters).replace(/[\ud800-\udbff]$/, "")}…`;
    this.#put(kind, JSON.stringify(shown).replace(UNSEEN, escaped));
    return all;
  }

  /** A number may have as many digits as its sender likes. @param {string} source */
  #written(source) {
    const all = source.length <= this.#characters;
    this.#put("number", all ? source : `${source.slice(0, this.#characters)}…`);
    return all;
  }

  /** @param {string} before what ends the line */
  #newLine(before) {
    if (this.#lines <= 0 || this.#characters <= 0) return false;
    this.#lines -= 1;
    return this.#put("layout", `${before}\n${INDENT.repeat(Math.min(this.#open.length, MAX_INDENTS))}`);
  }

  /** @param {Token["kind"]} kind @param {string} text */
  #put(kind, text) {
    this.#characters -= text.length;
    const last = this.tokens.at(-1);
    if (last?.kind === "layout" && kind === "layout") last.text += text;
    else this.tokens.push({ kind, text });
    return true;
  }
}

/** @param {object} value @returns {Iterator<[string | null, unknown]>} */
function* entriesOf(value) {
  if (Array.isArray(value)) for (const member of value) yield [null, member];
  else for (const key of Object.keys(value)) yield [key, /** @type {any} */ (value)[key]];
}

/** @param {string} character */
function escaped(character) {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
