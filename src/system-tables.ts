import type { SystemTable } from '../connectors/system/connector.js';
import { Oid, type } from '../sql/types.js';
import type { Catalog } from './catalog.js';
import type { History, ReplayRecord } from './history.js';

const column = (name: string, oid: number) => ({ name, type: type(oid) });

/** The tables of schema `timeline`. */
export function systemTables(options: { readonly history: History; readonly catalog: () => Catalog }): readonly SystemTable[] {
  return [replays(options.history), queries(options.history), tables(options.catalog)];
}

function replays(history: History): SystemTable {
  return {
    name: 'replays',
    comment: 'Plans that ran or run, one row each; id is the workflow id when the driver is temporal',
    columns: [
      column('id', Oid.text),
      column('driver', Oid.text),
      column('state', Oid.text),
      column('user_name', Oid.text),
      column('sql', Oid.text),
      column('started_at', Oid.timestamptz),
      column('ended_at', Oid.timestamptz),
      column('tasks', Oid.int4),
      column('tasks_done', Oid.int4),
      column('rows', Oid.int8),
      column('bytes_read', Oid.int8),
      column('error', Oid.text),
    ],
    rows: () =>
      history
        .list()
        .map((record) => [
          record.id,
          record.driver,
          record.state,
          record.user,
          record.sql,
          instant(record.startedAt),
          instant(record.endedAt),
          String(record.tasks),
          String(record.tasksDone),
          String(record.rows),
          String(record.bytesRead),
          record.error ?? null,
        ]),
  };
}

function queries(history: History): SystemTable {
  return {
    name: 'queries',
    comment: 'History of queries with what they cost',
    columns: [
      column('id', Oid.text),
      column('driver', Oid.text),
      column('sql', Oid.text),
      column('started_at', Oid.timestamptz),
      column('seconds', Oid.float8),
      column('stages', Oid.int4),
      column('tasks', Oid.int4),
      column('rows', Oid.int8),
      column('bytes_read', Oid.int8),
      column('files_total', Oid.int8),
      column('files_read', Oid.int8),
      column('sqlstate', Oid.text),
    ],
    rows: () =>
      history
        .list()
        .map((record) => [
          record.id,
          record.driver,
          record.sql,
          instant(record.startedAt),
          seconds(record),
          String(record.stages),
          String(record.tasks),
          String(record.rows),
          String(record.bytesRead),
          String(record.filesTotal),
          String(record.filesRead),
          record.sqlstate ?? null,
        ]),
  };
}

function tables(catalog: () => Catalog): SystemTable {
  return {
    name: 'tables',
    comment: 'Tables that can be queried, with the catalog that each comes from',
    columns: [
      column('table_schema', Oid.text),
      column('table_name', Oid.text),
      column('catalog', Oid.text),
      column('row_estimate', Oid.int8),
    ],
    rows: () =>
      catalog()
        .tables()
        .map((entry) => [
          entry.description.schema,
          entry.description.table,
          entry.connector.name,
          entry.description.rowEstimate === undefined ? null : String(Math.round(entry.description.rowEstimate)),
        ]),
  };
}

function instant(ms: number | undefined): string | null {
  return ms === undefined ? null : `${new Date(ms).toISOString().replace('T', ' ').replace('Z', '')}+00`;
}

function seconds(record: ReplayRecord): string | null {
  return record.endedAt === undefined ? null : String((record.endedAt - record.startedAt) / 1000);
}
