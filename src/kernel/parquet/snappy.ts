import { Damage } from './damage.js';

/** Copies shorter than this are made byte by byte: a call costs more. */
const SHORT = 24;

/** Unpacks a raw Snappy block into exactly `size` bytes. Throws Damage. */
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
  const out = new Uint8Array(size);
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
      if (length < SHORT) for (let end = at + length; at < end; ) out[to++] = source[at++] as number;
      else {
        out.set(source.subarray(at, at + length), to);
        at += length;
        to += length;
      }
      continue;
    }
    const extra = (tag & 3) === 3 ? 4 : tag & 3;
    if (at + extra > source.length) throw broken();
    const low = littleEndian(source, at, extra);
    at += extra;
    const length = extra === 1 ? ((tag >> 2) & 7) + 4 : (tag >> 2) + 1;
    to = copyBack(out, to, extra === 1 ? low + ((tag >> 5) << 8) : low, length);
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
  let value = 0;
  for (let i = bytes - 1; i >= 0; i--) value = value * 256 + (source[at + i] as number);
  return value;
}

function broken(): Damage {
  return new Damage('a page cannot be unpacked (its compressed bytes are broken)');
}
