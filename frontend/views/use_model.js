import { useLayoutEffect, useReducer } from "../vendor/preact.js";

/**
 * Draws again whenever the model changes, until the component goes away.
 * @template {import("../lib/model.js").Model} M
 * @template T
 * @param {M} model
 * @param {(model: M) => T} select
 * @returns {T}
 */
export function useModel(model, select) {
  const [, redraw] = useReducer((/** @type {number} */ count) => count + 1, 0);
  useLayoutEffect(() => {
    const onChange = () => redraw(undefined);
    model.addEventListener("change", onChange);
    onChange(); // it may have changed between drawing and subscribing
    return () => model.removeEventListener("change", onChange);
  }, [model]);
  return select(model);
}
