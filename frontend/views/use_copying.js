import { useEffect, useState } from "../vendor/preact.js";

const SAID_MS = 4000;

/**
 * Copies, and tells for a while that it did. Where the clipboard is closed to us (a page without TLS has none) it says so
 * until something else is copied: the value is then to be shown, for somebody to take it.
 */
export function useCopying() {
  const [outcome, setOutcome] = useState(/** @type {"" | "copied" | "closed"} */ (""));
  useEffect(() => {
    if (outcome !== "copied") return undefined;
    const timer = setTimeout(() => setOutcome(""), SAID_MS);
    return () => clearTimeout(timer);
  }, [outcome]);

  /** @param {string} value */
  async function copy(value) {
    try {
      await navigator.clipboard.writeText(value);
      setOutcome("copied");
      return true;
    } catch {
      setOutcome("closed");
      return false;
    }
  }

  return { outcome, copy };
}

/** What a value that was selected for somebody is to be copied with. */
export const BY_HAND = "Selected: press Ctrl+C or ⌘C to copy";
