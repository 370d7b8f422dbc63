import { Damage } from './damage.js';
import { viewOf } from './hybrid.js';
import { Scratch } from './scratch.js';

/** Copies shorter than this are made in a loop: a call costs more. */
const SHORT = 24;
/** Those of blocks, which are made by words, too. */
const FEW_WORDS = 128;

/** Pages are unpacked and read one after the other. */
const unpacked = new Scratch();

/** Unpacks a raw Snappy block into exactly `size` bytes, valid until the next is unpacked. Throws Damage. */
export function unpackSnappy(source: Uint8Array, size: number): Uint8Array {
  let at = 0;
  let claimed = 0;
  for (let factor = 1; ; factor *= 128) {
    const byte = at < 5 ? source[at++] : undefined;
    if (byte === undefined) throw broken();
    claimed += (byte & 127) * factor;
    if (byte < 128) break;
  }
  if (claimed !== size) throw new Damage(`a Snappy page says ${claimed} bytes, its header ${size}`);
  const out = unpacked.take(size);
  const from = viewOf(source);
  const into = viewOf(out);
  let to = 0;
  while (at < source.length) {
    const tag = source[at++] as number;
    if ((tag & 3) === 0) {
      let length = (tag >> 2) + 1;
      if (length > 60) {
        const extra = length - 60;
        if (at + extra > source.length) throw broken();
        length = littleEndian(source, at, extra) + 1;
        at += extra;
      }
      if (at + length > source.length || to + length > size) throw broken();
      const end = to + length;
      if (length > FEW_WORDS) {
        out.set(source.subarray(at, at + length), to);
        at += length;
        to = end;
        continue;
      }
      if (length <= 8 && at + 8 <= source.length && to + 8 <= size) {
        into.setInt32(to, from.getInt32(at, true), true);
        into.setInt32(to + 4, from.getInt32(at + 4, true), true);
        at += length;
        to = end;
        continue;
      }
      for (; to + 4 <= end; to += 4, at += 4) into.setInt32(to, from.getInt32(at, true), true);
      while (to < end) out[to++] = source[at++] as number;
      continue;
    }
    const extra = (tag & 3) === 3 ? 4 : tag & 3;
    if (at + extra > source.length) throw broken();
    const low = littleEndian(source, at, extra);
    at += extra;
    const length = extra === 1 ? ((tag >> 2) & 7) + 4 : (tag >> 2) + 1;
    const offset = extra === 1 ? low + ((tag >> 5) << 8) : low;
    if (offset < 4) {
      to = copyBack(out, to, offset, length);
      continue;
    }
    if (offset > to || length > size - to) throw broken();
    const end = to + length;
    if (length <= 8 && offset >= 8 && to + 8 <= size) {
      // most are this short; what is too much is written over
      into.setInt32(to, into.getInt32(to - offset, true), true);
      into.setInt32(to + 4, into.getInt32(to - offset + 4, true), true);
      to = end;
      continue;
    }
    for (; to + 4 <= end; to += 4) into.setInt32(to, into.getInt32(to - offset, true), true);
    for (; to < end; to++) out[to] = out[to - offset] as number;
  }
  if (to !== size) throw broken();
  return out;
}

/** Repeats `length` bytes of what lies `offset` bytes back, which may overlap; gives the new end. */
export function copyBack(out: Uint8Array, to: number, offset: number, length: number): number {
  if (offset === 0 || offset > to || length > out.length - to) throw broken();
  if (length >= SHORT && offset >= length) {
    out.copyWithin(to, to - offset, to - offset + length);
    return to + length;
  }
  const end = to + length;
  for (let from = to - offset; to < end; ) out[to++] = out[from++] as number;
  return end;
}

function littleEndian(source: Uint8Array, at: number, bytes: number): number {
  if (bytes === 2) return (source[at] as number) | ((source[at + 1] as number) << 8);
  let value = 0;
  for (let i = bytes - 1; i >= 0; i--) value = value * 256 + (source[at + i] as number);
  return value;
}

function broken(): Damage {
  return new Damage('a page cannot be unpacked (its compressed bytes are broken)');
}
