import { TimelineError } from '../errors.js';
import { ELEMENT_OF, Oid, type Type } from '../types.js';
import type { Interval, Value } from '../value.js';
import {
  addNumeric,
  compareNumeric,
  divideNumeric,
  moduloNumeric,
  multiplyNumeric,
  type Numeric,
  negateNumeric,
  readNumeric,
  subtractNumeric,
  writeNumeric,
} from './numeric.js';

/** A strict PostgreSQL function over values in memory: never called with NULL. */
export type StateFunction = (a: Value, b: Value) => Value;

/** All signatures of stateFunction. */
export function stateFunctionSignatures(): readonly string[] {
  return [...FUNCTIONS.keys()];
}

export type Comparator = (a: Value, b: Value) => number;

/** The functions that the timeline kernel computes over states, by signature as in Call.fn; others are 0A000. */
export function stateFunction(signature: string): StateFunction | undefined {
  return FUNCTIONS.get(signature);
}

/** The order of a type's values (btree), or undefined for types without one here. */
export function comparator(type: Type): Comparator | undefined {
  switch (type.oid) {
    case Oid.bool:
    case Oid.int2:
    case Oid.int4:
    case Oid.int8:
    case Oid.oid:
    case Oid.date:
    case Oid.time:
    case Oid.timestamp:
    case Oid.timestamptz:
    case Oid.uuid:
      return plain;
    case Oid.float4:
    case Oid.float8:
      return floats;
    case Oid.numeric:
      return compareNumbersText;
    case Oid.text:
    case Oid.varchar:
    case Oid.name:
      return texts;
    case Oid.bpchar:
      return (a, b) => texts(trimmed(a), trimmed(b));
    case Oid.bytea:
      return compareBytes;
    case Oid.interval:
      return intervals;
    default:
      return undefined;
  }
}

/** PostgreSQL's `=` of a type as IS NOT DISTINCT FROM reads it for values that are not NULL (NaN equals NaN). */
export function equality(type: Type): (a: Value, b: Value) => boolean {
  switch (type.oid) {
    case Oid.float4:
    case Oid.float8:
      return (a, b) => a === b || (Number.isNaN(a) && Number.isNaN(b));
    case Oid.numeric:
      return (a, b) => a === b || compareNumbersText(a, b) === 0;
    case Oid.interval:
      return (a, b) => intervalSpan(a) === intervalSpan(b);
    case Oid.bytea:
      return (a, b) => compareBytes(a, b) === 0;
    case Oid.bpchar:
      return (a, b) => a === b || trimmed(a) === trimmed(b);
    default: {
      const element = ELEMENT_OF.get(type.oid);
      if (element === undefined) return (a, b) => a === b;
      const same = equality({ oid: element, typmod: -1 });
      return (a, b) => {
        const left = a as readonly (Value | null)[];
        const right = b as readonly (Value | null)[];
        return (
          left.length === right.length &&
          left.every((item, n) => {
            const other = right[n] ?? null;
            return item === null || other === null ? item === other : same(item, other);
          })
        );
      };
    }
  }
}

/** Length of an interval as PostgreSQL compares them: months of 30 days, days of 24 hours; microseconds. */
export function intervalSpan(value: Value): bigint {
  const { months, days, micros } = value as Interval;
  return (BigInt(months) * 30n + BigInt(days)) * 86_400_000_000n + micros;
}

const plain: Comparator = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
/** NaN is greater than all and equal to itself. */
const floats: Comparator = (a, b) => (a < b ? -1 : a > b ? 1 : a === b ? 0 : Number.isNaN(a) ? (Number.isNaN(b) ? 0 : 1) : -1);
const intervals: Comparator = (a, b) => plain(intervalSpan(a), intervalSpan(b));

/** By code points, which is the order of UTF-8 bytes (collation C); JavaScript's own order puts U+E000… after astral characters. */
const texts: Comparator = (a, b) => {
  if (a === b) return 0;
  const left = a as string;
  const right = b as string;
  const length = Math.min(left.length, right.length);
  for (let i = 0; i < length; i++) {
    const x = left.charCodeAt(i);
    const y = right.charCodeAt(i);
    if (x === y) continue;
    const bothHigh = x >= 0xd800 && y >= 0xd800;
    if (!bothHigh) return x < y ? -1 : 1;
    const surrogateX = x < 0xe000;
    const surrogateY = y < 0xe000;
    if (surrogateX === surrogateY) return x < y ? -1 : 1;
    return surrogateX ? 1 : -1;
  }
  return left.length < right.length ? -1 : 1;
};

function trimmed(value: Value): string {
  return (value as string).replace(/ +$/, '');
}

function compareBytes(a: Value, b: Value): number {
  return Buffer.compare(a as Uint8Array, b as Uint8Array);
}

function compareNumbersText(a: Value, b: Value): number {
  return compareNumeric(readNumeric(a as string), readNumeric(b as string));
}

const FUNCTIONS: ReadonlyMap<string, StateFunction> = new Map([...comparisons(), ...integerArithmetic(), ...otherArithmetic()]);

function comparisons(): Map<string, StateFunction> {
  const families: readonly (readonly [prefix: string, left: string, right: string, compare: Comparator, orderPrefix?: string])[] = [
    ['bool', 'bool', 'bool', plain],
    ['oid', 'oid', 'oid', plain],
    ['int2', 'int2', 'int2', plain],
    ['int4', 'int4', 'int4', plain],
    ['int8', 'int8', 'int8', plain],
    ['int24', 'int2', 'int4', plain],
    ['int28', 'int2', 'int8', plain],
    ['int42', 'int4', 'int2', plain],
    ['int48', 'int4', 'int8', plain],
    ['int82', 'int8', 'int2', plain],
    ['int84', 'int8', 'int4', plain],
    ['float4', 'float4', 'float4', floats],
    ['float8', 'float8', 'float8', floats],
    ['float48', 'float4', 'float8', floats],
    ['float84', 'float8', 'float4', floats],
    ['numeric_', 'numeric', 'numeric', compareNumbersText],
    ['text', 'text', 'text', texts, 'text_'],
    ['name', 'name', 'name', texts],
    ['bpchar', 'bpchar', 'bpchar', (a, b) => texts(trimmed(a), trimmed(b))],
    ['bytea', 'bytea', 'bytea', compareBytes],
    ['date_', 'date', 'date', plain],
    ['time_', 'time', 'time', plain],
    ['timestamp_', 'timestamp', 'timestamp', plain],
    ['timestamptz_', 'timestamptz', 'timestamptz', plain],
    ['interval_', 'interval', 'interval', intervals],
    ['uuid_', 'uuid', 'uuid', plain],
  ];
  const functions = new Map<string, StateFunction>();
  for (const [prefix, left, right, compare, orderPrefix = prefix] of families) {
    const signature = `(${left},${right})`;
    functions.set(`${prefix}eq${signature}`, compare === texts ? (a, b) => a === b : (a, b) => compare(a, b) === 0);
    functions.set(`${prefix}ne${signature}`, compare === texts ? (a, b) => a !== b : (a, b) => compare(a, b) !== 0);
    functions.set(`${orderPrefix}lt${signature}`, (a, b) => compare(a, b) < 0);
    functions.set(`${orderPrefix}le${signature}`, (a, b) => compare(a, b) <= 0);
    functions.set(`${orderPrefix}gt${signature}`, (a, b) => compare(a, b) > 0);
    functions.set(`${orderPrefix}ge${signature}`, (a, b) => compare(a, b) >= 0);
  }
  return functions;
}

const LIMITS = {
  int2: { low: -32768n, high: 32767n, label: 'smallint' },
  int4: { low: -2147483648n, high: 2147483647n, label: 'integer' },
  int8: { low: -9223372036854775808n, high: 9223372036854775807n, label: 'bigint' },
} as const;

function integer(value: bigint, name: keyof typeof LIMITS): Value {
  const { low, high, label } = LIMITS[name];
  if (value < low || value > high) throw dataError('22003', `${label} out of range`);
  return name === 'int8' ? value : Number(value);
}

function integerArithmetic(): Map<string, StateFunction> {
  const functions = new Map<string, StateFunction>();
  const pairs: readonly (readonly [string, keyof typeof LIMITS, keyof typeof LIMITS, keyof typeof LIMITS])[] = [
    ['int2', 'int2', 'int2', 'int2'],
    ['int4', 'int4', 'int4', 'int4'],
    ['int8', 'int8', 'int8', 'int8'],
    ['int24', 'int2', 'int4', 'int4'],
    ['int42', 'int4', 'int2', 'int4'],
    ['int28', 'int2', 'int8', 'int8'],
    ['int82', 'int8', 'int2', 'int8'],
    ['int48', 'int4', 'int8', 'int8'],
    ['int84', 'int8', 'int4', 'int8'],
  ];
  const big = (value: Value): bigint => BigInt(value as number | bigint);
  const divisor = (value: Value): bigint => {
    const n = big(value);
    if (n === 0n) throw dataError('22012', 'division by zero');
    return n;
  };
  for (const [prefix, left, right, result] of pairs) {
    const signature = `(${left},${right})`;
    functions.set(`${prefix}pl${signature}`, (a, b) => integer(big(a) + big(b), result));
    functions.set(`${prefix}mi${signature}`, (a, b) => integer(big(a) - big(b), result));
    functions.set(`${prefix}mul${signature}`, (a, b) => integer(big(a) * big(b), result));
    functions.set(`${prefix}div${signature}`, (a, b) => integer(big(a) / divisor(b), result));
    if (left === right) {
      functions.set(`${prefix}mod${signature}`, (a, b) => integer(big(a) % divisor(b), result));
      functions.set(`mod${signature}`, (a, b) => integer(big(a) % divisor(b), result));
    }
  }
  for (const name of ['int2', 'int4', 'int8'] as const) {
    functions.set(`${name}um(${name})`, (a) => integer(-big(a), name));
    functions.set(`${name}up(${name})`, (a) => a);
    for (const abs of ['abs', `${name}abs`]) functions.set(`${abs}(${name})`, (a) => integer(big(a) < 0n ? -big(a) : big(a), name));
    for (const from of ['int2', 'int4', 'int8']) if (from !== name) functions.set(`${name}(${from})`, (a) => integer(big(a), name));
    functions.set(`numeric(${name})`, (a) => String(a));
    functions.set(`float8(${name})`, (a) => Number(a as number | bigint));
  }
  return functions;
}

function otherArithmetic(): Map<string, StateFunction> {
  const functions = new Map<string, StateFunction>();
  const finite = (result: number, a: Value, b: Value): Value => {
    if (!Number.isFinite(result) && Number.isFinite(a) && Number.isFinite(b)) throw dataError('22003', 'value out of range: overflow');
    return result;
  };
  const tiny = (result: number, zeroIsRight: boolean): number => {
    if (result === 0 && !zeroIsRight) throw dataError('22003', 'value out of range: underflow');
    return result;
  };
  functions.set('float8pl(float8,float8)', (a, b) => finite((a as number) + (b as number), a, b));
  functions.set('float8mi(float8,float8)', (a, b) => finite((a as number) - (b as number), a, b));
  functions.set('float8mul(float8,float8)', (a, b) => finite(tiny((a as number) * (b as number), a === 0 || b === 0), a, b));
  functions.set('float8div(float8,float8)', (a, b) => {
    if (b === 0 && !Number.isNaN(a)) throw dataError('22012', 'division by zero');
    return finite(tiny((a as number) / (b as number), a === 0 || !Number.isFinite(b)), a, b);
  });
  functions.set('float8um(float8)', (a) => -(a as number));
  functions.set('abs(float8)', (a) => Math.abs(a as number));
  functions.set('float8(float4)', (a) => a);

  const numeric =
    (f: (a: Numeric, b: Numeric) => Numeric): StateFunction =>
    (a, b) =>
      writeNumeric(f(readNumeric(a as string), readNumeric(b as string)));
  functions.set('numeric_add(numeric,numeric)', numeric(addNumeric));
  functions.set('numeric_sub(numeric,numeric)', numeric(subtractNumeric));
  functions.set('numeric_mul(numeric,numeric)', numeric(multiplyNumeric));
  functions.set('numeric_div(numeric,numeric)', numeric(divideNumeric));
  functions.set('numeric_mod(numeric,numeric)', numeric(moduloNumeric));
  functions.set('numeric_uminus(numeric)', (a) => writeNumeric(negateNumeric(readNumeric(a as string))));

  const interval = (a: Value, b: Value, sign: 1 | -1): Value => {
    const left = a as Interval;
    const right = b as Interval;
    return {
      months: left.months + sign * right.months,
      days: left.days + sign * right.days,
      micros: left.micros + BigInt(sign) * right.micros,
    };
  };
  functions.set('interval_pl(interval,interval)', (a, b) => interval(a, b, 1));
  functions.set('interval_mi(interval,interval)', (a, b) => interval(a, b, -1));
  functions.set('textcat(text,text)', (a, b) => `${a as string}${b as string}`);
  return functions;
}

function dataError(sqlstate: string, message: string): TimelineError {
  return new TimelineError({ kind: 'data', sqlstate, message });
}
