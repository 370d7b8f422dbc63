import { duckdbType } from '../../sql/duckdb-type.js';
import { ELEMENT_OF, Oid, type Type } from '../../sql/types.js';
import { type Interval, TIMESTAMP_INFINITY, TIMESTAMP_NEGATIVE_INFINITY, type Value } from '../../sql/value.js';
import { parseValue } from '../../sql/value-text.js';

/** SQL text of a string; the only way that text gets into DuckDB's SQL. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A PostgreSQL constant in DuckDB's SQL, typed as duckdbType says. */
export function constantLiteral(text: string | null, type: Type): string {
  if (text === null) return `CAST(NULL AS ${duckdbType(type)})`;
  return literal(parseValue(type, text), type);
}

export function literal(value: Value | null, type: Type): string {
  const sqlType = duckdbType(type);
  if (value === null) return `CAST(NULL AS ${sqlType})`;
  const element = ELEMENT_OF.get(type.oid);
  if (element !== undefined) {
    const items = (value as readonly (Value | null)[]).map((item) => literal(item, { oid: element, typmod: type.typmod }));
    return `CAST([${items.join(', ')}] AS ${sqlType})`;
  }
  switch (type.oid) {
    case Oid.bool:
      return value === true ? 'TRUE' : 'FALSE';
    case Oid.bytea:
      return `unhex('${Buffer.from(value as Uint8Array).toString('hex')}')`;
    case Oid.date:
      return Number.isFinite(value)
        ? `make_date(CAST(${value as number} AS INTEGER))`
        : `CAST('${infinity((value as number) > 0)}' AS DATE)`;
    case Oid.time:
      return `CAST('${timeText(value as bigint)}' AS TIME)`;
    case Oid.timestamp:
      return instant(value as bigint, 'make_timestamp', sqlType);
    case Oid.timestamptz:
      return instant(value as bigint, 'make_timestamptz', sqlType);
    case Oid.interval: {
      const { months, days, micros } = value as Interval;
      return `CAST('${months} months ${days} days ${micros} microseconds' AS INTERVAL)`;
    }
    default:
      // String() knows no -0.
      return sqlType === 'VARCHAR' ? quote(value as string) : `CAST(${quote(Object.is(value, -0) ? '-0' : String(value))} AS ${sqlType})`;
  }
}

function infinity(positive: boolean): string {
  return positive ? 'infinity' : '-infinity';
}

function instant(micros: bigint, make: string, sqlType: string): string {
  if (micros === TIMESTAMP_INFINITY || micros === TIMESTAMP_NEGATIVE_INFINITY) return `CAST('${infinity(micros > 0n)}' AS ${sqlType})`;
  return `${make}(CAST('${micros}' AS BIGINT))`;
}

function timeText(micros: bigint): string {
  const part = (unit: bigint, size: bigint, width: number): string => ((micros / unit) % size).toString().padStart(width, '0');
  return `${part(3_600_000_000n, 100n, 2)}:${part(60_000_000n, 60n, 2)}:${part(1_000_000n, 60n, 2)}.${part(1n, 1_000_000n, 6)}`;
}
