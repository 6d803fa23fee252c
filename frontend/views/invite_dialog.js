import { h, useEffect, useState } from "../vendor/preact.js";
import { CopyField } from "./copy_field.js";
import { Dialog } from "./dialog.js";
import { FormError } from "./form_error.js";
import { InvitationList } from "./invitation_list.js";
import { SelectField } from "./select_field.js";
import { useModel } from "./use_model.js";
import { useSubmit } from "./use_submit.js";

const HOUR = 3600;
const EXPIRIES = /** @type {const} */ ([
  [String(HOUR), "1 hour"],
  [String(24 * HOUR), "1 day"],
  [String(7 * 24 * HOUR), "7 days"],
  [String(30 * 24 * HOUR), "30 days"],
]);
const USES = /** @type {const} */ ([
  ["1", "1 person"],
  ["5", "5 people"],
  ["25", "25 people"],
  ["100", "100 people"],
]);

/**
 * @param {object} props
 * @param {import("../models/invitations.js").Invitations} props.invitations
 * @param {import("../transport/event_socket.js").User} props.user
 * @param {() => void} props.onClose
 */
export function InviteDialog({ invitations, user, onClose }) {
  const link = useModel(invitations, (model) => model.link);
  const [role, setRole] = useState("member");
  const [uses, setUses] = useState("1");
  const [expiry, setExpiry] = useState(EXPIRIES[2][0]);
  const create = useSubmit(() => invitations.create({ role, uses: Number(uses), expires_in_secs: Number(expiry) }));
  const load = useSubmit(() => invitations.load());
  useEffect(() => {
    void load.submit();
    return () => invitations.forgetLink();
  }, []);

  return h(
    Dialog,
    { title: "Invite people", onClose },
    h(
      "form",
      { class: "form", onSubmit: create.submit },
      h(FormError, { failure: create.failure }),
      h(
        "p",
        { class: "lead" },
        "Make a link and send it to whoever should join. It leads to a form for their user name and password.",
      ),
      h(
        "div",
        { class: "fields" },
        h(SelectField, { label: "Works for", value: uses, onValue: setUses, options: USES }),
        h(SelectField, { label: "Expires after", value: expiry, onValue: setExpiry, options: EXPIRIES }),
        user.role === "owner" &&
          h(SelectField, {
            label: "Role",
            value: role,
            onValue: setRole,
            options: [
              ["member", "Member"],
              ["admin", "Admin"],
            ],
          }),
      ),
      link && h(CopyField, { key: link, label: "Invitation link", value: link }),
      h(
        "div",
        { class: "form-actions" },
        h(
          "button",
          { class: link ? "button" : "button primary", "aria-busy": create.busy },
          link ? "Create another link" : "Create link",
        ),
      ),
    ),
    h(FormError, { failure: load.failure }),
    h(InvitationList, { invitations }),
  );
}
