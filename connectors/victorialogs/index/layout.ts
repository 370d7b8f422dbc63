import { createHash } from 'node:crypto';
import { TimelineError } from '../../../sql/errors.js';
import { Oid } from '../../../sql/types.js';
import type { ColumnDescription, DataFile, IndexedTable } from '../../connector.js';
import type { LogsIndexConfig } from '../config.js';
import { isWellFormed } from '../logsql/print.js';

/** Part of every name below: documents of another layout are another table's. */
const LAYOUT_VERSION = 1;

/** Fields of our own in documents of an index. */
export const FIELD = {
  /** Table identity and layout; a stream field. */
  table: '_t',
  /** Short id of the data file under one mapping. */
  file: '_f',
  /** Row number in the file, from 0, deleted rows too. */
  position: '_pos',
  /** `1`: a value of the row could not be written, so the row is always a candidate. */
  marked: '_m',
} as const;

/** A column as the documents of some files have it. */
export interface IndexedField {
  /** TableIdentity's id of the column. */
  readonly id: string;
  /** The column's name when the file was indexed. */
  readonly field: string;
  /** pg_type OID then. */
  readonly oid: number;
}

/** What the documents of a file hold. */
export interface IndexMapping {
  /** The column that became `_time`. */
  readonly time: IndexedField;
  readonly fields: readonly IndexedField[];
}

/** `_t` of a table's documents. */
export function tableKey(identity: string): string {
  return `t${hash([LAYOUT_VERSION, identity], 24)}`;
}

/** Tells a file's bytes and rows from all others. */
export function fileKey({ path, bytes, rows }: DataFile): string {
  return hash([path, bytes, rows], 24);
}

/**
 * `_f`. Of the mapping, too: documents that an earlier build wrote with other fields must never prove that those of this one are there.
 * It begins with a letter and has no form that the store takes for a number or a time.
 */
export function fileId(file: string, mapping: IndexMapping): string {
  const fields = mapping.fields.map(({ id, field, oid }) => [id, field, oid]).sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));
  const { time } = mapping;
  return `f${hash([LAYOUT_VERSION, file, [time.id, time.oid], fields], 24)}`;
}

function hash(parts: readonly unknown[], digits: number): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, digits);
}

/** Types indexed without being asked for. */
const USUAL: ReadonlySet<number> = new Set<number>([Oid.text, Oid.varchar, Oid.uuid, Oid.bool, Oid.int2, Oid.int4, Oid.int8, Oid.date]);
/** And those that may be asked for: their encoding says all that a comparison needs. */
const ASKED: ReadonlySet<number> = new Set<number>([...USUAL, Oid.float8, Oid.timestamp, Oid.timestamptz]);

/** Values of types of one class are written alike. */
export function typeClass(oid: number): string {
  if (oid === Oid.int2 || oid === Oid.int4 || oid === Oid.int8) return 'int';
  if (oid === Oid.text || oid === Oid.varchar) return 'text';
  return String(oid);
}

const MAX_NAME_BYTES = 120;
/** Of the store's 1000, with room for our own. */
const MAX_FIELDS = 400;

/** Undefined: a field may have the name. */
function nameTrouble(name: string): string | undefined {
  if (name === '' || name.startsWith('_')) return 'names that begin with "_" are those of the index itself';
  if (name.endsWith('*')) return 'a name that ends in "*" means many fields';
  if (Buffer.byteLength(name) > MAX_NAME_BYTES) return `its name is longer than ${MAX_NAME_BYTES} bytes`;
  // A dot is what the store joins the names of nested objects with, and is harmless here; a surrogate is not.
  if (!isWellFormed(name)) return 'its name is no well-formed text';
  return undefined;
}

/** What a build would write of the table. Throws 0A000 where that is impossible, 42703 for a configured column that is not there. */
export function wantedMapping(
  config: LogsIndexConfig,
  table: Pick<IndexedTable, 'table' | 'identity' | 'columns' | 'properties'>,
): IndexMapping {
  const shown = `${table.table.schema}.${table.table.table}`;
  const time = timeColumn(config, table, shown);
  const names = config.columns ?? table.columns.map(({ name }) => name);
  const fields = names.flatMap((name): readonly IndexedField[] => {
    const column = columnOf(table.columns, name, shown);
    const asked = config.columns !== undefined;
    const trouble = (ASKED.has(column.type.oid) ? undefined : 'its type cannot be indexed exactly') ?? nameTrouble(name);
    if (asked && trouble !== undefined) throw unfit(`column "${name}" of ${shown} cannot be indexed: ${trouble}`);
    if (trouble !== undefined || name === time.field || (!asked && !USUAL.has(column.type.oid))) return [];
    const id = table.identity.columns.get(name);
    return id === undefined ? [] : [{ id, field: name, oid: column.type.oid }];
  });
  if (fields.length === 0) throw unfit(`no column of ${shown} can be indexed`);
  if (fields.length > MAX_FIELDS)
    throw unfit(`${shown} has ${fields.length} columns to index, more than ${MAX_FIELDS}`, 'Name those wanted in "columns".');
  return { time, fields };
}

function timeColumn(
  config: LogsIndexConfig,
  { columns, properties, identity }: Pick<IndexedTable, 'identity' | 'columns' | 'properties'>,
  shown: string,
): IndexedField {
  const own = properties['timeline.ts'];
  const name =
    config.time ??
    (own !== undefined && columns.some((column) => column.name === own) ? own : undefined) ??
    columns.find(({ type }) => type.oid === Oid.timestamptz)?.name;
  if (name === undefined) throw unfit(`${shown} has no timestamptz column to order documents by`, 'Name a column in "time".');
  const { type } = columnOf(columns, name, shown);
  if (type.oid !== Oid.timestamptz && type.oid !== Oid.timestamp)
    throw unfit(`column "${name}" of ${shown} has no type of time`, 'Name a timestamptz column in "time".');
  const id = identity.columns.get(name);
  if (id === undefined) throw unfit(`column "${name}" of ${shown} has no id`);
  return { id, field: name, oid: type.oid };
}

function columnOf(columns: readonly ColumnDescription[], name: string, shown: string): ColumnDescription {
  const found = columns.find((column) => column.name === name);
  if (found !== undefined) return found;
  throw new TimelineError({
    kind: 'semantic',
    sqlstate: '42703',
    message: `column "${name}" of ${shown}, which is to be indexed, does not exist`,
  });
}

function unfit(message: string, hint?: string): TimelineError {
  return new TimelineError({ kind: 'unsupported', sqlstate: '0A000', message, ...(hint === undefined ? {} : { hint }) });
}

/** Does a file with these documents have all that is wanted now? */
export function satisfies(mapping: IndexMapping, wanted: IndexMapping): boolean {
  if (mapping.time.id !== wanted.time.id) return false;
  const has = new Map(mapping.fields.map(({ id, oid }) => [id, typeClass(oid)]));
  return wanted.fields.every(({ id, oid }) => has.get(id) === typeClass(oid));
}
