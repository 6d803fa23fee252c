import { timeUntil } from "../lib/time.js";
import { h, useEffect, useRef } from "../vendor/preact.js";
import { FormError } from "./form_error.js";
import { useModel } from "./use_model.js";
import { useSubmit } from "./use_submit.js";

/** The links that still work. @param {{ invitations: import("../models/invitations.js").Invitations }} props */
export function InvitationList({ invitations }) {
  const { live, loaded } = useModel(invitations, (model) => model);
  const count = useRef(0);
  useEffect(() => {
    // With a link its button goes, and the focus must not go with it.
    if (live.length < count.current && document.activeElement === document.body) {
      const left = document.querySelector(".invitations button") ?? document.querySelector(".dialog .form-actions button");
      /** @type {HTMLElement | null} */ (left)?.focus();
    }
    count.current = live.length;
  }, [live.length]);
  if (!loaded || live.length === 0) return null;
  return h(
    "section",
    { class: "invitations" },
    h("h3", null, "Links that still work"),
    h(
      "ul",
      null,
      live.map((invitation) => h(InvitationItem, { key: invitation.id, invitation, invitations })),
    ),
  );
}

/**
 * @param {{ invitation: import("../transport/api.js").Invitation,
 *   invitations: import("../models/invitations.js").Invitations }} props
 */
function InvitationItem({ invitation, invitations }) {
  const { busy, failure, submit } = useSubmit(() => invitations.revoke(invitation.id));
  const { role, uses_left, expires_at, created_by } = invitation;
  const what = `${role}, ${uses_left === 1 ? "1 use" : `${uses_left} uses`} left`;
  return h(
    "li",
    null,
    h(
      "div",
      null,
      h("strong", null, what),
      h(
        "span",
        { class: "hint" },
        created_by === null ? "made on the command line" : ["by ", h("bdi", null, created_by)],
        `, ends ${timeUntil(expires_at, Date.now())}`,
      ),
      h(FormError, { failure }),
    ),
    h(
      "button",
      {
        type: "button",
        class: "button small",
        "aria-busy": busy,
        "aria-label": `Revoke the link for ${what}`,
        onClick: () => void submit(),
      },
      "Revoke",
    ),
  );
}
