/** The HTTP side of the protocol. @module */
import { parseExactly } from "../lib/exact_json.js";
import { productFrom } from "../lib/product.js";

/** @typedef {import("./event_socket.js").User} User */
/** @typedef {import("./event_socket.js").Resume} Resume */
/** @typedef {{ otp: string, expires_in: number, user: User }} Grant what signing in and `POST /otp` answer */
/**
 * Who made an invitation is null when it was made on the command line.
 * @typedef {{ role: string, invited_by: string | null, expires_at: number }} InvitationInfo
 * @typedef {{ id: number, role: string, uses_left: number, expires_at: number, created_by: string | null }} Invitation
 */
/** @typedef {{ id: number, token: string, role: string, uses: number, expires_at: number }} NewInvitation */
/** @typedef {Pick<Api, "products" | "productPage" | "product" | "changeProduct" | "addProduct" | "deleteProduct">} ProductApi */
/** @typedef {{ product: import("../lib/product.js").Product, tag: string | null }} TaggedProduct `tag` is of that version */

const TIMEOUT_MS = 15_000;

/** A refusal with its stable code, or `network` when the server could not be reached at all. */
export class ApiError extends Error {
  /**
   * @param {string} code
   * @param {string} message
   * @param {{ status?: number, retryAfter?: number, fields?: Record<string, string>, cause?: unknown }} [more]
   */
  constructor(code, message, { status = 0, retryAfter, fields = {}, cause } = {}) {
    super(message, { cause });
    this.name = "ApiError";
    this.code = code;
    this.status = status;
    /** Seconds to wait before trying again, when the server said so. */
    this.retryAfter = retryAfter;
    /** What is wrong with which field of what was sent. */
    this.fields = fields;
  }
}

export class Api {
  #fetch;

  /** @param {typeof fetch} [fetcher] */
  constructor(fetcher = (...request) => fetch(...request)) {
    this.#fetch = fetcher;
  }

  /** @param {{ username: string, password: string }} credentials @returns {Promise<Grant>} */
  login(credentials) {
    return this.#call("POST", "/login", credentials);
  }

  /** @param {Resume} [resume] @returns {Promise<Grant>} */
  otp(resume) {
    return this.#call("POST", "/otp", { resume });
  }

  /** @returns {Promise<void>} */
  logout() {
    return this.#call("POST", "/logout", {});
  }

  /** @returns {Promise<{ needed: boolean, server?: string, password_min_chars?: number }>} */
  setupState() {
    return this.#call("GET", "/setup");
  }

  /** @param {{ token: string, username: string, password: string }} owner @returns {Promise<Grant>} */
  setup(owner) {
    return this.#call("POST", "/setup", owner);
  }

  /** @param {{ role: string, uses: number, expires_in_secs: number }} terms @returns {Promise<NewInvitation>} */
  invite(terms) {
    return this.#call("POST", "/invitations", terms);
  }

  /** @returns {Promise<{ invitations: Invitation[] }>} */
  invitations() {
    return this.#call("GET", "/invitations");
  }

  /** @param {number} id @returns {Promise<void>} */
  revokeInvitation(id) {
    return this.#call("DELETE", `/invitations/${encodeURIComponent(id)}`);
  }

  /** @param {string} token @returns {Promise<InvitationInfo>} */
  checkInvitation(token) {
    return this.#call("POST", "/invitations/check", { token });
  }

  /** @param {{ token: string, username: string, password: string }} guest @returns {Promise<Grant>} */
  acceptInvitation(guest) {
    return this.#call("POST", "/invitations/accept", guest);
  }

  /**
   * @param {string} channel
   * @param {string} data JSON, sent as it is written: numbers keep their digits
   * @param {string} idempotencyKey the same one publishes once
   * @returns {Promise<{ channel: string, offset: number, epoch: string, subscribers: number }>}
   */
  publish(channel, data, idempotencyKey) {
    const body = `{"channel":${JSON.stringify(channel)},"data":${data}}`;
    return this.#send("POST", "/publish", body, { "Idempotency-Key": idempotencyKey });
  }

  /** Whether there are any such things here is all that is asked. @returns {Promise<void>} */
  async products() {
    await this.exchange("GET", "/products?limit=1");
  }

  /**
   * The next products, by their ids.
   * @param {string | null} after the last one there was
   * @returns {Promise<{ products: import("../lib/product.js").Product[], more: boolean }>}
   */
  async productPage(after) {
    const from = after === null ? "" : `&after=${encodeURIComponent(after)}`;
    const { products, more } = await read(await this.exchange("GET", `/products?limit=100${from}`), parseExactly);
    return { products: products.map(productFrom), more };
  }

  /** @param {string} key @returns {Promise<TaggedProduct>} */
  async product(key) {
    return tagged(await this.exchange("GET", productPath(key)));
  }

  /**
   * @param {string} key
   * @param {string} json the whole product, sent as it is written: numbers keep their digits
   * @param {string | null} tag of the version it replaces
   * @returns {Promise<TaggedProduct>}
   */
  async changeProduct(key, json, tag) {
    return tagged(await this.exchange("PUT", productPath(key), json, ifMatch(tag)));
  }

  /** @param {string} json @param {string} idempotencyKey the same one adds once @returns {Promise<TaggedProduct>} */
  async addProduct(json, idempotencyKey) {
    return tagged(await this.exchange("POST", "/products", json, { "Idempotency-Key": idempotencyKey }));
  }

  /** @param {string} key @param {string | null} tag of the version that is meant @returns {Promise<void>} */
  async deleteProduct(key, tag) {
    await this.exchange("DELETE", productPath(key), undefined, ifMatch(tag));
  }

  /** @param {string} method @param {string} path @param {object} [body] @returns {Promise<any>} */
  #call(method, path, body) {
    return this.#send(method, path, body && JSON.stringify(body));
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {string} [body]
   * @param {Record<string, string>} [headers]
   * @returns {Promise<any>}
   */
  async #send(method, path, body, headers) {
    const response = await this.exchange(method, path, body, headers);
    return response.status === 204 ? undefined : read(response, JSON.parse);
  }

  /**
   * For the parts of the API that have a file of their own.
   * @param {string} method
   * @param {string} path
   * @param {string} [body]
   * @param {Record<string, string>} [headers]
   * @returns {Promise<Response>} one that is no refusal
   */
  async exchange(method, path, body, headers = {}) {
    let response;
    try {
      response = await this.#fetch(path, {
        method,
        credentials: "same-origin",
        cache: "no-store",
        headers: body ? { "Content-Type": "application/json", ...headers } : headers,
        body,
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
    } catch (cause) {
      throw new ApiError("network", "The server cannot be reached.", { cause });
    }
    if (!response.ok) throw await refusal(response);
    return response;
  }
}

/** @template T @param {Response} response @param {(text: string) => T} parse @returns {Promise<T>} */
export async function read(response, parse) {
  try {
    return parse(await response.text());
  } catch (cause) {
    throw new ApiError("network", "The server's answer was cut off.", { status: response.status, cause });
  }
}

/** @param {Response} response @returns {Promise<TaggedProduct>} */
async function tagged(response) {
  const product = await read(response, (text) => productFrom(parseExactly(text)));
  return { product, tag: response.headers.get("ETag") };
}

/** @param {string} key */
function productPath(key) {
  return `/products/${encodeURIComponent(key)}`;
}

/** @param {string | null} tag @returns {Record<string, string>} */
function ifMatch(tag) {
  return tag === null ? {} : { "If-Match": tag };
}

/** @param {Response} response */
async function refusal(response) {
  const seconds = Number.parseInt(response.headers.get("Retry-After") ?? "", 10);
  const retryAfter = Number.isFinite(seconds) ? seconds : undefined;
  let error;
  /** @type {Record<string, string>} */
  let fields = {};
  try {
    const body = await response.json();
    ({ error } = body);
    fields = Object.fromEntries((body.errors ?? []).map((/** @type {any} */ { field, problem }) => [field, problem]));
  } catch {
    // Not from us but from something in front of us; the status has to do.
  }
  return new ApiError(error?.code ?? "internal", error?.message ?? `HTTP ${response.status}`, {
    status: response.status,
    retryAfter,
    fields,
  });
}
