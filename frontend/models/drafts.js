import { JsonStore } from "../lib/json_store.js";

/** What somebody has begun to write, per room. Survives a reload. */
export class Drafts {
  #store;

  /** @param {Storage | undefined} storage @param {number} userId */
  constructor(storage, userId) {
    this.#store = new JsonStore(storage, `switchboard.${userId}.draft.`);
  }

  /** @param {string} room @returns {string} */
  get(room) {
    const draft = this.#store.get(room);
    return typeof draft === "string" ? draft : "";
  }

  /** @param {string} room @param {string} text */
  set(room, text) {
    if (text.trim() === "") this.#store.remove(room);
    else this.#store.set(room, text);
  }
}
