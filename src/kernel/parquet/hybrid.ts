import { Damage } from './damage.js';

export type Integers = Uint8Array | Uint16Array | Uint32Array | Int32Array;

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/**
 * Decodes `count` numbers of `width` bits (at most 32) in Parquet's mix of runs and packed groups from the bytes [at, end) into `out` from
 * `to`. `out` must be wide enough for the width; checks of the values are the caller's. Throws Damage where the bytes hold fewer.
 */
export function decodeHybrid(
  source: Uint8Array,
  options: {
    readonly at: number;
    readonly end: number;
    readonly width: number;
    readonly out: Integers;
    readonly to: number;
    readonly count: number;
  },
): void {
  const { end, width, out, count } = options;
  let { at, to } = options;
  const stop = to + count;
  if (width > 32) throw new Damage(`numbers of ${width} bits`);
  const view = viewOf(source);
  const valueBytes = (width + 7) >> 3;
  while (to < stop) {
    let header = 0;
    for (let factor = 1, i = 0; ; factor *= 128, i++) {
      if (at >= end || i === 5) throw new Damage('a page has fewer values than its header says');
      const byte = source[at++] as number;
      header += (byte & 127) * factor;
      if (byte < 128) break;
    }
    const half = Math.floor(header / 2);
    if (header % 2 === 0) {
      if (at + valueBytes > end) throw new Damage('a run of values is cut off');
      let value = 0;
      for (let i = valueBytes - 1; i >= 0; i--) value = value * 256 + (source[at + i] as number);
      at += valueBytes;
      const run = Math.min(half, stop - to);
      out.fill(value, to, to + run);
      to += run;
      continue;
    }
    const values = Math.min(half * 8, stop - to);
    if (Math.ceil((values * width) / 8) > end - at) throw new Damage('packed values are cut off');
    unpackBits(source, view, { at, width, out, to, count: values });
    to += values;
    at += half * width;
  }
}

/** Unpacks `count` numbers of `width` bits (at most 32), lowest bits first. All their bytes must be there. */
export function unpackBits(
  source: Uint8Array,
  view: DataView,
  options: { readonly at: number; readonly width: number; readonly out: Integers; readonly to: number; readonly count: number },
): void {
  const { at, width, out, count } = options;
  let { to } = options;
  if (width === 0) {
    out.fill(0, to, to + count);
    return;
  }
  if (width === 8) {
    for (let i = 0; i < count; i++) out[to + i] = source[at + i] as number;
    return;
  }
  const stop = to + count;
  let bit = at * 8;
  if (width <= 25) {
    // Four bytes at once hold any value from any bit on: while there are four.
    const mask = 2 ** width - 1;
    const lastWhole = (source.length - 4) * 8;
    for (; to < stop && bit <= lastWhole; bit += width) out[to++] = (view.getUint32(bit >>> 3, true) >>> (bit & 7)) & mask;
  }
  for (; to < stop; bit += width) out[to++] = bitsAt(source, bit, width);
}

/** At most 32 bits from any bit on, unsigned. */
export function bitsAt(source: Uint8Array, bit: number, width: number): number {
  let value = 0;
  let factor = 1;
  for (let left = width, from = bit; left > 0; ) {
    const taken = Math.min(8 - (from & 7), left);
    value += (((source[Math.floor(from / 8)] as number) >> (from & 7)) & ((1 << taken) - 1)) * factor;
    factor *= 1 << taken;
    from += taken;
    left -= taken;
  }
  return value;
}
