import type { Field } from '../../planner/physical-plan.js';
import { decimalScale } from '../../sql/duckdb-type.js';
import { unsupported } from '../../sql/errors.js';
import { ELEMENT_OF, Oid, type Type } from '../../sql/types.js';
import { quote } from './literal.js';

const ZSTD_LEVEL = 1;
const ROW_GROUP_ROWS = 122_880;

/** Parquet has no lossless interval and no infinite date. */
export function encodedColumn(field: Field): string {
  const name = `c${field.id}`;
  if (ELEMENT_OF.get(field.type.oid) === Oid.interval) throw unsupported('an array of intervals in a stage file');
  switch (field.type.oid) {
    case Oid.interval:
      return (
        `CASE WHEN ${name} IS NOT NULL THEN {'months': CAST(datepart('year', ${name}) * 12 + datepart('month', ${name}) AS INTEGER), ` +
        `'days': CAST(datepart('day', ${name}) AS INTEGER), 'micros': CAST(datepart('hour', ${name}) * 3600000000 + datepart('minute', ${name}) * 60000000 ` +
        `+ datepart('microsecond', ${name}) AS BIGINT)} END AS ${name}`
      );
    case Oid.date:
      return `CASE WHEN isinf(${name}) THEN CASE WHEN ${name} > DATE '2000-01-01' THEN 2147483647 ELSE -2147483647 END ELSE ${name} - DATE '1970-01-01' END AS ${name}`;
    default:
      return name;
  }
}

/** The inverse of encodedColumn: SQL of a stage file's column as its field's DuckDB type. */
export function decodedColumn(field: Field): string {
  const name = `c${field.id}`;
  switch (field.type.oid) {
    case Oid.interval:
      return `CASE WHEN ${name} IS NOT NULL THEN to_months(${name}.months) + to_days(${name}.days) + to_microseconds(${name}.micros) END`;
    case Oid.date:
      return `CASE ${name} WHEN 2147483647 THEN DATE 'infinity' WHEN -2147483647 THEN DATE '-infinity' ELSE make_date(CAST(${name} AS INTEGER)) END`;
    default:
      return name;
  }
}

/** COPY … TO a stage file; its result is the number of rows. */
export function copyStatement(select: string, path: string, fields: readonly Field[]): string {
  // DuckDB's dictionaries hold -0 and 0 as one value, and a limit of 0 is the only way to go without.
  const dictionary = fields.some(({ type }) => isFloat(ELEMENT_OF.get(type.oid) ?? type.oid)) ? ', DICTIONARY_SIZE_LIMIT 0' : '';
  return `COPY (${select}) TO ${quote(path)} (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL ${ZSTD_LEVEL}, ROW_GROUP_SIZE ${ROW_GROUP_ROWS}${dictionary})`;
}

function isFloat(oid: number): boolean {
  return oid === Oid.float4 || oid === Oid.float8;
}

/** SQL of the partition of a row: the same for equal values of types that PostgreSQL compares within one family. */
export function partitionExpression(fields: readonly Field[], by: readonly number[], partitions: number): string {
  const keys = by.map((id) => {
    const field = fields.find((candidate) => candidate.id === id);
    if (field === undefined) throw unsupported(`an exchange by column ${id}, which the stage does not give`);
    return hashable(`c${id}`, field.type);
  });
  return `CAST(hash(${keys.length === 0 ? '0' : keys.join(', ')}) % ${partitions} AS INTEGER)`;
}

function hashable(sql: string, type: Type): string {
  switch (type.oid) {
    case Oid.int2:
    case Oid.int4:
    case Oid.int8:
    case Oid.oid:
      return `CAST(${sql} AS BIGINT)`;
    case Oid.float4:
    case Oid.float8:
      return `CAST(${sql} AS DOUBLE)`;
    case Oid.numeric:
      return `tl_numeric_key(${decimalScale(type) === undefined ? sql : `CAST(${sql} AS VARCHAR)`})`;
    case Oid.interval:
      return `tl_interval_key(${sql})`;
    case Oid.bpchar:
      return `rtrim(${sql}, ' ')`;
    case Oid.jsonb:
      return `tl_jsonb_key(${sql})`;
    default:
      return sql;
  }
}
