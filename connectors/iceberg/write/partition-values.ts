import { internal, unsupported } from '../../../sql/errors.js';
import type { AvroType, AvroValue } from '../format/avro-writer.js';
import { bigEndian } from '../format/bound-writer.js';
import type { Datum } from '../format/datum.js';
import type { IcebergType, PartitionField, Transform } from '../format/schema.js';
import { transformText } from '../format/schema-json.js';
import { resultType } from '../format/transforms.js';
import { decimalBytes } from './parquet-schema.js';
import { fieldAccess } from './physical-columns.js';
import { findField, type TableShape } from './table-shape.js';

/** One field of the spec, ready to be computed. */
export interface PartitionColumn {
  readonly field: PartitionField;
  readonly source: IcebergType;
  /** Type of the partition values. */
  readonly type: IcebergType;
  /** SQL over the data file's columns. */
  readonly sql: string;
  /** A function of ours that the SQL calls: DuckDB has no murmur3, and cuts neither bytes nor decimals. */
  readonly helper: TransformHelper | undefined;
}

/** From a datum's text to a datum's text. */
export interface TransformHelper {
  readonly name: string;
  readonly transform: Transform;
  readonly source: IcebergType;
}

const DAY_MICROS = '86400000000';

export function partitionColumns(shape: TableShape): PartitionColumn[] {
  return shape.spec.fields.map((field) => {
    if (field.transform.kind === 'void') {
      const type: IcebergType = findField(shape.schema.fields, field.sourceId)?.field.type ?? { kind: 'primitive', name: 'int' };
      return { field, source: type, type, sql: 'NULL', helper: undefined };
    }
    const found = findField(shape.schema.fields, field.sourceId);
    const name = `partition field "${field.name}" (${transformText(field.transform)}) of table ${shape.name}`;
    if (found === undefined) throw unsupported(`writing ${name}, whose column is gone,`);
    const source = found.field.type;
    const computed = transformSql(field.transform, source, fieldAccess(found.path), `tl_partition_${field.fieldId}`);
    if (computed === undefined)
      throw unsupported(`writing ${name} of a column of type ${source.kind === 'primitive' ? source.name : source.kind}`);
    return { field, source, type: resultType(field.transform, source), ...computed };
  });
}

/** SQL of a transformed column (NULL stays NULL) and the helper it calls; undefined: not defined for the type. */
export function transformSql(
  transform: Transform,
  source: IcebergType,
  value: string,
  helperName: string,
): { readonly sql: string; readonly helper: TransformHelper | undefined } | undefined {
  const plain = (sql: string) => ({ sql, helper: undefined });
  const name = source.kind === 'primitive' ? source.name : source.kind;
  const timed = name === 'timestamp' || name === 'timestamptz';
  switch (transform.kind) {
    case 'identity':
      return source.kind === 'primitive' || source.kind === 'decimal' || source.kind === 'fixed' ? plain(value) : undefined;
    case 'year':
    case 'month':
      return timed || name === 'date'
        ? plain(`CAST(datediff('${transform.kind}', DATE '1970-01-01', CAST(${value} AS DATE)) AS INTEGER)`)
        : undefined;
    case 'day':
      if (name === 'date') return plain(`CAST(${value} - DATE '1970-01-01' AS INTEGER)`);
      return timed ? plain(`CAST(${floorDivision(`epoch_us(${value})`, DAY_MICROS)} AS INTEGER)`) : undefined;
    case 'hour':
      return timed ? plain(`CAST(${floorDivision(`epoch_us(${value})`, '3600000000')} AS INTEGER)`) : undefined;
    case 'truncate': {
      const { width } = transform;
      if (name === 'int' || name === 'long') {
        const wide = `CAST(${value} AS HUGEINT)`;
        return plain(`CAST(${wide} - (((${wide} % ${width}) + ${width}) % ${width}) AS ${name === 'int' ? 'INTEGER' : 'BIGINT'})`);
      }
      if (name === 'string') return plain(`left(${value}, ${width})`);
      if (name !== 'binary' && name !== 'decimal') return undefined;
      return helped(transform, source, value, helperName);
    }
    case 'bucket':
      return ['boolean', 'float', 'double', 'struct', 'list', 'map', 'other'].includes(name)
        ? undefined
        : helped(transform, source, value, helperName);
    case 'void':
    case 'unknown':
      return undefined;
  }
}

function helped(transform: Transform, source: IcebergType, value: string, name: string) {
  const type = resultType(transform, source);
  const call = `${name}(${datumSql(source, value)})`;
  const result =
    type.kind === 'decimal'
      ? `CAST(${call} AS DECIMAL(${type.precision}, ${type.scale}))`
      : type.kind === 'primitive' && type.name === 'binary'
        ? `unhex(${call})`
        : `CAST(${call} AS INTEGER)`;
  return { sql: result, helper: { name, transform, source } };
}

function floorDivision(value: string, by: string): string {
  return `((${value} - (((${value} % ${by}) + ${by}) % ${by})) // ${by})`;
}

/** SQL of a value's datum as text: integers for dates and times, the unscaled value of decimals, hexadecimal digits of bytes and uuids. */
export function datumSql(type: IcebergType, value: string): string {
  switch (type.kind) {
    case 'decimal':
      return `replace(CAST(${value} AS VARCHAR), '.', '')`;
    case 'fixed':
      return `hex(${value})`;
    case 'primitive':
      switch (type.name) {
        case 'boolean':
          return `CAST(CAST(${value} AS INTEGER) AS VARCHAR)`;
        case 'date':
          return `CAST(${value} - DATE '1970-01-01' AS VARCHAR)`;
        case 'time':
          return `CAST(epoch_us(${value}) AS VARCHAR)`;
        case 'timestamp':
        case 'timestamptz':
          return `CAST(epoch_us(${value}) AS VARCHAR)`;
        case 'binary':
          return `hex(${value})`;
        case 'uuid':
          return `replace(CAST(${value} AS VARCHAR), '-', '')`;
        default:
          return `CAST(${value} AS VARCHAR)`;
      }
    default:
      throw internal('a nested value has no datum');
  }
}

/** The datum of a text that datumSql made. */
export function datumOfText(type: IcebergType, text: string): Datum {
  if (type.kind === 'decimal') return BigInt(text);
  if (type.kind === 'fixed') return Buffer.from(text, 'hex');
  const name = type.kind === 'primitive' ? type.name : 'int';
  switch (name) {
    case 'float':
    case 'double':
      return text === 'nan' ? Number.NaN : text === 'inf' ? Infinity : text === '-inf' ? -Infinity : Number(text);
    case 'string':
      return Buffer.from(text);
    case 'uuid':
    case 'binary':
      return Buffer.from(text, 'hex');
    default:
      return BigInt(text);
  }
}

/** A datum as datumSql would write it. */
export function textOfDatum(type: IcebergType, datum: Datum): string {
  if (!(datum instanceof Uint8Array)) return String(datum);
  return type.kind === 'primitive' && type.name === 'string' ? Buffer.from(datum).toString() : Buffer.from(datum).toString('hex');
}

/** How a manifest's partition tuple keeps values of a type. `id` makes names unique. */
export function avroPartitionType(type: IcebergType, transform: Transform, id: number): AvroType {
  switch (type.kind) {
    case 'decimal':
      return {
        type: 'fixed',
        name: `decimal_${id}`,
        size: decimalBytes(type.precision),
        logicalType: 'decimal',
        precision: type.precision,
        scale: type.scale,
      };
    case 'fixed':
      return { type: 'fixed', name: `fixed_${id}`, size: type.length };
    case 'primitive':
      switch (type.name) {
        case 'int':
          return transform.kind === 'day' ? { type: 'int', logicalType: 'date' } : 'int';
        case 'date':
          return { type: 'int', logicalType: 'date' };
        case 'time':
          return { type: 'long', logicalType: 'time-micros' };
        case 'timestamp':
          return { type: 'long', logicalType: 'timestamp-micros', 'adjust-to-utc': false };
        case 'timestamptz':
          return { type: 'long', logicalType: 'timestamp-micros', 'adjust-to-utc': true };
        case 'uuid':
          return { type: 'fixed', name: `uuid_${id}`, size: 16, logicalType: 'uuid' };
        case 'binary':
          return 'bytes';
        case 'timestamp_ns':
        case 'timestamptz_ns':
          throw unsupported(`a partition value of type ${type.name}`);
        default:
          return type.name;
      }
    default:
      throw unsupported(`a partition value of type ${type.kind}`);
  }
}

export function avroPartitionValue(type: IcebergType, text: string | null): AvroValue {
  if (text === null) return null;
  const datum = datumOfText(type, text);
  if (type.kind === 'decimal' && typeof datum === 'bigint') return bigEndian(datum, decimalBytes(type.precision));
  if (type.kind !== 'primitive') return datum;
  if (type.name === 'string') return text;
  if (type.name === 'boolean') return datum !== 0n;
  return type.name === 'int' || type.name === 'date' ? Number(datum) : datum;
}

/** The folder of a file's partition below the data folder, for people; nothing reads it. */
export function partitionFolders(columns: readonly PartitionColumn[], values: readonly (string | null)[]): string[] {
  return columns.flatMap(({ field, type }, at) => {
    if (field.transform.kind === 'void') return [];
    const text = readable(field.transform, type, values[at] ?? null);
    return [`${plainName(field.name)}=${plainName(text)}`];
  });
}

/** No storage or reader has its own idea of these characters. */
function plainName(text: string): string {
  return text.replace(/[^A-Za-z0-9._-]/g, '_').slice(0, 100);
}

function readable(transform: Transform, type: IcebergType, text: string | null): string {
  if (text === null) return 'null';
  const number = Number(text);
  const instant = (ms: number, length: number): string => {
    const date = new Date(ms);
    return Number.isNaN(date.getTime()) || date.getUTCFullYear() > 9999 || date.getUTCFullYear() < 0
      ? text
      : date.toISOString().slice(0, length).replace('T', '-');
  };
  switch (transform.kind) {
    case 'day':
      return instant(number * 86_400_000, 10);
    case 'hour':
      return instant(number * 3_600_000, 13);
    case 'month':
      return `${1970 + Math.floor(number / 12)}-${String((((number % 12) + 12) % 12) + 1).padStart(2, '0')}`;
    case 'year':
      return String(1970 + number);
    default:
      if (type.kind === 'primitive' && type.name === 'date') return instant(number * 86_400_000, 10);
      return text === '' ? '__empty__' : text;
  }
}
