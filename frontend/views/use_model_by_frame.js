import { useLayoutEffect, useReducer } from "../vendor/preact.js";

/**
 * Draws again when the model has changed, at most once for each picture that is shown: however fast things arrive, the
 * page stays usable, and one that is hidden draws nothing.
 * @param {import("../lib/model.js").Model} model
 */
export function useModelByFrame(model) {
  const [, redraw] = useReducer((/** @type {number} */ count) => count + 1, 0);
  useLayoutEffect(() => {
    let frame = 0;
    const draw = () => {
      frame = 0;
      redraw(undefined);
    };
    const onChange = () => {
      frame ||= requestAnimationFrame(draw);
    };
    model.addEventListener("change", onChange);
    redraw(undefined); // it may have changed between drawing and subscribing
    return () => {
      model.removeEventListener("change", onChange);
      cancelAnimationFrame(frame);
    };
  }, [model]);
}
