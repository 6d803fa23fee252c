import { lostBySigningOut } from "../models/signing_out.js";
import { h, useId, useRef, useState } from "../vendor/preact.js";
import { Avatar } from "./avatar.js";
import { explain } from "./explain.js";
import { Icon } from "./icon.js";
import { SignOutDialog } from "./sign_out_dialog.js";

/**
 * Who am I, and what can I do about it. The popover is the browser's own: Escape and a click elsewhere close it.
 * @param {object} props
 * @param {import("../models/session.js").Session} props.session
 * @param {import("../transport/event_socket.js").User} props.user
 * @param {(() => void) | undefined} props.onInvite
 */
export function UserMenu({ session, user, onInvite }) {
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  const [lost, setLost] = useState(/** @type {import("../models/editing.js").Unsaved[]} */ ([]));
  const menu = useRef(/** @type {HTMLDivElement | null} */ (null));
  const id = useId();

  async function signOut() {
    const { chat } = session;
    if (!chat || busy) return;
    setProblem("");
    setBusy(true);
    try {
      const unsaved = await lostBySigningOut(chat.editing);
      if (session.chat !== chat) return;
      if (unsaved.length === 0) await session.logout();
      else ask(unsaved);
    } catch (error) {
      setProblem(explain(/** @type {any} */ (error)));
    } finally {
      setBusy(false);
    }
  }

  /** @param {import("../models/editing.js").Unsaved[]} unsaved */
  function ask(unsaved) {
    menu.current?.hidePopover();
    setLost(unsaved);
  }

  function invite() {
    menu.current?.hidePopover();
    onInvite?.();
  }

  return h(
    "footer",
    { class: "sidebar-footer" },
    h(
      "button",
      { type: "button", class: "user-button", popovertarget: id },
      h(Avatar, { name: user.name, small: true }),
      h(
        "span",
        { class: "user-name" },
        h("span", { class: "visually-hidden" }, "Signed in as "),
        h("bdi", null, user.name),
        h("span", { class: "user-role" }, user.role),
      ),
      h(Icon, { name: "more" }),
    ),
    h(
      "div",
      { id, ref: menu, popover: "auto", class: "menu" },
      onInvite &&
        h(
          "button",
          { type: "button", class: "menu-item", onClick: invite },
          h(Icon, { name: "invite" }),
          "Invite people",
        ),
      h(
        "button",
        { type: "button", class: "menu-item", "aria-busy": busy, onClick: () => void signOut() },
        h(Icon, { name: "leave" }),
        busy ? "Saving what you wrote…" : "Sign out",
      ),
      h("p", { role: "alert", class: "menu-problem" }, problem),
    ),
    lost.length > 0 && h(SignOutDialog, { session, lost, onClose: () => setLost([]) }),
  );
}
