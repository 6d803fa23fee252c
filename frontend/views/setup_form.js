import { h } from "../vendor/preact.js";
import { DoorPage } from "./door_page.js";
import { NewAccountForm } from "./new_account_form.js";

/**
 * @param {object} props
 * @param {import("../models/session.js").Session} props.session
 * @param {import("../models/door.js").Door} props.door
 * @param {import("../models/server.js").Server} props.server
 */
export function SetupForm({ session, door, server }) {
  return h(
    DoorPage,
    {
      serverName: server.name,
      title: "Set up your server",
      lead: "Make the owner’s account. It can invite everyone else.",
    },
    h(NewAccountForm, {
      passwordMinChars: server.passwordMinChars,
      label: "Create owner account",
      onCreate: async (account) => {
        await session.setup({ token: door.token, ...account });
        door.leave();
      },
    }),
  );
}
