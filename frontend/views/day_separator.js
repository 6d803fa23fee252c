import { dayLabel, dayOf } from "../lib/time.js";
import { h } from "../vendor/preact.js";

/** @param {{ id: string, at: number }} props */
export function DaySeparator({ id, at }) {
  return h("li", { class: "day", "data-key": id }, h("time", { dateTime: dayOf(at) }, dayLabel(at, Date.now())));
}
