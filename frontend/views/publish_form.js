import { h, useId, useState } from "../vendor/preact.js";
import { explainPublishing } from "./explain_channel.js";
import { Icon } from "./icon.js";
import { useGrowingArea } from "./use_growing_area.js";

/**
 * Where a member publishes JSON.
 * @param {object} props
 * @param {import("../models/channel_log.js").ChannelLog} props.log
 * @param {import("../models/drafts.js").Drafts} props.drafts
 * @param {() => void} props.onForbidden
 */
export function PublishForm({ log, drafts, onForbidden }) {
  const draft = `channel:${log.name}`; // no room is called that
  const [text, setText] = useState(() => drafts.get(draft));
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState("");
  const [done, setDone] = useState("");
  const area = useGrowingArea(text);
  const id = useId();


  /** @param {string} value */
  function write(value) {
    setText(value);
    setProblem("");
    setDone("");
    drafts.set(draft, value);
  }

  /** @param {Event} event */
  async function publish(event) {
    event.preventDefault();
    area.current?.focus();
    if (busy || text.trim() === "") return;
    setDone("");
    setProblem(jsonProblem(text));
    if (jsonProblem(text) !== "") return;
    setBusy(true);
    try {
      const offset = await log.publish(text);
      write("");
      setDone(`Published as #${offset}.`);
    } catch (error) {
      const refusal = /** @type {{ code: string, message?: string }} */ (error);
      if (refusal.code === "forbidden") onForbidden();
      else setProblem(explainPublishing(refusal));
    } finally {
      setBusy(false);
    }
  }

  /** @param {KeyboardEvent} event */
  function onKeyDown(event) {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !event.isComposing) void publish(event);
  }

  return h(
    "form",
    { class: "publish", onSubmit: publish },
    h(
      "div",
      { class: "composer-box" },
      h("textarea", {
        ref: area,
        rows: 1,
        value: text,
        readOnly: busy,
        placeholder: '{"message": {"text": "oh hai"}}',
        "aria-label": `JSON to publish to ${log.name}`,
        "aria-describedby": `${id}-problem ${id}-hint`,
        "aria-invalid": problem !== "",
        spellcheck: false,
        autocapitalize: "none",
        autocomplete: "off",
        dir: "ltr",
        onInput: (/** @type {{ currentTarget: HTMLTextAreaElement }} */ event) => {
          log.edited();
          write(event.currentTarget.value);
        },
        onKeyDown,
      }),
      h(
        "button",
        {
          class: "send",
          "aria-label": "Publish",
          title: "Publish (Ctrl+Enter)",
          "aria-busy": busy,
          disabled: text.trim() === "",
        },
        h(Icon, { name: "send" }),
      ),
    ),
    h("p", { id: `${id}-problem`, class: "publish-problem", role: "alert" }, problem),
    h(
      "p",
      { class: "publish-hint" },
      h(
        "span",
        { id: `${id}-hint` },
        "Any JSON.",
        h("span", { class: "keyboard-only" }, " Ctrl+Enter or ⌘ Enter publishes."),
      ),
      h("span", { role: "status" }, done),
    ),
  );
}

/** Why a text is not JSON; "" when it is. @param {string} text */
function jsonProblem(text) {
  try {
    JSON.parse(text);
    return "";
  } catch (error) {
    const detail = error instanceof Error ? error.message.replace(/\.$/, "") : "";
    return `This is not JSON: ${detail}.`;
  }
}
