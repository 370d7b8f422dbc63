import type { SchemaElement } from 'hyparquet';

/** How a group of a Parquet schema is to be taken, by its annotation. */
export type GroupKind = 'struct' | 'list' | 'map' | 'map_key_value' | 'variant';

export function groupKind(element: SchemaElement): GroupKind {
  const { converted_type: converted, logical_type: logical } = element;
  if (logical?.type === 'VARIANT') return 'variant';
  if (converted === 'LIST' || logical?.type === 'LIST') return 'list';
  if (converted === 'MAP' || logical?.type === 'MAP') return 'map';
  return converted === 'MAP_KEY_VALUE' ? 'map_key_value' : 'struct';
}

/** The DuckDB type that its Parquet reader gives a leaf; undefined: one that no column of ours is made of. */
export function leafType(element: SchemaElement): string | undefined {
  const { type, type_length: length, converted_type: converted, logical_type: logical } = element;
  const decimal = decimalType(element);
  switch (type) {
    case 'BOOLEAN':
      return 'BOOLEAN';
    case 'INT32':
    case 'INT64':
      return decimal ?? integerType(element);
    case 'INT96':
      return 'TIMESTAMP';
    case 'FLOAT':
      return 'FLOAT';
    case 'DOUBLE':
      return 'DOUBLE';
    case 'BYTE_ARRAY':
    case 'FIXED_LEN_BYTE_ARRAY':
      if (decimal !== undefined) return decimal;
      if (logical?.type === 'UUID' && length === 16) return 'UUID';
      if (logical?.type === 'FLOAT16') return 'FLOAT';
      if (logical?.type === 'JSON' || converted === 'JSON') return 'JSON';
      if (logical?.type === 'STRING' || logical?.type === 'ENUM' || converted === 'UTF8' || converted === 'ENUM') return 'VARCHAR';
      if (logical?.type === 'GEOMETRY' || logical?.type === 'GEOGRAPHY' || converted === 'INTERVAL') return undefined;
      return 'BLOB';
    default:
      return undefined;
  }
}

function decimalType(element: SchemaElement): string | undefined {
  const { converted_type: converted, logical_type: logical } = element;
  if (logical?.type === 'DECIMAL') return `DECIMAL(${logical.precision},${logical.scale})`;
  return converted === 'DECIMAL' ? `DECIMAL(${element.precision ?? 0},${element.scale ?? 0})` : undefined;
}

function integerType({ type, converted_type: converted, logical_type: logical }: SchemaElement): string {
  if (logical?.type === 'TIMESTAMP') {
    if (logical.isAdjustedToUTC) return 'TIMESTAMPTZ';
    return logical.unit === 'NANOS' ? 'TIMESTAMP_NS' : 'TIMESTAMP';
  }
  if (logical?.type === 'TIME') return 'TIME';
  if (logical?.type === 'DATE') return 'DATE';
  if (logical?.type === 'INTEGER') return INTEGERS[`${logical.isSigned ? '' : 'U'}${logical.bitWidth}`] ?? 'BIGINT';
  switch (converted) {
    case 'DATE':
      return 'DATE';
    case 'TIME_MILLIS':
    case 'TIME_MICROS':
      return 'TIME';
    case 'TIMESTAMP_MILLIS':
    case 'TIMESTAMP_MICROS':
      return 'TIMESTAMP';
    default: {
      const width = /^(U?)INT_(8|16|32|64)$/.exec(converted ?? '');
      if (width !== null) return INTEGERS[`${width[1]}${width[2]}`] ?? 'BIGINT';
      return type === 'INT32' ? 'INTEGER' : 'BIGINT';
    }
  }
}

const INTEGERS: Readonly<Record<string, string>> = {
  8: 'TINYINT',
  16: 'SMALLINT',
  32: 'INTEGER',
  64: 'BIGINT',
  U8: 'UTINYINT',
  U16: 'USMALLINT',
  U32: 'UINTEGER',
  U64: 'UBIGINT',
};
