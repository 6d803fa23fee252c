import { h, useEffect, useRef, useState } from "../vendor/preact.js";

/**
 * How a program does the same. Open by itself while it is `offered`, unless somebody says otherwise.
 * @param {{ title: string, offered: boolean, children?: import("../vendor/preact.js").ComponentChildren }} props
 */
export function Elsewhere({ title, offered, children }) {
  const [open, setOpen] = useState(false);
  const element = useRef(/** @type {HTMLDetailsElement | null} */ (null));
  const asked = useRef(false);
  useEffect(() => {
    // Nobody loses the place where they are.
    if (!asked.current && !element.current?.contains(document.activeElement)) setOpen(offered);
  }, [offered]);
  return h(
    "details",
    {
      ref: element,
      class: "elsewhere",
      open,
      onToggle: (/** @type {{ currentTarget: HTMLDetailsElement }} */ event) => setOpen(event.currentTarget.open),
    },
    h("summary", { onClick: () => (asked.current = true) }, title),
    h("div", { class: "elsewhere-lines" }, children),
  );
}
