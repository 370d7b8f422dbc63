import { Damage } from './damage.js';
import { copyBack } from './snappy.js';

const SHORT = 24;

/** Unpacks a raw LZ4 block into exactly `size` bytes. Throws Damage. */
export function unpackLz4(source: Uint8Array, size: number): Uint8Array {
  const out = new Uint8Array(size);
  let [at, to] = [0, 0];
  const longLength = (length: number): number => {
    let sum = length;
    if (length < 15) return sum;
    for (;;) {
      const byte = source[at++];
      if (byte === undefined || sum > size) throw broken();
      sum += byte;
      if (byte < 255) return sum;
    }
  };
  while (at < source.length) {
    const token = source[at++] as number;
    const literals = longLength(token >> 4);
    if (at + literals > source.length || to + literals > size) throw broken();
    if (literals < SHORT) for (let end = at + literals; at < end; ) out[to++] = source[at++] as number;
    else {
      out.set(source.subarray(at, at + literals), to);
      at += literals;
      to += literals;
    }
    // The last sequence is literals only.
    if (at === source.length) break;
    if (at + 2 > source.length) throw broken();
    const offset = (source[at] as number) | ((source[at + 1] as number) << 8);
    at += 2;
    to = copyBack(out, to, offset, longLength(token & 15) + 4);
  }
  if (to !== size) throw broken();
  return out;
}

function broken(): Damage {
  return new Damage('a page cannot be unpacked (its compressed bytes are broken)');
}
