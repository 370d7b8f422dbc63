import { ELEMENT_OF, numericModifier, Oid, type Type } from './types.js';

/**
 * DuckDB's type for each PostgreSQL type. A numeric with a modifier of at most 38 digits is a DECIMAL of the same digits and scale; any other
 * numeric is VARCHAR in PostgreSQL's text form (its scale is part of the value). A type that DuckDB has not is VARCHAR in PostgreSQL's
 * text form, too. json and jsonb are VARCHAR of JSON text; jsonb is brought into PostgreSQL's normal form only where it is seen (results,
 * casts to text). The kernel holds columns so, and connectors give them so.
 */
export function duckdbType(type: Type): string {
  const element = ELEMENT_OF.get(type.oid);
  if (element !== undefined) return `${duckdbType({ oid: element, typmod: type.typmod })}[]`;
  switch (type.oid) {
    case Oid.bool:
      return 'BOOLEAN';
    case Oid.int2:
      return 'SMALLINT';
    case Oid.int4:
      return 'INTEGER';
    case Oid.int8:
      return 'BIGINT';
    case Oid.oid:
      return 'UINTEGER';
    case Oid.float4:
      return 'FLOAT';
    case Oid.float8:
      return 'DOUBLE';
    case Oid.numeric: {
      const scale = decimalScale(type);
      return scale === undefined ? 'VARCHAR' : `DECIMAL(${decimalWidth(type)},${scale})`;
    }
    case Oid.bytea:
      return 'BLOB';
    case Oid.date:
      return 'DATE';
    case Oid.time:
      return 'TIME';
    case Oid.timestamp:
      return 'TIMESTAMP';
    case Oid.timestamptz:
      return 'TIMESTAMPTZ';
    case Oid.interval:
      return 'INTERVAL';
    case Oid.uuid:
      return 'UUID';
    default:
      return 'VARCHAR';
  }
}

/** Digits of the DECIMAL of a numeric that decimalScale knows; one before the point, or DuckDB's text would be .05. */
export function decimalWidth(type: Type): number {
  const modifier = numericModifier(type);
  return modifier === undefined ? 38 : Math.min(38, Math.max(modifier.precision, modifier.scale + 1));
}

/** The fixed scale of a numeric that the kernel holds as a DECIMAL; undefined: held as text. */
export function decimalScale(type: Type): number | undefined {
  const modifier = numericModifier(type);
  if (modifier === undefined) return undefined;
  const { precision, scale } = modifier;
  return precision <= 38 && scale >= 0 && scale <= 38 ? scale : undefined;
}
