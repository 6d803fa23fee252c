import { h } from "../vendor/preact.js";
import { DoorPage } from "./door_page.js";

/** A server without an owner, and a visitor without the setup link. @param {{ serverName: string }} props */
export function NeedsSetupPage({ serverName }) {
  return h(
    DoorPage,
    { serverName, title: "Almost there", lead: "This server is running, but it has no owner yet." },
    h(
      "div",
      { class: "explanation" },
      h(
        "p",
        null,
        "When it started, it printed a setup link on its console. Open that link in this browser to make the owner’s account:",
      ),
      h("p", null, h("code", { class: "sample" }, `${location.origin}/#setup=…`)),
      h(
        "p",
        { class: "hint" },
        "The link works once. If it has scrolled away, restart the server: it prints a new one until there is an owner.",
      ),
      h("button", { type: "button", class: "button wide", onClick: () => location.reload() }, "Check again"),
    ),
  );
}
