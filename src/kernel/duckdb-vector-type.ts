import {
  BIGINT,
  BLOB,
  BOOLEAN,
  DATE,
  DECIMAL,
  DOUBLE,
  type DuckDBType,
  FLOAT,
  INTEGER,
  INTERVAL,
  LIST,
  SMALLINT,
  TIME,
  TIMESTAMP,
  TIMESTAMPTZ,
  UINTEGER,
  UUID,
  VARCHAR,
} from '@duckdb/node-api';
import { decimalScale, decimalWidth } from '../../sql/duckdb-type.js';
import { ELEMENT_OF, Oid, type Type } from '../../sql/types.js';

/** duckdbType as the binding's type object. */
export function vectorType(type: Type): DuckDBType {
  const element = ELEMENT_OF.get(type.oid);
  if (element !== undefined) return LIST(vectorType({ oid: element, typmod: type.typmod }));
  switch (type.oid) {
    case Oid.bool:
      return BOOLEAN;
    case Oid.int2:
      return SMALLINT;
    case Oid.int4:
      return INTEGER;
    case Oid.int8:
      return BIGINT;
    case Oid.oid:
      return UINTEGER;
    case Oid.float4:
      return FLOAT;
    case Oid.float8:
      return DOUBLE;
    case Oid.numeric: {
      const scale = decimalScale(type);
      return scale === undefined ? VARCHAR : DECIMAL(decimalWidth(type), scale);
    }
    case Oid.bytea:
      return BLOB;
    case Oid.date:
      return DATE;
    case Oid.time:
      return TIME;
    case Oid.timestamp:
      return TIMESTAMP;
    case Oid.timestamptz:
      return TIMESTAMPTZ;
    case Oid.interval:
      return INTERVAL;
    case Oid.uuid:
      return UUID;
    default:
      return VARCHAR;
  }
}
