import { TimelineError, unsupported } from '../../../sql/errors.js';
import { ELEMENT_OF, numericModifier, Oid, type Type, typeName } from '../../../sql/types.js';
import type { ColumnDescription } from '../../connector.js';
import type { TableMetadata } from '../format/metadata.js';
import {
  type IcebergType,
  type PartitionField,
  type PrimitiveName,
  parseTransform,
  type SchemaField,
  type SortField,
} from '../format/schema.js';
import { partitionFieldsJson, schemaJson, sortFieldsJson } from '../format/schema-json.js';
import { transformSql } from './partition-values.js';
import type { TableShape } from './table-shape.js';

const PRIMITIVE: ReadonlyMap<number, PrimitiveName> = new Map([
  [Oid.bool, 'boolean'],
  [Oid.int2, 'int'],
  [Oid.int4, 'int'],
  [Oid.oid, 'long'],
  [Oid.int8, 'long'],
  [Oid.float4, 'float'],
  [Oid.float8, 'double'],
  [Oid.text, 'string'],
  [Oid.varchar, 'string'],
  [Oid.bpchar, 'string'],
  [Oid.name, 'string'],
  [Oid.char, 'string'],
  [Oid.json, 'string'],
  [Oid.jsonb, 'string'],
  [Oid.bytea, 'binary'],
  [Oid.date, 'date'],
  [Oid.time, 'time'],
  [Oid.timestamp, 'timestamp'],
  [Oid.timestamptz, 'timestamptz'],
  [Oid.uuid, 'uuid'],
]);

/** Fields of a new table for columns of PostgreSQL's types. Errors: 0A000 for a type that Iceberg would keep with a loss, with what to cast it to. */
export function newFields(columns: readonly ColumnDescription[]): SchemaField[] {
  let next = columns.length;
  const folded = new Set<string>();
  return columns.map((column, at) => {
    const name = column.name.toLowerCase();
    if (folded.has(name)) throw unsupported(`a table with two columns "${column.name}" (names that differ in case only)`);
    folded.add(name);
    return { id: at + 1, name: column.name, required: !column.nullable, type: icebergType(column, () => ++next), doc: docOf(column) };
  });
}

function docOf(column: ColumnDescription): string | undefined {
  const json = column.type.oid === Oid.json || column.type.oid === Oid.jsonb;
  return column.comment ?? (json ? 'JSON' : undefined);
}

function icebergType(column: ColumnDescription, newId: () => number): IcebergType {
  const element = ELEMENT_OF.get(column.type.oid);
  if (element === undefined) return scalarType(column, column.type);
  return { kind: 'list', elementId: newId(), element: scalarType(column, { oid: element, typmod: column.type.typmod }) };
}

function scalarType(column: ColumnDescription, type: Type): IcebergType {
  const name = PRIMITIVE.get(type.oid);
  if (name !== undefined) return { kind: 'primitive', name };
  const what = `column "${column.name}" of type ${typeName(type)} in an Iceberg table`;
  if (type.oid !== Oid.numeric) throw unsupported(what, { hint: `Cast it, for example "${column.name}"::text.` });
  const modifier = numericModifier(type);
  const inList = column.type.oid !== type.oid;
  if (modifier === undefined && inList)
    throw unsupported(`${what} (without precision and scale)`, { hint: `Cast it, for example "${column.name}"::numeric(38, 9)[].` });
  // Iceberg's decimals have a scale: what a division or an average of PostgreSQL's gives fits this one, and what does not is refused when it comes.
  if (modifier === undefined) return { kind: 'decimal', precision: 38, scale: 20 };
  const { precision, scale } = modifier;
  if (scale < 0 || precision > 38 || scale > precision)
    throw unsupported(`${what} (precision ${precision}, scale ${scale})`, {
      hint: 'Cast it to a numeric of at most 38 digits, or to text.',
    });
  return { kind: 'decimal', precision, scale };
}

export interface NewTable {
  readonly uuid: string;
  readonly shape: TableShape;
}

const FORMAT_VERSIONS = ['1', '2', '3'];

/**
 * The shape of a table to make: `partitioning` ('day(ts), bucket(16, user_id)'), `sorted_by` ('ts, event_id desc nulls last'), `format-version`
 * (default 2), and properties of Iceberg's and ours, which have a dot or a dash in their names. Errors: 22023, 42703.
 */
export function newShape(options: {
  readonly name: string;
  readonly location: string;
  readonly fields: readonly SchemaField[];
  readonly options: Readonly<Record<string, string>>;
}): TableShape {
  const { name, location, fields } = options;
  const {
    partitioning = '',
    sorted_by = '',
    'format-version': dashed,
    format_version: version = dashed ?? '2',
    ...properties
  } = options.options;
  if (!FORMAT_VERSIONS.includes(version)) throw invalid(`format-version must be 1, 2 or 3, not "${version}"`);
  const strange = Object.keys(properties).find((key) => !/[.-]/.test(key) && key !== 'comment');
  if (strange !== undefined)
    throw invalid(
      `there is no option "${strange}" of an Iceberg table`,
      'There are partitioning, sorted_by, format_version, location, comment and properties such as "write.parquet.compression-codec".',
    );
  const partition = terms(partitioning).map((term, at) => partitionField(term, at, fields));
  const twice = partition.find(
    (field, at) =>
      partition.findIndex((one) => one.name === field.name) !== at ||
      fields.some((one) => one.name === field.name && field.transform.kind !== 'identity'),
  );
  if (twice !== undefined) throw invalid(`partitioning names "${twice.name}" twice`);
  const order = terms(sorted_by).map((term) => sortField(term, fields));
  return {
    name,
    location,
    formatVersion: Number(version),
    schema: { id: 0, fields },
    spec: { id: 0, fields: partition },
    order: { id: order.length === 0 ? 0 : 1, fields: order },
    properties: { 'write.parquet.compression-codec': 'zstd', ...properties },
  };
}

/** Commas inside of parentheses part nothing. */
function terms(text: string): string[] {
  return text
    .split(/,(?![^(]*\))/)
    .map((term) => term.trim())
    .filter((term) => term !== '');
}

function partitionField(term: string, at: number, fields: readonly SchemaField[]): PartitionField {
  const { source, transform, label } = transformed(term, 'partitioning', fields);
  const name = transform.kind === 'identity' ? source.name : `${source.name}_${label}`;
  return { fieldId: 1000 + at, sourceId: source.id, name, transform };
}

function sortField(term: string, fields: readonly SchemaField[]): SortField {
  const match = /^(.*?)(?:\s+(asc|desc))?(?:\s+nulls\s+(first|last))?$/i.exec(term);
  const descending = match?.[2]?.toLowerCase() === 'desc';
  const { source, transform } = transformed(match?.[1]?.trim() ?? '', 'sorted_by', fields);
  const nullsFirst = match?.[3] === undefined ? !descending : match[3].toLowerCase() === 'first';
  return { sourceId: source.id, transform, descending, nullsFirst };
}

/** `column`, `day(column)`, `bucket(16, column)`, and `bucket(column, 16)` as some engines write it. */
function transformed(term: string, option: string, fields: readonly SchemaField[]) {
  const call = /^(\w+)\s*\((.*)\)$/s.exec(term);
  const parts = call === null ? [term] : (call[2]?.split(',').map((part) => part.trim()) ?? []);
  const width = call === null ? undefined : parts.find((part) => /^\d+$/.test(part));
  const [column, ...others] = parts.filter((part) => part !== width);
  const kind = call?.[1]?.toLowerCase().replace(/s$/, '') ?? 'identity';
  const transform = parseTransform(width === undefined ? kind : `${kind}[${width}]`);
  if (transform.kind === 'unknown' || column === undefined || others.length > 0)
    throw invalid(
      `${option}: "${term}" is no transform of a column`,
      'Write column, year(column), month(column), day(column), hour(column), bucket(16, column) or truncate(8, column).',
    );
  const source = fields.find((field) => field.name === unquoted(column));
  if (source === undefined)
    throw new TimelineError({ kind: 'semantic', sqlstate: '42703', message: `column "${unquoted(column)}" of ${option} does not exist` });
  if (transform.kind !== 'void' && transformSql(transform, source.type, 'x', 'x') === undefined)
    throw invalid(`${option}: "${term}" does not fit the column's type`);
  return { source, transform, label: kind === 'truncate' ? 'trunc' : kind };
}

function unquoted(name: string): string {
  return /^".*"$/s.test(name) ? name.slice(1, -1).replaceAll('""', '"') : name;
}

function invalid(message: string, hint?: string): TimelineError {
  return new TimelineError({ kind: 'semantic', sqlstate: '22023', message, ...(hint === undefined ? {} : { hint }) });
}

/** The REST protocol's updates that make the table. */
export function creationUpdates({ uuid, shape }: NewTable): Readonly<Record<string, unknown>>[] {
  const { schema, spec, order, formatVersion, location, properties } = shape;
  return [
    { action: 'assign-uuid', uuid },
    { action: 'upgrade-format-version', 'format-version': formatVersion },
    { action: 'add-schema', schema: schemaJson(schema), 'last-column-id': lastId(schema.fields) },
    { action: 'set-current-schema', 'schema-id': -1 },
    { action: 'add-spec', spec: { 'spec-id': spec.id, fields: partitionFieldsJson(spec.fields) } },
    { action: 'set-default-spec', 'spec-id': -1 },
    { action: 'add-sort-order', 'sort-order': { 'order-id': order.id, fields: sortFieldsJson(order.fields) } },
    { action: 'set-default-sort-order', 'sort-order-id': -1 },
    { action: 'set-location', location },
    { action: 'set-properties', updates: properties },
  ];
}

/** What the updates will make, for the snapshot that is added in the same commit. */
export function creationMetadata({ uuid, shape }: NewTable): TableMetadata {
  const { schema, spec, order, formatVersion, location, properties } = shape;
  return {
    formatVersion,
    uuid,
    location,
    lastSequenceNumber: 0,
    lastColumnId: lastId(schema.fields),
    schemas: new Map([[schema.id, schema]]),
    currentSchemaId: schema.id,
    specs: new Map([[spec.id, spec]]),
    defaultSpecId: spec.id,
    sortOrders: new Map([[order.id, order]]),
    defaultSortOrderId: order.id,
    nextRowId: formatVersion >= 3 ? 0n : undefined,
    snapshots: [],
    currentSnapshotId: null,
    log: [],
    refs: new Map(),
    nameMapping: undefined,
    properties,
  };
}

function lastId(fields: readonly SchemaField[]): number {
  const below = (type: IcebergType): number => {
    switch (type.kind) {
      case 'struct':
        return lastId(type.fields);
      case 'list':
        return Math.max(type.elementId, below(type.element));
      case 'map':
        return Math.max(type.keyId, type.valueId, below(type.key), below(type.value));
      default:
        return 0;
    }
  };
  return Math.max(0, ...fields.map((field) => Math.max(field.id, below(field.type))));
}
