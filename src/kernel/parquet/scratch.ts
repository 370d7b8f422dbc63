/** More is not kept. */
const MOST_BYTES = 8 << 20;

/**
 * Bytes for one purpose at a time: each taking ends the one before. Large arrays that live for a page would bring the collector in again
 * and again.
 */
export class Scratch {
  #bytes = new Uint8Array(0);

  take(length: number): Uint8Array {
    if (length > MOST_BYTES) return new Uint8Array(length);
    if (length > this.#bytes.length) this.#bytes = new Uint8Array(Math.min(MOST_BYTES, Math.max(length, this.#bytes.length * 2)));
    return this.#bytes.subarray(0, length);
  }
}
