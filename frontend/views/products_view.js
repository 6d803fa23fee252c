import { h, useCallback, useEffect, useState } from "../vendor/preact.js";
import { AddProductDialog } from "./add_product_dialog.js";
import { BackButton } from "./back_button.js";
import { DeleteProductDialog } from "./delete_product_dialog.js";
import { countProducts } from "./explain_product.js";
import { Icon } from "./icon.js";
import { Pager } from "./pager.js";
import { ProductChanges } from "./product_changes.js";
import { ProductTableView } from "./product_table_view.js";
import { ProductsElsewhere } from "./products_elsewhere.js";
import { ProductsRefusal } from "./products_refusal.js";
import { ProductsTools } from "./products_tools.js";
import { useModel } from "./use_model.js";
import { useModelByFrame } from "./use_model_by_frame.js";
import { useNarrow } from "./use_narrow.js";
import { useNextFocus } from "./use_next_focus.js";
import { useValue } from "./use_value.js";

/** Narrower than this, in pixels, not all columns fit. */
const NARROW = 800;

/**
 * The server's products, live.
 * @param {object} props
 * @param {import("../models/chat.js").Chat} props.chat
 * @param {string} props.origin of the server, for commands
 * @param {() => void} props.onBack
 */
export function ProductsView({ chat, origin, onBack }) {
  const { products, rooms, channels, connection } = chat;
  const { table } = products;
  const { state, refusal, loaded, read, readOnly } = useModel(products, (model) => model);
  useModelByFrame(table);
  const connected = useModel(connection, (model) => model.state === "open");
  const messages = useValue(rooms, (model) => model.unread);
  const news = useValue(channels, (model) => model.unread);
  const { element, narrow } = useNarrow(NARROW);
  const { region, goOn, remember, isAt } = useNextFocus();
  const [adding, setAdding] = useState(false);
  const [deleting, setDeleting] = useState(/** @type {string | null} */ (null));
  const [said, setSaid] = useState("");
  useEffect(() => {
    products.open();
    return () => products.close();
  }, [products]);
  const empty = loaded && table.size === 0;
  const live = connected && state === "live";
  const add = () => setAdding(true);
  const reveal = (/** @type {string} */ key) => {
    table.reveal(key);
    goOn({ key, selector: "[name=productName]" });
  };
  const ask = useCallback((/** @type {string} */ key) => {
    remember(key);
    setDeleting(key);
  }, []);
  const close = () => {
    setDeleting(null);
    // The dialog gives the focus back to what opened it, which goes with its row.
    if (deleting !== null && !table.find(deleting)) goOn({ key: deleting, beside: true });
  };

  return h(
    "section",
    { ref: element, class: narrow ? "room-view products narrow" : "room-view products", "aria-label": "Products" },
    h(
      "header",
      { class: "room-header" },
      h(BackButton, { messages, channels: news, onBack }),
      h(
        "div",
        { class: "room-heading" },
        h("h1", null, h(Icon, { name: "table" }), "Products"),
        h("p", { class: live ? "live" : "" }, h("span", { class: "live-dot" }), about({ connected, state, loaded })),
      ),
      loaded &&
        !readOnly &&
        h(
          "button",
          { type: "button", class: "button quiet", "aria-label": "Add product", onClick: add },
          h(Icon, { name: "add" }),
          h("span", { class: "wide-only" }, "Add product"),
        ),
    ),
    refusal && h(ProductsRefusal, { refusal, old: loaded, connected, onRetry: () => products.retry() }),
    readOnly &&
      h("p", { class: "products-notice", role: "status" }, h(Icon, { name: "lock" }), "You may look at the products, but not change them."),
    loaded && !empty && h(ProductsTools, { products, narrow, onReveal: reveal }),
    !refusal && !loaded && h("p", { class: "products-loading" }, loading(connected, read)),
    loaded &&
      h(
        "div",
        // A region that scrolls must be reachable by keyboard.
        { ref: region, class: "products-scroller", tabIndex: 0, role: "region", "aria-label": "Table of products" },
        empty
          ? beginning(readOnly ? undefined : add)
          : h(ProductTableView, {
              products,
              narrow,
              connected,
              onDelete: ask,
              onSaved: setSaid,
              onNext: goOn,
              onLeaving: remember,
              isAt,
            }),
        !empty && table.found === 0 && nothingFound(table),
      ),
    loaded && h(Pager, { page: table.page, pages: table.pages, found: table.found, onTurn: (page) => table.turnTo(page) }),
    loaded && h("footer", { class: "products-footer" }, h(ProductsElsewhere, { origin, offered: empty })),
    h(ProductChanges, { table }),
    h("p", { class: "visually-hidden", role: "status" }, said),
    adding &&
      h(AddProductDialog, {
        products,
        connection,
        onAdded: (name) => {
          setAdding(false);
          setSaid(`${name} is added.`);
        },
        onClose: () => setAdding(false),
      }),
    deleting !== null &&
      h(DeleteProductDialog, {
        products,
        productKey: deleting,
        connection,
        onDeleted: (name) => {
          close();
          setSaid(`${name} is deleted.`);
        },
        onClose: close,
      }),
  );
}

/** @param {{ connected: boolean, state: import("../models/products.js").Products["state"], loaded: boolean }} now */
function about({ connected, state, loaded }) {
  if (!connected) return loaded ? "As it was when the connection was lost" : "Waiting for the connection";
  if (state === "live") return "Live";
  if (state === "refused") return loaded ? "Not live" : "Not available";
  return loaded ? "Catching up…" : "Loading…";
}

/** @param {boolean} connected @param {number | null} read how many, where it takes a while */
function loading(connected, read) {
  if (!connected) return "The products are loaded with the connection.";
  return read === null ? "Loading the products…" : `Loading the products: ${read.toLocaleString("en")} so far…`;
}

/** What stands in place of an empty table. @param {(() => void) | undefined} onAdd */
function beginning(onAdd) {
  return h(
    "div",
    { class: "beginning empty" },
    h("span", { class: "beginning-sign" }, h(Icon, { name: "table" })),
    h("h2", null, "There are no products yet"),
    h("p", null, "What is added appears here at once, and so does every change, whoever makes it."),
    onAdd && h("button", { type: "button", class: "button primary", onClick: onAdd }, h(Icon, { name: "add" }), "Add the first"),
  );
}

/** @param {import("../models/product_table.js").ProductTable} table */
function nothingFound(table) {
  return h(
    "p",
    { class: "products-loading" },
    `None of ${countProducts(table.size)} matches.`,
    h("button", { type: "button", class: "button small", onClick: () => table.search("") }, "Show all"),
  );
}
