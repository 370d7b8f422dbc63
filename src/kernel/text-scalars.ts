import { TimelineError, unsupported } from '../../sql/errors.js';
import { parseNumeric, readNumeric, writeNumeric } from '../../sql/functions/numeric.js';
import { ARRAY_OF, Oid } from '../../sql/types.js';
import type { TextSettings, Value } from '../../sql/value.js';
import { formatValue, parseValue } from '../../sql/value-text.js';
import { plainType, type ScalarDefinition } from './scalar-definition.js';

/** Text forms of values. `settings` is read at each call. */
export function textScalars(settings: TextSettings): readonly ScalarDefinition[] {
  const out = (name: string, oid: number): ScalarDefinition => ({
    name,
    parameters: [oid],
    result: Oid.text,
    compute: ([value]) => formatValue(plainType(oid), value as Value, settings),
  });
  const into = (name: string, oid: number): ScalarDefinition => ({
    name,
    parameters: [Oid.text],
    result: oid,
    compute: ([text]) => parseValue(plainType(oid), text as string, settings),
  });
  const integerInto = (name: string, oid: number): ScalarDefinition => ({
    name,
    parameters: [Oid.text],
    result: oid,
    compute: ([text]) => {
      // Other bases and underscores are numeric's spellings too, but not fractions.
      const other = /[xob_]/i.test(text as string) && !/[.]/.test(text as string) ? parseNumeric(text as string) : undefined;
      return parseValue(plainType(oid), other === undefined ? (text as string) : writeNumeric(other), settings);
    },
  });
  const floatInto = (name: string, oid: number): ScalarDefinition => ({
    name,
    parameters: [Oid.text],
    result: oid,
    compute: ([text]) => {
      if (/^\s*[+-]?0x/i.test(text as string)) throw unsupported('a hexadecimal floating-point number');
      return parseValue(plainType(oid), text as string, settings);
    },
  });
  const dateInto = (name: string, oid: number): ScalarDefinition => ({
    name,
    parameters: [Oid.text],
    result: oid,
    compute: ([text]) => {
      try {
        return parseValue(plainType(oid), text as string, settings);
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
    dateInto('tl_time_in', Oid.time),
    ...[...ARRAY_OF.values()].flatMap((oid) => [out(`tl_out_${oid}`, oid), into(`tl_in_${oid}`, oid)]),
  ];
}
