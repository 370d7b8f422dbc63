import { ARRAY_OF, Oid, type Type, type } from '../../../sql/types.js';
import type { IcebergType } from './schema.js';

/**
 * The PostgreSQL type of a column. Structs, maps, and lists of anything but scalars show as jsonb; types of format version 3 get
 * their nearest one, also those that are not read (geometry, geography), so that such a table can be described.
 */
export function postgresType(iceberg: IcebergType): Type {
  switch (iceberg.kind) {
    case 'primitive':
      return type(PRIMITIVE_OID[iceberg.name]);
    case 'decimal':
      return type(Oid.numeric, ((iceberg.precision << 16) | iceberg.scale) + 4);
    case 'fixed':
      return type(Oid.bytea);
    case 'struct':
    case 'map':
      return type(Oid.jsonb);
    case 'list': {
      const element = iceberg.element;
      if (element.kind !== 'primitive' && element.kind !== 'decimal' && element.kind !== 'fixed') return type(Oid.jsonb);
      const inner = postgresType(element);
      const array = ARRAY_OF.get(inner.oid);
      return array === undefined ? type(Oid.jsonb) : type(array, inner.typmod);
    }
    case 'other':
      return type(OTHER_OID[iceberg.name] ?? Oid.text);
  }
}

const PRIMITIVE_OID = {
  boolean: Oid.bool,
  int: Oid.int4,
  long: Oid.int8,
  float: Oid.float4,
  double: Oid.float8,
  date: Oid.date,
  time: Oid.time,
  timestamp: Oid.timestamp,
  timestamptz: Oid.timestamptz,
  // PostgreSQL has microseconds: what lies below is cut off.
  timestamp_ns: Oid.timestamp,
  timestamptz_ns: Oid.timestamptz,
  string: Oid.text,
  uuid: Oid.uuid,
  binary: Oid.bytea,
} as const;

const OTHER_OID: Readonly<Record<string, number>> = { variant: Oid.jsonb };

const PRIMITIVE_DUCKDB = {
  boolean: 'BOOLEAN',
  int: 'INTEGER',
  long: 'BIGINT',
  float: 'FLOAT',
  double: 'DOUBLE',
  date: 'DATE',
  time: 'TIME',
  timestamp: 'TIMESTAMP',
  timestamptz: 'TIMESTAMPTZ',
  timestamp_ns: 'TIMESTAMP',
  timestamptz_ns: 'TIMESTAMPTZ',
  string: 'VARCHAR',
  uuid: 'UUID',
  binary: 'BLOB',
} as const;

/** The DuckDB type that a scalar is scanned as; undefined for anything else. */
export function duckdbScalar(iceberg: IcebergType): string | undefined {
  switch (iceberg.kind) {
    case 'primitive':
      return PRIMITIVE_DUCKDB[iceberg.name];
    case 'decimal':
      return `DECIMAL(${iceberg.precision},${iceberg.scale})`;
    case 'fixed':
      return 'BLOB';
    case 'struct':
    case 'map':
    case 'list':
    case 'other':
      return undefined;
  }
}
