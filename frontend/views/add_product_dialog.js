import { FIELDS, checkFields } from "../lib/product.js";
import { h, useEffect, useState } from "../vendor/preact.js";
import { Dialog } from "./dialog.js";
import { explainFailure } from "./explain_product.js";
import { FormError } from "./form_error.js";
import { LABELS, typing } from "./product_columns.js";
import { TextField } from "./text_field.js";
import { useModel } from "./use_model.js";
import { useSubmit } from "./use_submit.js";

const EMPTY = { productName: "", manufacturer: "", pricePerUnit: "", unitsAvailable: "" };

/**
 * @param {object} props
 * @param {import("../models/products.js").Products} props.products
 * @param {import("../models/connection.js").Connection} props.connection
 * @param {(name: string) => void} props.onAdded
 * @param {() => void} props.onClose
 */
export function AddProductDialog({ products, connection, onAdded, onClose }) {
  const connected = useModel(connection, (model) => model.state === "open");
  const [draft, setDraft] = useState(EMPTY);
  useEffect(() => () => products.forgetAttempt(), [products]);
  const [problems, setProblems] = useState(/** @type {Partial<typeof EMPTY>} */ ({}));
  const { busy, failure, submit } = useSubmit(async () => {
    const checked = checkFields(draft);
    setProblems(checked.problems);
    const wrong = FIELDS.find((field) => checked.problems[field]);
    if (wrong) {
      /** @type {HTMLElement | null} */ (document.querySelector(`dialog [name=${wrong}]`))?.focus();
      return;
    }
    try {
      await products.add(checked.fields);
      onAdded(checked.fields.productName);
    } catch (error) {
      const { code = "internal", message, fields = {} } = /** @type {any} */ (error);
      setProblems(fields);
      if (FIELDS.some((field) => fields[field])) return;
      throw { code: `product_${code}`, message: explainFailure("added", { code, message }) };
    }
  });
  return h(
    Dialog,
    { title: "Add a product", onClose },
    h(
      "form",
      { class: "form", noValidate: true, onSubmit: submit },
      h(FormError, { failure }),
      h(
        "div",
        { class: "product-fields" },
        FIELDS.map((field) =>
          h(TextField, {
            key: field,
            label: LABELS[field],
            value: draft[field],
            problem: problems[field],
            onValue: (value) => setDraft((before) => ({ ...before, [field]: value })),
            input: { name: field, autofocus: field === "productName", ...typing(field) },
          }),
        ),
      ),
      !connected && h("p", { class: "hint" }, "There is no connection. It can be added when it is back."),
      h(
        "div",
        { class: "form-actions" },
        h("button", { type: "button", class: "button", onClick: onClose }, "Cancel"),
        h("button", { class: "button primary", "aria-busy": busy, disabled: !connected }, "Add product"),
      ),
    ),
  );
}
