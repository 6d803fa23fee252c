import { Model } from "../lib/model.js";
import { FIELDS, checkFields, productJson, sameFields } from "../lib/product.js";

/** @typedef {import("../lib/product.js").Product} Product */
/** @typedef {import("../lib/product.js").Field} Field */
/** @typedef {import("../lib/product.js").Fields} Fields */
/** @typedef {import("../transport/api.js").ProductApi} ProductApi */

/** So often somebody else may come between reading and writing before we say so. */
const ATTEMPTS = 4;

/**
 * What somebody writes into one row. Others may change it meanwhile: a field that has not been touched follows them, one
 * that has keeps what was written, and is not saved before its author has seen theirs.
 */
export class ProductEdit extends Model {
  /** As it was typed. @type {Fields} */
  draft;
  saving = false;
  /** What is wrong with a field. @type {Partial<Fields>} */
  problems = {};
  /** Why it was not saved. @type {{ code: string, message?: string } | null} */
  failure = null;
  /** Whether the product is there no more. */
  gone = false;

  #api;
  /** What its author knows each field to be. @type {Fields} */
  #seen;
  /** @type {Product} */
  #latest;

  /** @param {Product} product @param {ProductApi} api */
  constructor(product, api) {
    super();
    this.key = product.key;
    this.#api = api;
    this.#latest = product;
    this.#seen = fieldsOf(product);
    this.draft = fieldsOf(product);
  }

  /** The row as far as we know it. */
  get latest() {
    return this.#latest;
  }

  get touched() {
    return FIELDS.some((field) => this.#isTouched(field));
  }

  /** The fields that were touched here and changed by somebody else, without their author having decided. */
  get conflicts() {
    return FIELDS.filter((field) => this.#isTouched(field) && this.#latest[field] !== this.#seen[field]);
  }

  /** @param {Field} field @param {string} text */
  write(field, text) {
    this.draft = { ...this.draft, [field]: text };
    delete this.problems[field];
    this.failure = null;
    this.changed();
  }

  /** Somebody, we too, has changed the row; null: it was deleted. @param {Product | null} product */
  follow(product) {
    this.gone = product === null;
    if (product) {
      const mine = checkFields(this.draft).fields;
      for (const field of FIELDS) {
        if (!this.#isTouched(field)) this.draft = { ...this.draft, [field]: product[field] };
        // Untouched, or the same as we write: there is nothing to decide.
        if (!this.#isTouched(field, product) || mine[field] === product[field]) this.#seen[field] = product[field];
      }
      this.#latest = product;
    }
    this.changed();
  }

  /** What is written here shall count, whatever the others wrote. @param {Field} field */
  keepMine(field) {
    this.#seen[field] = this.#latest[field];
    this.changed();
  }

  /** @param {Field} field */
  takeTheirs(field) {
    this.#seen[field] = this.#latest[field];
    this.write(field, this.#latest[field]);
  }

  /**
   * Saves it as it is now, unless something stands against it, which is then to be seen here.
   * @returns {Promise<Product | null>} the row as it has become
   */
  save() {
    return this.#run(() => this.#attempt());
  }

  /**
   * The row is gone: what was written becomes a new one.
   * @param {(fields: Fields) => Promise<void>} add
   * @returns {Promise<boolean>} whether it has
   */
  async addAgain(add) {
    return (await this.#run((fields) => add(fields).then(() => true))) ?? false;
  }

  /** @template T @param {(fields: Fields) => Promise<T | null>} action @returns {Promise<T | null>} null: not done */
  async #run(action) {
    const { fields, problems } = checkFields(this.draft);
    if (this.saving) return null;
    this.problems = problems;
    this.failure = null;
    this.saving = Object.keys(problems).length === 0;
    this.changed();
    if (!this.saving) return null;
    try {
      return await action(fields);
    } catch (error) {
      this.#failed(error);
      return null;
    } finally {
      this.saving = false;
      this.changed();
    }
  }

  async #attempt() {
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      // The tag is of the row that is compared with what its author has seen: between the two nobody comes unnoticed.
      const { product, tag } = await this.#api.product(this.key);
      this.follow(product);
      if (this.conflicts.length > 0) return null;
      const { fields } = checkFields(this.draft);
      if (sameFields(fields, product)) return product;
      try {
        return (await this.#api.changeProduct(this.key, productJson(fields), tag)).product;
      } catch (error) {
        if (/** @type {any} */ (error).code !== "precondition_failed") throw error;
      }
    }
    this.failure = { code: "precondition_failed" };
    return null;
  }

  /** @param {any} error */
  #failed({ code = "internal", message, fields = {} }) {
    if (code === "not_found") this.gone = true;
    else if (FIELDS.some((field) => fields[field])) this.problems = fields;
    else this.failure = { code, message };
  }

  /** @param {Field} field @param {Product} [than] */
  #isTouched(field, than) {
    return this.draft[field] !== (than ?? this.#seen)[field];
  }
}

/** @param {Product} product @returns {Fields} */
function fieldsOf({ productName, manufacturer, pricePerUnit, unitsAvailable }) {
  return { productName, manufacturer, pricePerUnit, unitsAvailable };
}
