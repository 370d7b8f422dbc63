import { Damage } from './damage.js';
import { decodeDelta } from './delta.js';
import { Encoding, fixedWidth, type PageValues, unknownEncoding } from './encoding.js';
import { viewOf } from './hybrid.js';

/** Values of bytes: each lies at starts[i] with lengths[i] in `bytes`. */
export interface Slices {
  readonly bytes: Uint8Array;
  readonly starts: Int32Array;
  readonly lengths: Int32Array;
}

/** Front coding can make much of little. */
const MAX_EXPANDED_BYTES = 256 << 20;

/** Values of a page; `width`: the length of each, 0 for such as have their own. Throws Damage. */
export function slicesOf(values: PageValues, width: number): Slices {
  const { encoding, data, at, count } = values;
  if (width > 0) {
    const bytes = fixedWidth(values, width);
    if (bytes !== undefined) {
      const starts = new Int32Array(count);
      for (let i = 0; i < count; i++) starts[i] = i * width;
      return { bytes, starts, lengths: new Int32Array(count).fill(width) };
    }
  }
  switch (encoding) {
    case Encoding.plain:
      return plain(data, at, count);
    case Encoding.deltaLength:
      if (width > 0) throw unknownEncoding(encoding);
      return deltaLength(data, at, count);
    case Encoding.deltaBytes:
      return checkedWidth(deltaBytes(data, at, count), width);
    default:
      throw unknownEncoding(encoding);
  }
}

function plain(bytes: Uint8Array, start: number, count: number): Slices {
  const [starts, lengths] = [new Int32Array(count), new Int32Array(count)];
  const view = viewOf(bytes);
  const last = bytes.length - 4;
  let at = start;
  for (let i = 0; i < count; i++) {
    if (at > last) throw new Damage('a page has fewer values than its header says');
    const length = view.getUint32(at, true);
    at += 4;
    if (length > bytes.length - at) throw new Damage('a value is longer than its page');
    starts[i] = at;
    lengths[i] = length;
    at += length;
  }
  return { bytes, starts, lengths };
}

function lengthsOf(data: Uint8Array, at: number, count: number): { readonly lengths: Int32Array; readonly end: number } {
  const lengths = new Int32Array(count);
  const end = decodeDelta(data, { at, count, target: { kind: 'int32', out: lengths }, to: 0 }) ?? 0;
  for (let i = 0; i < count; i++) if ((lengths[i] as number) < 0) throw new Damage('a value has a negative length');
  return { lengths, end };
}

function deltaLength(bytes: Uint8Array, start: number, count: number): Slices {
  const { lengths, end } = lengthsOf(bytes, start, count);
  const starts = new Int32Array(count);
  let at = end;
  for (let i = 0; i < count; i++) {
    starts[i] = at;
    at += lengths[i] as number;
    if (at > bytes.length) throw new Damage('a value is longer than its page');
  }
  return { bytes, starts, lengths };
}

/** Each value: so many bytes of the one before, then its own. */
function deltaBytes(data: Uint8Array, start: number, count: number): Slices {
  const { lengths: prefixes, end } = lengthsOf(data, start, count);
  const suffixes = deltaLength(data, end, count);
  const [starts, lengths] = [new Int32Array(count), new Int32Array(count)];
  let size = 0;
  for (let i = 0; i < count; i++) {
    const prefix = prefixes[i] as number;
    if (prefix > (i === 0 ? 0 : (lengths[i - 1] as number))) throw new Damage('a value shares more bytes than the one before has');
    starts[i] = size;
    lengths[i] = prefix + (suffixes.lengths[i] as number);
    size += lengths[i] as number;
    if (size > MAX_EXPANDED_BYTES) throw new Damage('the values of a page are too long together');
  }
  const bytes = new Uint8Array(size);
  for (let i = 0; i < count; i++) {
    const [to, prefix] = [starts[i] as number, prefixes[i] as number];
    if (prefix > 0) bytes.copyWithin(to, starts[i - 1] as number, (starts[i - 1] as number) + prefix);
    const from = suffixes.starts[i] as number;
    bytes.set(data.subarray(from, from + (suffixes.lengths[i] as number)), to + prefix);
  }
  return { bytes, starts, lengths };
}

function checkedWidth(slices: Slices, width: number): Slices {
  if (width > 0 && slices.lengths.some((length) => length !== width)) throw new Damage(`a value does not have ${width} bytes`);
  return slices;
}
