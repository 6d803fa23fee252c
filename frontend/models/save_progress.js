/**
 * What of the changes made here is durable at the server. A fence is a number that the server sends back when everything
 * before it is: what was made before the fence was sent is saved when it is back, and never earlier.
 */
export class SaveProgress {
  #made = 0;
  #saved = 0;
  #next = 1;
  /** How much had been made when each fence left, by its number. @type {Map<number, number>} */
  #fences = new Map();
  /** Whether the server has answered a fence since the connection was made. */
  isConfirmed = false;
  /** The server took a change for none of its own: nothing that follows says that it is saved. */
  isRefused = false;

  /** Whether something was made here that the server may not have. */
  get isUnsaved() {
    return this.#saved < this.#made;
  }

  changed() {
    this.#made += 1;
  }

  /**
   * @param {{ isAll: boolean }} [behind] whether it leaves behind everything that was made, or behind a part of it
   * @returns {number} what the fence is called that leaves now
   */
  fence({ isAll } = { isAll: true }) {
    const number = this.#next++;
    this.#fences.set(number, isAll ? this.#made : 0);
    return number;
  }

  /** @param {number} number */
  answered(number) {
    const made = this.#fences.get(number);
    if (made === undefined) return; // of an earlier connection
    this.#fences.delete(number);
    this.isConfirmed = true;
    if (!this.isRefused) this.#saved = Math.max(this.#saved, made);
  }

  refused() {
    this.isRefused = true;
    this.#made += 1;
  }

  /** What was on the way may or may not have arrived, and is sent again. */
  disconnected() {
    this.#fences.clear();
    this.isConfirmed = false;
    this.isRefused = false;
  }
}
