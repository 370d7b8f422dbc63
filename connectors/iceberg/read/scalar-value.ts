import type { IcebergType } from '../format/schema.js';
import { duckdbScalar } from '../format/types.js';

/**
 * How a value that DuckDB's Parquet reader gives as `native` becomes the column's: as it is, by a cast that DuckDB may make itself while
 * scanning, or by an expression. Never by a cast that looks at the session's time zone.
 */
export type Conversion =
  | { readonly kind: 'same' | 'cast'; readonly type: string }
  | { readonly kind: 'expression'; readonly print: (value: string) => string };

const WHOLE = /^U?(TINYINT|SMALLINT|INTEGER)$/;

/** Undefined: what the file holds cannot stand for the type. */
export function conversionOf(type: IcebergType, native: string): Conversion | undefined {
  const target = duckdbScalar(type);
  if (target === undefined) return undefined;
  if (native === target) return { kind: 'same', type: target };
  const cast: Conversion = { kind: 'cast', type: target };
  const by = (print: (value: string) => string): Conversion => ({ kind: 'expression', print });
  switch (target) {
    case 'INTEGER':
      return WHOLE.test(native) ? cast : undefined;
    case 'BIGINT':
      return WHOLE.test(native) || native === 'UBIGINT' ? cast : undefined;
    case 'DOUBLE':
      return native === 'FLOAT' ? cast : undefined;
    case 'DATE':
      return native === 'INTEGER' ? by((value) => `(DATE '1970-01-01' + ${value})`) : undefined;
    case 'TIME':
      return native === 'BIGINT' ? by((value) => `(TIME '00:00:00' + to_microseconds(${value}))`) : undefined;
    case 'TIMESTAMP':
      if (native === 'TIMESTAMPTZ') return by((value) => `(${value} AT TIME ZONE 'UTC')`);
      return native === 'DATE' ? cast : instant(type, native);
    case 'TIMESTAMPTZ': {
      if (native === 'TIMESTAMP') return by((value) => `(${value} AT TIME ZONE 'UTC')`);
      const plain = instant(type, native);
      return plain?.kind === 'expression' ? by((value) => `(${plain.print(value)} AT TIME ZONE 'UTC')`) : undefined;
    }
    case 'VARCHAR':
      if (native === 'JSON') return cast;
      return native === 'BLOB' ? by((value) => `decode(${value})`) : undefined;
    case 'UUID':
      if (native === 'VARCHAR') return cast;
      return native === 'BLOB' ? by((value) => `CAST(lower(hex(${value})) AS UUID)`) : undefined;
    case 'BLOB':
      return native === 'VARCHAR' || native === 'JSON' ? by((value) => `encode(CAST(${value} AS VARCHAR))`) : undefined;
    default:
      return decimal(type, native) ? cast : undefined;
  }
}

/** As TIMESTAMP: digits below a microsecond are cut off towards the past. */
function instant(type: IcebergType, native: string): Conversion | undefined {
  const nanos = (value: string): string => `make_timestamp(${value} // 1000 - CASE WHEN ${value} % 1000 < 0 THEN 1 ELSE 0 END)`;
  if (native === 'TIMESTAMP_NS') return { kind: 'expression', print: (value) => nanos(`epoch_ns(${value})`) };
  if (native !== 'BIGINT') return undefined;
  const isNanos = type.kind === 'primitive' && type.name.endsWith('_ns');
  return { kind: 'expression', print: isNanos ? nanos : (value) => `make_timestamp(${value})` };
}

/** Scales must be equal, or digits be added: none is ever cut off. */
function decimal(type: IcebergType, native: string): boolean {
  const file = /^DECIMAL\((\d+),(\d+)\)$/.exec(native);
  return type.kind === 'decimal' && file !== null && Number(file[2]) <= type.scale;
}

export function converted(conversion: Conversion, value: string): string {
  switch (conversion.kind) {
    case 'same':
      return value;
    case 'cast':
      return `CAST(${value} AS ${conversion.type})`;
    case 'expression':
      return conversion.print(value);
  }
}
