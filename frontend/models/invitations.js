import { Model } from "../lib/model.js";

/** @typedef {import("../transport/api.js").Api} Api */

/** The invitation links that still work. */
export class Invitations extends Model {
  /** @type {import("../transport/api.js").Invitation[]} */
  live = [];
  loaded = false;
  /** The link made last; the server keeps only its hash, so it is shown once. @type {string | null} */
  link = null;

  #api;
  #origin;

  /** @param {Api} api @param {string} origin */
  constructor(api, origin) {
    super();
    this.#api = api;
    this.#origin = origin;
  }

  async load() {
    const { invitations } = await this.#api.invitations();
    this.live = invitations;
    this.loaded = true;
    this.changed();
  }

  /** @param {{ role: string, uses: number, expires_in_secs: number }} terms */
  async create(terms) {
    const { token } = await this.#api.invite(terms);
    this.link = `${this.#origin}/#invite=${token}`;
    this.changed();
    await this.load();
  }

  forgetLink() {
    this.link = null;
    this.changed();
  }

  /** @param {number} id */
  async revoke(id) {
    await this.#api.revokeInvitation(id);
    this.live = this.live.filter((invitation) => invitation.id !== id);
    this.changed();
  }
}
