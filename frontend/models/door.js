import { Model } from "../lib/model.js";
import { ApiError } from "../transport/api.js";

/** @typedef {import("../transport/api.js").Api} Api */
/** @typedef {{ kind: "setup" | "invite", token: string }} Link */

/** Which door somebody stands at: the login form, or what a link opens. */
export class Door extends Model {
  /** @type {"login" | "setup" | "invite" | "needs_setup"} */
  kind = "login";
  token = "";
  /** @type {import("../transport/api.js").InvitationInfo | null} */
  invitation = null;
  /** Why the invitation cannot be shown. @type {ApiError | null} */
  error = null;

  #api;
  #server;

  /** @param {Api} api @param {import("./server.js").Server} server */
  constructor(api, server) {
    super();
    this.#api = api;
    this.#server = server;
    server.addEventListener("change", () => this.#checkSetup());
  }

  /** @param {Link | null} link */
  arrive(link) {
    this.kind = link?.kind ?? "login";
    this.token = link?.token ?? "";
    this.invitation = null;
    this.error = null;
    this.changed();
    if (this.kind === "invite") void this.checkInvitation();
    // Without an answer the login form is the better guess.
    if (this.kind === "login") void this.#server.load();
  }

  /** Back to the login form. */
  leave() {
    this.arrive(null);
  }

  async checkInvitation() {
    const { token } = this;
    this.error = null;
    this.changed();
    try {
      const invitation = await this.#api.checkInvitation(token);
      if (this.token === token) this.invitation = invitation;
    } catch (error) {
      if (this.token === token) {
        this.error = error instanceof ApiError ? error : new ApiError("internal", String(error));
      }
    }
    this.changed();
  }

  #checkSetup() {
    if (this.kind !== "login" || !this.#server.needsOwner) return;
    this.kind = "needs_setup";
    this.changed();
  }
}

/**
 * Reads `#setup=TOKEN` or `#invite=TOKEN`.
 * @param {string} hash
 * @returns {Link | null}
 */
export function linkOf(hash) {
  const [, kind, token] = /^#(setup|invite)=([\w.~-]{1,512})$/.exec(hash) ?? [];
  return kind && token ? { kind: /** @type {Link["kind"]} */ (kind), token } : null;
}
