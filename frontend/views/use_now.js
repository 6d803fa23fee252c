import { useEffect, useState } from "../vendor/preact.js";

/**
 * The current time, drawn anew every second, or as often as is said, while `running`.
 * @param {boolean} running
 * @param {number} [everyMs]
 */
export function useNow(running, everyMs = 1000) {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    if (!running) return undefined;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), everyMs);
    return () => clearInterval(timer);
  }, [running, everyMs]);
  return now;
}
