/** An Iceberg type, as the metadata's JSON describes it. */
export type IcebergType =
  | { readonly kind: 'primitive'; readonly name: PrimitiveName }
  | { readonly kind: 'decimal'; readonly precision: number; readonly scale: number }
  | { readonly kind: 'fixed'; readonly length: number }
  /** A type of format version 3 (variant, unknown, geometry, …). */
  | { readonly kind: 'other'; readonly name: string }
  | StructType
  | { readonly kind: 'list'; readonly elementId: number; readonly element: IcebergType }
  | { readonly kind: 'map'; readonly keyId: number; readonly key: IcebergType; readonly valueId: number; readonly value: IcebergType };

export interface StructType {
  readonly kind: 'struct';
  readonly fields: readonly SchemaField[];
}

const PRIMITIVES = [
  'boolean',
  'int',
  'long',
  'float',
  'double',
  'date',
  'time',
  'timestamp',
  'timestamptz',
  'timestamp_ns',
  'timestamptz_ns',
  'string',
  'uuid',
  'binary',
] as const;
export type PrimitiveName = (typeof PRIMITIVES)[number];

export interface SchemaField {
  readonly id: number;
  readonly name: string;
  readonly required: boolean;
  readonly type: IcebergType;
  readonly doc: string | undefined;
  /** JSON of the value in files that were written before the field was; integers may be text. Absent: NULL. */
  readonly initialDefault?: unknown;
  /** JSON of the value that writers give rows without one. */
  readonly writeDefault?: unknown;
}

export interface Schema {
  readonly id: number;
  readonly fields: readonly SchemaField[];
}

export interface PartitionField {
  readonly fieldId: number;
  readonly sourceId: number;
  readonly name: string;
  readonly transform: Transform;
}

export type Transform =
  | { readonly kind: 'identity' | 'year' | 'month' | 'day' | 'hour' | 'void' }
  | { readonly kind: 'bucket' | 'truncate'; readonly width: number }
  | { readonly kind: 'unknown'; readonly name: string };

export interface PartitionSpec {
  readonly id: number;
  readonly fields: readonly PartitionField[];
}

export interface SortOrder {
  /** 0: unsorted. */
  readonly id: number;
  readonly fields: readonly SortField[];
}

export interface SortField {
  readonly sourceId: number;
  readonly transform: Transform;
  readonly descending: boolean;
  readonly nullsFirst: boolean;
}

const MAX_DEPTH = 64;

/** Throws a plain Error that says what is wrong; the caller knows the file. */
export function parseType(json: unknown, depth = 0): IcebergType {
  if (depth > MAX_DEPTH) throw new Error('types are nested too deeply');
  if (typeof json === 'string') return parsePrimitive(json);
  const object = asObject(json, 'a type');
  switch (object['type']) {
    case 'struct':
      return { kind: 'struct', fields: parseFields(object['fields'], depth) };
    case 'list':
      return { kind: 'list', elementId: asInteger(object['element-id'], 'element-id'), element: parseType(object['element'], depth + 1) };
    case 'map':
      return {
        kind: 'map',
        keyId: asInteger(object['key-id'], 'key-id'),
        key: parseType(object['key'], depth + 1),
        valueId: asInteger(object['value-id'], 'value-id'),
        value: parseType(object['value'], depth + 1),
      };
    default:
      return { kind: 'other', name: String(object['type']) };
  }
}

function parsePrimitive(name: string): IcebergType {
  const primitive = PRIMITIVES.find((known) => known === name);
  if (primitive !== undefined) return { kind: 'primitive', name: primitive };
  const decimal = /^decimal\(\s*(\d+)\s*,\s*(\d+)\s*\)$/.exec(name);
  if (decimal !== null) {
    const [precision, scale] = [Number(decimal[1]), Number(decimal[2])];
    if (precision < 1 || precision > 38 || scale > precision) throw new Error(`the type ${name} is out of range`);
    return { kind: 'decimal', precision, scale };
  }
  const fixed = /^fixed\[(\d+)\]$/.exec(name);
  if (fixed !== null) return { kind: 'fixed', length: Number(fixed[1]) };
  return { kind: 'other', name };
}

export function parseFields(json: unknown, depth = 0): SchemaField[] {
  if (!Array.isArray(json)) throw new Error('a struct has no fields');
  return json.map((item: unknown) => {
    const field = asObject(item, 'a field');
    if (typeof field['name'] !== 'string') throw new Error('a field has no name');
    return {
      id: asInteger(field['id'], `the id of field "${field['name']}"`),
      name: field['name'],
      required: field['required'] === true,
      type: parseType(field['type'], depth + 1),
      doc: typeof field['doc'] === 'string' ? field['doc'] : undefined,
      ...(field['initial-default'] == null ? {} : { initialDefault: field['initial-default'] }),
      ...(field['write-default'] == null ? {} : { writeDefault: field['write-default'] }),
    };
  });
}

export function parseTransform(name: unknown): Transform {
  switch (name) {
    case 'identity':
    case 'year':
    case 'month':
    case 'day':
    case 'hour':
    case 'void':
      return { kind: name };
    default: {
      const match = typeof name === 'string' ? /^(bucket|truncate)\[(\d{1,10})\]$/.exec(name) : null;
      const width = Number(match?.[2]);
      if (match === null || width < 1 || width > 0x7fffffff) return { kind: 'unknown', name: String(name) };
      return { kind: match[1] === 'bucket' ? 'bucket' : 'truncate', width };
    }
  }
}

export function asObject(json: unknown, what: string): Record<string, unknown> {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw new Error(`${what} is not an object`);
  return json as Record<string, unknown>;
}

export function asInteger(json: unknown, what: string): number {
  if (typeof json !== 'number' || !Number.isSafeInteger(json)) throw new Error(`${what} is not an integer`);
  return json;
}
