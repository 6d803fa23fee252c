import { Model } from "../lib/model.js";

/** @typedef {import("../transport/documents_api.js").DocumentsApi} DocumentsApi */
/** @typedef {import("../transport/documents_api.js").Version} Version */

/** The named versions of one document. */
export class VersionList extends Model {
  loaded = false;
  /** Why they could not be read. @type {{ code: string, message: string } | null} */
  failure = null;

  #api;
  #name;
  /** @type {Map<number, Version>} */
  #versions = new Map();
  #opened = false;
  // Only the last load's answer counts, and none from before an event.
  #loads = 0;
  #events = 0;

  /** @param {DocumentsApi} api @param {string} name of the document */
  constructor(api, name) {
    super();
    this.#api = api;
    this.#name = name;
  }

  /** @returns {Version[]} the newest first */
  get all() {
    return [...this.#versions.values()].sort((a, b) => b.at - a.at || b.id - a.id);
  }

  /** Somebody looks. */
  open() {
    this.#opened = true;
    void this.load();
  }

  close() {
    this.#opened = false;
  }

  /** Nobody knows what has happened meanwhile. */
  outdate() {
    if (this.#opened) void this.load();
  }

  async load() {
    const turn = ++this.#loads;
    const events = this.#events;
    try {
      const versions = await this.#api.versions(this.#name);
      if (turn !== this.#loads) return;
      if (events !== this.#events) return void (await this.load());
      this.#versions = new Map(versions.map((version) => [version.id, version]));
      this.loaded = true;
      this.failure = null;
    } catch (error) {
      if (turn !== this.#loads) return;
      const { code = "internal", message = "" } = /** @type {any} */ (error);
      this.failure = { code, message };
    }
    this.changed();
  }

  /** @param {import("../transport/event_socket.js").Envelope} envelope */
  apply({ type, payload }) {
    if (type === "document_version_saved") this.#put(payload.version);
    else if (type === "document_version_deleted") this.#drop(payload.version?.id ?? payload.version);
  }

  /** @param {string} called */
  async save(called) {
    this.#put(await this.#api.saveVersion(this.#name, called));
  }

  /** @param {number} id */
  async remove(id) {
    await this.#api.removeVersion(this.#name, id);
    this.#drop(id);
  }

  /** @param {number} id */
  text(id) {
    return this.#api.versionText(this.#name, id);
  }

  /** Makes the text what it was then, as a new change. @param {number} id */
  restore(id) {
    return this.#api.restoreVersion(this.#name, id);
  }

  /** @param {Version} version */
  #put(version) {
    this.#events += 1;
    this.#versions.set(version.id, version);
    this.changed();
  }

  /** @param {number} id */
  #drop(id) {
    this.#events += 1;
    this.#versions.delete(id);
    this.changed();
  }
}
