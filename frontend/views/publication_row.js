import { fullTime, preciseTime } from "../lib/time.js";
import { h, useMemo } from "../vendor/preact.js";
import { JsonView } from "./json_view.js";

/**
 * One publication. When it came is known of what came live only.
 * @param {{ item: import("../models/channel_log.js").PublicationItem, onResize: () => void }} props
 */
export function PublicationRow({ item, onResize }) {
  const { key, offset, from, at, data } = item;
  // Nothing of it changes: the log is drawn at each arrival, and its rows are not.
  return useMemo(
    () =>
      h(
        "li",
        { class: "publication", "data-key": key },
        h(
          "p",
          { class: "publication-head" },
          h("span", { class: "publication-offset" }, h("span", { class: "visually-hidden" }, "Publication "), `#${offset}`),
          at !== null && h("time", { dateTime: new Date(at).toISOString(), title: fullTime(at) }, preciseTime(at)),
          from !== undefined && h("span", null, "from ", h("bdi", { class: "name" }, from)),
        ),
        h(JsonView, { data, name: `publication ${offset}`, onResize }),
      ),
    [item],
  );
}
