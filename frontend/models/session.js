import { fullJitter } from "../lib/backoff.js";
import { JsonStore } from "../lib/json_store.js";
import { Model } from "../lib/model.js";
import { ApiError } from "../transport/api.js";

/** @typedef {import("../transport/api.js").Api} Api */
/** @typedef {import("../transport/api.js").Grant} Grant */
/** @typedef {import("../transport/event_socket.js").User} User */
/** @typedef {import("./chat.js").Chat} Chat */
/**
 * @typedef {{ user: User,
 *   admission: (resume: import("../transport/event_socket.js").Resume | undefined) => Promise<Grant>,
 *   onSignedOut: () => void }} Admitted
 */

/** Whoever was signed in here waits so long for the server before the page goes on without it. */
const PATIENCE_MS = 4000;
// An OTP this close to its end may expire on the way.
const MARGIN_MS = 1500;

/** Who is signed in here, and their chat. */
export class Session extends Model {
  /** @type {"loading" | "unreachable" | "signed_out" | "signed_in"} */
  state = "loading";
  /** @type {Chat | null} */
  chat = null;
  /** Whether the session ended by itself, which the login form explains. */
  ended = false;

  #api;
  #newChat;
  /** Who was signed in here last, and has not signed out. */
  #memory;
  /** The OTP that came with signing in, until it is used. @type {{ grant: Grant, until: number } | null} */
  #fresh = null;
  // The server closes our sockets before it answers, and that is no surprise then.
  #leaving = false;
  // Rises when somebody is let in: what was asked about the cookie before is no longer of interest.
  #turn = 0;

  /** @param {Api} api @param {(admitted: Admitted) => Chat} newChat @param {Storage} [storage] */
  constructor(api, newChat, storage) {
    super();
    this.#api = api;
    this.#newChat = newChat;
    this.#memory = new JsonStore(storage, "switchboard.");
  }

  /** @returns {User | null} */
  get user() {
    return this.chat?.user ?? null;
  }

  /**
   * Takes up the session of the cookie, if there is one. Without an answer, whoever was signed in goes on with what is in
   * this browser, and the chat's own connection asks again; others wait.
   */
  async restore(attempt = 0) {
    const turn = this.#turn;
    const impatient = setTimeout(() => turn === this.#turn && this.#goOn(), PATIENCE_MS);
    try {
      const grant = await this.#api.otp();
      if (turn === this.#turn) this.#admit(grant);
    } catch (error) {
      if (turn !== this.#turn) return;
      if (error instanceof ApiError && error.code !== "network" && error.status < 500 && error.status !== 429) {
        this.#memory.remove("user");
        this.#become("signed_out");
        return;
      }
      if (this.#goOn()) return;
      this.#become("unreachable");
      const again = () => turn === this.#turn && void this.restore(attempt + 1);
      setTimeout(again, 500 + fullJitter(attempt));
    } finally {
      clearTimeout(impatient);
    }
  }

  /** @param {{ username: string, password: string }} credentials */
  async login(credentials) {
    this.#admit(await this.#api.login(credentials));
  }

  /** @param {{ token: string, username: string, password: string }} owner */
  async setup(owner) {
    this.#admit(await this.#api.setup(owner));
  }

  /** @param {{ token: string, username: string, password: string }} guest */
  async acceptInvitation(guest) {
    this.#admit(await this.#api.acceptInvitation(guest));
  }

  async logout() {
    this.#leaving = true;
    try {
      await this.#api.logout();
      this.#end();
    } catch (error) {
      if (!(error instanceof ApiError && error.code === "unauthorized")) throw error;
      this.#end(); // signed out already is as good as signed out now
    } finally {
      this.#leaving = false;
    }
  }

  /** As whoever was signed in last, until the server says otherwise. @returns {boolean} whether there is anybody */
  #goOn() {
    const user = this.#memory.get("user");
    if (!isUser(user)) return false;
    this.#enter(user);
    return true;
  }

  /** @param {Grant} grant */
  #admit(grant) {
    this.#fresh = { grant, until: Date.now() + grant.expires_in * 1000 - MARGIN_MS };
    const { id, name, role } = grant.user;
    this.#memory.set("user", { id, name, role });
    this.#enter(grant.user);
  }

  /** @param {User} user */
  #enter(user) {
    this.#turn += 1;
    this.chat?.stop();
    this.ended = false;
    const chat = this.#newChat({
      user,
      admission: (resume) => this.#admission(user, resume),
      onSignedOut: () => this.chat === chat && this.#end(),
    });
    this.chat = chat;
    chat.start();
    this.#become("signed_in");
  }

  /**
   * @param {User} user
   * @param {import("../transport/event_socket.js").Resume | undefined} resume
   * @returns {Promise<Grant>}
   */
  async #admission(user, resume) {
    const fresh = this.#fresh;
    this.#fresh = null;
    if (fresh && !resume && Date.now() < fresh.until) return fresh.grant;
    const grant = await this.#api.otp(resume);
    if (grant.user.id === user.id && grant.user.name === user.name && grant.user.role === user.role) return grant;
    // The cookie is shared by all tabs: in another one, somebody else has signed in. Or it is the same person as somebody else.
    this.#admit(grant);
    throw new ApiError("unauthorized", "somebody else has signed in");
  }

  #end() {
    const { chat } = this;
    if (!chat) return;
    this.chat = null;
    this.#memory.remove("user");
    chat.stop();
    if (this.#leaving) chat.clear();
    this.ended = !this.#leaving;
    this.#become("signed_out");
  }

  /** @param {Session["state"]} state */
  #become(state) {
    this.state = state;
    this.changed();
  }
}

/** @param {any} value @returns {value is User} */
function isUser(value) {
  return Number.isSafeInteger(value?.id) && typeof value.name === "string" && typeof value.role === "string";
}
