import { fullJitter } from "../lib/backoff.js";

/** @typedef {import("../lib/product.js").Product} Product */
/** @typedef {import("../transport/api.js").ProductApi} ProductApi */

/** More than this no page keeps and sorts without getting slow. */
export const MOST = 50_000;
/** So often one page of rows is asked for. */
const ATTEMPTS = 5;
const REFUSED = new Set(["forbidden", "unauthorized", "not_found"]);

/**
 * All products, page by page: what a table is read by that does not fit into one answer of the socket.
 * @param {ProductApi} api
 * @param {(count: number) => boolean} onCount how many are read; false ends it
 * @returns {Promise<Product[] | null>} null: ended, or more than a page can show
 */
export async function readProducts(api, onCount) {
  /** @type {Product[]} */
  const all = [];
  for (;;) {
    const { products, more } = await patiently(() => api.productPage(all.at(-1)?.key ?? null));
    all.push(...products);
    if (!onCount(all.length) || all.length > MOST) return null;
    if (!more || products.length === 0) return all;
  }
}

/** @template T @param {() => Promise<T>} ask @returns {Promise<T>} */
async function patiently(ask) {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await ask();
    } catch (error) {
      const { code, retryAfter = 0 } = /** @type {any} */ (error);
      if (REFUSED.has(code) || attempt + 1 === ATTEMPTS) throw error;
      await new Promise((resolve) => void setTimeout(resolve, retryAfter * 1000 + fullJitter(attempt)));
    }
  }
}
