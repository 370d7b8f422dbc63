import assert from 'node:assert/strict';
import { join } from 'node:path';
import type pg from 'pg';
import { DEMO_QUERIES } from '../../src/demo-queries.js';
import { makeDemoLake } from '../../src/events/demo-lake.js';
import { tempFolder } from '../support/temp-folder.js';
import { startTimeline } from '../support/timeline-server.js';
import { sameRows } from './oracle-pair.js';

type Rows = readonly (readonly (string | null)[])[];

/** Of every kind of column; the wire gives them out by portions. */
const PORTIONED =
  'select event_id, ts, session_id, cdn, buffer_duration_ms, bitrate_kbps, attributes from lake.events order by ts, event_id limit 3000';
const TIMELINES = DEMO_QUERIES.map(({ sql }) => sql.replace(/;\s*$/, '')).filter((sql) => /timeline\(/i.test(sql));
/** Tables of the engine's own are loaded from JavaScript. */
const OWN = 'select table_schema, table_name, catalog from timeline.tables';

describe('the same answer in batches of 1, 7 and 1024 rows', function () {
  this.timeout(240_000);
  let home: Awaited<ReturnType<typeof tempFolder>>;
  let config: string;
  let expected: readonly Rows[];

  before(async () => {
    home = await tempFolder('batch-rows');
    const demo = await makeDemoLake({ folder: join(home.path, 'demo'), rows: 6000, days: 5 });
    const catalog = { type: 'sql', uri: demo.catalogUri, warehouse: demo.warehouse, name: demo.catalogName };
    config = JSON.stringify({ catalogs: { demo: { type: 'iceberg', catalog } } });
    assert.ok(TIMELINES.length > 0);
    expected = await inBatchesOf(undefined);
    assert.equal(expected[0]?.length, 3000);
    for (const [n, rows] of expected.entries()) assert.ok(rows.length > 0, `question ${n} has no rows`);
  });
  after(async () => home?.remove());

  for (const rows of [1, 7, 1024]) {
    it(`${rows}`, async () => {
      const answers = await inBatchesOf(rows);
      answers.forEach((answer, n) => {
        assert.ok(sameRows(answer, expected[n] ?? [], n === 0), `question ${n}: ${answer.length} rows, not ${expected[n]?.length}`);
      });
    });
  }

  it('refuses a size that is none', async () => {
    await assert.rejects(
      startTimeline({ home: join(home.path, 'bad'), config, env: { TIMELINE_LIMITS_BATCH_ROWS: '0' } }),
      /limits\.batch_rows: must be a whole number from 1 to 2048/,
    );
  });

  /** Portals and cursors give as many rows at a time, too. */
  async function inBatchesOf(rows: number | undefined): Promise<readonly Rows[]> {
    const env: Record<string, string> = rows === undefined ? {} : { TIMELINE_LIMITS_BATCH_ROWS: String(rows) };
    const server = await startTimeline({ home: join(home.path, `server-${rows ?? 'all'}`), config, env });
    try {
      const types = { getTypeParser: () => (value: string | Buffer) => String(value) } as unknown as pg.CustomTypesConfig;
      const client = await server.connect({ types });
      const answers: Rows[] = [];
      const query = async (text: string, most = rows): Promise<Rows> => {
        const portion = most === undefined ? {} : { rows: most };
        return ((await client.query({ text, rowMode: 'array', ...portion } as pg.QueryArrayConfig)).rows ?? []) as Rows;
      };
      answers.push(await query(PORTIONED));
      for (const small of ['64MB', '0']) {
        await query(`set timeline.small_bytes = '${small}'`, undefined);
        await query(`set timeline.split_bytes = '${small}'`, undefined);
        for (const sql of [...TIMELINES, OWN]) answers.push(await query(sql));
      }
      answers.push(await fetched(query, rows));
      await client.end();
      return answers;
    } finally {
      await server.stop();
    }
  }
});

async function fetched(query: (text: string, most?: number) => Promise<Rows>, most: number | undefined): Promise<Rows> {
  await query('begin', undefined);
  await query(`declare c cursor for ${PORTIONED.replace('limit 3000', 'limit 500')}`, undefined);
  const all: (readonly (string | null)[])[] = [];
  for (;;) {
    const rows = await query(`fetch ${most ?? 'all'} from c`, undefined);
    all.push(...rows);
    if (rows.length === 0 || most === undefined) break;
  }
  await query('commit', undefined);
  return all;
}
