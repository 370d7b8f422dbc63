import { decodeBound, partitionDatum } from '../format/datum.js';
import { datumText } from '../format/datum-text.js';
import type { ManifestFileEntry, PartitionSummary } from '../format/manifest.js';
import type { TableMetadata } from '../format/metadata.js';
import type { IcebergType, PartitionSpec, Schema, SchemaField } from '../format/schema.js';
import { resultType } from '../format/transforms.js';

interface Column {
  readonly name: string;
  readonly type: IcebergType;
}

/** Columns by id, nested ones by their path: as the schema calls them, and those it no longer has as the newest one that did. */
export class ReadableValues {
  readonly #columns = new Map<number, Column>();
  readonly #specs: TableMetadata['specs'];

  constructor(metadata: Pick<TableMetadata, 'schemas' | 'specs'>, schema: Schema) {
    for (const one of [...metadata.schemas.values()].sort((a, b) => a.id - b.id)) this.#add(one.fields, '');
    this.#add(schema.fields, '');
    this.#specs = metadata.specs;
  }

  /** `{"column": n}` as JSON text; NULL for none at all. */
  counts(counts: ReadonlyMap<number, number>): string | null {
    return objectText([...counts].map(([id, count]) => [this.#name(id), String(count)]));
  }

  /** `{"column": value}`: numbers and booleans as JSON's own, all else as text. */
  bounds(bounds: ReadonlyMap<number, Uint8Array>): string | null {
    return objectText([...bounds].map(([id, bytes]) => [this.#name(id), boundJson(this.#columns.get(id)?.type, bytes)]));
  }

  /** `{"partition field": value}`; `{}` where the table is not partitioned. Days, hours, … are dates and numbers as Iceberg writes them. */
  partition(file: Pick<ManifestFileEntry, 'partition' | 'specId'>): string {
    const spec = this.#specs.get(file.specId);
    const values = (spec?.fields ?? []).map((field): [string, string] => {
      const value = file.partition.get(field.fieldId) ?? null;
      const type = this.#partitionType(field);
      if (value === null) return [field.name, 'null'];
      const datum = type === undefined ? undefined : partitionDatum(type, value);
      const text = type === undefined || datum === undefined ? undefined : datumText(type, datum);
      return [field.name, type === undefined || text === undefined ? JSON.stringify(String(value)) : valueJson(type, text)];
    });
    return objectText(values) ?? '{}';
  }

  /** What a manifest list tells of a manifest's partitions, by field. */
  summaries(summaries: readonly PartitionSummary[] | undefined, specId: number): string | null {
    const spec = this.#specs.get(specId);
    if (summaries === undefined || spec === undefined) return null;
    const parts = spec.fields.flatMap((field, index): [string, string][] => {
      const summary = summaries[index];
      if (summary === undefined) return [];
      const type = this.#partitionType(field);
      const bound = (bytes: Uint8Array | undefined): string => (bytes === undefined ? 'null' : boundJson(type, bytes));
      const nan = summary.containsNaN === undefined ? 'null' : String(summary.containsNaN);
      const text = `{"contains_null":${summary.containsNull},"contains_nan":${nan},"lower_bound":${bound(summary.lower)},"upper_bound":${bound(summary.upper)}}`;
      return [[field.name, text]];
    });
    return objectText(parts) ?? '{}';
  }

  #partitionType(field: PartitionSpec['fields'][number]): IcebergType | undefined {
    const source = this.#columns.get(field.sourceId)?.type;
    if (source === undefined) return undefined;
    return field.transform.kind === 'day' ? { kind: 'primitive', name: 'date' } : resultType(field.transform, source);
  }

  #name(id: number): string {
    return this.#columns.get(id)?.name ?? String(id);
  }

  #add(fields: readonly SchemaField[], prefix: string): void {
    for (const field of fields) this.#addOne(field.id, `${prefix}${field.name}`, field.type);
  }

  #addOne(id: number, name: string, type: IcebergType): void {
    this.#columns.set(id, { name, type });
    if (type.kind === 'struct') this.#add(type.fields, `${name}.`);
    if (type.kind === 'list') this.#addOne(type.elementId, `${name}.element`, type.element);
    if (type.kind === 'map') {
      this.#addOne(type.keyId, `${name}.key`, type.key);
      this.#addOne(type.valueId, `${name}.value`, type.value);
    }
  }
}

function boundJson(type: IcebergType | undefined, bytes: Uint8Array): string {
  const datum = type === undefined ? undefined : decodeBound(type, bytes);
  const text = type === undefined || datum === undefined ? undefined : datumText(type, datum);
  if (type === undefined || text === undefined) return JSON.stringify(`\\x${Buffer.from(bytes).toString('hex')}`);
  return valueJson(type, text);
}

function valueJson(type: IcebergType, text: string): string {
  const numeric = type.kind === 'decimal' || (type.kind === 'primitive' && ['int', 'long', 'float', 'double'].includes(type.name));
  if (numeric && /^-?\d/.test(text)) return text;
  if (type.kind === 'primitive' && type.name === 'boolean') return text === 't' ? 'true' : 'false';
  // A string that was cut may end in half a character; jsonb holds no NUL.
  return JSON.stringify(text.replaceAll('\0', '\ufffd'));
}

function objectText(entries: readonly (readonly [string, string])[]): string | null {
  return entries.length === 0 ? null : `{${entries.map(([key, json]) => `${JSON.stringify(key)}:${json}`).join(',')}}`;
}
