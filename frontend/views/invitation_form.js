import { timeUntil } from "../lib/time.js";
import { h } from "../vendor/preact.js";
import { DoorPage } from "./door_page.js";
import { explain } from "./explain.js";
import { NewAccountForm } from "./new_account_form.js";

/**
 * @param {object} props
 * @param {import("../models/session.js").Session} props.session
 * @param {import("../models/door.js").Door} props.door
 * @param {import("../models/server.js").Server} props.server
 */
export function InvitationForm({ session, door, server }) {
  const serverName = server.name;
  const { invitation, error, token } = door;
  const back = h(
    "button",
    { type: "button", class: "button wide", onClick: () => door.leave() },
    session.user ? "Back to the chat" : "Sign in instead",
  );
  if (error?.code === "bad_token") {
    return h(
      DoorPage,
      {
        serverName,
        title: "This invitation no longer works",
        lead: "It has expired, been used up or been withdrawn. Ask whoever sent it for a new link.",
      },
      back,
    );
  }
  if (error) {
    return h(
      DoorPage,
      { serverName, title: "Invitation", lead: explain(error) },
      h(
        "button",
        { type: "button", class: "button primary wide", onClick: () => void door.checkInvitation() },
        "Try again",
      ),
    );
  }
  if (!invitation) return h(DoorPage, { serverName, title: "Invitation", lead: "Checking your invitation…" });
  return h(
    DoorPage,
    {
      serverName,
      title: "You’re invited",
      lead: [
        invitation.invited_by === null
          ? "You are invited"
          : [h("bdi", { class: "name" }, invitation.invited_by), " invites you"],
        ` to join the conversation. The link works for you once and ends ${timeUntil(invitation.expires_at, Date.now())}.`,
      ],
    },
    session.user &&
      h(
        "p",
        { class: "notice" },
        "You are signed in as ",
        h("bdi", null, session.user.name),
        ". Accepting makes a new account and signs you in as that one.",
      ),
    h(NewAccountForm, {
      passwordMinChars: server.passwordMinChars,
      label: "Create account and join",
      onCreate: async (account) => {
        await session.acceptInvitation({ token, ...account });
        door.leave();
      },
    }),
    h("div", { class: "form-footer" }, back),
  );
}
