import { h, useEffect, useRef, useState } from "../vendor/preact.js";
import { explainArrivals, explainGap } from "./explain_channel.js";

/** @typedef {import("../models/channel_log.js").ChannelLog} ChannelLog */

/** Not more often: what is said must have been spoken before the next. */
const PAUSE_MS = 4000;

/**
 * Says to a screen reader what has arrived, and how much: the log itself would read all of its JSON aloud.
 * @param {{ log: ChannelLog }} props
 */
export function Arrivals({ log }) {
  const [said, setSaid] = useState("");
  const known = useRef({ arrived: log.arrived, gap: lastGap(log) });
  useEffect(() => {
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let pause;
    const say = () => {
      pause = undefined;
      const { arrived } = log;
      const gap = lastGap(log);
      const missing = gap && gap.key !== known.current.gap?.key ? explainGap(gap.reason) : "";
      const count = arrived - known.current.arrived;
      known.current = { arrived, gap };
      if (count === 0 && missing === "") return;
      const last = log.items.findLast((item) => item.kind === "publication");
      setSaid(`${missing} ${explainArrivals(count, last?.offset ?? 0)}`.trim());
      pause = setTimeout(say, PAUSE_MS);
    };
    const onChange = () => {
      if (pause === undefined) say();
    };
    log.addEventListener("change", onChange);
    return () => {
      log.removeEventListener("change", onChange);
      clearTimeout(pause);
    };
  }, [log]);
  return h("p", { class: "visually-hidden", role: "status" }, said);
}

/** @param {ChannelLog} log */
function lastGap(log) {
  return log.items.findLast((item) => item.kind === "gap");
}
