import { useCallback, useLayoutEffect, useRef, useState } from "../vendor/preact.js";

const EDIT = ".edit:not([aria-disabled])";

/**
 * Where somebody goes on in the table.
 * @typedef {object} Next
 * @property {string} key of the row
 * @property {string} [selector] of what gets the focus in it; its Edit button when left out
 * @property {boolean} [beside] whether a row beside it will do
 */

/**
 * Moves the focus to where somebody goes on, in the picture that comes next and in no later one: what is not there by
 * then is not waited for. Without any such place the region itself gets it, so that it is never nowhere.
 */
export function useNextFocus() {
  const region = useRef(/** @type {HTMLElement | null} */ (null));
  const [next, setNext] = useState(/** @type {Next & { at: number } | null} */ (null));
  useLayoutEffect(() => {
    if (next && region.current) focusOn(region.current, next);
  }, [next]);
  /** Where the row was whose neighbours may be wanted later. */
  const place = useRef({ key: "", at: -1 });
  /** A row may be gone by the time somebody goes on: whatever takes a while begins with this. */
  const remember = useCallback((/** @type {string} */ key) => {
    place.current = { key, at: indexOf(rowsOf(region.current), key) };
  }, []);
  const goOn = useCallback((/** @type {Next} */ wish) => {
    // In the next picture the row may be gone; its neighbours are those of this one, or of the one that was remembered.
    const at = indexOf(rowsOf(region.current), wish.key);
    const { current } = place;
    setNext({ ...wish, at: at < 0 && current.key === wish.key ? current.at : at });
  }, []);
  /** Whether the focus is still in that row, or nowhere: whoever went elsewhere meanwhile is left there. */
  const isAt = useCallback((/** @type {string} */ key) => {
    const at = document.activeElement;
    const row = rowsOf(region.current).find(({ dataset }) => dataset.key === key);
    return at === null || at === document.body || row?.contains(at) === true;
  }, []);
  return { region, goOn, remember, isAt };
}

/** @param {HTMLElement} region @param {Next & { at: number }} next */
function focusOn(region, next) {
  const element = find(rowsOf(region), next);
  if (!element) {
    region.focus({ preventScroll: true });
    return;
  }
  element.focus();
  element.closest("tr")?.scrollIntoView({ block: "nearest" }); // with its buttons
  if (element instanceof HTMLInputElement) element.select();
}

/** @param {HTMLTableRowElement[]} rows @param {Next & { at: number }} next @returns {HTMLElement | null} */
function find(rows, { key, selector = EDIT, beside = false, at }) {
  const own = indexOf(rows, key);
  const element = /** @type {HTMLElement | null | undefined} */ (rows[own]?.querySelector(selector));
  if (element) return element;
  const from = own < 0 ? at : own;
  if (!beside || from < 0) return null;
  for (const row of [...rows.slice(from), ...rows.slice(0, from).reverse()]) {
    const edit = /** @type {HTMLElement | null} */ (row.querySelector(EDIT));
    if (edit) return edit;
  }
  return null;
}

/** @param {HTMLTableRowElement[]} rows @param {string} key @returns {number} -1: not there */
function indexOf(rows, key) {
  return rows.findIndex(({ dataset }) => dataset.key === key);
}

/** @param {HTMLElement | null} region @returns {HTMLTableRowElement[]} */
function rowsOf(region) {
  return [...(region?.querySelectorAll("tbody tr") ?? [])].map((row) => /** @type {HTMLTableRowElement} */ (row));
}
