import { Oid, type } from '../../../sql/types.js';
import type { ColumnDescription } from '../../connector.js';
import type { LogsTableConfig } from '../config.js';
import type { LogsColumn } from '../encoding.js';
import { FIELD } from '../index/layout.js';
import type { LogsFilter } from '../logsql/syntax.js';
import { FIELD as RECENT_FIELD } from '../recent/layout.js';

/** The table of all entries. */
export const ALL_LOGS = 'logs';
export const TIME = '_time';
/** Of rows in our encoding of which a value could not be written. */
export const MARK_FIELD = FIELD.marked;

/** A table over log entries: which of them are its rows, and what its columns are of. */
export interface LogsTable {
  readonly filter: LogsFilter;
  /** Its rows were written in our encoding: one that is marked lacks a value. */
  readonly own: boolean;
  /** Undefined: it has no such column. */
  column(name: string): LogsColumn | undefined;
}

const TIME_COLUMN: LogsColumn = { field: TIME, type: type(Oid.timestamptz), encoding: 'time' };

/**
 * Entries that are ours: of an index (`_t` and `_f`), and rows on their way into another table (`_t` and `_w`). Their values are not what
 * anybody logged.
 */
const OURS: LogsFilter = {
  kind: 'and',
  args: [
    { kind: 'present', field: FIELD.table },
    {
      kind: 'or',
      args: [
        { kind: 'present', field: FIELD.file },
        { kind: 'present', field: RECENT_FIELD.writer },
      ],
    },
  ],
};

/** Every field of the entries is a column, whether or not it has been discovered. */
export const allLogs: LogsTable = {
  filter: { kind: 'not', arg: OURS },
  own: false,
  column: (name) => (name === TIME ? TIME_COLUMN : { field: name, type: type(Oid.text), encoding: 'foreign' }),
};

export function declaredTable({ encoding, columns, filter }: LogsTableConfig): LogsTable {
  const byName = new Map(columns.map(({ name, field, type }): [string, LogsColumn] => [name, { field, type, encoding }]));
  const equal = Object.entries(filter).map(([field, value]): LogsFilter => ({ kind: 'equals', field, value }));
  return {
    filter: equal.length === 0 ? allLogs.filter : { kind: 'and', args: equal },
    own: encoding === 'own',
    column: (name) => (name === TIME ? TIME_COLUMN : byName.get(name)),
  };
}

export const timeColumn: ColumnDescription = { name: TIME, type: TIME_COLUMN.type, nullable: false, comment: undefined };
