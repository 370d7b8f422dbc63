import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadParser } from '../../sql/parse.js';
import { type AnalysisContext, EmbeddedPostgres, type MirrorTable } from '../../sql/postgres.js';
import { ARRAY_OF, Oid, type } from '../../sql/types.js';

export const CONTEXT: AnalysisContext = {
  user: 'ann',
  database: 'timeline',
  timeZone: 'Europe/Berlin',
  searchPath: ['lake', 'public'],
  settings: {},
};

function table(
  schema: string,
  name: string,
  columns: Readonly<Record<string, number | readonly [oid: number, typmod: number]>>,
  required: readonly string[] = [],
): MirrorTable {
  return {
    schema,
    table: name,
    comment: name === 'events' ? 'Durable event store (Iceberg)' : undefined,
    rowEstimate: 50,
    columns: Object.entries(columns).map(([column, of]) => ({
      name: column,
      type: typeof of === 'number' ? type(of) : type(of[0], of[1]),
      nullable: !required.includes(column),
      comment: column === 'stream_id' ? 'entity/stream key' : undefined,
    })),
  };
}

/** The tables that the captured clients saw: clients/schema.sql, without its keys, view and function. */
export const TABLES: readonly MirrorTable[] = [
  table(
    'lake',
    'events',
    {
      stream_id: Oid.text,
      version: Oid.int8,
      event_id: Oid.uuid,
      event_type: Oid.text,
      occurred_at: Oid.timestamptz,
      recorded_at: Oid.timestamptz,
      event_date: Oid.date,
      payload: Oid.jsonb,
      tags: ARRAY_OF.get(Oid.text) ?? 0,
      amount: [Oid.numeric, ((18 << 16) | 2) + 4],
      score: Oid.float8,
      ok: Oid.bool,
      raw: Oid.bytea,
      seq: Oid.int4,
    },
    ['stream_id', 'version', 'event_id', 'event_type', 'occurred_at'],
  ),
  table('lake', 'accounts', { id: Oid.text, name: Oid.text, created_at: Oid.timestamp, plan: [Oid.varchar, 24], balance: Oid.numeric }, [
    'id',
  ]),
  table('vlogs', 'logs', {
    _time: Oid.timestamptz,
    _msg: Oid.text,
    _stream: Oid.text,
    level: Oid.text,
    trace_id: Oid.text,
    dur_ms: Oid.float8,
    fields: Oid.jsonb,
  }),
  table(
    'public',
    'orders',
    {
      id: Oid.int8,
      account_id: Oid.text,
      total: [Oid.numeric, ((10 << 16) | 2) + 4],
      placed_at: Oid.timestamptz,
      status: [Oid.bpchar, 5],
      win: Oid.interval,
      t: Oid.time,
    },
    ['id'],
  ),
];

let opened: Promise<EmbeddedPostgres> | undefined;
let folder: string | undefined;

/** One embedded Postgres for all test files of a run, with the tables above. */
export async function embedded(): Promise<EmbeddedPostgres> {
  opened ??= (async () => {
    await loadParser();
    const postgres = await EmbeddedPostgres.open({ imagePath: await imagePath() });
    await postgres.setMirror(TABLES);
    return postgres;
  })();
  return opened;
}

/** Made by the first who opens it. */
export async function imagePath(): Promise<string> {
  folder ??= await mkdtemp(join(tmpdir(), 'timeline-embedded-'));
  return join(folder, 'image.tar');
}

after(async () => {
  await (await opened)?.close();
  if (folder !== undefined) await rm(folder, { recursive: true, force: true });
});
