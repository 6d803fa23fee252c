import { mayBeRounded } from "../lib/exact_json.js";
import { prettyJson } from "../lib/pretty_json.js";
import { h, useLayoutEffect, useMemo, useRef, useState } from "../vendor/preact.js";

/** What is this short is shown whole, … */
const SHORT = { lines: 16, characters: 800 };
/** … and of what is longer, so much at first … */
const FIRST = { lines: 12, characters: 500 };
/** … and so much more each time somebody asks. */
const MORE = { lines: 400, characters: 16_000 };

/**
 * JSON as text that can be selected, drawn only as far as somebody wants to see it. Each text of the data stands alone
 * in its direction: it cannot turn its surroundings around.
 * @param {{ data: unknown, name: string, onResize: () => void }} props
 */
export function JsonView({ data, name, onResize }) {
  const [step, setStep] = useState(0);
  const { tokens, complete } = useMemo(() => excerpt(data, step), [data, step]);
  const text = useMemo(
    () => tokens.map(({ kind, text: part }) => (kind === "layout" ? part : h("bdi", { class: `json-${kind}` }, part))),
    [tokens],
  );
  const rounded = useMemo(() => tokens.some(({ kind, text: part }) => kind === "number" && mayBeRounded(part)), [tokens]);
  const drawn = useRef(step);
  useLayoutEffect(() => {
    if (drawn.current !== step) onResize();
    drawn.current = step;
  }, [step]);

  /** @param {string} label @param {(step: number) => number} next */
  const button = (label, next) =>
    h(
      "button",
      {
        type: "button",
        class: "button small quiet",
        "aria-label": `${label} of ${name}`,
        onClick: () => setStep(next),
      },
      label,
    );
  return h(
    "div",
    { class: "json" },
    h("pre", null, h("code", { dir: "ltr" }, text, !complete && h("span", { class: "json-cut" }, "\n…"))),
    rounded && h("p", { class: "json-note" }, "This browser may show numbers rounded."),
    (step > 0 || !complete) &&
      h(
        "div",
        { class: "json-actions" },
        // The first button stays the same element, so that it keeps the focus.
        complete ? button("Show less", toFirst) : button("Show more", (last) => last + 1),
        step > 0 && !complete && button("Show less", toFirst),
      ),
  );
}

const toFirst = () => 0;

/** @param {unknown} data @param {number} step */
function excerpt(data, step) {
  if (step > 0) return prettyJson(data, { lines: MORE.lines * step, characters: MORE.characters * step });
  const whole = prettyJson(data, SHORT);
  return whole.complete ? whole : prettyJson(data, FIRST);
}
