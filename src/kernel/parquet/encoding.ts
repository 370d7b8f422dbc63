import { unsupported } from '../../../sql/errors.js';
import { Damage } from './damage.js';
import { decodeHybrid, type Integers } from './hybrid.js';

/** Parquet's numbers of encodings. */
export const Encoding = {
  plain: 0,
  plainDictionary: 2,
  rle: 3,
  deltaBinary: 5,
  deltaLength: 6,
  deltaBytes: 7,
  rleDictionary: 8,
  streamSplit: 9,
} as const;

/** The values of a page that are not NULL. */
export interface PageValues {
  readonly encoding: number;
  readonly data: Uint8Array;
  /** Where in `data` they begin. */
  readonly at: number;
  readonly count: number;
}

export function isDictionary(encoding: number): boolean {
  return encoding === Encoding.plainDictionary || encoding === Encoding.rleDictionary;
}

export function unknownEncoding(encoding: number): Error {
  return unsupported(`decoding of Parquet pages with encoding ${encoding}`);
}

/**
 * Values of `width` bytes each as a copy that begins at its buffer's first byte; undefined: another encoding. Throws Damage where there are
 * fewer.
 */
export function fixedWidth({ encoding, data, at, count }: PageValues, width: number): Uint8Array<ArrayBuffer> | undefined {
  if (encoding !== Encoding.plain && encoding !== Encoding.streamSplit) return undefined;
  if (count * width > data.length - at) throw new Damage('a page has fewer values than its header says');
  const bytes = new Uint8Array(count * width);
  if (encoding === Encoding.plain) bytes.set(data.subarray(at, at + bytes.length));
  else
    for (let stream = 0; stream < width; stream++) {
      const from = at + stream * count;
      for (let i = 0, to = stream; i < count; i++, to += width) bytes[to] = data[from + i] as number;
    }
  return bytes;
}

/** Places in a dictionary of `size` entries, into `out` from `to`. Throws Damage for a place outside of it. */
export function decodeCodes({ data, at, count }: PageValues, out: Integers, to: number, size: number): void {
  if (count === 0) return;
  const width = data[at];
  if (width === undefined) throw new Damage('a page has fewer values than its header says');
  // What is too wide for `out` would be cut to a place that exists.
  if (width > out.BYTES_PER_ELEMENT * 8) {
    const wide = new Uint32Array(count);
    decodeCodes({ encoding: Encoding.rleDictionary, data, at, count }, wide, 0, size);
    out.set(wide, to);
    return;
  }
  decodeHybrid(data, { at: at + 1, end: data.length, width, out, to, count });
  if (2 ** width <= size) return;
  let most = 0;
  for (let i = to; i < to + count; i++) {
    const code = out[i] as number;
    if (code > most) most = code;
  }
  if (most >= size) throw new Damage(`a value has place ${most} in a dictionary of ${size}`);
}
