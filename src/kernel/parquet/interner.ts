import { viewOf } from './hybrid.js';
import type { Slices } from './slices.js';

const FIRST_SLOTS = 1 << 10;

/** Tells which byte strings were seen before: an open table of hashes over copies of the bytes. */
export class Interner {
  // what is looked at together lies together: with many entries each place is far from the last
  /** Place of an entry + 1 (0: free) and its hash. */
  #slots = new Int32Array(FIRST_SLOTS * 2);
  #count = 0;
  /** Where the first entry's bytes begin; then of each entry its code and where its bytes end. */
  #entries = new Float64Array(FIRST_SLOTS * 2);
  #bytes = new Uint8Array(1 << 14);
  #own: DataView = viewOf(this.#bytes);
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
    const slots = this.#slots;
    const mask = slots.length - 1;
    for (let slot = (hash << 1) & mask; ; slot = (slot + 2) & mask) {
      const entry = (slots[slot] as number) - 1;
      if (entry < 0) {
        slots[slot] = this.#count + 1;
        slots[slot + 1] = hash;
        this.#add(fresh, bytes.subarray(start, start + length));
        return fresh;
      }
      if (slots[slot + 1] === hash && this.#isEntry(entry, bytes, start, length)) return this.#entries[entry * 2 + 1] as number;
    }
  }

  #isEntry(entry: number, bytes: Uint8Array, start: number, length: number): boolean {
    let from = this.#entries[entry * 2] as number;
    if ((this.#entries[entry * 2 + 2] as number) - from !== length) return false;
    const own = this.#own;
    const view = this.#view;
    let at = start;
    for (const end = start + length - 4; at <= end; at += 4, from += 4)
      if (own.getInt32(from, true) !== view.getInt32(at, true)) return false;
    for (const end = start + length; at < end; at++, from++) if (own.getUint8(from) !== bytes[at]) return false;
    return true;
  }

  #add(code: number, value: Uint8Array): void {
    const entry = this.#count++;
    const from = this.#entries[entry * 2] as number;
    if (from + value.length > this.#bytes.length) {
      this.#bytes = grown(this.#bytes, new Uint8Array(Math.max(this.#bytes.length * 2, from + value.length)));
      this.#own = viewOf(this.#bytes);
    }
    this.#bytes.set(value, from);
    if (entry * 2 + 2 >= this.#entries.length) this.#entries = grown(this.#entries, new Float64Array(entry * 4 + 4));
    this.#entries[entry * 2 + 1] = code;
    this.#entries[entry * 2 + 2] = from + value.length;
    if (this.#count * 4 > this.#slots.length) this.#rehash();
  }

  #rehash(): void {
    const old = this.#slots;
    const slots = new Int32Array(old.length * 4);
    const mask = slots.length - 1;
    for (let at = 0; at < old.length; at += 2) {
      if (old[at] === 0) continue;
      const hash = old[at + 1] as number;
      let slot = (hash << 1) & mask;
      while (slots[slot] !== 0) slot = (slot + 2) & mask;
      slots[slot] = old[at] as number;
      slots[slot + 1] = hash;
    }
    this.#slots = slots;
  }
}

function grown<T extends Uint8Array | Float64Array>(old: T, larger: T): T {
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
