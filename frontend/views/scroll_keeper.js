/** How near the end still counts as the end, in pixels. */
const NEAR = 48;
/** Rows that stay with their neighbours; a day separator moves up when more of that day appears. */
const ANCHORS = ".message, .system-line, .publication, .gap-line";

/**
 * Keeps what somebody reads where it is while rows come and go around it: at the end it stays at the end, anywhere
 * else what follows the first visible row stays put. (The browser's own anchoring gives up at the top edge and in Safari.)
 */
export class ScrollKeeper {
  atEnd = true;
  /** @type {HTMLElement | null} */
  #anchor = null;
  #anchorBottom = 0;

  /** @param {HTMLElement} scroller the offsetParent of its rows */
  constructor(scroller) {
    this.scroller = scroller;
  }

  /** To be called when somebody has scrolled. */
  remember() {
    if (this.#hidden) return;
    const { scrollTop, scrollHeight, clientHeight } = this.scroller;
    this.atEnd = scrollHeight - scrollTop - clientHeight < NEAR;
    this.#remember();
  }

  /** To be called when rows have changed, before they are painted. */
  restore() {
    if (this.#hidden) return;
    if (this.atEnd) {
      this.toEnd();
    } else if (this.#anchor?.isConnected) {
      // Content coordinates: a scroll we have not heard of yet is not undone.
      this.scroller.scrollTop += bottomOf(this.#anchor) - this.#anchorBottom;
    }
    this.#remember();
  }

  toEnd() {
    this.atEnd = true;
    this.scroller.scrollTop = this.scroller.scrollHeight;
  }

  /** Brings a row near the top, unless everything fits anyway. @param {HTMLElement} row */
  toRow(row) {
    this.scroller.scrollTop = row.offsetTop - this.scroller.clientHeight / 4;
    this.remember();
  }

  /** On a phone the list of rooms takes its place: nothing has a size then. */
  get #hidden() {
    return this.scroller.clientHeight === 0;
  }

  #remember() {
    const { scrollTop } = this.scroller;
    const rows = /** @type {NodeListOf<HTMLElement>} */ (this.scroller.querySelectorAll(ANCHORS));
    let [low, high] = [0, rows.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      const row = /** @type {HTMLElement} */ (rows[middle]);
      if (bottomOf(row) <= scrollTop) low = middle + 1;
      else high = middle;
    }
    this.#anchor = rows[low] ?? null;
    this.#anchorBottom = this.#anchor ? bottomOf(this.#anchor) : 0;
  }
}

/**
 * The lower edge: a row may lose its heading when an older one of the same author appears above it.
 * @param {HTMLElement} row
 */
function bottomOf(row) {
  return row.offsetTop + row.offsetHeight;
}
