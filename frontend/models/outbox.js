import { JsonStore } from "../lib/json_store.js";

/**
 * @typedef {object} Unsent
 * @property {string} clientId
 * @property {string} room
 * @property {string} message
 * @property {number} created
 * @property {string} [epoch] the store it is meant for: another one never gets it without being asked to
 * @property {string} [error] the code of the refusal
 */

/**
 * What was sent and not yet acknowledged. One entry each, so that several tabs do not overwrite one another; that two
 * tabs may send the same entry does no harm, because the server knows its `client_id`.
 */
export class Outbox {
  #entries;
  #preferences;

  /** @param {Storage | undefined} storage @param {number} userId */
  constructor(storage, userId) {
    this.#entries = new JsonStore(storage, `switchboard.${userId}.outbox.`);
    this.#preferences = new JsonStore(storage, `switchboard.${userId}.`);
  }

  /** The server has said which store it has. @param {string} epoch */
  greeted(epoch) {
    this.#preferences.set("epoch", epoch);
  }

  /** Without an epoch of its own it is meant for the store that was there last. @param {Unsent} unsent */
  put(unsent) {
    const epoch = unsent.epoch ?? this.#preferences.get("epoch") ?? "";
    this.#entries.set(unsent.clientId, { ...unsent, epoch });
  }

  /** @param {string} clientId */
  remove(clientId) {
    this.#entries.remove(clientId);
  }

  /** @returns {(Unsent & { epoch: string })[]} in the order they were written */
  all() {
    return this.#entries
      .keys()
      .map((key) => this.#entries.get(key))
      .filter((unsent) => typeof unsent?.message === "string" && typeof unsent.room === "string")
      .map((unsent) => ({ ...unsent, epoch: String(unsent.epoch ?? "") }))
      .sort((a, b) => a.created - b.created);
  }
}
