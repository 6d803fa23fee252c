import { h } from "../vendor/preact.js";
import { DoorPage } from "./door_page.js";
import { NewAccountForm } from "./new_account_form.js";

/** @param {{ session: import("../models/session.js").Session, door: import("../models/door.js").Door }} props */
export function SetupForm({ session, door }) {
  return h(
    DoorPage,
    { title: "Set up your server", lead: "Make the owner’s account. It can invite everyone else." },
    h(NewAccountForm, {
      label: "Create owner account",
      onCreate: async (account) => {
        await session.setup({ token: door.token, ...account });
        door.leave();
      },
    }),
  );
}
