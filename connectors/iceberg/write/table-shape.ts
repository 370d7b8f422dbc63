import { TimelineError } from '../../../sql/errors.js';
import type { TableMetadata } from '../format/metadata.js';
import type { IcebergType, PartitionSpec, Schema, SchemaField, SortOrder } from '../format/schema.js';

/** What data files of a table must be like. */
export interface TableShape {
  /** schema.table, for messages. */
  readonly name: string;
  readonly location: string;
  readonly formatVersion: number;
  readonly schema: Schema;
  readonly spec: PartitionSpec;
  readonly order: SortOrder;
  readonly properties: Readonly<Record<string, string>>;
}

const UNSORTED: SortOrder = { id: 0, fields: [] };

/** The table as it is now. */
export function shapeOf(metadata: TableMetadata, name: string): TableShape {
  const schema = metadata.schemas.get(metadata.currentSchemaId);
  const spec = metadata.specs.get(metadata.defaultSpecId);
  if (schema === undefined || spec === undefined || metadata.location === '') {
    const message = `the metadata of table ${name} lacks its current schema, partition spec or location`;
    throw new TimelineError({ kind: 'data', sqlstate: 'XX001', message });
  }
  const { location, formatVersion, properties } = metadata;
  const order = metadata.sortOrders.get(metadata.defaultSortOrderId) ?? UNSORTED;
  return { name, location, formatVersion, schema, spec, order, properties };
}

export interface FoundField {
  readonly field: SchemaField;
  /** Names from the column down. */
  readonly path: readonly string[];
}

/** A field by its id, at the top or in structs (what partition and sort fields may stand on). */
export function findField(fields: readonly SchemaField[], id: number, above: readonly string[] = []): FoundField | undefined {
  for (const field of fields) {
    const path = [...above, field.name];
    if (field.id === id) return { field, path };
    const below = field.type.kind === 'struct' ? findField(field.type.fields, id, path) : undefined;
    if (below !== undefined) return below;
  }
  return undefined;
}

export interface Leaf {
  readonly id: number;
  readonly path: readonly string[];
  readonly type: IcebergType;
  /** Inside of a list or map: such leaves have no bounds. */
  readonly repeated: boolean;
}

/** The scalars of a schema, as Parquet keeps them. */
export function leavesOf(fields: readonly SchemaField[]): Leaf[] {
  return fields.flatMap((field) => typeLeaves(field.type, field.id, [field.name], false));
}

function typeLeaves(type: IcebergType, id: number, path: readonly string[], repeated: boolean): Leaf[] {
  switch (type.kind) {
    case 'struct':
      return type.fields.flatMap((field) => typeLeaves(field.type, field.id, [...path, field.name], repeated));
    case 'list':
      return typeLeaves(type.element, type.elementId, [...path, 'element'], true);
    case 'map':
      return [
        ...typeLeaves(type.key, type.keyId, [...path, 'key'], true),
        ...typeLeaves(type.value, type.valueId, [...path, 'value'], true),
      ];
    default:
      return [{ id, path, type, repeated }];
  }
}

const CODECS = ['zstd', 'snappy', 'gzip', 'brotli', 'lz4', 'uncompressed'] as const;

/** `write.parquet.compression-codec`. Errors: 22023 for one that does not exist. */
export function wishedCodec(shape: TableShape): (typeof CODECS)[number] {
  const given = shape.properties['write.parquet.compression-codec']?.toLowerCase() ?? 'zstd';
  // pyiceberg's word for it.
  const name = given === 'none' ? 'uncompressed' : given;
  const found = CODECS.find((codec) => codec === name);
  if (found !== undefined) return found;
  throw new TimelineError({
    kind: 'semantic',
    sqlstate: '22023',
    message: `table ${shape.name} wants the compression "${name}", which does not exist`,
    hint: 'Set its property write.parquet.compression-codec to zstd or snappy.',
  });
}

const DEFAULT_FILE_BYTES = 512 << 20;

/** `write.target-file-size-bytes`, where it is a size. */
export function targetBytes(shape: TableShape): number {
  const bytes = Number(shape.properties['write.target-file-size-bytes'] ?? DEFAULT_FILE_BYTES);
  return Number.isFinite(bytes) && bytes >= 1 ? bytes : DEFAULT_FILE_BYTES;
}

/** Rows of a row group, where the table says so (`write.parquet.row-group-limit`, pyiceberg's property); 2048 is DuckDB's least. */
export function rowGroupRows(shape: TableShape, otherwise: number): number {
  const rows = Number(shape.properties['write.parquet.row-group-limit'] ?? otherwise);
  return Number.isSafeInteger(rows) && rows > 0 ? Math.max(2048, rows) : otherwise;
}
