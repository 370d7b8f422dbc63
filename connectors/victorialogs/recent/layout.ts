import { unsupported } from '../../../sql/errors.js';
import { Oid, type Type } from '../../../sql/types.js';
import type { ColumnDescription, TableName } from '../../connector.js';
import { isWellFormed } from '../logsql/print.js';

/** Fields of our own in documents of rows that are on their way into a table. */
export const FIELD = {
  /** `recent:` and the table's identity; a stream field. */
  table: '_t',
  /** `~` and the writer's name; a stream field. */
  writer: '_w',
  /** The writer's number of the row: 1, 2, 3 … in canonical decimal. */
  number: '_seq',
  /** `1`: a value of the row could not be written. */
  marked: '_m',
} as const;

export const STREAM_FIELDS: readonly string[] = [FIELD.table, FIELD.writer];

/** Beyond it the store's numbers are not exact. */
export const MOST_NUMBER = 2n ** 53n - 1n;

const NAME_BYTES = 120;
/** Of the store's 1000, with room for our own. */
const FIELDS = 400;

const TYPES: ReadonlySet<number> = new Set<number>([
  Oid.text,
  Oid.varchar,
  Oid.bool,
  Oid.int2,
  Oid.int4,
  Oid.int8,
  Oid.float4,
  Oid.float8,
  Oid.numeric,
  Oid.uuid,
  Oid.date,
  Oid.time,
  Oid.timestamp,
  Oid.timestamptz,
  Oid.bytea,
  Oid.json,
  Oid.jsonb,
]);

/** `_t` of the rows of a table. The identity is the table's own, so that another one under its name has no part in them. */
export function recentKey(identity: string): string {
  return `recent:${identity}`;
}

/** `_w`; never taken for a number, whatever the name. */
export function writerText(writer: string): string {
  return `~${writer}`;
}

/** 0A000 for a table that has a column which documents cannot have: its rows would not be whole. */
export function requireRecentColumns(table: TableName, columns: readonly ColumnDescription[]): void {
  if (columns.length > FIELDS) throw refusal(table, `it has more than ${FIELDS} columns`);
  for (const { name, type } of columns) {
    const trouble = columnTrouble(name, type);
    if (trouble !== undefined) throw refusal(table, `column "${name}" ${trouble}`);
  }
}

function columnTrouble(name: string, { oid }: Type): string | undefined {
  if (name.startsWith('_') || name.endsWith('*') || name === '' || Buffer.byteLength(name) > NAME_BYTES || !isWellFormed(name))
    return 'has a name that documents cannot have';
  return TYPES.has(oid) ? undefined : 'has a type that documents cannot have';
}

function refusal({ schema, table }: TableName, why: string): Error {
  return unsupported(`timeline.include_recent for ${schema}.${table} (${why})`);
}
