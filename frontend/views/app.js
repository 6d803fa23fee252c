import { h, useEffect } from "../vendor/preact.js";
import { ChatPage } from "./chat_page.js";
import { DoorPage } from "./door_page.js";
import { InvitationForm } from "./invitation_form.js";
import { LoginForm } from "./login_form.js";
import { NeedsSetupPage } from "./needs_setup_page.js";
import { SetupForm } from "./setup_form.js";
import { useModel } from "./use_model.js";

/**
 * @param {object} props
 * @param {import("../models/session.js").Session} props.session
 * @param {import("../models/door.js").Door} props.door
 * @param {import("../models/server.js").Server} props.server
 * @param {import("../models/invitations.js").Invitations} props.invitations
 * @param {import("../models/document_link.js").DocumentLink} props.documentLink
 */
export function App({ session, door, server, invitations, documentLink }) {
  const kind = useModel(door, (model) => model.kind);
  const state = useModel(session, (model) => model.state);
  const serverName = useModel(server, (model) => model.name);
  useEffect(() => {
    if (!session.chat) document.title = serverName;
  });
  // A link was opened on purpose, so it goes before whatever session there is.
  if (kind === "setup") return h(SetupForm, { session, door, server });
  if (kind === "invite") return h(InvitationForm, { session, door, server });
  if (session.chat) {
    const { chat } = session;
    return h(ChatPage, { key: chat.user.id, session, chat, server, invitations, documentLink });
  }
  if (state === "loading") return h("main", { class: "door", "aria-busy": true });
  if (state === "unreachable") {
    return h(DoorPage, {
      serverName,
      title: "The server cannot be reached",
      lead: "This page keeps trying and goes on by itself.",
    });
  }
  return kind === "needs_setup" ? h(NeedsSetupPage, { serverName }) : h(LoginForm, { session, serverName });
}
