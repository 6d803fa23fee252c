import { JsonStore } from "../lib/json_store.js";
import { Model } from "../lib/model.js";

/** What the server says about itself to everyone. */
export class Server extends Model {
  name = "Switchboard";
  passwordMinChars = 15;
  /** Whether nobody has made the owner's account yet. */
  needsOwner = false;
  /** Whether it has answered since the page was loaded. */
  known = false;
  /** Whether it has another version of the page than the one on the screen. */
  hasAnotherPage = false;

  #api;
  #store;
  /** @type {Promise<void> | null} */
  #loading = null;

  /** @param {import("../transport/api.js").Api} api @param {Storage} [storage] */
  constructor(api, storage) {
    super();
    this.#api = api;
    this.#store = new JsonStore(storage, "switchboard.");
    // So that the name does not change before everybody's eyes at each load.
    this.#take({ server: this.#store.get("server") });
  }

  /** Asks once, however many want to know at the same time; without an answer what was known stays. */
  load() {
    this.#loading ??= this.#ask().finally(() => (this.#loading = null));
    return this.#loading;
  }

  /** Somebody has seen its page. */
  anotherPage() {
    this.hasAnotherPage = true;
    this.changed();
  }

  async #ask() {
    try {
      const answer = await this.#api.setupState();
      this.#take(answer);
      this.needsOwner = answer.needed;
      this.known = true;
      this.#store.set("server", this.name);
      this.changed();
    } catch {
      // Somebody will ask again.
    }
  }

  /** @param {{ server?: unknown, password_min_chars?: unknown }} answer */
  #take({ server, password_min_chars: min }) {
    if (typeof server === "string" && server.trim() !== "") this.name = server;
    if (Number.isSafeInteger(min)) this.passwordMinChars = /** @type {number} */ (min);
  }
}
