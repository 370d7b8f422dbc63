import { viewOf } from './hybrid.js';
import type { Slices } from './slices.js';

const FIRST_SLOTS = 1 << 10;

/** Tells which byte strings were seen before: an open table of hashes over copies of the bytes. */
export class Interner {
  /** Place of an entry + 1; 0: free. */
  #slots = new Int32Array(FIRST_SLOTS);
  #count = 0;
  #hashes = new Int32Array(FIRST_SLOTS);
  #codes = new Int32Array(FIRST_SLOTS);
  /** Where each entry's bytes end. */
  #ends = new Float64Array(FIRST_SLOTS);
  #bytes = new Uint8Array(1 << 14);
  #viewed: Uint8Array | undefined;
  #view: DataView = viewOf(new Uint8Array(0));

  /** The code that the value came with when it was new, or `fresh`, which it then has. */
  codeOf(slices: Slices, i: number, fresh: number): number {
    const { bytes } = slices;
    const [start, length] = [slices.starts[i] as number, slices.lengths[i] as number];
    if (this.#viewed !== bytes) {
      this.#viewed = bytes;
      this.#view = viewOf(bytes);
    }
    const hash = hashOf(this.#view, bytes, start, length);
    const mask = this.#slots.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const entry = (this.#slots[slot] as number) - 1;
      if (entry < 0) {
        this.#slots[slot] = this.#count + 1;
        this.#add(hash, fresh, bytes.subarray(start, start + length));
        return fresh;
      }
      if (this.#hashes[entry] === hash && this.#isEntry(entry, bytes, start, length)) return this.#codes[entry] as number;
    }
  }

  #isEntry(entry: number, bytes: Uint8Array, start: number, length: number): boolean {
    const from = entry === 0 ? 0 : (this.#ends[entry - 1] as number);
    if ((this.#ends[entry] as number) - from !== length) return false;
    const own = this.#bytes;
    for (let i = 0; i < length; i++) if (own[from + i] !== bytes[start + i]) return false;
    return true;
  }

  #add(hash: number, code: number, value: Uint8Array): void {
    const entry = this.#count++;
    const from = entry === 0 ? 0 : (this.#ends[entry - 1] as number);
    if (from + value.length > this.#bytes.length)
      this.#bytes = grown(this.#bytes, new Uint8Array(Math.max(this.#bytes.length * 2, from + value.length)));
    this.#bytes.set(value, from);
    if (entry === this.#hashes.length) {
      this.#hashes = grown(this.#hashes, new Int32Array(entry * 2));
      this.#codes = grown(this.#codes, new Int32Array(entry * 2));
      this.#ends = grown(this.#ends, new Float64Array(entry * 2));
    }
    this.#hashes[entry] = hash;
    this.#codes[entry] = code;
    this.#ends[entry] = from + value.length;
    if (this.#count * 2 > this.#slots.length) this.#rehash();
  }

  #rehash(): void {
    const slots = new Int32Array(this.#slots.length * 4);
    const mask = slots.length - 1;
    for (let entry = 0; entry < this.#count; entry++) {
      let slot = (this.#hashes[entry] as number) & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = entry + 1;
    }
    this.#slots = slots;
  }
}

function grown<T extends Uint8Array | Int32Array | Float64Array>(old: T, larger: T): T {
  larger.set(old);
  return larger;
}

/** Begins anywhere, so that nobody can make values that all fall on one slot. */
const SEED = Math.floor(Math.random() * 2 ** 32) | 0;

function hashOf(view: DataView, bytes: Uint8Array, start: number, length: number): number {
  let hash = SEED ^ length;
  let at = start;
  for (const end = start + length - 4; at <= end; at += 4) hash = mix(hash, view.getInt32(at, true));
  for (const end = start + length; at < end; at++) hash = mix(hash, bytes[at] as number);
  return Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d) ^ (hash >>> 13);
}

function mix(hash: number, word: number): number {
  const mixed = Math.imul(hash ^ word, 0x9e3779b1);
  return mixed ^ (mixed >>> 15);
}
