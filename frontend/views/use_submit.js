import { useState } from "../vendor/preact.js";

/**
 * @typedef {{ code: string, message: string, retryAfter?: number,
 *   at: number }} Failure `at` makes two of the same kind differ
 */

/**
 * Runs what a form does, one at a time, and keeps why it failed.
 * @param {() => Promise<unknown>} action
 */
export function useSubmit(action) {
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState(/** @type {Failure | null} */ (null));

  /** @param {Event} [event] the form's `submit`, which must not leave the page */
  async function submit(event) {
    event?.preventDefault();
    if (busy) return;
    setBusy(true);
    setFailure(null);
    try {
      await action();
    } catch (error) {
      const { code = "internal", message, retryAfter } = /** @type {any} */ (error);
      setFailure({ code, message, retryAfter, at: Date.now() });
    } finally {
      setBusy(false);
    }
  }

  /** @param {string} code @param {string} message */
  const fail = (code, message) => setFailure({ code, message, at: Date.now() });
  return { busy, failure, submit, fail };
}
