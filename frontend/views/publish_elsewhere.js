import { curlLine, keyLine } from "../lib/curl_line.js";
import { h, useEffect, useRef, useState } from "../vendor/preact.js";
import { CopyLine } from "./copy_line.js";
import { publishingTitle } from "./explain_channel.js";
import { useValue } from "./use_value.js";

/**
 * How a program publishes here. Open by itself as long as nothing has been published, unless somebody says otherwise.
 * @param {{ log: import("../models/channel_log.js").ChannelLog, origin: string, needed: boolean }} props `needed` when
 *   somebody has just learnt that there is no other way
 */
export function PublishElsewhere({ log, origin, needed }) {
  const empty = useValue(log, (model) => model.loaded && model.items.length === 0);
  const offered = empty || needed;
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
    h(
      "summary",
      { onClick: () => (asked.current = true) },
      publishingTitle(log),
    ),
    h(
      "div",
      { class: "elsewhere-lines" },
      h(CopyLine, {
        label: "From a shell, with an API key:",
        value: curlLine(origin, log.name),
        name: "the curl line",
      }),
      h(CopyLine, {
        label: "Whoever runs this server makes a key for it with:",
        value: keyLine(log.name),
        name: "the key’s line",
      }),
    ),
  );
}
