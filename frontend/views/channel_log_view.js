import { h, useEffect, useLayoutEffect, useRef, useState } from "../vendor/preact.js";
import { Arrivals } from "./arrivals.js";
import { explain } from "./explain.js";
import { GapRow } from "./gap_row.js";
import { Icon } from "./icon.js";
import { PublicationRow } from "./publication_row.js";
import { ScrollKeeper } from "./scroll_keeper.js";
import { ToEnd } from "./to_end.js";
import { useModelByFrame } from "./use_model_by_frame.js";

/**
 * Draws what has arrived in a channel, the newest at the bottom.
 * @param {object} props
 * @param {import("../models/channel_log.js").ChannelLog} props.log
 * @param {import("../models/channels.js").Channels} props.channels
 * @param {boolean} props.connected
 */
export function ChannelLogView({ log, channels, connected }) {
  useModelByFrame(log);
  const { items } = log;
  const [atEnd, setAtEnd] = useState(true);
  const [seen, setSeen] = useState("");
  const scroller = useRef(/** @type {HTMLDivElement | null} */ (null));
  const keeper = useRef(/** @type {ScrollKeeper | null} */ (null));

  const settle = () => {
    const end = keeper.current?.atEnd ?? true;
    setAtEnd(end);
    if (end) setSeen(items.at(-1)?.key ?? "");
    log.readingAt(end ? "end" : "past");
    const visible = document.visibilityState === "visible" && scroller.current?.clientHeight !== 0;
    channels.watch(end && visible ? log.name : null);
  };
  const latestSettle = useRef(settle);
  latestSettle.current = settle;
  const onScroll = useRef(() => {
    keeper.current?.remember();
    latestSettle.current();
  }).current;

  useLayoutEffect(() => {
    keeper.current ??= new ScrollKeeper(/** @type {HTMLDivElement} */ (scroller.current));
    keeper.current.restore();
    settle();
  }, [items, log.loaded, log.loading]);
  useEffect(() => {
    const observer = new ResizeObserver(() => {
      keeper.current?.restore();
      latestSettle.current();
    });
    if (scroller.current) observer.observe(scroller.current);
    return () => observer.disconnect();
  }, []);
  useEffect(() => {
    const onVisibility = () => latestSettle.current();
    document.addEventListener("visibilitychange", onVisibility);
    return () => document.removeEventListener("visibilitychange", onVisibility);
  }, []);
  useEffect(() => () => channels.watch(null), [channels]);

  const lastGap = items.findLast((item) => item.kind === "gap");
  const loadable = connected && log.loaded && log.moreBefore && !log.full && !log.loading;
  const load = () => void log.load();
  const fresh = atEnd ? 0 : items.length - 1 - items.findIndex((item) => item.key === seen);
  return h(
    "div",
    { class: "timeline" },
    h(
      "div",
      {
        class: "timeline-scroller",
        ref: scroller,
        onScroll,
        role: "log",
        "aria-live": "off",
        "aria-label": `Publications in ${log.name}`,
        "aria-busy": log.loading,
        tabIndex: 0,
      },
      h("div", { class: "timeline-top" }, top({ log, connected, loadable: loadable && !lastGap, load })),
      h(
        "ol",
        { class: "publications" },
        items.map((item) =>
          item.kind === "gap"
            ? h(GapRow, { key: item.key, item, onLoad: loadable && item === lastGap ? load : undefined })
            : h(PublicationRow, { key: item.key, item, onResize: onScroll }),
        ),
      ),
    ),
    h(Arrivals, { key: log.name, log }),
    !atEnd &&
      h(ToEnd, {
        fresh,
        what: "publication",
        onClick: () => {
          keeper.current?.toEnd();
          onScroll();
        },
      }),
  );
}

/**
 * What stands above the first publication.
 * @param {{ log: import("../models/channel_log.js").ChannelLog, connected: boolean, loadable: boolean,
 *   load: () => void }} props
 */
function top({ log, connected, loadable, load }) {
  if (log.error) {
    return h(
      "p",
      { class: "timeline-error" },
      explain({ code: log.error }),
      " ",
      h("button", { type: "button", class: "button small", onClick: load }, "Try again"),
    );
  }
  if (log.loading || (!log.loaded && connected)) {
    return h("p", { class: "timeline-loading" }, log.state === "waiting" ? "Subscribing…" : "Loading publications…");
  }
  if (!log.loaded) return h("p", { class: "timeline-loading" }, "What the server keeps is loaded with the connection.");
  if (log.items.length === 0) {
    return h(
      "div",
      { class: "beginning empty" },
      h("span", { class: "beginning-sign" }, h(Icon, { name: "channel" })),
      h("h2", null, "Nothing has arrived in ", h("bdi", null, log.name)),
      h("p", null, "What is published from now on appears here at once. Send the first one as shown below."),
    );
  }
  if (loadable) {
    return h(
      "p",
      { class: "timeline-loading" },
      h("button", { type: "button", class: "button small", onClick: load }, "Load older"),
    );
  }
  if (log.full) return h("p", { class: "timeline-loading" }, "This is as much as the page shows at once.");
  if (log.moreBefore) return h("p", { class: "timeline-loading" });
  const readBack = log.items.some((item) => item.kind === "publication" && item.at === null);
  return h(
    "p",
    { class: "timeline-loading" },
    `Nothing older is kept.${readBack ? " What stands without a time was read back." : ""}`,
  );
}
