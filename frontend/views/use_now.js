import { useEffect, useState } from "../vendor/preact.js";

/**
 * The current time, drawn anew every second while `running`.
 * @param {boolean} running
 */
export function useNow(running) {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    if (!running) return undefined;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, [running]);
  return now;
}
