import { Model } from "../lib/model.js";

/** A document somebody wants to see because of a link; it waits until they are signed in. */
export class DocumentLink extends Model {
  /** @type {string | null} */
  name = null;
  /** Why it cannot be opened. @type {{ code: string, message: string } | null} */
  failure = null;

  #onDone;
  /** @type {import("./chat.js").Chat | null} */
  #chat = null;

  /** @param {() => void} onDone when the link has served */
  constructor(onDone) {
    super();
    this.#onDone = onDone;
  }

  /** @param {string} name */
  arrive(name) {
    this.name = name;
    void this.follow(this.#chat);
  }

  /** Opens it as soon as there is a chat to open it in. @param {import("./chat.js").Chat | null} chat */
  async follow(chat) {
    this.#chat = chat;
    const { name } = this;
    if (!chat || name === null) return;
    this.#fail(null);
    try {
      const document = await chat.documents.find(name);
      if (this.#chat !== chat || this.name !== name) return;
      chat.showDocument(document);
      this.leave();
    } catch (error) {
      const { code = "internal", message = "" } = /** @type {any} */ (error);
      if (this.#chat === chat && this.name === name) this.#fail({ code, message });
    }
  }

  /** Once more, after a failure. */
  retry() {
    return this.follow(this.#chat);
  }

  /** It has served, or nobody wants it any more. */
  leave() {
    this.name = null;
    this.#fail(null);
    this.#onDone();
  }

  /** @param {DocumentLink["failure"]} failure */
  #fail(failure) {
    this.failure = failure;
    this.changed();
  }
}
