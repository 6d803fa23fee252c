import { Fragment, h, useState } from "../vendor/preact.js";
import { ChannelList } from "./channel_list.js";
import { explain } from "./explain.js";
import { Icon } from "./icon.js";
import { Logo } from "./logo.js";
import { ProductsItem } from "./products_item.js";
import { RoomItem } from "./room_item.js";
import { useModel } from "./use_model.js";
import { UserMenu } from "./user_menu.js";

/**
 * @param {object} props
 * @param {import("../models/session.js").Session} props.session
 * @param {string} props.serverName
 * @param {import("../models/rooms.js").Rooms} props.rooms
 * @param {import("../transport/event_socket.js").User} props.user
 * @param {import("../models/channels.js").Channels} props.channels
 * @param {import("../models/products.js").Products} props.products
 * @param {(name: string) => void} props.onSelect
 * @param {(name: string) => void} props.onSelectChannel
 * @param {() => void} props.onSelectProducts
 * @param {() => void} props.onCreate
 * @param {() => void} props.onAddChannel
 * @param {(() => void) | undefined} props.onInvite absent when the user may not invite
 */
export function RoomList({
  session,
  serverName,
  rooms,
  channels,
  products,
  user,
  onSelect,
  onSelectChannel,
  onSelectProducts,
  onCreate,
  onAddChannel,
  onInvite,
}) {
  const { joined, others, current } = useModel(rooms, (model) => model);
  const inProducts = useModel(products, (model) => model.current);
  const inRoom = useModel(channels, (model) => model.current === null) && !inProducts;
  const [problem, setProblem] = useState("");

  /** @param {string} name */
  async function join(name) {
    setProblem("");
    try {
      await rooms.join(name);
      onSelect(name);
    } catch (error) {
      setProblem(explain(/** @type {any} */ (error)));
    }
  }

  return h(
    "nav",
    {
      class: "sidebar",
      "aria-label": "Rooms and channels",
      // Public rooms are announced to their members only.
      onPointerEnter: () => rooms.look(),
      onFocusCapture: () => rooms.look(),
    },
    h(
      "header",
      { class: "sidebar-header" },
      h("div", { class: "brand" }, h(Logo, null), h("bdi", null, serverName)),
    ),
    h(
      "div",
      { class: "sidebar-rooms" },
      h(
        "div",
        { class: "sidebar-heading" },
        h("h2", null, "Rooms"),
        h(
          "button",
          {
            type: "button",
            class: "icon-button",
            "aria-label": "Create a room",
            title: "Create a room",
            onClick: onCreate,
          },
          h(Icon, { name: "add" }),
        ),
      ),
      h(
        "ul",
        { class: "room-items" },
        joined.map((room) => h(RoomItem, { key: room.name, room, current: inRoom && room.name === current, onSelect })),
      ),
      h(ChannelList, { channels, inChannel: !inProducts, onSelect: onSelectChannel, onAdd: onAddChannel }),
      h(ProductsItem, { products, onSelect: onSelectProducts }),
      others.length > 0 &&
        h(
          Fragment,
          null,
          h("div", { class: "sidebar-heading" }, h("h2", null, "More rooms to join")),
          h(
            "ul",
            { class: "room-items" },
            others.map((room) =>
              h(
                "li",
                { key: room.name, class: "joinable" },
                h(Icon, { name: "hash" }),
                h("span", { class: "room-title" }, h("bdi", null, room.title)),
                h(
                  "button",
                  {
                    type: "button",
                    class: "button small",
                    "aria-label": `Join ${room.title}`,
                    onClick: () => void join(room.name),
                  },
                  "Join",
                ),
              ),
            ),
          ),
        ),
      h("p", { role: "alert", class: "sidebar-problem" }, problem),
    ),
    h(UserMenu, { session, user, onInvite }),
  );
}
