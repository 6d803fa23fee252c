import { h } from "../vendor/preact.js";
import { Icon } from "./icon.js";
import { useModel } from "./use_model.js";
import { useNow } from "./use_now.js";

/**
 * Says that the connection is gone and when it is tried again; says nothing while all is well.
 * @param {{ connection: import("../models/connection.js").Connection, promise: string }} props `promise` is what
 *   happens when it is back
 */
export function ConnectionBanner({ connection, promise }) {
  const { state, retryAt, online, lost } = useModel(connection, (model) => model);
  const now = useNow(retryAt !== null);
  const seconds = retryAt === null ? 0 : Math.max(0, Math.ceil((retryAt - now) / 1000));
  return h(
    "div",
    { class: lost ? "banner shown" : "banner" },
    h(
      "p",
      { role: "status" },
      lost && h(Icon, { name: "offline" }),
      lost &&
        h(
          "span",
          null,
          h("strong", null, online ? "Connection lost." : "You are offline."),
          ` ${promise}`,
        ),
    ),
    lost &&
      h(
        "span",
        { class: "banner-action" },
        // Not part of the live region: nobody wants to hear every second counted.
        h(
          "span",
          { class: "banner-countdown" },
          state === "connecting" ? "Connecting…" : seconds > 0 ? `Trying again in ${seconds} s` : "",
        ),
        h(
          "button",
          {
            type: "button",
            class: "button small",
            disabled: state === "connecting",
            onClick: () => connection.tryNow(),
          },
          "Try now",
        ),
      ),
  );
}
