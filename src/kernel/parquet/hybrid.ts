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
  const { at, width, out, to, count } = options;
  if (width === 0) {
    out.fill(0, to, to + count);
    return;
  }
  const done = width <= WORD_WIDTH ? unpackGroups(view, at, width, out, to, count) : 0;
  for (let i = done, bit = (at + (done / 8) * width) * 8; i < count; i++, bit += width) out[to + i] = bitsAt(source, bit, width);
}

/** Four bytes hold any number of so many bits from any bit of the first on. */
const WORD_WIDTH = 25;

/** Unpacks groups of eight, which begin at whole bytes, as long as words of four bytes can be read; gives how many numbers. */
function unpackGroups(view: DataView, at: number, width: number, out: Integers, to: number, count: number): number {
  const mask = (1 << width) - 1;
  const [b1, b2, b3] = [width >> 3, (width * 2) >> 3, (width * 3) >> 3];
  const [b4, b5, b6, b7] = [width >> 1, (width * 5) >> 3, (width * 6) >> 3, (width * 7) >> 3];
  const [s1, s2, s3, s4] = [width & 7, (width * 2) & 7, (width * 3) & 7, (width * 4) & 7];
  const [s5, s6, s7] = [(width * 5) & 7, (width * 6) & 7, (width * 7) & 7];
  const groups = Math.min(count >> 3, Math.floor((view.byteLength - 4 - b7 - at) / width) + 1);
  for (let group = 0, p = at, q = to; group < groups; group++, p += width, q += 8) {
    out[q] = view.getInt32(p, true) & mask;
    out[q + 1] = (view.getInt32(p + b1, true) >>> s1) & mask;
    out[q + 2] = (view.getInt32(p + b2, true) >>> s2) & mask;
    out[q + 3] = (view.getInt32(p + b3, true) >>> s3) & mask;
    out[q + 4] = (view.getInt32(p + b4, true) >>> s4) & mask;
    out[q + 5] = (view.getInt32(p + b5, true) >>> s5) & mask;
    out[q + 6] = (view.getInt32(p + b6, true) >>> s6) & mask;
    out[q + 7] = (view.getInt32(p + b7, true) >>> s7) & mask;
  }
  return Math.max(0, groups) * 8;
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
