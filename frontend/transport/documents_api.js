/** What the server does with documents over HTTP; their content goes over sockets of their own. @module */
import { read } from "./api.js";

/** @typedef {"read" | "write"} Access */
/**
 * A document, without its content. Times are in milliseconds since 1970.
 * @typedef {object} Document
 * @property {string} name its address
 * @property {number} id tells it apart from an earlier one of the same name
 * @property {string} title
 * @property {string | null} room null: it belongs to an app of somebody else
 * @property {Access} members what the members of its room may do
 * @property {string | null} created_by null: a program
 * @property {number} created_at
 * @property {number} changed_at
 */
/** @typedef {{ id: number, name: string, by: string | null, at: number, bytes: number }} Version */

const PAGE = 100;

export class DocumentsApi {
  #api;

  /** @param {Pick<import("./api.js").Api, "exchange">} api */
  constructor(api) {
    this.#api = api;
  }

  /** All of a room. @param {string} room @returns {Promise<Document[]>} */
  async list(room) {
    /** @type {Document[]} */
    const all = [];
    for (;;) {
      const last = all.at(-1);
      const from = last ? `&after=${encodeURIComponent(last.name)}` : "";
      const path = `/documents?room=${encodeURIComponent(room)}&limit=${PAGE}${from}`;
      const { documents, more } = await this.#json("GET", path);
      all.push(...documents);
      if (!more || documents.length === 0) return all;
    }
  }

  /** @param {{ room: string, title: string, members: Access }} wanted @returns {Promise<Document>} */
  create(wanted) {
    return this.#json("POST", "/documents", wanted);
  }

  /** @param {string} name @returns {Promise<Document & { access: Access, manages: boolean }>} */
  find(name) {
    return this.#json("GET", pathOf(name));
  }

  /** @param {string} name @param {{ title?: string, members?: Access }} change @returns {Promise<Document>} */
  change(name, change) {
    return this.#json("PATCH", pathOf(name), change);
  }

  /** @param {string} name @returns {Promise<void>} */
  async remove(name) {
    await this.#api.exchange("DELETE", pathOf(name));
  }

  /** What the server has of it now. @param {string} name @returns {Promise<string>} */
  text(name) {
    return this.#text(`${pathOf(name)}/text`);
  }

  /** @param {string} name @returns {Promise<Version[]>} */
  async versions(name) {
    return (await this.#json("GET", `${pathOf(name)}/versions`)).versions;
  }

  /** @param {string} name @param {string} called @returns {Promise<Version>} */
  saveVersion(name, called) {
    return this.#json("POST", `${pathOf(name)}/versions`, { name: called });
  }

  /** @param {string} name @param {number} id @returns {Promise<string>} */
  versionText(name, id) {
    return this.#text(versionPath(name, id));
  }

  /** @param {string} name @param {number} id @returns {Promise<void>} */
  async removeVersion(name, id) {
    await this.#api.exchange("DELETE", versionPath(name, id));
  }

  /** As a new change on top of what is there. @param {string} name @param {number} id @returns {Promise<void>} */
  async restoreVersion(name, id) {
    await this.#api.exchange("POST", `${versionPath(name, id)}/restore`);
  }

  /** @param {string} method @param {string} path @param {object} [body] @returns {Promise<any>} */
  async #json(method, path, body) {
    return read(await this.#api.exchange(method, path, body && JSON.stringify(body)), JSON.parse);
  }

  /** @param {string} path @returns {Promise<string>} */
  async #text(path) {
    return read(await this.#api.exchange("GET", path), String);
  }
}

/** @param {string} name */
function pathOf(name) {
  return `/documents/${encodeURIComponent(name)}`;
}

/** @param {string} name @param {number} id */
function versionPath(name, id) {
  return `${pathOf(name)}/versions/${encodeURIComponent(id)}`;
}
