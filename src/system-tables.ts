import type { SystemTable } from '../connectors/system/connector.js';
import { Oid, type } from '../sql/types.js';
import type { Catalog } from './catalog.js';
import type { History, ReplayRecord } from './history.js';

/** A column of a table made of `T`s: its name, its type, and its value in PostgreSQL's text form. */
type Column<T> = readonly [name: string, oid: number, value: (of: T) => string | null];

function systemTable<T>(table: {
  readonly name: string;
  readonly comment: string;
  readonly of: () => readonly T[];
  readonly columns: readonly Column<T>[];
}): SystemTable {
  return {
    name: table.name,
    comment: table.comment,
    columns: table.columns.map(([name, oid]) => ({ name, type: type(oid) })),
    rows: () => table.of().map((one) => table.columns.map(([, , value]) => value(one))),
  };
}

/** The tables of schema `timeline`. */
export function systemTables(options: { readonly history: History; readonly catalog: () => Catalog }): readonly SystemTable[] {
  return [replays(options.history), queries(options.history), tables(options.catalog)];
}

function replays(history: History): SystemTable {
  return systemTable({
    name: 'replays',
    comment: 'Plans that ran or run, one row each; id is the workflow id when the driver is temporal',
    of: () => history.list(),
    columns: [
      ['id', Oid.text, (record) => record.id],
      ['driver', Oid.text, (record) => record.driver],
      ['state', Oid.text, (record) => record.state],
      ['user_name', Oid.text, (record) => record.user],
      ['sql', Oid.text, (record) => record.sql],
      ['started_at', Oid.timestamptz, (record) => instant(record.startedAt)],
      ['ended_at', Oid.timestamptz, (record) => instant(record.endedAt)],
      ['tasks', Oid.int4, (record) => String(record.tasks)],
      ['tasks_done', Oid.int4, (record) => String(record.tasksDone)],
      ['rows', Oid.int8, (record) => String(record.rows)],
      ['bytes_read', Oid.int8, (record) => String(record.bytesRead)],
      ['error', Oid.text, (record) => record.error ?? null],
    ],
  });
}

function queries(history: History): SystemTable {
  return systemTable({
    name: 'queries',
    comment: 'History of queries with what they cost',
    of: () => history.list(),
    columns: [
      ['id', Oid.text, (record) => record.id],
      ['driver', Oid.text, (record) => record.driver],
      ['sql', Oid.text, (record) => record.sql],
      ['started_at', Oid.timestamptz, (record) => instant(record.startedAt)],
      ['seconds', Oid.float8, (record) => seconds(record)],
      ['stages', Oid.int4, (record) => String(record.stages)],
      ['tasks', Oid.int4, (record) => String(record.tasks)],
      ['rows', Oid.int8, (record) => String(record.rows)],
      ['bytes_read', Oid.int8, (record) => String(record.bytesRead)],
      ['rows_written', Oid.int8, (record) => (record.rowsWritten === undefined ? null : String(record.rowsWritten))],
      ['files_total', Oid.int8, (record) => String(record.filesTotal)],
      ['files_read', Oid.int8, (record) => String(record.filesRead)],
      ['row_groups_total', Oid.int8, (record) => (record.rowGroupsTotal === undefined ? null : String(record.rowGroupsTotal))],
      ['row_groups_read', Oid.int8, (record) => (record.rowGroupsRead === undefined ? null : String(record.rowGroupsRead))],
      ['sqlstate', Oid.text, (record) => record.sqlstate ?? null],
      ['replay', Oid.jsonb, (record) => (record.replay === undefined ? null : JSON.stringify(record.replay))],
    ],
  });
}

function tables(catalog: () => Catalog): SystemTable {
  return systemTable({
    name: 'tables',
    comment: 'Tables that can be queried, with the catalog that each comes from',
    of: () => catalog().tables(),
    columns: [
      ['table_schema', Oid.text, (entry) => entry.description.schema],
      ['table_name', Oid.text, (entry) => entry.description.table],
      ['catalog', Oid.text, (entry) => entry.connector.name],
      [
        'row_estimate',
        Oid.int8,
        ({ description: { rowEstimate } }) => (rowEstimate === undefined ? null : String(Math.round(rowEstimate))),
      ],
    ],
  });
}

function instant(ms: number | undefined): string | null {
  return ms === undefined ? null : `${new Date(ms).toISOString().replace('T', ' ').replace('Z', '')}+00`;
}

function seconds(record: ReplayRecord): string | null {
  return record.endedAt === undefined ? null : String((record.endedAt - record.startedAt) / 1000);
}
