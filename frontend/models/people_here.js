/** Who has a document open, and in which colour. */

export const CARET_COLOURS = 12;
const NAME_LENGTH = 40;

/** @typedef {{ name: string, colour: number, isMe: boolean }} Person */

export class PeopleHere {
  /** @type {Person[]} */
  all = [];
  #me;
  /** A person keeps the colour, as long as the document is open here. @type {Map<string, number>} */
  #colours = new Map();

  /** @param {string} me */
  constructor(me) {
    this.#me = me;
    this.all = [this.#person(me)];
  }

  /**
   * @param {Iterable<unknown>} states what everybody says of themselves
   * @returns {boolean} whether that changed who is here
   */
  update(states) {
    const names = new Set([...states].map(nameOf));
    names.delete(this.#me);
    names.delete("");
    const others = [...names].sort((a, b) => a.localeCompare(b));
    const all = [this.#me, ...others].map((name) => this.#person(name));
    const isSame = all.length === this.all.length && all.every(({ name }, at) => name === this.all[at]?.name);
    if (!isSame) this.all = all;
    return !isSame;
  }

  /** The same for a person's every window; people who are here together differ, as long as there are colours. @param {string} name */
  colourOf(name) {
    let colour = this.#colours.get(name);
    if (colour !== undefined) return colour;
    const taken = new Set(this.#colours.values());
    colour = [...name].reduce((sum, letter) => (sum * 31 + (letter.codePointAt(0) ?? 0)) % 65_521, 7) % CARET_COLOURS;
    for (let step = 0; step < CARET_COLOURS && taken.has(colour); step += 1) colour = (colour + 1) % CARET_COLOURS;
    this.#colours.set(name, colour);
    return colour;
  }

  /** @param {string} name @returns {Person} */
  #person(name) {
    return { name, colour: this.colourOf(name), isMe: name === this.#me };
  }
}

/** What a state says of its name, cut to what can be shown; "" for one that says nothing. @param {any} state */
export function nameOf(state) {
  const name = state?.user?.name;
  return typeof name === "string" ? name.trim().slice(0, NAME_LENGTH) : "";
}
