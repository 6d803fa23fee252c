/**
 * What this device keeps of a document: its updates, as they came. A promise of ours is kept when the browser has said so,
 * never before, which is what the page tells people.
 */

const UPDATES = "updates";
const MARKS = "marks";
const SYNCED = "synced";
/** More updates than this become one at the next opening, */
const MANY = 200;
/** and more than this while it is open. */
const TOO_MANY = 1000;

/** @typedef {{ user: number, id: number, created: number }} Whose a document's own identity, which its name is not */

/** @typedef {"read" | "write"} Access */

/** @param {number} user */
const prefixOf = (user) => `switchboard.document.${user}.`;

export class LocalCopy {
  #database;
  /** What waits for the transaction before it. @type {{ update: Uint8Array, done: (isKept: boolean) => void }[]} */
  #waiting = [];
  #writing = false;
  /** Updates in the database, of which other windows may have added some more. */
  #count = 0;
  /** @type {((updates: Uint8Array[]) => Uint8Array) | null} */
  #merge = null;
  /** Another window, or the browser, has closed it. */
  onTaken = () => {};

  /** @param {IDBDatabase} database */
  constructor(database) {
    this.#database = database;
    // Somebody signs out in another window, or gives up what is here: it is to go.
    database.onversionchange = () => {
      database.close();
      this.onTaken();
    };
    database.onclose = () => this.onTaken();
  }

  /** Rejects where the browser keeps nothing for this page. @param {Whose} whose @param {IDBFactory} [factory] */
  static async open({ user, id, created }, factory = indexedDB) {
    // After a restore from a backup an id may come again, and whatever is merged stays: but never at the same millisecond,
    // so the epoch of the server's store would tell nothing more apart.
    const request = factory.open(`${prefixOf(user)}${id}.${created}`, 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore(UPDATES, { autoIncrement: true });
      request.result.createObjectStore(MARKS);
    };
    return new LocalCopy(await answer(request));
  }

  /** What one that is not open has left here. @param {Whose} whose @param {IDBFactory} [factory] */
  static forget({ user, id, created }, factory = globalThis.indexedDB) {
    factory?.deleteDatabase(`${prefixOf(user)}${id}.${created}`);
  }

  /** Everything a user's documents have left here. @param {number} user @param {IDBFactory} [factory] */
  static async forgetAll(user, factory = globalThis.indexedDB) {
    const databases = (await factory?.databases?.()) ?? [];
    for (const { name } of databases) if (name?.startsWith(prefixOf(user))) factory.deleteDatabase(name);
  }

  /**
   * @param {(updates: Uint8Array[]) => Uint8Array} merge
   * @returns {Promise<{ updates: Uint8Array[], access: Access | null }>} `access`: what one could do with it when it was last
   *   what the server has; null: it never was, so that writing on would not be writing in this document
   */
  async load(merge) {
    const transaction = this.#database.transaction([UPDATES, MARKS], "readwrite");
    const store = transaction.objectStore(UPDATES);
    const [updates, mark] = await Promise.all([answer(store.getAll()), answer(transaction.objectStore(MARKS).get(SYNCED))]);
    this.#merge = merge;
    this.#count = updates.length;
    if (updates.length > MANY) this.#compact(store, updates);
    return { updates, access: mark === "read" || mark === "write" ? mark : null };
  }

  /** Whether it is kept now. @param {Uint8Array} update @returns {Promise<boolean>} */
  keep(update) {
    return new Promise((done) => {
      this.#waiting.push({ update, done });
      if (!this.#writing) void this.#write();
    });
  }

  /** From now on it may be read, or written in, without the server. @param {Access} access */
  markSynced(access) {
    try {
      this.#database.transaction(MARKS, "readwrite").objectStore(MARKS).put(access, SYNCED);
    } catch {
      // Closed: then there is nothing to go on from.
    }
  }

  async close() {
    if (this.#writing) await this.keep(new Uint8Array());
    this.#database.close();
  }

  /** @param {IDBFactory} [factory] */
  remove(factory = indexedDB) {
    this.#database.close();
    factory.deleteDatabase(this.#database.name);
  }

  /** One transaction after the other, each with all that waits. */
  async #write() {
    this.#writing = true;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0);
      const isKept = await this.#commit(batch.map(({ update }) => update).filter(({ length }) => length > 0));
      for (const { done } of batch) done(isKept);
      if (this.#count > TOO_MANY) await this.#compactAll();
    }
    this.#writing = false;
  }

  async #compactAll() {
    this.#count = 0; // or else what cannot be merged would be tried each time
    try {
      const store = this.#database.transaction(UPDATES, "readwrite").objectStore(UPDATES);
      this.#compact(store, await answer(store.getAll()));
    } catch {
      // What is there stays as it is.
    }
  }

  /** In the transaction that has read them: another window may be writing. @param {IDBObjectStore} store @param {Uint8Array[]} updates */
  #compact(store, updates) {
    let one;
    try {
      one = this.#merge?.(updates);
    } catch {
      // Damaged: whoever loads it finds out.
    }
    if (!one) return;
    store.clear();
    store.add(one);
    this.#count = 1;
  }

  /** @param {Uint8Array[]} updates @returns {Promise<boolean>} */
  #commit(updates) {
    return new Promise((resolve) => {
      try {
        const transaction = this.#database.transaction(UPDATES, "readwrite");
        transaction.oncomplete = () => resolve(true);
        transaction.onabort = () => resolve(false);
        for (const update of updates) transaction.objectStore(UPDATES).add(update);
        this.#count += updates.length;
      } catch {
        resolve(false);
      }
    });
  }
}

/** @template T @param {IDBRequest<T>} request @returns {Promise<T>} */
function answer(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("the browser keeps nothing"));
  });
}
