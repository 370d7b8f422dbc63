import { TimelineError } from '../errors.js';

/**
 * PostgreSQL's numeric over its text form: exact decimal arithmetic with PostgreSQL's display scales and roundings.
 * A finite number is `digits * 10^-scale`; the specials order as -Infinity < finite < Infinity < NaN.
 */
export interface Finite {
  readonly digits: bigint;
  readonly scale: number;
}
export type Special = 'NaN' | 'Infinity' | '-Infinity';
export type Numeric = Finite | Special;

const MAX_SCALE = 16383;
const MAX_DISPLAY_SCALE = 1000;
const MIN_SIGNIFICANT_DIGITS = 16;
const BASED = /^[ \t\n\r\v\f]*([+-]?)(0[xX](?:_?[0-9a-fA-F])+|0[oO](?:_?[0-7])+|0[bB](?:_?[01])+)[ \t\n\r\v\f]*$/;
const NUMBER = /^[ \t\n\r\v\f]*([+-]?)(\d[\d_]*)?(?:\.(\d[\d_]*)?)?(?:[eE]([+-]?\d{1,9}))?[ \t\n\r\v\f]*$/;

function outOfRange(message: string): TimelineError {
  return new TimelineError({ kind: 'data', sqlstate: '22003', message });
}

function divisionByZero(): TimelineError {
  return new TimelineError({ kind: 'data', sqlstate: '22012', message: 'division by zero' });
}

export function numericOverflow(): TimelineError {
  return outOfRange('value overflows numeric format');
}

export function pow10(exponent: number): bigint {
  return 10n ** BigInt(exponent);
}

function isSpecial(n: Numeric): n is Special {
  return typeof n === 'string';
}

/** Reads PostgreSQL's input form; undefined when it is none. */
export function parseNumeric(text: string): Numeric | undefined {
  const match = NUMBER.exec(text);
  if (match === null) return parseBased(text) ?? parseSpecial(text);
  const whole = match[2];
  const fraction = match[3];
  if (whole === undefined && fraction === undefined) return undefined;
  if (/__|_$/.test(whole ?? '') || /__|_$|^_/.test(fraction ?? '')) return undefined;
  const fractionDigits = (fraction ?? '').replaceAll('_', '');
  let digits = BigInt((whole ?? '').replaceAll('_', '') + fractionDigits || '0');
  let scale = fractionDigits.length - Number(match[4] ?? 0);
  if (Math.abs(scale) > 200_000) throw numericOverflow();
  if (scale < 0) {
    digits *= pow10(-scale);
    scale = 0;
  }
  if (match[1] === '-') digits = -digits;
  return checkRange({ digits, scale });
}

/** 0x1F, 0o17, 0b1. */
function parseBased(text: string): Finite | undefined {
  const match = BASED.exec(text);
  if (match === null) return undefined;
  const digits = BigInt((match[2] as string).replaceAll('_', ''));
  return { digits: match[1] === '-' ? -digits : digits, scale: 0 };
}

function parseSpecial(text: string): Special | undefined {
  switch (text.trim().toLowerCase()) {
    case 'nan':
      return 'NaN';
    case 'infinity':
    case '+infinity':
    case 'inf':
    case '+inf':
      return 'Infinity';
    case '-infinity':
    case '-inf':
      return '-Infinity';
    default:
      return undefined;
  }
}

/** As parseNumeric, but 22P02 when the text is no number. */
export function readNumeric(text: string): Numeric {
  const parsed = parseNumeric(text);
  if (parsed !== undefined) return parsed;
  throw new TimelineError({ kind: 'data', sqlstate: '22P02', message: `invalid input syntax for type numeric: "${text}"` });
}

function checkRange(n: Finite): Finite {
  if (n.scale > MAX_SCALE) return roundTo(n, MAX_SCALE);
  if (n.digits > LIMIT || n.digits < -LIMIT) {
    if (digitCount(n.digits) - n.scale > 131_072) throw numericOverflow();
  }
  return n;
}

const LIMIT = 10n ** 1000n;

function digitCount(digits: bigint): number {
  return (digits < 0n ? -digits : digits).toString().length;
}

export function writeNumeric(n: Numeric): string {
  if (isSpecial(n)) return n;
  const negative = n.digits < 0n;
  const text = (negative ? -n.digits : n.digits).toString();
  if (n.scale === 0) return negative ? `-${text}` : text;
  const padded = text.padStart(n.scale + 1, '0');
  const cut = padded.length - n.scale;
  return `${negative ? '-' : ''}${padded.slice(0, cut)}.${padded.slice(cut)}`;
}

/** Divides rounding half away from zero. */
function divideRounded(dividend: bigint, divisor: bigint): bigint {
  const quotient = dividend / divisor;
  const twice = (dividend % divisor) * 2n;
  const magnitude = twice < 0n ? -twice : twice;
  const limit = divisor < 0n ? -divisor : divisor;
  if (magnitude < limit) return quotient;
  return dividend < 0n === divisor < 0n ? quotient + 1n : quotient - 1n;
}

/** Rounds half away from zero to `scale` digits (which may be negative); the result's scale is at least 0. */
export function roundTo(n: Finite, scale: number): Finite {
  if (scale >= n.scale) return { digits: n.digits * pow10(scale - n.scale), scale };
  const rounded = divideRounded(n.digits, pow10(n.scale - scale));
  return scale >= 0 ? { digits: rounded, scale } : { digits: rounded * pow10(-scale), scale: 0 };
}

export function roundNumeric(n: Numeric, scale: number): Numeric {
  if (isSpecial(n)) return n;
  const bounded = Math.max(-131_072 - 16_384, Math.min(MAX_SCALE, scale));
  if (bounded < -200 && digitCount(n.digits) - n.scale < -bounded) return { digits: 0n, scale: 0 };
  return checkRange(roundTo(n, bounded));
}

export function truncNumeric(n: Numeric, scale: number): Numeric {
  if (isSpecial(n)) return n;
  const bounded = Math.max(-131_072 - 16_384, Math.min(MAX_SCALE, scale));
  if (bounded >= n.scale) return roundTo(n, bounded);
  if (bounded < -200 && digitCount(n.digits) - n.scale < -bounded) return { digits: 0n, scale: 0 };
  const cut = n.digits / pow10(n.scale - bounded);
  return bounded >= 0 ? { digits: cut, scale: bounded } : { digits: cut * pow10(-bounded), scale: 0 };
}

export function ceilNumeric(n: Numeric): Numeric {
  if (isSpecial(n)) return n;
  const unit = pow10(n.scale);
  const cut = n.digits / unit;
  return { digits: n.digits > 0n && n.digits % unit !== 0n ? cut + 1n : cut, scale: 0 };
}

export function floorNumeric(n: Numeric): Numeric {
  return negateNumeric(ceilNumeric(negateNumeric(n)));
}

export function negateNumeric(n: Numeric): Numeric {
  if (n === 'NaN') return n;
  if (n === 'Infinity') return '-Infinity';
  if (n === '-Infinity') return 'Infinity';
  return { digits: -n.digits, scale: n.scale };
}

export function absNumeric(n: Numeric): Numeric {
  return signOf(n) < 0 ? negateNumeric(n) : n;
}

/** -1, 0, 1; NaN counts as 1. */
function signOf(n: Numeric): number {
  if (isSpecial(n)) return n === '-Infinity' ? -1 : 1;
  return n.digits === 0n ? 0 : n.digits < 0n ? -1 : 1;
}

export function signNumeric(n: Numeric): Numeric {
  if (n === 'NaN') return n;
  return { digits: BigInt(signOf(n)), scale: 0 };
}

function align(a: Finite, b: Finite): { readonly a: bigint; readonly b: bigint; readonly scale: number } {
  const scale = Math.max(a.scale, b.scale);
  return { a: a.digits * pow10(scale - a.scale), b: b.digits * pow10(scale - b.scale), scale };
}

export function addNumeric(a: Numeric, b: Numeric): Numeric {
  if (isSpecial(a) || isSpecial(b)) {
    if (a === 'NaN' || b === 'NaN') return 'NaN';
    if (isSpecial(a) && isSpecial(b)) return a === b ? a : 'NaN';
    return isSpecial(a) ? a : b;
  }
  const both = align(a, b);
  return checkRange({ digits: both.a + both.b, scale: both.scale });
}

export function subtractNumeric(a: Numeric, b: Numeric): Numeric {
  return addNumeric(a, negateNumeric(b));
}

export function multiplyNumeric(a: Numeric, b: Numeric): Numeric {
  if (isSpecial(a) || isSpecial(b)) {
    if (a === 'NaN' || b === 'NaN') return 'NaN';
    const sign = signOf(a) * signOf(b);
    return sign === 0 ? 'NaN' : sign > 0 ? 'Infinity' : '-Infinity';
  }
  return checkRange({ digits: a.digits * b.digits, scale: a.scale + b.scale });
}

/** Weight (power of 10000) and value of the first base-10000 digit, as PostgreSQL stores numbers. */
function leadingGroup(n: Finite): { readonly weight: number; readonly digit: number } {
  if (n.digits === 0n) return { weight: 0, digit: 0 };
  const text = (n.digits < 0n ? -n.digits : n.digits).toString();
  const exponent = text.length - 1 - n.scale;
  const weight = Math.floor(exponent / 4);
  const take = exponent - weight * 4 + 1;
  return { weight, digit: Number(text.slice(0, take).padEnd(take, '0')) };
}

/** PostgreSQL's select_div_scale: at least 16 significant digits, and no fewer than either operand shows. */
function divisionScale(a: Finite, b: Finite): number {
  const left = leadingGroup(a);
  const right = leadingGroup(b);
  const weight = left.weight - right.weight - (left.digit <= right.digit ? 1 : 0);
  return Math.min(Math.max(MIN_SIGNIFICANT_DIGITS - weight * 4, a.scale, b.scale, 0), MAX_DISPLAY_SCALE);
}

export function divideNumeric(a: Numeric, b: Numeric): Numeric {
  if (isSpecial(a) || isSpecial(b)) {
    if (a === 'NaN' || b === 'NaN') return 'NaN';
    if (isSpecial(a)) {
      if (isSpecial(b)) return 'NaN';
      if (b.digits === 0n) throw divisionByZero();
      return signOf(a) * signOf(b) > 0 ? 'Infinity' : '-Infinity';
    }
    return { digits: 0n, scale: 0 };
  }
  if (b.digits === 0n) throw divisionByZero();
  const scale = divisionScale(a, b);
  const shift = scale + b.scale - a.scale;
  const dividend = shift >= 0 ? a.digits * pow10(shift) : a.digits;
  const divisor = shift >= 0 ? b.digits : b.digits * pow10(-shift);
  return checkRange({ digits: divideRounded(dividend, divisor), scale });
}

export function moduloNumeric(a: Numeric, b: Numeric): Numeric {
  if (isSpecial(a) || isSpecial(b)) {
    if (a === 'NaN' || b === 'NaN') return 'NaN';
    if (isSpecial(a)) {
      if (!isSpecial(b) && b.digits === 0n) throw divisionByZero();
      return 'NaN';
    }
    return a;
  }
  if (b.digits === 0n) throw divisionByZero();
  const both = align(a, b);
  return { digits: both.a % both.b, scale: both.scale };
}

export function integerSqrt(n: bigint): bigint {
  if (n < 2n) return n;
  let x = 1n << BigInt((n.toString(2).length + 1) >> 1);
  for (;;) {
    const next = (x + n / x) >> 1n;
    if (next >= x) return x;
    x = next;
  }
}

/** Square root with at least 16 significant digits. */
export function sqrtNumeric(n: Numeric): Numeric {
  if (n === 'NaN' || n === 'Infinity') return n;
  if (signOf(n) < 0 || isSpecial(n)) {
    throw new TimelineError({ kind: 'data', sqlstate: '2201F', message: 'cannot take square root of a negative number' });
  }
  const { weight } = leadingGroup(n);
  const digitsBeforePoint = (weight * 4) / 2 + 1;
  const scale = Math.min(Math.max(MIN_SIGNIFICANT_DIGITS - digitsBeforePoint, n.scale, 0), MAX_DISPLAY_SCALE);
  const root = integerSqrt(n.digits * pow10(2 * (scale + 1) - n.scale));
  return { digits: divideRounded(root, 10n), scale };
}

export function compareNumeric(a: Numeric, b: Numeric): number {
  if (isSpecial(a) || isSpecial(b)) return rank(a) - rank(b);
  const both = align(a, b);
  return both.a < both.b ? -1 : both.a > both.b ? 1 : 0;
}

function rank(n: Numeric): number {
  return n === 'NaN' ? 3 : n === 'Infinity' ? 2 : n === '-Infinity' ? 0 : 1;
}

/**
 * A text whose binary order is the numbers' order and which is the same for equal numbers of different scale:
 * sign, exponent, significant digits, each complemented for negative numbers.
 */
export function numericKey(n: Numeric): string {
  if (isSpecial(n)) return n === 'NaN' ? '9' : n === 'Infinity' ? '8' : '1';
  if (n.digits === 0n) return '5';
  const negative = n.digits < 0n;
  const text = (negative ? -n.digits : n.digits).toString();
  const exponent = text.length - n.scale + 500_000;
  let end = text.length;
  while (text.charCodeAt(end - 1) === 48) end--;
  const body = exponent.toString().padStart(7, '0') + text.slice(0, end);
  if (!negative) return `6${body}`;
  let complement = '4';
  for (let i = 0; i < body.length; i++) complement += String.fromCharCode(105 - body.charCodeAt(i));
  return `${complement}~`;
}

/** Applies numeric(precision, scale): rounds, and 22003 when it doesn't fit. */
export function applyTypmod(n: Numeric, typmod: number): Numeric {
  if (typmod < 4 || n === 'NaN') return n;
  const precision = ((typmod - 4) >> 16) & 0xffff;
  const scale = (((typmod - 4) & 0x7ff) ^ 1024) - 1024;
  if (isSpecial(n)) throw outOfRange('numeric field overflow');
  const rounded = roundTo(n, scale);
  const limit = precision - scale;
  const tooBig =
    limit >= 0
      ? rounded.digits >= pow10(limit + rounded.scale) || rounded.digits <= -pow10(limit + rounded.scale)
      : (rounded.digits < 0n ? -rounded.digits : rounded.digits) * pow10(-limit) >= pow10(rounded.scale);
  if (tooBig) throw outOfRange('numeric field overflow');
  return rounded;
}

/** numeric to a whole number within [min, max], rounding half away from zero; 22003 naming `type` otherwise. */
export function numericToInteger(n: Numeric, min: bigint, max: bigint, type: string): bigint {
  if (isSpecial(n)) {
    throw new TimelineError({
      kind: 'unsupported',
      sqlstate: '0A000',
      message: `cannot convert ${n === 'NaN' ? 'NaN' : 'infinity'} to ${type}`,
    });
  }
  const { digits } = roundTo(n, 0);
  if (digits < min || digits > max) throw outOfRange(`${type} out of range`);
  return digits;
}

/** float8 (15 significant digits) or float4 (6) to numeric. */
export function floatToNumeric(value: number, significant: 15 | 6): Numeric {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? 'Infinity' : '-Infinity';
  const [mantissa, exponent] = value.toExponential(significant - 1).split('e') as [string, string];
  const trimmed = mantissa.includes('.') ? mantissa.replace(/\.?0+$/, '') : mantissa;
  return readNumeric(`${trimmed}e${exponent}`);
}

export function numericToFloat(n: Numeric): number {
  if (isSpecial(n)) return Number(n);
  const value = Number(writeNumeric(n));
  if (!Number.isFinite(value)) {
    throw outOfRange(`"${writeNumeric(n)}" is out of range for type double precision`);
  }
  return value;
}
