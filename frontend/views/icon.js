import { h } from "../vendor/preact.js";

// Drawn on a grid of 24, as strokes.
const PATHS = {
  add: "M12 5v14M5 12h14",
  back: "M15 5l-7 7 7 7",
  channel:
    "M12 10.5a1.5 1.5 0 100 3 1.5 1.5 0 000-3zM8.2 15.8a5.4 5.4 0 010-7.6M15.8 8.2a5.4 5.4 0 010 7.6M5.3 18.7a9.5 9.5 0 010-13.4M18.7 5.3a9.5 9.5 0 010 13.4",
  check: "M5 12.5l4.5 4.5L19 7.5",
  close: "M6 6l12 12M18 6L6 18",
  copy: "M9 9h10v11H9zM5 15V4h10",
  document: "M6 3.5h8l4 4v13H6zM14 3.5v4h4M9 12h6M9 15.5h6",
  down: "M12 5v14M6 13l6 6 6-6",
  delete: "M5 7h14M9 7V4.5h6V7M7 7l1 13h8l1-13M10.5 11v5M13.5 11v5",
  edit: "M4 20l1-4.5L16 4.5l3.5 3.5-11 11zM13.5 7l3.5 3.5",
  eye: "M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12zM12 9a3 3 0 100 6 3 3 0 000-6z",
  hash: "M9.5 4L7.5 20M16.5 4l-2 16M4.5 9h16M3.5 15h16",
  history: "M4.5 12a7.5 7.5 0 107.5-7.5c-2.8 0-5 1.4-6.5 3.5M5 4v4.2h4.2M12 8v4.5l3 1.8",
  invite: "M9.5 11a3.5 3.5 0 100-7 3.5 3.5 0 000 7zM3 20c.4-3.6 3-5.5 6.5-5.5 1.6 0 3 .4 4.1 1.2M18 14v6M15 17h6",
  leave: "M14 5H6v14h8M10.5 12H21M17 8l4 4-4 4",
  link: "M10 14a4 4 0 005.7 0l3.6-3.6a4 4 0 00-5.7-5.7l-1.3 1.3M14 10a4 4 0 00-5.7 0l-3.6 3.6a4 4 0 005.7 5.7l1.3-1.3",
  lock: "M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 017 0v3",
  more: "M7 10l5 5 5-5",
  offline:
    "M4 4l16 16M5 12.5a10 10 0 014-2.3M19 12.5a10 10 0 00-5-2.5M8.5 16a5 5 0 017 0M2.5 9A15 15 0 016 6.7M21.5 9A14 14 0 0011 5.5",
  pending: "M12 4a8 8 0 100 16 8 8 0 000-16zM12 8v4.5l2.5 1.5",
  people:
    "M9 11.5a3.5 3.5 0 100-7 3.5 3.5 0 000 7zM2.5 20c.4-3.6 3-5.5 6.5-5.5s6.1 1.9 6.5 5.5M16 5a3.4 3.4 0 010 6.3M18 14.8c2 .7 3.2 2.5 3.5 5.2",
  redo: "M20 10H9.5a5 5 0 000 10H14M15.5 5.5L20 10l-4.5 4.5",
  restore: "M4.5 12a7.5 7.5 0 107.5-7.5c-2.8 0-5 1.4-6.5 3.5M5 4v4.2h4.2",
  send: "M5 12L4 4l17 8-17 8 1-8zM5 12h8",
  table: "M4 5h16v14H4zM4 10h16M4 14.5h16M10 10v9",
  undo: "M4 10h10.5a5 5 0 010 10H10M8.5 5.5L4 10l4.5 4.5",
  warning: "M12 4L2.5 20h19zM12 10v4.5M12 17v.5",
};

/**
 * A picture beside words; a control that has only a picture carries its own label.
 * @param {{ name: keyof typeof PATHS }} props
 */
export function Icon({ name }) {
  return h(
    "svg",
    { class: "icon", viewBox: "0 0 24 24", "aria-hidden": "true", focusable: "false" },
    h("path", { d: PATHS[name] }),
  );
}
