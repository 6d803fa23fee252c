/** Lets `burst` things happen at once, and `perSecond` in the long run. */
export class TokenBucket {
  #burst;
  #perSecond;
  #tokens;
  #at;

  /** @param {{ burst: number, perSecond: number }} pace @param {number} now in milliseconds */
  constructor({ burst, perSecond }, now) {
    this.#burst = burst;
    this.#perSecond = perSecond;
    this.#tokens = burst;
    this.#at = now;
  }

  /**
   * Takes a token if there is one.
   * @param {number} now
   * @returns {number} milliseconds until there is one; 0 when it was taken
   */
  take(now) {
    // A clock that was set back gives nothing, and takes nothing.
    this.#tokens = Math.min(this.#burst, this.#tokens + (Math.max(0, now - this.#at) * this.#perSecond) / 1000);
    this.#at = now;
    if (this.#tokens < 1) return Math.ceil(((1 - this.#tokens) * 1000) / this.#perSecond);
    this.#tokens -= 1;
    return 0;
  }
}
