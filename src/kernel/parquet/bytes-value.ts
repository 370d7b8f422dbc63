import { isUtf8 } from 'node:buffer';
import { writeNumeric } from '../../../sql/functions/numeric.js';
import type { ReadBytes } from './bytes-sink.js';
import { Damage } from './damage.js';

/** Stands for bytes that are no text, or for itself. */
const REPLACEMENT = '\uFFFD';
const MAX_DECIMAL_BYTES = 32;

export const textOf: ReadBytes = (bytes, start, end) => {
  const text = bytes.toString('utf8', start, end);
  if (text.includes(REPLACEMENT) && !isUtf8(bytes.subarray(start, end))) throw new Damage('a text is not UTF-8');
  return text;
};

export const byteaOf: ReadBytes = (bytes, start, end) => Uint8Array.from(bytes.subarray(start, end));

export const uuidOf: ReadBytes = (bytes, start, end) => {
  const hex = bytes.toString('hex', start, end);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
};

/** Two's complement, the highest byte first; `scale`: digits after the point in the file, and as wanted. */
export function decimalOf(scale: { readonly file: number; readonly wanted: number }): ReadBytes {
  const factor = 10n ** BigInt(scale.wanted - scale.file);
  return (bytes, start, end) => {
    const length = end - start;
    if (length === 0 || length > MAX_DECIMAL_BYTES) throw new Damage(`a decimal of ${length} bytes`);
    const digits = BigInt.asIntN(length * 8, BigInt(`0x${bytes.toString('hex', start, end)}`));
    return writeNumeric({ digits: digits * factor, scale: scale.wanted });
  };
}
