import { h, useEffect, useRef, useState } from "../vendor/preact.js";
import { explainTally } from "./explain_product.js";

/** A table may change all the time: somebody who listens wants to hear so now and then, not each time. */
const PAUSE_MS = 15_000;

/**
 * Says to a screen reader how much has changed, since the table itself says nothing.
 * @param {{ table: import("../models/product_table.js").ProductTable }} props
 */
export function ProductChanges({ table }) {
  const [said, setSaid] = useState("");
  const known = useRef({ ...table.tally });
  useEffect(() => {
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let pause;
    const say = () => {
      pause = undefined;
      const { came, changed, went } = table.tally;
      const before = known.current;
      known.current = { came, changed, went };
      const text = explainTally({
        came: came - before.came,
        changed: changed - before.changed,
        went: went - before.went,
      });
      if (text === "") return;
      setSaid(text);
      pause = setTimeout(say, PAUSE_MS);
    };
    const onChange = () => {
      pause ??= setTimeout(say, 1000); // what belongs together comes together
    };
    table.addEventListener("change", onChange);
    return () => {
      table.removeEventListener("change", onChange);
      clearTimeout(pause);
    };
  }, [table]);
  return h("p", { class: "visually-hidden", role: "status" }, said);
}
