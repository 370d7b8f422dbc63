import {
  absNumeric,
  addNumeric,
  applyTypmod,
  ceilNumeric,
  divideNumeric,
  floatToNumeric,
  floorNumeric,
  moduloNumeric,
  multiplyNumeric,
  type Numeric,
  negateNumeric,
  numericKey,
  numericToFloat,
  numericToInteger,
  pow10,
  readNumeric,
  roundNumeric,
  signNumeric,
  sqrtNumeric,
  subtractNumeric,
  truncNumeric,
  writeNumeric,
} from '../../sql/functions/numeric.js';
import { Oid } from '../../sql/types.js';

import type { ScalarDefinition } from './scalar-definition.js';

function numeric(name: string, compute: (...args: readonly Numeric[]) => Numeric, arity: number): ScalarDefinition {
  return {
    name,
    parameters: new Array<number>(arity).fill(Oid.numeric),
    result: Oid.numeric,
    compute: (args) => writeNumeric(compute(...args.map((arg) => readNumeric(arg as string)))),
  };
}

function numericWithInt(name: string, compute: (n: Numeric, by: number) => Numeric): ScalarDefinition {
  return {
    name,
    parameters: [Oid.numeric, Oid.int4],
    result: Oid.numeric,
    compute: ([n, by]) => writeNumeric(compute(readNumeric(n as string), by as number)),
  };
}

/** NULL for a zero divisor, which the function's template has looked for. */
function division(name: string, compute: (a: Numeric, b: Numeric) => Numeric): ScalarDefinition {
  return {
    name,
    parameters: [Oid.numeric, Oid.numeric],
    result: Oid.numeric,
    compute: ([a, b]) => {
      const divisor = readNumeric(b as string);
      if (typeof divisor === 'object' && divisor.digits === 0n && a !== 'NaN') return null;
      return writeNumeric(compute(readNumeric(a as string), divisor));
    },
  };
}

function toInteger(name: string, result: number, bits: number, label: string): ScalarDefinition {
  const half = 1n << BigInt(bits - 1);
  return {
    name,
    parameters: [Oid.numeric],
    result,
    compute: ([n]) => {
      const value = numericToInteger(readNumeric(n as string), -half, half - 1n, label);
      return result === Oid.int8 ? value : Number(value);
    },
  };
}

export const NUMERIC_SCALARS: readonly ScalarDefinition[] = [
  numeric('tl_numeric_add', addNumeric as (...args: readonly Numeric[]) => Numeric, 2),
  numeric('tl_numeric_sub', subtractNumeric as (...args: readonly Numeric[]) => Numeric, 2),
  numeric('tl_numeric_mul', multiplyNumeric as (...args: readonly Numeric[]) => Numeric, 2),
  division('tl_numeric_div', divideNumeric),
  division('tl_numeric_mod', moduloNumeric),
  numeric('tl_numeric_neg', negateNumeric as (...args: readonly Numeric[]) => Numeric, 1),
  numeric('tl_numeric_abs', absNumeric as (...args: readonly Numeric[]) => Numeric, 1),
  numeric('tl_numeric_sign', signNumeric as (...args: readonly Numeric[]) => Numeric, 1),
  numeric('tl_numeric_ceil', ceilNumeric as (...args: readonly Numeric[]) => Numeric, 1),
  numeric('tl_numeric_floor', floorNumeric as (...args: readonly Numeric[]) => Numeric, 1),
  numeric('tl_numeric_sqrt', sqrtNumeric as (...args: readonly Numeric[]) => Numeric, 1),
  numericWithInt('tl_numeric_round', roundNumeric),
  numericWithInt('tl_numeric_trunc', truncNumeric),
  numericWithInt('tl_numeric_typmod', applyTypmod),
  { name: 'tl_numeric_key', parameters: [Oid.numeric], result: Oid.text, compute: ([n]) => numericKey(readNumeric(n as string)) },
  toInteger('tl_numeric_int2', Oid.int2, 16, 'smallint'),
  toInteger('tl_numeric_int4', Oid.int4, 32, 'integer'),
  toInteger('tl_numeric_int8', Oid.int8, 64, 'bigint'),
  { name: 'tl_numeric_float8', parameters: [Oid.numeric], result: Oid.float8, compute: ([n]) => numericToFloat(readNumeric(n as string)) },
  {
    name: 'tl_float8_numeric',
    parameters: [Oid.float8],
    result: Oid.numeric,
    compute: ([x]) => writeNumeric(floatToNumeric(x as number, 15)),
  },
  {
    name: 'tl_float4_numeric',
    parameters: [Oid.float4],
    result: Oid.numeric,
    compute: ([x]) => writeNumeric(floatToNumeric(x as number, 6)),
  },
  // Math.fround keeps infinities and zeros where DuckDB's cast to FLOAT raises an error of its own.
  { name: 'tl_float4', parameters: [Oid.float8], result: Oid.float4, compute: ([x]) => Math.fround(x as number) },
  { name: 'tl_numeric_sum', parameters: [Oid.text], result: Oid.numeric, compute: ([list]) => sumOf(list as string) },
  {
    name: 'tl_numeric_limbs',
    parameters: [Oid.numeric, Oid.numeric, Oid.numeric, Oid.int4, Oid.int4],
    result: Oid.numeric,
    compute: ([whole, high, low, scale, flags]) =>
      joinLimbs(whole as string, high as string, low as string, scale as number, flags as number),
  },
];

/** The sum of numbers with blanks between them. */
function sumOf(list: string): string {
  return writeNumeric(list.split(' ').map(readNumeric).reduce(addNumeric));
}

/** The sum that the limbs of NUMERIC_SUM_STATE hold. Flags: 1 NaN, 2 Infinity, 4 -Infinity were among the numbers. */
function joinLimbs(whole: string, high: string, low: string, scale: number, flags: number): string {
  if ((flags & 1) !== 0 || (flags & 6) === 6) return 'NaN';
  if (flags !== 0) return flags === 2 ? 'Infinity' : '-Infinity';
  const digits = BigInt(whole) * pow10(36) + BigInt(high) * pow10(18) + BigInt(low);
  return writeNumeric({ digits: digits / pow10(36 - scale), scale });
}
