import { dayNumber, instant } from '../../../sql/column-block.js';
import type { ColumnVector } from '../../../sql/column-vector.js';
import { unsupported } from '../../../sql/errors.js';
import { writeNumeric } from '../../../sql/functions/numeric.js';
import type { Value } from '../../../sql/value.js';
import { Damage } from './damage.js';
import type { Finish } from './number-sinks.js';
import { NotSafe } from './sink.js';

/** Whole numbers of at most `bits` bits. */
export function wholeNumbers(bits: number): Finish<Int32Array> {
  const limit = 2 ** (bits - 1);
  return (values, valid) => {
    if (bits < 32)
      for (const value of values) if (value >= limit || value < -limit) throw new Damage(`the number ${value} does not have ${bits} bits`);
    return { kind: 'numbers', values, valid };
  };
}

/** Infinite days, which are rare, cannot stay integers. */
export const days: Finish<Int32Array> = (values, valid) => {
  const isInfinite = values.some((value) => !Number.isFinite(dayNumber(value)));
  return { kind: 'numbers', values: isInfinite ? Float64Array.from(values, dayNumber) : values, valid };
};

export const millisOfDay: Finish<Int32Array> = (values, valid) => ({
  kind: 'numbers',
  values: Float64Array.from(values, (value) => value * 1000),
  valid,
});

/** Safe 64 bit numbers, each times `scale`. Throws NotSafe. */
export function scaled(scale: 1 | 1000): Finish<Float64Array> {
  return (values, valid) => {
    if (scale === 1) return { kind: 'numbers', values, valid };
    const most = Math.floor(Number.MAX_SAFE_INTEGER / scale);
    for (let row = 0; row < values.length; row++) {
      const value = values[row] as number;
      if (value > most || value < -most) throw new NotSafe();
      values[row] = value * scale;
    }
    return { kind: 'numbers', values, valid };
  };
}

/** 64 bit numbers as values. */
export const wideNumbers: Finish<BigInt64Array> = (values, valid) => asValues(values, valid, (value) => value);

/** Microseconds, or milliseconds, of which some are beyond the safe numbers. */
export function wideInstants(unit: 'us' | 'ms'): Finish<BigInt64Array> {
  return (values, valid) =>
    asValues(values, valid, (value) => {
      if (unit === 'us') return instant(value);
      const micros = value * 1000n;
      if (BigInt.asIntN(64, micros) !== micros) throw new Damage(`the instant ${value} ms is out of range`);
      return micros;
    });
}

/** The ends of the range, which DuckDB takes for infinities. */
const LAST_NANOS = 2n ** 63n - 1n;

/** What lies below a microsecond is cut off: towards the past or, as DuckDB does with instants in UTC, towards 1970. */
export function nanos(towards: 'past' | '1970'): Finish<BigInt64Array> {
  return (values, valid) => {
    const words = new Int32Array(values.buffer, values.byteOffset, values.length * 2);
    const micros = new Float64Array(values.length);
    for (let row = 0; row < values.length; row++) {
      const [low, high] = [(words[row * 2] as number) >>> 0, words[row * 2 + 1] as number];
      if ((high === 0x7fffffff || high === -0x80000000) && isEnd(values[row] as bigint))
        throw unsupported('decoding of infinite instants in nanoseconds');
      // 2^32 is 4294967 thousands and 296.
      const thousands = (high * 296 + low) / 1000;
      const whole = Math.floor(thousands);
      micros[row] = high * 4294967 + whole + (towards === '1970' && high < 0 && whole !== thousands ? 1 : 0);
    }
    return { kind: 'numbers', values: micros, valid };
  };
}

function isEnd(value: bigint): boolean {
  return value === LAST_NANOS || value <= -LAST_NANOS;
}

/** Digits of decimals as text; equal ones share theirs. `factor`: 10 to the digits that the wanted scale has more. */
export function decimals(scale: { readonly file: number; readonly wanted: number }): Finish<Int32Array | BigInt64Array> {
  const factor = 10n ** BigInt(scale.wanted - scale.file);
  return (values, valid) => {
    const known = new Map<number | bigint, number>();
    const dictionary: Value[] = [];
    const codes = new Uint32Array(values.length);
    for (let row = 0; row < values.length; row++) {
      const digits = values[row] as number | bigint;
      let code = known.get(digits);
      if (code === undefined) {
        code = dictionary.push(writeNumeric({ digits: BigInt(digits) * factor, scale: scale.wanted })) - 1;
        known.set(digits, code);
      }
      codes[row] = code;
    }
    return { kind: 'codes', codes, dictionary, valid };
  };
}

/** Numbers where all are safe. */
function asValues(values: BigInt64Array, valid: Uint8Array | undefined, convert: (value: bigint) => bigint): ColumnVector {
  const out: (Value | null)[] = new Array(values.length);
  let isSafe = true;
  for (let row = 0; row < values.length; row++) {
    if (valid !== undefined && valid[row] === 0) {
      out[row] = null;
      continue;
    }
    const value = convert(values[row] as bigint);
    out[row] = value;
    isSafe &&= Number.isSafeInteger(Number(value));
  }
  if (!isSafe) return { kind: 'values', values: out };
  return { kind: 'numbers', values: Float64Array.from(out, (value) => Number(value ?? 0)), valid };
}
