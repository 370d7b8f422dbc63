import { type DuckDBConnection, DuckDBScalarFunction } from '@duckdb/node-api';
import { asTimelineError, TimelineError, unsupported } from '../../sql/errors.js';
import {
  type Json,
  jsonbElement,
  jsonbField,
  jsonbKey,
  jsonbText,
  jsonbTypeof,
  normalizeJsonb,
  parseJson,
  writeJsonb,
} from '../../sql/functions/jsonb.js';
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
  parseNumeric,
  pow10,
  readNumeric,
  roundNumeric,
  signNumeric,
  sqrtNumeric,
  subtractNumeric,
  truncNumeric,
  writeNumeric,
} from '../../sql/functions/numeric.js';
import {
  addInterval,
  checkTimestamp,
  fromLocal,
  intervalField,
  intervalPart,
  timestampFromSeconds,
  toLocal,
} from '../../sql/functions/timestamp-arithmetic.js';
import { Oid, type Type } from '../../sql/types.js';
import { type Interval, type TextSettings, TIMESTAMP_INFINITY, TIMESTAMP_NEGATIVE_INFINITY, type Value } from '../../sql/value.js';
import { formatValue, parseValue } from '../../sql/value-text.js';
import { vectorType } from './duckdb-vector-type.js';
import { readColumn, toDuckdb } from './value-vectors.js';

/** Computes one row; a NULL argument gives NULL without a call. */
type Compute = (args: readonly Value[]) => Value | null;

interface Definition {
  readonly name: string;
  readonly parameters: readonly number[];
  readonly result: number;
  readonly compute: Compute;
}

const TEXT_ARRAY = 1009;

const plain = (oid: number): Type => ({ oid, typmod: -1 });

function numeric(name: string, compute: (...args: readonly Numeric[]) => Numeric, arity: number): Definition {
  return {
    name,
    parameters: new Array<number>(arity).fill(Oid.numeric),
    result: Oid.numeric,
    compute: (args) => writeNumeric(compute(...args.map((arg) => readNumeric(arg as string)))),
  };
}

function numericWithInt(name: string, compute: (n: Numeric, by: number) => Numeric): Definition {
  return {
    name,
    parameters: [Oid.numeric, Oid.int4],
    result: Oid.numeric,
    compute: ([n, by]) => writeNumeric(compute(readNumeric(n as string), by as number)),
  };
}

function toInteger(name: string, result: number, bits: number, label: string): Definition {
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

const NUMERIC_FUNCTIONS: readonly Definition[] = [
  numeric('tl_numeric_add', addNumeric as (...args: readonly Numeric[]) => Numeric, 2),
  numeric('tl_numeric_sub', subtractNumeric as (...args: readonly Numeric[]) => Numeric, 2),
  numeric('tl_numeric_mul', multiplyNumeric as (...args: readonly Numeric[]) => Numeric, 2),
  numeric('tl_numeric_div', divideNumeric as (...args: readonly Numeric[]) => Numeric, 2),
  numeric('tl_numeric_mod', moduloNumeric as (...args: readonly Numeric[]) => Numeric, 2),
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
  {
    name: 'tl_numeric_limbs',
    parameters: [Oid.numeric, Oid.numeric, Oid.numeric, Oid.int4, Oid.int4],
    result: Oid.numeric,
    compute: ([whole, high, low, scale, flags]) =>
      joinLimbs(whole as string, high as string, low as string, scale as number, flags as number),
  },
];

/** The sum that the limbs of NUMERIC_SUM_STATE hold. Flags: 1 NaN, 2 Infinity, 4 -Infinity were among the numbers. */
function joinLimbs(whole: string, high: string, low: string, scale: number, flags: number): string {
  if ((flags & 1) !== 0 || (flags & 6) === 6) return 'NaN';
  if (flags !== 0) return flags === 2 ? 'Infinity' : '-Infinity';
  const digits = BigInt(whole) * pow10(36) + BigInt(high) * pow10(18) + BigInt(low);
  return writeNumeric({ digits: digits / pow10(36 - scale), scale });
}

function textFunctions(settings: TextSettings): readonly Definition[] {
  const out = (name: string, oid: number): Definition => ({
    name,
    parameters: [oid],
    result: Oid.text,
    compute: ([value]) => formatValue(plain(oid), value as Value, settings),
  });
  const into = (name: string, oid: number): Definition => ({
    name,
    parameters: [Oid.text],
    result: oid,
    compute: ([text]) => parseValue(plain(oid), text as string, settings),
  });
  const integerInto = (name: string, oid: number): Definition => ({
    name,
    parameters: [Oid.text],
    result: oid,
    compute: ([text]) => {
      // Other bases and underscores are numeric's spellings too, but not fractions.
      const other = /[xob_]/i.test(text as string) && !/[.]/.test(text as string) ? parseNumeric(text as string) : undefined;
      return parseValue(plain(oid), other === undefined ? (text as string) : writeNumeric(other), settings);
    },
  });
  const floatInto = (name: string, oid: number): Definition => ({
    name,
    parameters: [Oid.text],
    result: oid,
    compute: ([text]) => {
      if (/^\s*[+-]?0x/i.test(text as string)) throw unsupported('a hexadecimal floating-point number');
      return parseValue(plain(oid), text as string, settings);
    },
  });
  const dateInto = (name: string, oid: number): Definition => ({
    name,
    parameters: [Oid.text],
    result: oid,
    compute: ([text]) => {
      try {
        return parseValue(plain(oid), text as string, settings);
      } catch (error) {
        // PostgreSQL reads many more spellings ('Jan 8', 'yesterday'); only ISO texts are read here.
        if (error instanceof TimelineError && error.sqlstate === '22007')
          throw unsupported(`reading "${String(text).slice(0, 60)}" as a date or time`);
        throw error;
      }
    },
  });
  return [
    out('tl_float8_out', Oid.float8),
    out('tl_float4_out', Oid.float4),
    out('tl_interval_out', Oid.interval),
    out('tl_date_out', Oid.date),
    out('tl_timestamp_out', Oid.timestamp),
    out('tl_timestamptz_out', Oid.timestamptz),
    out('tl_time_out', Oid.time),
    out('tl_bytea_out', Oid.bytea),
    integerInto('tl_int2_in', Oid.int2),
    integerInto('tl_int4_in', Oid.int4),
    integerInto('tl_int8_in', Oid.int8),
    floatInto('tl_float8_in', Oid.float8),
    floatInto('tl_float4_in', Oid.float4),
    into('tl_bool_in', Oid.bool),
    into('tl_uuid_in', Oid.uuid),
    dateInto('tl_interval_in', Oid.interval),
    { name: 'tl_numeric_in', parameters: [Oid.text], result: Oid.numeric, compute: ([text]) => writeNumeric(readNumeric(text as string)) },
    dateInto('tl_date_in', Oid.date),
    dateInto('tl_timestamp_in', Oid.timestamp),
    dateInto('tl_timestamptz_in', Oid.timestamptz),
  ];
}

/** The exact calendar, for what src/kernel/time-macros.ts doesn't leave to DuckDB. */
function calendarFunctions({ timeZone }: TextSettings): readonly Definition[] {
  const zoned = (name: string, from: number, to: number, compute: (micros: bigint) => bigint): Definition => ({
    name,
    parameters: [from],
    result: to,
    compute: ([micros]) => compute(micros as bigint),
  });
  const add = (name: string, oid: number, zone: string | undefined): Definition => ({
    name,
    parameters: [oid, Oid.interval],
    result: oid,
    compute: ([micros, interval]) => addInterval(micros as bigint, interval as Interval, zone),
  });
  return [
    zoned('tl_js_timestamptz_timestamp', Oid.timestamptz, Oid.timestamp, (micros) => toLocal(micros, timeZone)),
    zoned('tl_js_timestamp_timestamptz', Oid.timestamp, Oid.timestamptz, (micros) => fromLocal(micros, timeZone)),
    {
      name: 'tl_js_date_timestamptz',
      parameters: [Oid.date],
      result: Oid.timestamptz,
      compute: ([days]) => dateToInstant(days as number, timeZone),
    },
    {
      name: 'tl_js_timestamptz_at',
      parameters: [Oid.text, Oid.timestamptz],
      result: Oid.timestamp,
      compute: ([zone, micros]) => toLocal(micros as bigint, zone as string),
    },
    {
      name: 'tl_js_timestamp_at',
      parameters: [Oid.text, Oid.timestamp],
      result: Oid.timestamptz,
      compute: ([zone, micros]) => fromLocal(micros as bigint, zone as string),
    },
    add('tl_js_timestamp_add', Oid.timestamp, undefined),
    add('tl_js_timestamptz_add', Oid.timestamptz, timeZone),
    {
      name: 'tl_to_timestamp',
      parameters: [Oid.float8],
      result: Oid.timestamptz,
      compute: ([seconds]) => timestampFromSeconds(seconds as number),
    },
    {
      name: 'tl_interval_part',
      parameters: [Oid.text, Oid.interval],
      result: Oid.float8,
      compute: ([field, interval]) => {
        const value = intervalPart(interval as Interval, (field as string).toLowerCase());
        if (value === undefined) throw unsupported(`date_part of ${field as string} from an interval`);
        return value;
      },
    },
    {
      name: 'tl_interval_extract',
      parameters: [Oid.text, Oid.interval],
      result: Oid.numeric,
      compute: ([field, interval]) => {
        const text = intervalField(interval as Interval, (field as string).toLowerCase());
        if (text === undefined) throw unsupported(`extract of ${field as string} from an interval`);
        return text;
      },
    },
  ];
}

function dateToInstant(days: number, timeZone: string): bigint {
  if (!Number.isFinite(days)) return days > 0 ? TIMESTAMP_INFINITY : TIMESTAMP_NEGATIVE_INFINITY;
  return fromLocal(checkTimestamp(BigInt(days) * 86_400_000_000n), timeZone);
}

const TEXT_FUNCTIONS: readonly Definition[] = [
  { name: 'tl_reverse', parameters: [Oid.text], result: Oid.text, compute: ([text]) => [...(text as string)].reverse().join('') },
  {
    name: 'tl_jsonb_path',
    parameters: [Oid.text, TEXT_ARRAY],
    result: Oid.text,
    compute: ([json, path]) => written(jsonbPath(json as string, path as readonly (string | null)[])),
  },
  {
    name: 'tl_jsonb_path_text',
    parameters: [Oid.text, TEXT_ARRAY],
    result: Oid.text,
    compute: ([json, path]) => jsonbText(jsonbPath(json as string, path as readonly (string | null)[])) ?? null,
  },
  {
    name: 'tl_jsonb_scalar',
    parameters: [Oid.text, Oid.text],
    result: Oid.text,
    compute: ([json, type]) => jsonbScalar(json as string, type as string),
  },
];

function jsonbPath(text: string, path: readonly (string | null)[]): Json | undefined {
  let at: Json | undefined = parseJson(text);
  for (const step of path) {
    if (at === undefined || step === null) return undefined;
    if (at.kind === 'object') at = jsonbField(at, step);
    else if (at.kind === 'array' && /^\s*[+-]?\d{1,9}$/.test(step)) at = jsonbElement(at, Number(step));
    else return undefined;
  }
  return at;
}

function jsonbScalar(text: string, type: string): string | null {
  const json = parseJson(text);
  if (json.kind === 'null') return null;
  if (json.kind === (type === 'boolean' ? 'bool' : 'number'))
    return json.kind === 'number' ? json.text : String(json.kind === 'bool' && json.value);
  const what = json.kind === 'bool' ? 'boolean' : json.kind === 'number' ? 'numeric' : json.kind;
  throw new TimelineError({ kind: 'data', sqlstate: '22023', message: `cannot cast jsonb ${what} to type ${type}` });
}

const JSON_FUNCTIONS: readonly Definition[] = [
  { name: 'tl_jsonb_out', parameters: [Oid.text], result: Oid.text, compute: ([json]) => normalizeJsonb(json as string) },
  { name: 'tl_jsonb_key', parameters: [Oid.text], result: Oid.text, compute: ([json]) => jsonbKey(json as string) },
  { name: 'tl_jsonb_typeof', parameters: [Oid.text], result: Oid.text, compute: ([json]) => jsonbTypeof(parseJson(json as string)) },
  {
    name: 'tl_jsonb_field',
    parameters: [Oid.text, Oid.text],
    result: Oid.text,
    compute: ([json, key]) => written(jsonbField(parseJson(json as string), key as string)),
  },
  {
    name: 'tl_jsonb_field_text',
    parameters: [Oid.text, Oid.text],
    result: Oid.text,
    compute: ([json, key]) => jsonbText(jsonbField(parseJson(json as string), key as string)) ?? null,
  },
  {
    name: 'tl_jsonb_element',
    parameters: [Oid.text, Oid.int4],
    result: Oid.text,
    compute: ([json, at]) => written(jsonbElement(parseJson(json as string), at as number)),
  },
  {
    name: 'tl_jsonb_element_text',
    parameters: [Oid.text, Oid.int4],
    result: Oid.text,
    compute: ([json, at]) => jsonbText(jsonbElement(parseJson(json as string), at as number)) ?? null,
  },
  {
    name: 'tl_jsonb_exists',
    parameters: [Oid.text, Oid.text],
    result: Oid.bool,
    compute: ([json, key]) => jsonbHasKey(json as string, key as string),
  },
  { name: 'tl_jsonb_array_length', parameters: [Oid.text], result: Oid.int4, compute: ([json]) => jsonbArrayLength(json as string) },
];

function written(json: ReturnType<typeof parseJson> | undefined): string | null {
  return json === undefined ? null : writeJsonb(json);
}

function jsonbHasKey(text: string, key: string): boolean {
  const json = parseJson(text);
  if (json.kind === 'object') return json.members.has(key);
  if (json.kind === 'array') return json.items.some((item) => item.kind === 'string' && item.value === key);
  return json.kind === 'string' && json.value === key;
}

function jsonbArrayLength(text: string): number {
  const json = parseJson(text);
  if (json.kind === 'array') return json.items.length;
  const what = json.kind === 'object' ? 'non-array' : 'scalar';
  throw new TimelineError({ kind: 'data', sqlstate: '22023', message: `cannot get array length of a ${what}` });
}

/** Registers the `tl_…` functions that the allow-list's templates call. */
export function registerScalarFunctions(connection: DuckDBConnection, settings: TextSettings): void {
  for (const definition of [
    ...NUMERIC_FUNCTIONS,
    ...textFunctions(settings),
    ...calendarFunctions(settings),
    ...TEXT_FUNCTIONS,
    ...JSON_FUNCTIONS,
  ])
    register(connection, definition);
}

function register(connection: DuckDBConnection, definition: Definition): void {
  const types = definition.parameters.map(plain);
  const result = plain(definition.result);
  connection.registerScalarFunction(
    DuckDBScalarFunction.create({
      name: definition.name,
      parameterTypes: types.map(vectorType),
      returnType: vectorType(result),
      mainFunction: (_info, chunk, output) => {
        try {
          const rows = chunk.rowCount;
          const columns = types.map((type, i) => readColumn(chunk.getColumnVector(i), rows, type, { normalizeJsonb: false }));
          for (let row = 0; row < rows; row++) output.setItem(row, toDuckdb(callRow(definition.compute, columns, row), result));
          output.flush();
        } catch (error) {
          const { sqlstate, message } = asTimelineError(error);
          throw new Error(`TL${sqlstate}:${message}`);
        }
      },
    }),
  );
}

function callRow(compute: Compute, columns: readonly (readonly (Value | null)[])[], row: number): Value | null {
  const args: Value[] = [];
  for (const column of columns) {
    const value = column[row];
    if (value === null || value === undefined) return null;
    args.push(value);
  }
  return compute(args);
}
