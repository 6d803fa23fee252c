import { Fragment, h } from "../vendor/preact.js";
import { Icon } from "./icon.js";
import { useModel } from "./use_model.js";

/**
 * The way to the products, where the server has any.
 * @param {{ products: import("../models/products.js").Products, onSelect: () => void }} props
 */
export function ProductsItem({ products, onSelect }) {
  const { available, current } = useModel(products, (model) => model);
  if (!available && !current) return null;
  return h(
    Fragment,
    null,
    h("div", { class: "sidebar-heading" }, h("h2", null, "Tables")),
    h(
      "ul",
      { class: "room-items" },
      h(
        "li",
        null,
        h(
          "button",
          { type: "button", class: "room-item", "aria-current": current ? "page" : undefined, onClick: onSelect },
          h(Icon, { name: "table" }),
          h("span", { class: "room-title" }, "Products"),
        ),
      ),
    ),
  );
}
