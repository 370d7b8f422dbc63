import type { SchemaElement } from 'hyparquet';
import type { AvroRecord, AvroValue } from '../format/avro-reader.js';

/** A field of an Avro file as Parquet has it. */
export interface AvroColumn {
  readonly name: string;
  /** The field's element and those inside of it, depth first. */
  readonly elements: readonly SchemaElement[];
  /** From what the decoder gives to what the Parquet writer takes; throws plain errors for values that are not of the type. */
  readonly convert: (value: AvroValue) => unknown;
}

/** A feature that cannot be turned into Parquet. */
export class AvroFeatureError extends Error {}

type Schema = Readonly<Record<string, unknown>>;

interface Place {
  readonly name: string;
  readonly id: number | undefined;
  readonly required?: boolean;
  readonly depth: number;
}

const MAX_DEPTH = 64;
const INT32 = 2 ** 31;

/** The columns of a record schema, with the field ids of its `field-id`, `element-id`, `key-id` and `value-id`. Fields that are always null are left out. */
export function avroColumns(schema: unknown): readonly AvroColumn[] {
  const named = new Map<string, Schema>();
  collect(schema, named, '', 0);
  return new Columns(named).fields(schema as Schema, 0);
}

class Columns {
  readonly #named: ReadonlyMap<string, Schema>;

  constructor(named: ReadonlyMap<string, Schema>) {
    this.#named = named;
  }

  fields(record: Schema, depth: number): readonly AvroColumn[] {
    if (!Array.isArray(record['fields'])) throw new Error('a record of its schema has no fields');
    const fields = (record['fields'] as Schema[]).flatMap((field) => {
      if (typeof field['name'] !== 'string') throw new Error('a field of its schema has no name');
      return this.#column(field['type'], { name: field['name'], id: fieldId(field['field-id']), depth }) ?? [];
    });
    if (new Set(fields.map((field) => field.name)).size < fields.length)
      throw new Error('a record of its schema has two fields of one name');
    return fields;
  }

  #column(type: unknown, place: Place): AvroColumn | undefined {
    if (place.depth > MAX_DEPTH) throw new Error('its schema is nested too deeply');
    if (Array.isArray(type)) {
      const branches = type.filter((branch: unknown) => branch !== 'null' && !(isSchema(branch) && branch['type'] === 'null'));
      if (branches.length > 1) throw new AvroFeatureError(`a union of several types (column "${place.name}")`);
      return branches.length === 0 ? undefined : this.#column(branches[0], place);
    }
    if (typeof type === 'string') {
      const named = this.#named.get(type);
      return named === undefined ? this.#simple({ type }, place) : this.#column(named, { ...place, depth: place.depth + 1 });
    }
    if (!isSchema(type)) throw new Error('its schema is not valid');
    switch (type['type']) {
      case 'record':
        return this.#struct(type, place);
      case 'array':
        return type['logicalType'] === 'map' ? this.#entries(type, place) : this.#list(type, place);
      case 'map':
        return this.#map(type, place);
      case 'fixed':
        return fixed(type, place);
      case 'enum':
        return leaf(place, { type: 'BYTE_ARRAY', converted_type: 'UTF8' }, text);
      default:
        if (typeof type['type'] !== 'string' || this.#named.has(type['type']))
          return this.#column(type['type'], { ...place, depth: place.depth + 1 });
        return this.#simple(type, place);
    }
  }

  #simple(type: Schema, place: Place): AvroColumn | undefined {
    const logical = type['logicalType'];
    switch (type['type']) {
      case 'null':
        return undefined;
      case 'boolean':
        return leaf(place, { type: 'BOOLEAN' }, (value) => (typeof value === 'boolean' ? value : wrong(place)));
      case 'int':
        if (logical === 'date') return leaf(place, { type: 'INT32', converted_type: 'DATE' }, int32(place));
        if (logical === 'time-millis') return leaf(place, TIME, scaled(place, 1000n));
        return leaf(place, { type: 'INT32' }, int32(place));
      case 'long':
        return long(type, place);
      case 'float':
        return leaf(place, { type: 'FLOAT' }, number(place));
      case 'double':
        return leaf(place, { type: 'DOUBLE' }, number(place));
      case 'bytes':
        return logical === 'decimal' ? decimal(type, place) : leaf(place, { type: 'BYTE_ARRAY' }, bytes(place));
      case 'string':
        if (logical === 'uuid') return leaf(place, UUID, text);
        return leaf(place, { type: 'BYTE_ARRAY', converted_type: 'UTF8' }, text);
      default:
        throw new Error(`its schema names an unknown type "${String(type['type'])}"`);
    }
  }

  #struct(type: Schema, place: Place): AvroColumn {
    const fields = this.fields(type, place.depth + 1);
    if (fields.length === 0) throw new AvroFeatureError(`a record without fields (column "${place.name}")`);
    return {
      name: place.name,
      elements: [element(place, { num_children: fields.length }), ...fields.flatMap((field) => field.elements)],
      convert: (value) => {
        if (value === null) return null;
        const record = value as AvroRecord;
        return Object.fromEntries(fields.map(({ name, convert }) => [name, convert(record[name] ?? null)]));
      },
    };
  }

  #list(type: Schema, place: Place): AvroColumn {
    const item = this.#column(type['items'], { name: 'element', id: fieldId(type['element-id']), depth: place.depth + 1 });
    if (item === undefined) throw new AvroFeatureError(`a list of nothing but null (column "${place.name}")`);
    return {
      name: place.name,
      elements: [
        element(place, { num_children: 1, converted_type: 'LIST' }),
        { name: 'list', num_children: 1, repetition_type: 'REPEATED' },
        ...item.elements,
      ],
      convert: (value) => (value === null ? null : items(value, place).map(item.convert)),
    };
  }

  /** A map with keys that are texts. */
  #map(type: Schema, place: Place): AvroColumn {
    return this.#mapOf('string', type['values'], { key: fieldId(type['key-id']), value: fieldId(type['value-id']) }, place);
  }

  /** A map as an array of records of a key and a value. */
  #entries(type: Schema, place: Place): AvroColumn {
    const record = typeof type['items'] === 'string' ? this.#named.get(type['items']) : type['items'];
    const fields = isSchema(record) && Array.isArray(record['fields']) ? (record['fields'] as Schema[]) : [];
    const [key, value] = [fields.find((field) => field['name'] === 'key'), fields.find((field) => field['name'] === 'value')];
    if (key === undefined || value === undefined || fields.length !== 2) throw new Error(`map "${place.name}" has no keys and values`);
    return this.#mapOf(key['type'], value['type'], { key: fieldId(key['field-id']), value: fieldId(value['field-id']) }, place);
  }

  #mapOf(
    keyType: unknown,
    valueType: unknown,
    ids: { readonly key: number | undefined; readonly value: number | undefined },
    place: Place,
  ): AvroColumn {
    const depth = place.depth + 1;
    const key = this.#column(keyType, { name: 'key', id: ids.key, required: true, depth });
    const item = this.#column(valueType, { name: 'value', id: ids.value, depth });
    if (key === undefined || item === undefined) throw new AvroFeatureError(`a map of nothing but null (column "${place.name}")`);
    return {
      name: place.name,
      elements: [
        element(place, { num_children: 1, converted_type: 'MAP' }),
        { name: 'key_value', num_children: 2, repetition_type: 'REPEATED' },
        ...key.elements,
        ...item.elements,
      ],
      convert: (value) => {
        if (value === null) return null;
        return items(value, place).map((entry) => {
          const pair = entry as AvroRecord;
          return { key: key.convert(pair['key'] ?? null), value: item.convert(pair['value'] ?? null) };
        });
      },
    };
  }
}

const TIME: Partial<SchemaElement> = {
  type: 'INT64',
  converted_type: 'TIME_MICROS',
  logical_type: { type: 'TIME', isAdjustedToUTC: false, unit: 'MICROS' },
};
const UUID: Partial<SchemaElement> = { type: 'FIXED_LEN_BYTE_ARRAY', type_length: 16, logical_type: { type: 'UUID' } };

function long(type: Schema, place: Place): AvroColumn {
  const logical = String(type['logicalType']);
  if (logical === 'time-micros') return leaf(place, TIME, scaled(place, 1n));
  const stamp = /^(local-)?timestamp-(millis|micros|nanos)$/.exec(logical);
  if (stamp === null) return leaf(place, { type: 'INT64' }, scaled(place, 1n));
  // Where a file does not say, an instant is meant.
  const isAdjustedToUTC = stamp[1] === undefined && type['adjust-to-utc'] !== false;
  const unit = stamp[2] === 'nanos' ? 'NANOS' : 'MICROS';
  return leaf(
    place,
    { type: 'INT64', logical_type: { type: 'TIMESTAMP', isAdjustedToUTC, unit } },
    scaled(place, stamp[2] === 'millis' ? 1000n : 1n),
  );
}

function fixed(type: Schema, place: Place): AvroColumn {
  const size = Number(type['size']);
  if (!Number.isSafeInteger(size) || size < 0) throw new Error('a fixed type of its schema has no size');
  if (type['logicalType'] === 'decimal') return decimal(type, place);
  if (type['logicalType'] === 'uuid' && size === 16) return leaf(place, UUID, bytes(place));
  return leaf(place, size === 0 ? { type: 'BYTE_ARRAY' } : { type: 'FIXED_LEN_BYTE_ARRAY', type_length: size }, bytes(place));
}

function decimal(type: Schema, place: Place): AvroColumn {
  const [precision, scale] = [Number(type['precision']), Number(type['scale'] ?? 0)];
  if (!Number.isInteger(precision) || !Number.isInteger(scale) || precision < 1 || precision > 38 || scale < 0 || scale > precision)
    throw new Error(`the type of decimal "${place.name}" is out of range`);
  const limit = 10n ** BigInt(precision);
  const parts: Partial<SchemaElement> = {
    ...(precision <= 18 ? { type: 'INT64' } : { type: 'FIXED_LEN_BYTE_ARRAY', type_length: 16 }),
    converted_type: 'DECIMAL',
    precision,
    scale,
  };
  return leaf(place, parts, (value) => {
    const unscaled = bigEndian(bytes(place)(value), place);
    return unscaled < limit && unscaled > -limit ? unscaled : wrong(place);
  });
}

function bigEndian(value: Uint8Array, place: Place): bigint {
  // Digits of 38 need 16 bytes; writers may put sign bytes in front.
  if (value.length === 0 || value.length > 64) return wrong(place);
  return BigInt.asIntN(value.length * 8, BigInt(`0x${Buffer.from(value).toString('hex')}`));
}

function leaf(place: Place, parts: Partial<SchemaElement>, convert: (value: AvroValue) => unknown): AvroColumn {
  return { name: place.name, elements: [element(place, parts)], convert: (value) => (value === null ? null : convert(value)) };
}

function element(place: Place, parts: Partial<SchemaElement>): SchemaElement {
  return {
    name: place.name,
    repetition_type: place.required === true ? 'REQUIRED' : 'OPTIONAL',
    ...(place.id === undefined ? {} : { field_id: place.id }),
    ...parts,
  };
}

function int32(place: Place): (value: AvroValue) => number {
  return (value) => (typeof value === 'number' && value >= -INT32 && value < INT32 ? value : wrong(place));
}

function scaled(place: Place, factor: bigint): (value: AvroValue) => bigint {
  return (value) => {
    if (typeof value !== 'number' && typeof value !== 'bigint') return wrong(place);
    const exact = BigInt(value) * factor;
    return BigInt.asIntN(64, exact) === exact ? exact : wrong(place);
  };
}

function number(place: Place): (value: AvroValue) => number {
  return (value) => (typeof value === 'number' ? value : wrong(place));
}

function bytes(place: Place): (value: AvroValue) => Uint8Array {
  return (value) => (value instanceof Uint8Array ? value : wrong(place));
}

function text(value: AvroValue): string {
  return String(value);
}

function items(value: AvroValue, place: Place): readonly AvroValue[] {
  return Array.isArray(value) ? (value as readonly AvroValue[]) : wrong(place);
}

function wrong(place: Place): never {
  throw new Error(`a value of "${place.name}" is not of its type`);
}

function fieldId(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) ? value : undefined;
}

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Types that have a name are written out once, and named after that. */
function collect(schema: unknown, named: Map<string, Schema>, space: string, depth: number): void {
  if (depth > MAX_DEPTH) throw new Error('its schema is nested too deeply');
  if (Array.isArray(schema)) for (const branch of schema) collect(branch, named, space, depth + 1);
  if (!isSchema(schema)) return;
  const { type, name, namespace = space } = schema;
  if (typeof name === 'string' && (type === 'record' || type === 'fixed' || type === 'enum')) {
    named.set(name, schema);
    if (namespace !== '') named.set(`${String(namespace)}.${name}`, schema);
  }
  const inside = typeof namespace === 'string' ? namespace : space;
  if (type === 'record' && Array.isArray(schema['fields'])) {
    for (const field of schema['fields'] as unknown[]) if (isSchema(field)) collect(field['type'], named, inside, depth + 1);
  } else if (type === 'array') collect(schema['items'], named, inside, depth + 1);
  else if (type === 'map') collect(schema['values'], named, inside, depth + 1);
  else collect(type, named, inside, depth + 1);
}
