import { cleanText } from "../lib/clean_text.js";
import { textLength } from "../lib/text_length.js";
import { h, useEffect, useId, useState } from "../vendor/preact.js";
import { Icon } from "./icon.js";
import { useGrowingArea } from "./use_growing_area.js";

const MAX_LENGTH = 8000;
/** From here on the counter shows. */
const NEAR_LENGTH = 7500;

/**
 * Where a message is written. Always usable: without a connection what is sent waits in the timeline.
 * @param {object} props
 * @param {import("../models/timeline.js").Timeline} props.timeline
 * @param {import("../models/drafts.js").Drafts} props.drafts
 * @param {string} props.title
 */
export function Composer({ timeline, drafts, title }) {
  const [text, setText] = useState(() => drafts.get(timeline.room));
  const area = useGrowingArea(text);
  const id = useId();
  // Counting characters of a long text at every key is only worth it near the end.
  const length = text.length < NEAR_LENGTH ? 0 : textLength(cleanText(text));
  const over = length > MAX_LENGTH;

  useEffect(() => {
    // On a phone the focus would bring up the keyboard and hide the room.
    if (matchMedia("(pointer: fine)").matches && !document.querySelector("dialog[open]")) area.current?.focus();
  }, []);

  /** @param {string} value */
  function write(value) {
    setText(value);
    drafts.set(timeline.room, value);
  }

  /** @param {Event} event */
  function send(event) {
    event.preventDefault();
    area.current?.focus();
    if (over || text.trim() === "") return;
    timeline.send(text);
    write("");
  }

  /** @param {KeyboardEvent} event */
  function onKeyDown(event) {
    // 229 is what Safari says for the Enter that ends a composition, after `isComposing` is over.
    const composing = event.isComposing || event.keyCode === 229;
    if (event.key === "Enter" && !event.shiftKey && !composing) send(event);
  }

  return h(
    "form",
    { class: "composer", onSubmit: send },
    h(
      "div",
      { class: "composer-box" },
      h("textarea", {
        ref: area,
        rows: 1,
        value: text,
        placeholder: `Message ${title}`,
        "aria-label": `Message ${title}`,
        "aria-describedby": `${id}-count`,
        "aria-invalid": over,
        enterkeyhint: "send",
        dir: "auto",
        onInput: (/** @type {{ currentTarget: HTMLTextAreaElement }} */ event) => write(event.currentTarget.value),
        onKeyDown,
      }),
      h(
        "button",
        { class: "send", "aria-label": "Send", title: "Send (Enter)", disabled: text.trim() === "" || over },
        h(Icon, { name: "send" }),
      ),
    ),
    h("p", { id: `${id}-count`, class: over ? "counter over" : "counter", role: "status" }, counter(length)),
  );
}

/** @param {number} length */
function counter(length) {
  if (length < NEAR_LENGTH) return "";
  const count = Math.abs(MAX_LENGTH - length);
  return `${count.toLocaleString()} ${count === 1 ? "character" : "characters"} ${length > MAX_LENGTH ? "too long" : "left"}`;
}
