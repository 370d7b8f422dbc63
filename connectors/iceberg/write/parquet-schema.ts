import type { SchemaElement } from 'hyparquet';
import { unsupported } from '../../../sql/errors.js';
import type { IcebergType, SchemaField } from '../format/schema.js';

/** Iceberg's prescribed Parquet schema, with field ids. Columns that may not be NULL are REQUIRED. */
export function parquetSchema(fields: readonly SchemaField[]): SchemaElement[] {
  return [
    { name: 'table', num_children: fields.length },
    ...fields.flatMap((field) => elements(field.name, field.id, field.type, field.required)),
  ];
}

function elements(name: string, id: number, type: IcebergType, required: boolean): SchemaElement[] {
  const base = { name, field_id: id, repetition_type: required ? ('REQUIRED' as const) : ('OPTIONAL' as const) };
  switch (type.kind) {
    case 'struct':
      return [
        { ...base, num_children: type.fields.length },
        ...type.fields.flatMap((field) => elements(field.name, field.id, field.type, field.required)),
      ];
    case 'list':
      return [
        { ...base, num_children: 1, converted_type: 'LIST', logical_type: { type: 'LIST' } },
        { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
        ...elements('element', type.elementId, type.element, false),
      ];
    case 'map':
      return [
        { ...base, num_children: 1, converted_type: 'MAP', logical_type: { type: 'MAP' } },
        { name: 'key_value', repetition_type: 'REPEATED', num_children: 2 },
        ...elements('key', type.keyId, type.key, true),
        ...elements('value', type.valueId, type.value, false),
      ];
    default:
      return [{ ...base, ...scalar(type) }];
  }
}

function scalar(type: IcebergType): Partial<SchemaElement> {
  if (type.kind === 'decimal') {
    const { precision, scale } = type;
    const decimal = { converted_type: 'DECIMAL' as const, precision, scale, logical_type: { type: 'DECIMAL' as const, precision, scale } };
    if (precision <= 9) return { type: 'INT32', ...decimal };
    return precision <= 18
      ? { type: 'INT64', ...decimal }
      : { type: 'FIXED_LEN_BYTE_ARRAY', type_length: decimalBytes(precision), ...decimal };
  }
  if (type.kind === 'fixed') return { type: 'FIXED_LEN_BYTE_ARRAY', type_length: type.length };
  const name = type.kind === 'primitive' ? type.name : type.kind;
  switch (name) {
    case 'boolean':
      return { type: 'BOOLEAN' };
    case 'int':
      return { type: 'INT32' };
    case 'long':
      return { type: 'INT64' };
    case 'float':
      return { type: 'FLOAT' };
    case 'double':
      return { type: 'DOUBLE' };
    case 'date':
      return { type: 'INT32', converted_type: 'DATE', logical_type: { type: 'DATE' } };
    case 'time':
      return { type: 'INT64', converted_type: 'TIME_MICROS', logical_type: { type: 'TIME', isAdjustedToUTC: false, unit: 'MICROS' } };
    case 'timestamp':
      return { type: 'INT64', logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: false, unit: 'MICROS' } };
    case 'timestamptz':
      return {
        type: 'INT64',
        converted_type: 'TIMESTAMP_MICROS',
        logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'MICROS' },
      };
    case 'string':
      return { type: 'BYTE_ARRAY', converted_type: 'UTF8', logical_type: { type: 'STRING' } };
    case 'binary':
      return { type: 'BYTE_ARRAY' };
    case 'uuid':
      return { type: 'FIXED_LEN_BYTE_ARRAY', type_length: 16, logical_type: { type: 'UUID' } };
    default:
      throw unsupported(`writing a column of type ${name}`);
  }
}

/** The fewest bytes that hold every number of so many digits. */
export function decimalBytes(precision: number): number {
  let size = 1;
  while (2n ** BigInt(size * 8 - 1) <= 10n ** BigInt(precision)) size++;
  return size;
}
