import { PRODUCTS_KEY_LINE, productLine } from "../lib/curl_line.js";
import { h } from "../vendor/preact.js";
import { CopyLine } from "./copy_line.js";
import { Elsewhere } from "./elsewhere.js";

/**
 * How a program adds products; open by itself as long as there are none.
 * @param {{ origin: string, offered: boolean }} props
 */
export function ProductsElsewhere({ origin, offered }) {
  return h(
    Elsewhere,
    { title: "Add products from a program", offered },
    h(CopyLine, {
      label: "From a shell, with an API key:",
      value: productLine(origin),
      name: "the curl line",
    }),
    h(CopyLine, {
      label: "Whoever runs this server makes a key for it with:",
      value: PRODUCTS_KEY_LINE,
      name: "the key’s line",
    }),
  );
}
