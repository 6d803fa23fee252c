const encoder = new TextEncoder();

/**
 * Divides what is to be sent, in its order: the server takes so many at once, and so many bytes.
 * @template T
 * @param {Iterable<T>} items
 * @param {(item: T) => string} textOf how it is written
 * @param {{ most: number, bytes: number }} limits
 * @returns {Generator<T[]>}
 */
export function* batches(items, textOf, { most, bytes }) {
  /** @type {T[]} */
  let batch = [];
  let size = 0;
  for (const item of items) {
    const own = encoder.encode(textOf(item)).length;
    if (batch.length > 0 && (batch.length === most || size + own > bytes)) {
      yield batch;
      [batch, size] = [[], 0];
    }
    batch.push(item);
    size += own;
  }
  if (batch.length > 0) yield batch;
}
