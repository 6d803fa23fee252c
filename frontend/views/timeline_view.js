import { layOut } from "../lib/grouping.js";
import { GENERAL } from "../models/rooms.js";
import { h, useEffect, useLayoutEffect, useRef, useState } from "../vendor/preact.js";
import { DaySeparator } from "./day_separator.js";
import { explain } from "./explain.js";
import { MessageRow } from "./message_row.js";
import { RoomBeginning } from "./room_beginning.js";
import { ScrollKeeper } from "./scroll_keeper.js";
import { SystemLine } from "./system_line.js";
import { ToEnd } from "./to_end.js";
import { useModel } from "./use_model.js";

/** Older history is asked for this far before somebody would see its absence, in pixels. */
const AHEAD = 800;

/**
 * Draws a room's Timeline.
 * @param {object} props
 * @param {import("../models/timeline.js").Timeline} props.timeline
 * @param {import("../models/rooms.js").Rooms} props.rooms
 * @param {import("../models/connection.js").Connection} props.connection
 * @param {string} props.title
 * @param {string} props.me
 * @param {(() => void) | undefined} props.onInvite
 */
export function TimelineView({ timeline, rooms, connection, title, me, onInvite }) {
  const items = useModel(timeline, (model) => model.items);
  const connected = useModel(connection, (model) => model.state === "open");
  const lost = useModel(connection, (model) => model.lost);
  // Undefined until the history is there, and with it what of it is new.
  const [newAfter, setNewAfter] = useState(/** @type {number | null | undefined} */ (undefined));
  const [atEnd, setAtEnd] = useState(true);
  const [seen, setSeen] = useState(Infinity);
  const scroller = useRef(/** @type {HTMLDivElement | null} */ (null));
  const keeper = useRef(/** @type {ScrollKeeper | null} */ (null));
  const placed = useRef(false);
  const lastKey = useRef("");

  const fill = () => {
    const element = scroller.current;
    const near = element && element.clientHeight > 0 && element.scrollTop < AHEAD;
    if (near && placed.current && !timeline.error && connected) {
      void timeline.loadOlder();
    }
  };
  const settle = () => {
    const end = keeper.current?.atEnd ?? true;
    setAtEnd(end);
    if (end) setSeen(lastOffset(items));
    timeline.readingAt(end ? "end" : "past");
    const visible = document.visibilityState === "visible" && scroller.current?.clientHeight !== 0;
    rooms.watch(end && placed.current && visible ? timeline.room : null);
  };
  const latestSettle = useRef(settle);
  latestSettle.current = settle;
  const onScroll = () => {
    keeper.current?.remember();
    settle();
    fill();
  };

  useLayoutEffect(() => {
    const element = /** @type {HTMLDivElement} */ (scroller.current);
    keeper.current ??= new ScrollKeeper(element);
    const last = items.at(-1);
    // Whoever says something wants to see it said.
    if (last?.kind === "message" && last.delivery === "sending" && last.key !== lastKey.current) {
      keeper.current.atEnd = true;
    }
    lastKey.current = last?.key ?? "";
    keeper.current.restore();
    if (timeline.loaded && newAfter === undefined) {
      const mark = unreadFrom(rooms, timeline, me);
      setNewAfter(mark);
      setSeen(mark ?? Infinity);
      return; // drawn once more, with the line above what is new
    }
    if (newAfter !== undefined && !placed.current) {
      placed.current = true;
      const mark = /** @type {HTMLElement | null} */ (element.querySelector(".new-line"));
      if (mark) keeper.current.toRow(mark);
    }
    settle();
    fill();
  }, [items, timeline.loaded, connected, newAfter]);

  useEffect(() => {
    const observer = new ResizeObserver(() => {
      keeper.current?.restore();
      latestSettle.current();
    });
    if (scroller.current) observer.observe(scroller.current);
    return () => observer.disconnect();
  }, []);
  useEffect(() => {
    document.addEventListener("visibilitychange", settle);
    return () => document.removeEventListener("visibilitychange", settle);
  });
  useEffect(() => () => rooms.watch(null), [rooms]);

  const fresh = items.filter((item) => item.kind === "message" && item.from !== me && (item.offset ?? 0) > seen).length;
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
        "aria-label": `Messages in ${title}`,
        "aria-busy": timeline.loading,
        tabIndex: 0,
      },
      h("div", { class: "timeline-top" }, top({ timeline, rooms, title, lost, onInvite })),
      h(
        "ol",
        { class: "timeline-items" },
        layOut(items, { newAfter, me }).map((row) => {
          if (row.kind === "day") return h(DaySeparator, { key: row.key, id: row.key, at: row.at });
          if (row.kind === "new") {
            return h("li", { key: row.key, class: "new-line", "data-key": row.key }, h("span", null, "New"));
          }
          const { item } = row;
          if (item.kind !== "message") return h(SystemLine, { key: row.key, item });
          return h(MessageRow, { key: row.key, item, head: row.head, connected, timeline });
        }),
      ),
    ),
    !atEnd &&
      h(ToEnd, {
        fresh,
        what: "message",
        onClick: () => {
          keeper.current?.toEnd();
          onScroll();
        },
      }),
  );
}

/**
 * What stands above the first message.
 * @param {{ timeline: import("../models/timeline.js").Timeline, rooms: import("../models/rooms.js").Rooms,
 *   title: string, lost: boolean, onInvite: (() => void) | undefined }} props
 */
function top({ timeline, rooms, title, lost, onInvite }) {
  if (timeline.error) {
    const again = () => void timeline.loadAgain();
    return h(
      "p",
      { class: "timeline-error" },
      explain({ code: timeline.error }),
      " ",
      h("button", { type: "button", class: "button small", onClick: again }, "Try again"),
    );
  }
  if (!timeline.loaded || timeline.moreBefore) {
    const away = lost && !timeline.loaded && "Messages are shown when the connection is back.";
    return h("p", { class: "timeline-loading" }, timeline.loading ? h("span", null, "Loading messages…") : away);
  }
  const room = rooms.find(timeline.room);
  return h(RoomBeginning, {
    title,
    isPublic: room?.public ?? true,
    empty: timeline.items.length === 0,
    onInvite: room?.name === GENERAL ? onInvite : undefined,
  });
}

/**
 * The offset after which something is new here, or null.
 * @param {import("../models/rooms.js").Rooms} rooms
 * @param {import("../models/timeline.js").Timeline} timeline
 * @param {string} me
 */
function unreadFrom(rooms, timeline, me) {
  const read = rooms.find(timeline.room)?.read ?? -1;
  const some =
    read >= 0 &&
    timeline.items.some((item) => item.kind === "message" && item.from !== me && (item.offset ?? 0) > read);
  return some ? read : null;
}

/** @param {readonly import("../models/timeline.js").Item[]} items */
function lastOffset(items) {
  return items.reduce((last, item) => Math.max(last, item.offset ?? 0), 0);
}
