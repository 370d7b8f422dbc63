/** Bits as hexadecimal text, four a character: a checkpoint of 1,000 tasks is 250 bytes of JSON. */
export function clearBitmap(bits: number): string {
  return '0'.repeat(Math.ceil(bits / 4));
}

/** False beyond the end. */
export function hasBit(bitmap: string, bit: number): boolean {
  const digit = bitmap[bit >> 2];
  return digit !== undefined && (Number.parseInt(digit, 16) & (1 << (bit & 3))) !== 0;
}

export function withBit(bitmap: string, bit: number): string {
  const at = bit >> 2;
  const digit = bitmap[at];
  if (digit === undefined) throw new RangeError(`bit ${bit} is outside of a bitmap of ${bitmap.length * 4}`);
  return bitmap.slice(0, at) + (Number.parseInt(digit, 16) | (1 << (bit & 3))).toString(16) + bitmap.slice(at + 1);
}
