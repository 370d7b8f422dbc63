import assert from 'node:assert/strict';
import type pg from 'pg';
import { findTemporal } from '../../src/replay/temporal/dev-server.js';
import { durable } from '../support/durable.js';
import { tempFolder } from '../support/temp-folder.js';
import { startTimeline, type TimelineServer } from '../support/timeline-server.js';
import { type LogsServer, startVictoriaLogs } from '../support/victoria-logs.js';
import { type Answer, sameRows } from './oracle-pair.js';
import { COLUMNS, document, makeRows, QUESTIONS, valuesQuery } from './victorialogs-rows.js';

const TYPES = { getTypeParser: () => (value: string | Buffer) => String(value) } as unknown as pg.CustomTypesConfig;
const WAYS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'one task': {
    'timeline.small_bytes': '64MB',
    'timeline.split_bytes': '64MB',
    'timeline.top_n': 'auto',
    'timeline.dynamic_filters': 'auto',
  },
  'several tasks': {
    'timeline.small_bytes': '0',
    'timeline.split_bytes': '30000',
    'timeline.top_n': 'on',
    'timeline.dynamic_filters': 'on',
  },
};

describe('the same rows in VictoriaLogs and in Iceberg give the same answers', function () {
  this.timeout(600_000);
  let logs: LogsServer | undefined;
  let home: Awaited<ReturnType<typeof tempFolder>>;
  let server: TimelineServer;
  let client: pg.Client;
  let temporal: boolean;

  before(async function () {
    logs = await startVictoriaLogs();
    if (logs === undefined) this.skip();
    for (const encoding of ['own', 'foreign'] as const)
      await logs.insert(
        makeRows(encoding).map((row) => document(row, encoding, encoding)),
        ['app'],
      );
    home = await tempFolder('e2e-logs');
    const declared = (encoding: string): object => ({
      encoding,
      columns: Object.fromEntries(COLUMNS.map(({ name, sql }) => [name, sql])),
      filter: { app: encoding },
    });
    const config = {
      catalogs: {
        lake: {
          type: 'iceberg',
          catalog: { type: 'filesystem', warehouse: `file://${home.path}/warehouse` },
          write: { schemas: ['lake'] },
        },
        vl: {
          type: 'victorialogs',
          url: logs.url,
          tenant: logs.tenant,
          tables: { own_rows: declared('own'), foreign_rows: declared('foreign') },
        },
      },
    };
    temporal = (await findTemporal(home.path)) !== undefined;
    server = await startTimeline({ home: home.path, config: JSON.stringify(config), temporal: temporal ? 'dev' : 'off' });
    if (temporal) await durable(server);
    client = await server.connect({ types: TYPES });
    for (const encoding of ['own', 'foreign'] as const)
      await client.query(`CREATE TABLE lake.${encoding} WITH ("timeline.ts" = '_time') AS ${valuesQuery(makeRows(encoding))}`);
    await client.query("CREATE TABLE lake.names AS SELECT * FROM (VALUES ('ann'), ('2.10'), ('ünï'), (NULL), ('nobody')) v(name)");
  });
  after(async () => {
    await client?.end();
    await server?.stop();
    await home?.remove();
    await logs?.close();
  });

  const answer = async (sql: string): Promise<Answer> => {
    try {
      const { rows } = (await client.query({ text: sql, rowMode: 'array' })) as unknown as { rows: (string | null)[][] };
      return { kind: 'rows', rows };
    } catch (error) {
      const { code = '', message } = error as Error & { code?: string };
      return { kind: 'error', sqlstate: code, message };
    }
  };
  const compare = async (questions: typeof QUESTIONS, encoding: string): Promise<void> => {
    const wrong: string[] = [];
    for (const { sql, ordered } of questions) {
      const expected = await answer(sql.replaceAll('$', `lake.${encoding}`));
      const found = await answer(sql.replaceAll('$', `vl.${encoding}_rows`));
      assert.equal(expected.kind, 'rows', `${sql}: ${JSON.stringify(expected).slice(0, 300)}`);
      if (found.kind === 'rows' && expected.kind === 'rows' && sameRows(found.rows, expected.rows, ordered)) continue;
      wrong.push(`${sql}\n  lake ${JSON.stringify(expected).slice(0, 300)}\n  logs ${JSON.stringify(found).slice(0, 300)}`);
    }
    assert.deepEqual(wrong, []);
  };

  for (const encoding of ['own', 'foreign'] as const) {
    for (const [way, settings] of Object.entries(WAYS)) {
      it(`${QUESTIONS.length} questions, ${encoding} encoding, ${way}`, async () => {
        for (const [name, value] of Object.entries({ 'timeline.driver': 'local', ...settings }))
          await client.query(`SET ${name} = '${value}'`);
        await compare(QUESTIONS, encoding);
      });
    }
    it(`every eighth of them, ${encoding} encoding, driver temporal`, async function () {
      if (!temporal) this.skip();
      for (const [name, value] of Object.entries({ 'timeline.driver': 'temporal', ...WAYS['several tasks'] }))
        await client.query(`SET ${name} = '${value}'`);
      await compare(
        QUESTIONS.filter((_, n) => n % 8 === 3),
        encoding,
      );
    });
  }

  it('texts of the table of all entries are those that were logged', async () => {
    await client.query('SET timeline.driver = local');
    const items = COLUMNS.filter(({ name }) => name === 'name' || name === 'city').map(({ name }) => name);
    for (const where of ["name = 'ann'", "name IS NULL AND city = 'Zug'", "name LIKE '%\\\\%'", "id = '5'", "name IN ('a*', '*')"]) {
      const found = await answer(`SELECT _time, ${items} FROM vl.logs WHERE app = 'foreign' AND ${where} ORDER BY 1`);
      const expected = await answer(
        `SELECT _time, ${items} FROM (SELECT _time, name, city, id::text FROM lake.foreign) q WHERE ${where} ORDER BY 1`,
      );
      assert.deepEqual(found, expected, where);
    }
  });

  it('a submitted replay writes them into a lake table', async function () {
    if (!temporal) this.skip();
    const sql = 'SELECT _time, name, score FROM vl.own_rows WHERE city = $$Bern$$';
    const { rows } = (await client.query({
      text: 'SELECT timeline.submit($1, result => $2)',
      values: [sql, 'lake.copied'],
      rowMode: 'array',
    })) as unknown as {
      rows: string[][];
    };
    const ended = await client.query({ text: 'SELECT timeline.wait($1)', values: [rows[0]?.[0]], rowMode: 'array' });
    assert.deepEqual(ended.rows, [['completed']]);
    const question = (table: string): string => `SELECT _time, name, score FROM ${table}`;
    const copied = await answer(question('lake.copied'));
    const expected = await answer(`${question('lake.own')} WHERE city = 'Bern'`);
    assert.ok(
      copied.kind === 'rows' && expected.kind === 'rows' && sameRows(copied.rows, expected.rows, false),
      JSON.stringify(copied).slice(0, 500),
    );
  });
});
