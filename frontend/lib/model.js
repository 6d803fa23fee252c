/** What a view can subscribe to: anything that says `change` after it changed. */
export class Model extends EventTarget {
  /** Tells the views to draw again. */
  changed() {
    this.dispatchEvent(new Event("change"));
  }
}
