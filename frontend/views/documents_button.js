import { h } from "../vendor/preact.js";
import { Icon } from "./icon.js";
import { useModel } from "./use_model.js";

/** Opens the documents of a room beside its chat, and closes them. @param {{ documents: import("../models/documents.js").Documents, room: string }} props */
export function DocumentsButton({ documents, room }) {
  const { count } = useModel(documents, (model) => model.of(room));
  const open = useModel(documents, (model) => model.beside(room) !== null);
  return h(
    "button",
    {
      type: "button",
      class: "button quiet documents-button",
      "aria-label": count > 0 ? `Documents, ${count}` : "Documents",
      "aria-expanded": open,
      onClick: () => (open ? documents.hide(room) : documents.showList(room)),
    },
    h(Icon, { name: "document" }),
    h("span", { class: "wide-only" }, "Documents"),
    count > 0 && h("span", { class: "documents-count" }, count > 99 ? "99+" : count),
  );
}
