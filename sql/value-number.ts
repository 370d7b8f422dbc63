import { invalidInput, outOfRange } from './value-error.js';

const SQL_INT = { int2: 'smallint', int4: 'integer', int8: 'bigint', oid: 'oid' } as const;
const INT_RANGE = {
  int2: [-32_768n, 32_767n],
  int4: [-2_147_483_648n, 2_147_483_647n],
  int8: [-9_223_372_036_854_775_808n, 9_223_372_036_854_775_807n],
  oid: [-2_147_483_648n, 4_294_967_295n],
} as const;

/** A whole number in decimal; oid also takes negative ones, which wrap as in PostgreSQL. */
export function parseInteger(kind: keyof typeof SQL_INT, text: string): bigint {
  const trimmed = text.trim();
  if (!/^[+-]?\d+$/.test(trimmed)) throw invalidInput(SQL_INT[kind], text);
  // BigInt on a hostile megabyte of digits would take minutes.
  const digits = trimmed.replace(/^[+-]?0*(?=\d)/, '');
  if (digits.length > 19) throw outOfRange(SQL_INT[kind], text);
  const value = trimmed.startsWith('-') ? -BigInt(digits) : BigInt(digits);
  const [low, high] = INT_RANGE[kind];
  if (value < low || value > high) throw outOfRange(SQL_INT[kind], text);
  return kind === 'oid' && value < 0n ? value + 4_294_967_296n : value;
}

export function parseFloat8(text: string): number {
  return parseFloatAs('double precision', text, (value) => value);
}

export function parseFloat4(text: string): number {
  return parseFloatAs('real', text, Math.fround);
}

function parseFloatAs(name: string, text: string, round: (value: number) => number): number {
  const trimmed = text.trim();
  const special = specialNumber(trimmed);
  if (special !== undefined) return special;
  if (!/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(trimmed)) throw invalidInput(name, text);
  const value = round(Number(trimmed));
  const isZero = !/[1-9]/.test(trimmed.replace(/[eE].*$/, ''));
  if (!Number.isFinite(value) || (value === 0 && !isZero)) {
    const shown = text.length > 200 ? `${text.slice(0, 200)}…` : text;
    throw outOfRange(name, shown);
  }
  return value;
}

function specialNumber(text: string): number | undefined {
  switch (text.toLowerCase()) {
    case 'nan':
      return NaN;
    case 'infinity':
    case '+infinity':
    case 'inf':
    case '+inf':
      return Infinity;
    case '-infinity':
    case '-inf':
      return -Infinity;
    default:
      return undefined;
  }
}

/** Shortest decimal that reads back as the same float8, laid out as PostgreSQL does. */
export function formatFloat8(value: number): string {
  if (Number.isInteger(value) && value > -1e15 && value < 1e15) return Object.is(value, -0) ? '-0' : String(value);
  if (!Number.isFinite(value)) return formatSpecial(value);
  // toExponential without an argument gives as many digits as are needed.
  let text = value.toExponential();
  for (let digits = significant(text); digits < 17 && isHalfway(text, value, 52); digits += 1) text = value.toExponential(digits);
  return layOut(text, 15);
}

/** As formatFloat8, for float4 (the value must already be one). */
export function formatFloat4(value: number): string {
  if (!Number.isFinite(value)) return formatSpecial(value);
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  const single = Math.fround(value);
  for (let digits = 0; digits < 8; digits += 1) {
    const text = roundTieToEven(single, digits);
    if (Math.fround(Number(text)) === single && !isHalfway(text, single, 23)) return layOut(text, 6);
  }
  return layOut(single.toExponential(8), 6);
}

/**
 * Does the decimal lie exactly between two neighbouring floats? It would read back as the even one, but PostgreSQL doesn't count
 * on that and writes another digit: 5.2275140362517024e+16 where JavaScript writes 52275140362517020.
 */
function isHalfway(exponential: string, value: number, mantissaBits: number): boolean {
  const size = Math.abs(value);
  // Smaller halves have too many digits, and larger ones too many factors of five.
  if (size < 2 ** (mantissaBits + 1) || size > 1e40) return false;
  const [mantissa = '', exponentText = '0'] = exponential.replace('-', '').split('e');
  const digits = mantissa.replace('.', '');
  const zeros = Number(exponentText) - digits.length + 1;
  if (zeros < 0) return false;
  const exact = BigInt(size);
  const distance = BigInt(digits) * 10n ** BigInt(zeros) - exact;
  const bits = exact.toString(2).length;
  const gap = 2n ** BigInt(bits - 1 - mantissaBits);
  const isPowerOfTwo = exact === 2n ** BigInt(bits - 1);
  return distance > 0n ? distance * 2n === gap : distance < 0n && -distance * (isPowerOfTwo ? 4n : 2n) === gap;
}

/** toExponential, but an exact half goes to the even digit (18280.812 for 18280.8125), as in PostgreSQL. */
function roundTieToEven(value: number, fractionDigits: number): string {
  const rounded = value.toExponential(fractionDigits);
  const [mantissa = '', exponent = '0'] = value.toExponential(60).split('e');
  const kept = mantissa.length - 60 + fractionDigits - (fractionDigits === 0 ? 1 : 0);
  const isTie = /^\.?50*$/.test(mantissa.slice(kept));
  return isTie && /[02468]$/.test(mantissa.slice(0, kept)) ? `${mantissa.slice(0, kept)}e${exponent}` : rounded;
}

function significant(exponential: string): number {
  return exponential.replace(/e.*$/, '').replace(/[-.]/g, '').length;
}

function formatSpecial(value: number): string {
  return Number.isNaN(value) ? 'NaN' : value > 0 ? 'Infinity' : '-Infinity';
}

/** `1.5e-7` -> PostgreSQL's layout: plain between 1e-4 and 10^limit, else an exponent of two digits or more. */
function layOut(exponential: string, limit: number): string {
  const [mantissa = '', exponentText = '0'] = exponential.split('e');
  const sign = mantissa.startsWith('-') ? '-' : '';
  const digits = mantissa.replace(/[-.]/g, '').replace(/0+$/, '') || '0';
  const exponent = Number(exponentText);
  if (exponent < -4 || exponent >= limit) {
    const fraction = digits.length > 1 ? `.${digits.slice(1)}` : '';
    return `${sign}${digits[0]}${fraction}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`;
  }
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`;
  if (digits.length <= exponent + 1) return sign + digits.padEnd(exponent + 1, '0');
  return `${sign}${digits.slice(0, exponent + 1)}.${digits.slice(exponent + 1)}`;
}

/** Digits that PostgreSQL allows before and after the point. */
const NUMERIC_WHOLE = 131_072;
const NUMERIC_FRACTION = 16_383;

/** Numeric input brought to PostgreSQL's output form: no exponent, no leading zeros, the scale as written, no minus before zero. */
export function parseNumeric(text: string): string {
  if (/^-?(0|[1-9]\d{0,999})(\.\d{1,999})?$/.test(text)) return /^-[0.]+$/.test(text) ? text.slice(1) : text;
  const trimmed = text.trim();
  const special = specialNumber(trimmed);
  if (special !== undefined) return formatSpecial(special);
  const match = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,9}))?$/.exec(trimmed);
  if (match === null || ((match[2] ?? '') === '' && (match[3] ?? '') === '')) throw invalidInput('numeric', text);
  const whole = match[2] ?? '';
  const fraction = match[3] ?? '';
  const exponent = Number(match[4] ?? 0);
  if (Math.abs(exponent) > NUMERIC_WHOLE + NUMERIC_FRACTION) throw outOfRange('numeric', text);
  const point = whole.length + exponent;
  const digits = whole + fraction;
  const before = point <= 0 ? '' : digits.slice(0, point).padEnd(point, '0');
  const after = point < 0 ? '0'.repeat(-point) + digits : digits.slice(point);
  const wholePart = before.replace(/^0+(?=\d)/, '') || '0';
  if (wholePart.length > NUMERIC_WHOLE || after.length > NUMERIC_FRACTION) throw outOfRange('numeric', text);
  const plain = after === '' ? wholePart : `${wholePart}.${after}`;
  return match[1] === '-' && /[1-9]/.test(plain) ? `-${plain}` : plain;
}
