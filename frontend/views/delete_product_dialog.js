import { h } from "../vendor/preact.js";
import { Dialog } from "./dialog.js";
import { explainFailure } from "./explain_product.js";
import { FormError } from "./form_error.js";
import { useModel } from "./use_model.js";
import { useModelByFrame } from "./use_model_by_frame.js";
import { useSubmit } from "./use_submit.js";

/**
 * @param {object} props
 * @param {import("../models/products.js").Products} props.products
 * @param {string} props.productKey
 * @param {import("../models/connection.js").Connection} props.connection
 * @param {(name: string) => void} props.onDeleted
 * @param {() => void} props.onClose
 */
export function DeleteProductDialog({ products, productKey, connection, onDeleted, onClose }) {
  useModelByFrame(products.table);
  const connected = useModel(connection, (model) => model.state === "open");
  const product = products.table.find(productKey);
  const { busy, failure, submit } = useSubmit(async () => {
    try {
      await products.remove(productKey);
      onDeleted(product?.productName ?? "");
    } catch (error) {
      const { code = "internal", message } = /** @type {any} */ (error);
      throw { code: `product_${code}`, message: explainFailure("deleted", { code, message }) };
    }
  });
  return h(
    Dialog,
    { title: product ? "Delete this product?" : "Already deleted", onClose },
    h(
      "form",
      { class: "form", onSubmit: submit },
      h(FormError, { failure }),
      product
        ? h(
            "p",
            null,
            h("bdi", { class: "name" }, product.productName),
            " by ",
            h("bdi", null, product.manufacturer),
            ` (${product.pricePerUnit}, ${product.unitsAvailable} available) is deleted for everybody.`,
          )
        : h("p", null, "Somebody else was quicker: this product is there no more."),
      !connected && h("p", { class: "hint" }, "There is no connection. It can be deleted when it is back."),
      h(
        "div",
        { class: "form-actions" },
        h("button", { type: "button", class: "button", onClick: onClose }, product ? "Keep it" : "Close"),
        product && h("button", { class: "button danger", "aria-busy": busy, disabled: !connected }, "Delete product"),
      ),
    ),
  );
}
