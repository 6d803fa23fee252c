import { curlLine, keyLine } from "../lib/curl_line.js";
import { h, useEffect, useRef, useState } from "../vendor/preact.js";
import { CopyLine } from "./copy_line.js";
import { useModel } from "./use_model.js";

/**
 * How a program publishes here. Open by itself where nothing has been published yet.
 * @param {{ log: import("../models/channel_log.js").ChannelLog, origin: string }} props
 */
export function PublishElsewhere({ log, origin }) {
  const empty = useModel(log, (model) => model.loaded && model.items.length === 0);
  const [open, setOpen] = useState(false);
  const asked = useRef(false);
  useEffect(() => {
    if (empty && !asked.current) setOpen(true);
  }, [empty]);
  return h(
    "details",
    {
      class: "elsewhere",
      open,
      onToggle: (/** @type {{ currentTarget: HTMLDetailsElement }} */ event) => setOpen(event.currentTarget.open),
    },
    h(
      "summary",
      { onClick: () => (asked.current = true) },
      log.mayPublish ? "Publish from a program" : "Only API keys may publish here",
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
