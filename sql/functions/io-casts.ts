import { Oid } from '../types.js';
import { raise } from './entry.js';

/** DuckDB SQL that gives PostgreSQL's text form of a value (`$1`); undefined: not known to be equal. */
export function outputTemplate(oid: number): string | undefined {
  switch (oid) {
    case Oid.text:
    case Oid.varchar:
    case Oid.bpchar:
    case Oid.name:
    case Oid.unknown:
    case Oid.json:
    case Oid.numeric:
      return '$1';
    case Oid.int2:
    case Oid.int4:
    case Oid.int8:
    case Oid.oid:
    case Oid.uuid:
      return 'CAST($1 AS VARCHAR)';
    case Oid.bool:
      return "CASE WHEN $1 THEN 't' WHEN NOT $1 THEN 'f' END";
    case Oid.jsonb:
      return 'tl_jsonb_out($1)';
    case Oid.float8:
      return 'tl_float8_out($1)';
    case Oid.float4:
      return 'tl_float4_out($1)';
    case Oid.date:
      return 'tl_date_out($1)';
    case Oid.timestamp:
      return 'tl_timestamp_out($1)';
    case Oid.timestamptz:
      return 'tl_timestamptz_out($1)';
    case Oid.time:
      return 'tl_time_out($1)';
    case Oid.bytea:
      return 'tl_bytea_out($1)';
    case Oid.interval:
      return 'tl_interval_out($1)';
    default:
      return undefined;
  }
}

/**
 * DuckDB SQL that reads PostgreSQL's input form of a type: a fast form for plain texts, and `tl_…_in` (exact, slower) for
 * the rest: hexadecimal, underscores, spaces, and the errors.
 */
export function inputTemplate(oid: number): string | undefined {
  switch (oid) {
    case Oid.text:
    case Oid.varchar:
    case Oid.unknown:
      return '$1';
    case Oid.int2:
      return guarded('[+-]?[0-9]{1,4}', 'SMALLINT', 'tl_int2_in');
    case Oid.int4:
      return guarded('[+-]?[0-9]{1,9}', 'INTEGER', 'tl_int4_in');
    case Oid.int8:
      return guarded('[+-]?[0-9]{1,18}', 'BIGINT', 'tl_int8_in');
    case Oid.float8:
      return `CASE WHEN regexp_matches($1, '^\\s*[+-]?0[xX]') THEN ${OTHER} ELSE ${guarded('[+-]?[0-9]{1,300}([.][0-9]{1,300})?', 'DOUBLE', 'tl_float8_in')} END`;
    case Oid.numeric:
      return 'tl_numeric_in($1)';
    case Oid.bool:
      return 'tl_bool_in($1)';
    case Oid.uuid:
      return 'tl_uuid_in($1)';
    case Oid.jsonb:
      return 'tl_jsonb_out($1)';
    case Oid.interval:
      return spelled(
        '(?:[+-]?[0-9]{1,9} (?:years?|mons?|days?)(?: |$))*(?:[+-]?[0-9]{2,8}:[0-5][0-9]:[0-5][0-9](?:[.][0-9]{1,6})?)?',
        'tl_interval_in',
      );
    case Oid.date:
      return spelled(DAY, 'tl_date_in');
    case Oid.timestamp:
      return spelled(`${DAY}[ T]${TIME}`, 'tl_timestamp_in');
    case Oid.timestamptz:
      return spelled(`${DAY}[ T]${TIME}(?:[+-][0-9]{2}(?::?[0-9]{2})?|Z)?`, 'tl_timestamptz_in');
    default:
      return undefined;
  }
}

const DAY = '[0-9]{4,6}-[0-9]{2}-[0-9]{2}';
const TIME = '[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.][0-9]{1,6})?)?';
/** PostgreSQL reads many more spellings ('Jan 8', 'yesterday'): the printer has it compute what stands here. */
const OTHER = raise('0A000', 'reading this text is not supported yet');

function spelled(pattern: string, read: string): string {
  return `CASE WHEN $1 <> '' AND regexp_full_match($1, '${pattern}') THEN ${read}($1) ELSE ${OTHER} END`;
}

function guarded(pattern: string, sqlType: string, slow: string): string {
  return `CASE WHEN regexp_full_match($1, '${pattern}') THEN CAST($1 AS ${sqlType}) ELSE ${slow}($1) END`;
}
