import { useLayoutEffect, useState } from "../vendor/preact.js";

/**
 * One plain value of a model that changes often: draws again only when that value is another.
 * @template {import("../lib/model.js").Model} M
 * @template {string | number | boolean | null} T
 * @param {M} model
 * @param {(model: M) => T} select
 * @returns {T}
 */
export function useValue(model, select) {
  const [value, setValue] = useState(() => select(model));
  useLayoutEffect(() => {
    const onChange = () => setValue(select(model));
    model.addEventListener("change", onChange);
    onChange(); // it may have changed between drawing and subscribing
    return () => model.removeEventListener("change", onChange);
  }, [model]);
  return value;
}
