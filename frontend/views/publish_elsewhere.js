import { curlLine, keyLine } from "../lib/curl_line.js";
import { h } from "../vendor/preact.js";
import { CopyLine } from "./copy_line.js";
import { Elsewhere } from "./elsewhere.js";
import { publishingTitle } from "./explain_channel.js";
import { useValue } from "./use_value.js";

/**
 * How a program publishes here; open by itself as long as nothing has been published.
 * @param {{ log: import("../models/channel_log.js").ChannelLog, origin: string, needed: boolean }} props `needed` when
 *   somebody has just learnt that there is no other way
 */
export function PublishElsewhere({ log, origin, needed }) {
  const empty = useValue(log, (model) => model.loaded && model.items.length === 0);
  return h(
    Elsewhere,
    { title: publishingTitle(log), offered: empty || needed },
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
  );
}
