/**
 * numeric as it lies in memory, without the length word: a header of two bytes (short: sign, dscale and weight in one) or four
 * (sign and dscale, then weight), then digits of base 10 000. Example: 80 80 | 01 00 | 88 13 = dscale 1, weight 0, 1 . 5000 = 1.5.
 */
export function numericText(data: Buffer): string | undefined {
  const header = data.readUInt16LE(0);
  switch (header & 0xf000) {
    case 0xc000:
      return 'NaN';
    case 0xd000:
      return 'Infinity';
    case 0xf000:
      return '-Infinity';
  }
  const short = (header & 0xc000) === 0x8000;
  const negative = short ? (header & 0x2000) !== 0 : (header & 0xc000) === 0x4000;
  const scale = short ? (header & 0x1f80) >> 7 : header & 0x3fff;
  const weight = short ? ((header & 0x40) !== 0 ? (header & 0x3f) - 0x40 : header & 0x3f) : data.readInt16LE(2);
  const first = short ? 2 : 4;
  const digits = Array.from({ length: (data.length - first) >> 1 }, (_, i) => data.readInt16LE(first + 2 * i));
  const digit = (power: number) => String(digits[weight - power] ?? 0).padStart(4, '0');
  let whole = '';
  for (let power = weight; power >= 0; power -= 1) whole += digit(power);
  let fraction = '';
  for (let power = -1; fraction.length < scale; power -= 1) fraction += digit(power);
  const text = (whole.replace(/^0+/, '') || '0') + (scale === 0 ? '' : `.${fraction.slice(0, scale)}`);
  return negative ? `-${text}` : text;
}
