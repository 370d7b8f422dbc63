import type { AvroField, AvroRecord, AvroValue } from './avro-reader.js';
import { corrupt } from './corrupt.js';

export function fieldNames(fields: readonly AvroField[]): Map<number, string> {
  return new Map(fields.flatMap((field) => (field['field-id'] === undefined ? [] : [[field['field-id'], field.name] as const])));
}

/** The fields of a record type, also inside of a union with null. */
export function recordFields(schema: unknown): readonly AvroField[] {
  if (Array.isArray(schema)) return schema.map(recordFields).find((fields) => fields.length > 0) ?? [];
  if (typeof schema !== 'object' || schema === null) return [];
  const { fields, type } = schema as { fields?: unknown; type?: unknown };
  return Array.isArray(fields) ? (fields as AvroField[]) : recordFields(type);
}

export function text(value: AvroValue, name: string): string {
  if (typeof value !== 'string') throw new Error(`${name} is missing`);
  return value;
}

export function integer(value: AvroValue, name: string): number {
  if (typeof value !== 'number') throw new Error(`${name} is not an integer`);
  return value;
}

export function natural(value: AvroValue, name: string): number {
  const number = integer(value, name);
  if (number < 0) throw new Error(`${name} is negative`);
  return number;
}

export function integers(value: AvroValue, name: string): readonly number[] {
  return Array.isArray(value) ? value.map((item: AvroValue) => integer(item, name)) : [];
}

/** A 64-bit id as text. */
export function id(value: AvroValue): string | undefined {
  return typeof value === 'number' || typeof value === 'bigint' ? String(value) : undefined;
}

export function rowId(value: AvroValue): bigint | undefined {
  if (value === null) return undefined;
  if (typeof value !== 'number' && typeof value !== 'bigint') throw new Error('first_row_id is not an integer');
  if (value < 0) throw new Error('first_row_id is negative');
  return BigInt(value);
}

export function object(value: AvroValue | undefined, name: string): AvroRecord {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Uint8Array)
    throw new Error(`${name} is missing`);
  return value as AvroRecord;
}

/** Plain errors as XX001 that names the file. */
export function checked<T>(file: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw corrupt(file, error instanceof Error ? error.message : String(error), error);
  }
}

export async function checkedAsync<T>(file: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw corrupt(file, error instanceof Error ? error.message : String(error), error);
  }
}
