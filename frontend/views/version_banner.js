import { h } from "../vendor/preact.js";
import { Icon } from "./icon.js";
import { useModel } from "./use_model.js";

/** Says that the page on the screen is the kept one, and the server has another. @param {{ server: import("../models/server.js").Server }} props */
export function VersionBanner({ server }) {
  const shown = useModel(server, (model) => model.hasAnotherPage);
  return h(
    "div",
    { class: shown ? "banner shown" : "banner" },
    h("p", { role: "status" }, shown && [h(Icon, { key: "icon", name: "restore" }), h("strong", { key: "said" }, "A new version is there.")]),
    shown &&
      h(
        "span",
        { class: "banner-action" },
        h("button", { type: "button", class: "button small", onClick: () => location.reload() }, "Reload"),
      ),
  );
}
