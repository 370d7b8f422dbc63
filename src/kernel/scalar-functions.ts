import { type DuckDBConnection, DuckDBScalarFunction } from '@duckdb/node-api';
import { TimelineError, asTimelineError, unsupported } from '../../sql/errors.js';
import { jsonbElement, jsonbField, jsonbKey, jsonbText, jsonbTypeof, normalizeJsonb, parseJson, writeJsonb } from '../../sql/functions/jsonb.js';
import {
  type Numeric, absNumeric, addNumeric, applyTypmod, ceilNumeric, divideNumeric, floatToNumeric, floorNumeric, moduloNumeric,
  multiplyNumeric, negateNumeric, numericKey, numericToFloat, numericToInteger, pow10, readNumeric, roundNumeric, signNumeric,
  sqrtNumeric, subtractNumeric, truncNumeric, writeNumeric,
} from '../../sql/functions/numeric.js';
import { Oid, type Type } from '../../sql/types.js';
import { formatValue, parseValue } from '../../sql/value-text.js';
import type { TextSettings, Value } from '../../sql/value.js';
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

const plain = (oid: number): Type => ({ oid, typmod: -1 });

function numeric(name: string, compute: (...args: readonly Numeric[]) => Numeric, arity: number): Definition {
  return {
    name, parameters: new Array<number>(arity).fill(Oid.numeric), result: Oid.numeric,
    compute: (args) => writeNumeric(compute(...args.map((arg) => readNumeric(arg as string)))),
  };
}

function numericWithInt(name: string, compute: (n: Numeric, by: number) => Numeric): Definition {
  return {
    name, parameters: [Oid.numeric, Oid.int4], result: Oid.numeric,
    compute: ([n, by]) => writeNumeric(compute(readNumeric(n as string), by as number)),
  };
}

function toInteger(name: string, result: number, bits: number, label: string): Definition {
  const half = 1n << BigInt(bits - 1);
  return {
    name, parameters: [Oid.numeric], result,
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
  { name: 'tl_float8_numeric', parameters: [Oid.float8], result: Oid.numeric, compute: ([x]) => writeNumeric(floatToNumeric(x as number, 15)) },
  { name: 'tl_float4_numeric', parameters: [Oid.float4], result: Oid.numeric, compute: ([x]) => writeNumeric(floatToNumeric(x as number, 6)) },
  // Math.fround keeps infinities and zeros where DuckDB's cast to FLOAT raises an error of its own.
  { name: 'tl_float4', parameters: [Oid.float8], result: Oid.float4, compute: ([x]) => Math.fround(x as number) },
  {
    name: 'tl_numeric_limbs', parameters: [Oid.numeric, Oid.numeric, Oid.numeric, Oid.int4, Oid.int4], result: Oid.numeric,
    compute: ([whole, high, low, scale, flags]) => joinLimbs(whole as string, high as string, low as string, scale as number, flags as number),
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
    name, parameters: [oid], result: Oid.text, compute: ([value]) => formatValue(plain(oid), value as Value, settings),
  });
  const into = (name: string, oid: number): Definition => ({
    name, parameters: [Oid.text], result: oid, compute: ([text]) => parseValue(plain(oid), text as string, settings),
  });
  const dateInto = (name: string, oid: number): Definition => ({
    name, parameters: [Oid.text], result: oid, compute: ([text]) => {
      try {
        return parseValue(plain(oid), text as string, settings);
      } catch (error) {
        // PostgreSQL reads many more spellings ('Jan 8', 'yesterday'); only ISO texts are read here.
        if (error instanceof TimelineError && error.sqlstate === '22007') throw unsupported(`reading "${String(text).slice(0, 60)}" as a date or time`);
        throw error;
      }
    },
  });
  return [
    out('tl_float8_out', Oid.float8), out('tl_float4_out', Oid.float4), out('tl_interval_out', Oid.interval), out('tl_date_out', Oid.date),
    out('tl_timestamp_out', Oid.timestamp), out('tl_timestamptz_out', Oid.timestamptz), out('tl_time_out', Oid.time), out('tl_bytea_out', Oid.bytea),
    into('tl_int2_in', Oid.int2), into('tl_int4_in', Oid.int4), into('tl_int8_in', Oid.int8), into('tl_float8_in', Oid.float8),
    into('tl_float4_in', Oid.float4), into('tl_bool_in', Oid.bool), into('tl_uuid_in', Oid.uuid), into('tl_interval_in', Oid.interval),
    { name: 'tl_numeric_in', parameters: [Oid.text], result: Oid.numeric, compute: ([text]) => writeNumeric(readNumeric(text as string)) },
    dateInto('tl_date_in', Oid.date), dateInto('tl_timestamp_in', Oid.timestamp), dateInto('tl_timestamptz_in', Oid.timestamptz),
  ];
}

const JSON_FUNCTIONS: readonly Definition[] = [
  { name: 'tl_jsonb_out', parameters: [Oid.text], result: Oid.text, compute: ([json]) => normalizeJsonb(json as string) },
  { name: 'tl_jsonb_key', parameters: [Oid.text], result: Oid.text, compute: ([json]) => jsonbKey(json as string) },
  { name: 'tl_jsonb_typeof', parameters: [Oid.text], result: Oid.text, compute: ([json]) => jsonbTypeof(parseJson(json as string)) },
  { name: 'tl_jsonb_field', parameters: [Oid.text, Oid.text], result: Oid.text, compute: ([json, key]) => written(jsonbField(parseJson(json as string), key as string)) },
  { name: 'tl_jsonb_field_text', parameters: [Oid.text, Oid.text], result: Oid.text, compute: ([json, key]) => jsonbText(jsonbField(parseJson(json as string), key as string)) ?? null },
  { name: 'tl_jsonb_element', parameters: [Oid.text, Oid.int4], result: Oid.text, compute: ([json, at]) => written(jsonbElement(parseJson(json as string), at as number)) },
  { name: 'tl_jsonb_element_text', parameters: [Oid.text, Oid.int4], result: Oid.text, compute: ([json, at]) => jsonbText(jsonbElement(parseJson(json as string), at as number)) ?? null },
  { name: 'tl_jsonb_exists', parameters: [Oid.text, Oid.text], result: Oid.bool, compute: ([json, key]) => jsonbHasKey(json as string, key as string) },
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
  for (const definition of [...NUMERIC_FUNCTIONS, ...textFunctions(settings), ...JSON_FUNCTIONS]) register(connection, definition);
}

function register(connection: DuckDBConnection, definition: Definition): void {
  const types = definition.parameters.map(plain);
  const result = plain(definition.result);
  connection.registerScalarFunction(DuckDBScalarFunction.create({
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
  }));
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
