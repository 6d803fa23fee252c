import { h, useEffect, useRef, useState } from "../vendor/preact.js";
import { announcement } from "./explain_document.js";

/** Who is gone and back within so long was never gone, for somebody who listens; in milliseconds. */
const SETTLED_MS = 2000;

/**
 * Says aloud who comes and goes, and how the document stands when that is news.
 * @param {{ document: import("../models/open_document.js").OpenDocument }} props
 */
export function DocumentNews({ document }) {
  const { state, people } = document;
  const told = useRef({ state, people });
  const [news, setNews] = useState("");
  useEffect(() => {
    const timer = setTimeout(() => {
      const parts = [announcement(state, told.current.state)];
      // Without a connection nobody knows who is there.
      if (state !== "offline") {
        const has = (/** @type {typeof people} */ all, /** @type {string} */ name) => all.some((one) => one.name === name);
        for (const { name } of people) if (!has(told.current.people, name)) parts.push(`${name} is here`);
        for (const { name } of told.current.people) if (!has(people, name)) parts.push(`${name} has left`);
        told.current.people = people;
      }
      told.current.state = state;
      const said = parts.filter(Boolean).join(". ");
      if (said !== "") setNews(said);
    }, SETTLED_MS);
    return () => clearTimeout(timer);
  }, [state, people]);
  return h("p", { class: "visually-hidden document-news", role: "status" }, news);
}
