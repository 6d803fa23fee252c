/** JSON values under one prefix of a Storage. A full or forbidden storage loses comfort, never the page. */
export class JsonStore {
  #storage;
  #prefix;

  /** @param {Storage | undefined} storage @param {string} prefix */
  constructor(storage, prefix) {
    this.#storage = storage;
    this.#prefix = prefix;
  }

  /** @param {string} key @returns {any} undefined when absent or unreadable */
  get(key) {
    try {
      return JSON.parse(this.#storage?.getItem(this.#prefix + key) ?? "null") ?? undefined;
    } catch {
      return undefined;
    }
  }

  /** @param {string} key @param {unknown} value */
  set(key, value) {
    try {
      this.#storage?.setItem(this.#prefix + key, JSON.stringify(value));
    } catch {
      // Over quota: what is on the screen still works.
    }
  }

  /** @param {string} key */
  remove(key) {
    try {
      this.#storage?.removeItem(this.#prefix + key);
    } catch {
      // As above.
    }
  }

  /** @returns {string[]} without the prefix */
  keys() {
    const keys = [];
    for (let index = 0; index < (this.#storage?.length ?? 0); index += 1) {
      const key = this.#storage?.key(index);
      if (key?.startsWith(this.#prefix)) keys.push(key.slice(this.#prefix.length));
    }
    return keys;
  }

  clear() {
    for (const key of this.keys()) this.remove(key);
  }

  /** Whether a `storage` event is about us. @param {string | null} key */
  owns(key) {
    return key?.startsWith(this.#prefix) ?? false;
  }
}
