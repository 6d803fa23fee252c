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
  // Rises with every reading: only the last one's answer counts.
  #turn = 0;
  /** What was revoked here: an answer that was on its way meanwhile may still name it. @type {Set<number>} */
  #revoked = new Set();

  /** @param {Api} api @param {string} origin */
  constructor(api, origin) {
    super();
    this.#api = api;
    this.#origin = origin;
  }

  async load() {
    const turn = ++this.#turn;
    const { invitations } = await this.#api.invitations();
    if (turn !== this.#turn) return;
    this.live = invitations.filter(({ id }) => !this.#revoked.has(id));
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
    this.#revoked.add(id);
    this.live = this.live.filter((invitation) => invitation.id !== id);
    this.changed();
  }
}
