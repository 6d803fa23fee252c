/** @typedef {import("../transport/documents_api.js").Document} Document */
/** @typedef {import("../transport/event_socket.js").Envelope} Envelope */

/** What is known about the documents of one room. Plain data: `Documents` says when it changes. */
export class RoomDocuments {
  /** @type {Map<number, Document>} */
  #documents = new Map();
  /** Whether it is all there is, as far as anybody knows. */
  loaded = false;
  loading = false;
  /** Why it could not be read. @type {{ code: string, message: string } | null} */
  failure = null;
  /** What happened while it was read: it goes on top. @type {Envelope[]} */
  #later = [];

  /** @param {Document[]} [remembered] from the last visit: true until somebody says otherwise */
  constructor(remembered = []) {
    for (const document of remembered) this.#documents.set(document.id, document);
  }

  /** @returns {Document[]} by title */
  get all() {
    return [...this.#documents.values()].sort((a, b) => a.title.localeCompare(b.title) || a.id - b.id);
  }

  get count() {
    return this.#documents.size;
  }

  /** @param {number} id */
  find(id) {
    return this.#documents.get(id);
  }

  begin() {
    this.loading = true;
    this.failure = null;
    this.#later = [];
  }

  /** @param {Document[]} documents all there are */
  take(documents) {
    this.#documents = new Map(documents.map((document) => [document.id, document]));
    this.loading = false;
    this.loaded = true;
    for (const envelope of this.#later.splice(0)) this.apply(envelope);
  }

  /** @param {{ code: string, message: string }} failure */
  fail(failure) {
    this.loading = false;
    this.failure = failure;
  }

  /** @param {Document} document */
  put(document) {
    this.#documents.set(document.id, document);
  }

  /** @param {number} id */
  remove(id) {
    this.#documents.delete(id);
  }

  /** @param {Envelope} envelope an event of the room's topic @returns {boolean} whether it was about a document */
  apply(envelope) {
    const { type, payload } = envelope;
    if (this.loading) this.#later.push(envelope);
    if (type === "document_created" || type === "document_updated") this.put(payload.document);
    else if (type === "document_deleted") this.remove(payload.id);
    else return false;
    return true;
  }
}
