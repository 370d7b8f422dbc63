const POSITIVE = 0x0000;
const NEGATIVE = 0x4000;
const NAN = 0xc000;
const INFINITE = 0xd000;
const MINUS_INFINITE = 0xf000;

/** numeric (its text form) as PostgreSQL sends it: digit count, weight, sign, scale (int16 each), then digits of base 10000. */
export function encodeNumeric(text: string): Uint8Array {
  if (text === 'NaN') return pack([], 0, NAN, 0);
  if (text === 'Infinity') return pack([], 0, INFINITE, 32);
  if (text === '-Infinity') return pack([], 0, MINUS_INFINITE, 32);
  const negative = text.startsWith('-');
  const [whole = '', fraction = ''] = (negative ? text.slice(1) : text).split('.');
  const padded = whole.padStart(Math.ceil(whole.length / 4) * 4, '0') + fraction.padEnd(Math.ceil(fraction.length / 4) * 4, '0');
  const groups: number[] = [];
  for (let at = 0; at < padded.length; at += 4) groups.push(Number(padded.slice(at, at + 4)));
  let weight = Math.ceil(whole.length / 4) - 1;
  let first = 0;
  while (first < groups.length && groups[first] === 0) {
    first += 1;
    weight -= 1;
  }
  let end = groups.length;
  while (end > first && groups[end - 1] === 0) end -= 1;
  const digits = groups.slice(first, end);
  return digits.length === 0
    ? pack([], 0, POSITIVE, fraction.length)
    : pack(digits, weight, negative ? NEGATIVE : POSITIVE, fraction.length);
}

function pack(digits: readonly number[], weight: number, sign: number, scale: number): Buffer {
  const bytes = Buffer.allocUnsafe(8 + digits.length * 2);
  bytes.writeUInt16BE(digits.length, 0);
  bytes.writeInt16BE(weight, 2);
  bytes.writeUInt16BE(sign, 4);
  bytes.writeUInt16BE(scale, 6);
  for (const [index, digit] of digits.entries()) bytes.writeUInt16BE(digit, 8 + index * 2);
  return bytes;
}

/** The text form, or undefined for bytes that are no numeric. */
export function decodeNumeric(bytes: Buffer): string | undefined {
  if (bytes.length < 8) return undefined;
  const count = bytes.readUInt16BE(0);
  const weight = bytes.readInt16BE(2);
  const sign = bytes.readUInt16BE(4);
  const scale = bytes.readUInt16BE(6);
  if (bytes.length !== 8 + count * 2 || scale > 0x3fff) return undefined;
  if (sign === NAN) return 'NaN';
  if (sign === INFINITE) return 'Infinity';
  if (sign === MINUS_INFINITE) return '-Infinity';
  if (sign !== POSITIVE && sign !== NEGATIVE) return undefined;
  const group = (position: number): string | undefined => {
    const index = weight - position;
    if (index < 0 || index >= count) return '0000';
    const digit = bytes.readUInt16BE(8 + index * 2);
    return digit > 9999 ? undefined : String(digit).padStart(4, '0');
  };
  let whole = '';
  let fraction = '';
  for (let position = weight; position >= 0; position -= 1) {
    const text = group(position);
    if (text === undefined) return undefined;
    whole += text;
  }
  for (let position = -1; fraction.length < scale; position -= 1) {
    const text = group(position);
    if (text === undefined) return undefined;
    fraction += text;
  }
  const plain = (whole.replace(/^0+(?=\d)/, '') || '0') + (scale === 0 ? '' : `.${fraction.slice(0, scale)}`);
  return sign === NEGATIVE && /[1-9]/.test(plain) ? `-${plain}` : plain;
}
