import { JsonStore } from "../lib/json_store.js";

/** @typedef {{ clientId: string, room: string, message: string, created: number, error?: string }} Unsent */

/**
 * What was sent and not yet acknowledged. One entry each, so that several tabs do not overwrite one another; that two
 * tabs may send the same entry does no harm, because the server knows its `client_id`.
 */
export class Outbox {
  #store;

  /** @param {Storage | undefined} storage @param {number} userId */
  constructor(storage, userId) {
    this.#store = new JsonStore(storage, `switchboard.${userId}.outbox.`);
  }

  /** @param {Unsent} unsent */
  put(unsent) {
    this.#store.set(unsent.clientId, unsent);
  }

  /** @param {string} clientId */
  remove(clientId) {
    this.#store.remove(clientId);
  }

  /** @returns {Unsent[]} in the order they were written */
  all() {
    return this.#store
      .keys()
      .map((key) => /** @type {Unsent} */ (this.#store.get(key)))
      .filter((unsent) => typeof unsent?.message === "string" && typeof unsent.room === "string")
      .sort((a, b) => a.created - b.created);
  }
}
