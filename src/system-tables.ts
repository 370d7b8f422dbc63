import type { SystemTable } from '../connectors/system/connector.js';
import { TimelineError } from '../sql/errors.js';
import { ARRAY_OF, Oid, type } from '../sql/types.js';
import { formatValue } from '../sql/value-text.js';
import type { Catalog } from './catalog.js';
import type { History, ReplayRecord } from './history.js';
import { coverageRows } from './index-coverage.js';
import type { ReplayControl } from './replay/replay-control.js';
import { replayRows } from './replay-rows.js';
import type { SubmittedReplays } from './submitted-replays.js';
import { instant } from './system-values.js';

/** A column of a table made of `T`s: its name, its type, and its value in PostgreSQL's text form. */
type Column<T> = readonly [name: string, oid: number, value: (of: T) => string | null];

function systemTable<T>(table: {
  readonly name: string;
  readonly comment: string;
  readonly of: () => readonly T[] | Promise<readonly T[]>;
  readonly columns: readonly Column<T>[];
}): SystemTable {
  return {
    name: table.name,
    comment: table.comment,
    columns: table.columns.map(([name, oid]) => ({ name, type: type(oid) })),
    rows: async () => (await table.of()).map((one) => table.columns.map(([, , value]) => value(one))),
  };
}

export interface SystemTablesOptions {
  readonly history: History;
  readonly catalog: () => Catalog;
  readonly known: SubmittedReplays;
  readonly control: () => ReplayControl | undefined;
}

/** The tables of schema `timeline`. */
export function systemTables(options: SystemTablesOptions): readonly SystemTable[] {
  return [replays(options), schedules(options), queries(options.history), tables(options.catalog), indexCoverage(options.catalog)];
}

function replays({ history, known }: SystemTablesOptions): SystemTable {
  return systemTable({
    name: 'replays',
    comment: 'Replays that ran or run, one row each: queries of sessions, and what was submitted; id is the workflow id where there is one',
    of: async () => replayRows(history.list(), await known.list()),
    columns: [
      ['id', Oid.text, (row) => row.id],
      ['driver', Oid.text, (row) => row.driver],
      ['state', Oid.text, (row) => row.state],
      ['user_name', Oid.text, (row) => row.user],
      ['sql', Oid.text, (row) => row.sql],
      ['started_at', Oid.timestamptz, (row) => instant(row.startedAt)],
      ['ended_at', Oid.timestamptz, (row) => instant(row.endedAt)],
      ['tasks', Oid.int4, (row) => String(row.tasks)],
      ['tasks_done', Oid.int4, (row) => String(row.tasksDone)],
      ['rows', Oid.int8, (row) => String(row.rows)],
      ['bytes_read', Oid.int8, (row) => String(row.bytesRead)],
      ['error', Oid.text, (row) => row.error],
      ['name', Oid.text, (row) => row.name],
      ['kind', Oid.text, (row) => row.kind],
      ['stage', Oid.text, (row) => row.stage],
      ['seconds_left', Oid.float8, (row) => row.secondsLeft],
      ['result', Oid.text, (row) => row.result],
      ['schedule', Oid.text, (row) => row.schedule],
      ['interval_from', Oid.timestamptz, (row) => row.intervalFrom],
      ['interval_until', Oid.timestamptz, (row) => row.intervalUntil],
      ['parent', Oid.text, (row) => row.parent],
    ],
  });
}

/** How long Temporal may take to tell its schedules. */
const SCHEDULES_MS = 2000;

function schedules({ control }: SystemTablesOptions): SystemTable {
  return systemTable({
    name: 'schedules',
    comment: 'Queries that run again and again, over one interval after the other',
    of: async () => {
      const asked = control();
      return asked === undefined ? [] : inTime(asked.schedules(), SCHEDULES_MS);
    },
    columns: [
      ['name', Oid.text, ({ record }) => record.name],
      ['cron', Oid.text, ({ record }) => record.cron],
      ['time_zone', Oid.text, ({ record }) => record.timeZone],
      ['sql', Oid.text, ({ record }) => record.sql],
      ['result', Oid.text, ({ record }) => record.result],
      ['overlap', Oid.text, ({ record }) => record.overlap],
      ['paused', Oid.bool, ({ paused }) => (paused ? 't' : 'f')],
      ['next_run', Oid.timestamptz, ({ next }) => instant(next)],
      ['last_run', Oid.timestamptz, ({ last }) => instant(last)],
      ['running', Oid.int4, ({ running }) => String(running)],
      ['user_name', Oid.text, ({ record }) => record.user],
      ['created_at', Oid.timestamptz, ({ record }) => instant(record.createdAt)],
    ],
  });
}

async function inTime<T>(work: Promise<T>, most: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () =>
        reject(
          new TimelineError({
            kind: 'connector',
            sqlstate: '08001',
            message: 'Temporal, which knows the schedules, does not answer',
            retryable: true,
          }),
        ),
      most,
    );
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
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
      ['index_use', Oid.text, (record) => record.indexUse ?? null],
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

function indexCoverage(catalog: () => Catalog): SystemTable {
  return systemTable({
    name: 'index_coverage',
    comment:
      'Data files of indexed tables (index_for), one row a file of the current snapshot and index: whether a search of the index may stand for reading it',
    of: () => coverageRows(catalog()),
    columns: [
      ['table_schema', Oid.text, (row) => row.schema],
      ['table_name', Oid.text, (row) => row.table],
      ['catalog', Oid.text, (row) => row.catalog],
      ['file', Oid.text, ({ file }) => file?.path ?? null],
      ['rows', Oid.int8, ({ file }) => (file === undefined ? null : String(file.rows))],
      ['covered', Oid.bool, ({ file }) => (file?.covered === true ? 't' : 'f')],
      ['reason', Oid.text, ({ file, trouble }) => trouble ?? file?.reason ?? null],
      ['columns', TEXTS, ({ file }) => (file === undefined ? null : formatArray(file.columns))],
      ['document_bytes', Oid.int8, ({ file }) => (file?.bytes == null ? null : String(file.bytes))],
      ['certified_at', Oid.timestamptz, ({ file }) => instant(file?.certifiedAt ?? undefined)],
    ],
  });
}

const TEXTS = ARRAY_OF.get(Oid.text) ?? Oid.text;

function formatArray(names: readonly string[]): string {
  return formatValue(type(TEXTS), names, { timeZone: 'UTC' });
}

function seconds(record: ReplayRecord): string | null {
  return record.endedAt === undefined ? null : String((record.endedAt - record.startedAt) / 1000);
}
