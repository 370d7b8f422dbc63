import assert from 'node:assert/strict';
import { truncateSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type pg from 'pg';
import { buildConfig } from '../../src/config-file.js';
import { uniqueNames } from '../../src/replay/result-columns.js';
import { createSweeper } from '../../src/replay/sweep.js';
import { fixtureConfig } from '../e2e/fixtures.js';
import { findVersitygw, type S3Server, startVersitygw } from '../support/versitygw.js';
import { openEngine, type TestEngine } from '../write/engine.js';
import { resultPlan } from './result-plan.js';
import { capturing, ListedResults, openSubmittedRuns, type SubmittedRuns } from './submitted-runs.js';

const VALUES: Readonly<Record<string, readonly string[]>> = {
  bool: ['true', 'false'],
  int2: ['-32768', '32767'],
  int4: ['-2147483648', '2147483647'],
  int8: ['-9223372036854775808', '9223372036854775807'],
  oid: ['0', '4294967295'],
  float4: ['-0', '0', 'NaN', 'Infinity', '-Infinity', '3.4028235e38', '1e-45', '0.1'],
  float8: ['-0', '0', 'NaN', 'Infinity', '-Infinity', '1.7976931348623157e308', '5e-324', '0.1'],
  numeric: ['NaN', 'Infinity', '-Infinity', '0.000', '-0.10', '123456789012345678901234567890123456789012345.6789', '1e-30'],
  'numeric(38,10)': ['9999999999999999999999999999.9999999999', '-0.0000000001', '0'],
  'numeric(5,2)': ['-999.99', '0.01', '.5'],
  'numeric(60,2)': ['1234567890123456789012345678901234567890123456789012345678.12', '-1'],
  text: ['', ' a ', "quote's", '日本語 😀', 'tab\tline\n', '\\x41', 'NULL'],
  'varchar(3)': ['abc', ''],
  'char(4)': ['ab', ''],
  bytea: ['\\x', '\\x00ff10', '\\xdeadbeef'],
  date: ['infinity', '-infinity', '1970-01-01', '0044-03-15 BC', '9999-12-31', '4713-01-01 BC', '294246-12-31', '1582-10-10'],
  time: ['00:00', '23:59:59.999999', '24:00:00'],
  timestamp: ['infinity', '-infinity', '1969-12-31 23:59:59.999999', '0001-01-01 BC', '294246-12-31 23:59:59'],
  timestamptz: ['infinity', '-infinity', '2025-03-30 01:30:00.000001+00', '0001-01-01 00:00:00+00 BC'],
  interval: [
    '1 mon -1 day 00:00:00.000001',
    '-178000000 years',
    '2147483647 days -2147483647 mons',
    '-9223372036854775807 microseconds',
    '1.5 s',
    '-0.000001 s',
    '-2562047788:00:54.775807',
    '0',
    '-1 year 2 mons 3 days -04:05:06',
    '1 day -00:00:01',
  ],
  uuid: ['00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff', '80000000-0000-4000-8000-000000000001'],
  json: ['{"b": 1,   "a":[]}', 'null', '"x"', '1.0'],
  jsonb: ['{"b": 1,   "a":[1.00, {"c": null}]}', 'null', '"\\u00e9"', '12345678901234567890.10'],
  'int4[]': ['{}', '{1,NULL,-3}'],
  'text[]': ['{}', '{"a b",NULL,"","NULL","x\\"y"}'],
  'float8[]': ['{-0,NaN,Infinity}'],
  'numeric[]': ['{1.10,NULL,0}'],
  'date[]': ['{2025-01-01,infinity}'],
  'timestamptz[]': ['{"2025-01-01 00:00:00+00",-infinity}'],
  'uuid[]': ['{ffffffff-ffff-ffff-ffff-ffffffffffff}'],
};

const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`;

/** What reads no table is answered without a plan. */
const ONE = '(SELECT true AS one FROM py.types LIMIT 1) AS one';

/** By what is special about it. */
const QUERIES: Readonly<Record<string, string>> = {
  'no rows': `SELECT n, n::text AS t FROM generate_series(1, 3) n, ${ONE} WHERE n > 5`,
  'names that are the same': `SELECT n AS a, n + 1 AS a, n + 2 AS "A", n + 3 AS a_2, n + 4 AS "x ""y"" z", count(*), count(*) FROM generate_series(1, 3) n, ${ONE} GROUP BY n ORDER BY n`,
  'many rows in order': `SELECT n, md5(n::text) AS m FROM generate_series(1, 200000) n, ${ONE} ORDER BY m`,
  'sums of 128 bits': `SELECT n % 3 AS k, sum(n::int8 * 1000000007) AS s, avg(n) AS a, sum(n * 1.5) AS f FROM generate_series(1, 999) n, ${ONE} GROUP BY 1 ORDER BY 1`,
  'every type of a table': 'SELECT * FROM py.types ORDER BY 1',
  ...Object.fromEntries(
    Object.entries(VALUES).map(([type, values]) => {
      const rows = [...values, undefined].map((one, n) => `(${n}, ${one === undefined ? 'NULL' : quoted(one)}::${type})`);
      return [type, `SELECT v.* FROM (VALUES ${rows.join(', ')}) AS v(n, x), ${ONE} ORDER BY n DESC`];
    }),
  ),
};

describe('replay/result-columns', () => {
  it('gives each column a name of its own', () => {
    const names = ['a', 'a', 'A', 'a_2', 'b', '', ''];
    assert.deepEqual(uniqueNames(names), ['a', 'a_3', 'A', 'a_2', 'b', '', '_2']);
    assert.deepEqual(uniqueNames(names, { file: true }), ['a', 'a_3', 'A_4', 'a_2', 'b', '', '_2']);
    assert.deepEqual(uniqueNames([]), []);
  });
});

for (const kind of ['folder', 'S3'] as const) {
  describe(`results of submitted replays, in ${kind}`, function () {
    this.timeout(240_000);
    let folder: string;
    let s3: S3Server | undefined;
    let test: TestEngine;
    let client: pg.Client;
    let runs: SubmittedRuns;
    let listed: ListedResults;
    let plans: ReturnType<typeof capturing>;

    before(async function () {
      const program = kind === 'S3' ? findVersitygw() : undefined;
      if (kind === 'S3' && program === undefined) return this.skip();
      folder = await mkdtemp(join(tmpdir(), 'timeline-results-'));
      if (program !== undefined) s3 = await startVersitygw(program);
      const stages =
        s3 === undefined
          ? {}
          : {
              stages: {
                location: `s3://${s3.bucket}/stages`,
                s3: { endpoint: s3.options.endpoint, access_key_id: s3.options.accessKeyId, secret_access_key: s3.options.secretAccessKey },
              },
            };
      const document = { ...JSON.parse(fixtureConfig()), ...stages, replays: { inline_bytes: '64kB' }, temporal: 'off' };
      runs = await openSubmittedRuns(
        buildConfig(
          {
            ...document,
            home: join(folder, 'worker'),
            ...(s3
              ? {}
              : {
                  stages: { location: join(folder, 'home', 'stages') },
                  replays: { inline_bytes: '64kB', results: join(folder, 'home', 'results') },
                }),
          },
          { env: {}, cwd: folder, folder },
        ),
      );
      listed = new ListedResults({ ...runs.parts, files: runs.parts.results, retention: undefined });
      test = await openEngine({ folder, connector: listed, config: document });
      plans = capturing(test.engine.context.drivers.local);
      test.engine.setTemporal(plans, 'ready');
      client = await test.connect();
      await client.query('SET timeline.driver = temporal');
    });
    after(async () => {
      await test?.close();
      await runs?.close();
      await s3?.close();
      if (folder !== undefined) await rm(folder, { recursive: true, force: true });
    });

    const texts = async (sql: string) => {
      const { fields, rows } = await client.query({
        text: sql,
        rowMode: 'array',
        types: { getTypeParser: () => (text: unknown) => text },
      } as pg.QueryArrayConfig);
      return { types: fields.map((field) => field.dataTypeID), names: fields.map(({ name }) => name), rows };
    };

    it('rows of several tasks, in their order', async () => {
      const { store, kernel } = runs.parts;
      for (const form of ['inline', 'file'] as const) {
        const id = `replay-tasks-${form}`;
        const plan = resultPlan(5000);
        await runs.run(plan, id);
        const wanted: string[] = [];
        for (const task of [0, 1, 2]) {
          const keys = (await store.manifest(id, 1, task))?.files.map(({ key }) => key) ?? [];
          const paths = await Promise.all(keys.map((key) => store.toLocalFile(key)));
          for await (const batch of kernel.read(paths, plan.output, new AbortController().signal))
            wanted.push(...(batch.kind === 'columns' ? (batch.columns[0] ?? []).map(String) : []));
        }
        assert.equal(wanted.length, 5000);
        await runs.end(id, form === 'inline' ? 2 ** 30 : 0);
        listed.ids.push(id);
        await test.engine.context.refreshCatalog();
        const { rows, names } = await texts(`SELECT * FROM timeline_results."${id}"`);
        assert.deepEqual(names, ['id', 'name', 'moment', 'ID']);
        assert.deepEqual(
          rows.map(([first]) => first),
          wanted,
        );
      }
    });

    // Local copies of a bucket's files are the reader's own.
    if (kind !== 'S3')
      it('damaged files are named', async () => {
        const id = 'replay-damaged';
        await runs.run(resultPlan(), id);
        await runs.end(id, 2 ** 30);
        const key = (await runs.parts.store.manifest(id, 1, 0))?.files[0]?.key ?? '';
        truncateSync(await runs.parts.store.toLocalFile(key), 100);
        listed.ids.push(id);
        await test.engine.context.refreshCatalog();
        await assert.rejects(texts(`SELECT * FROM timeline_results."${id}"`), { code: 'XX001', message: /replay-damaged" is damaged/ });
      });

    for (const [name, sql] of Object.entries(QUERIES)) {
      it(name, async () => {
        const asked = await texts(sql);
        const plan = plans.plans.at(-1);
        assert.ok(plan);
        for (const form of ['inline', 'file'] as const) {
          const id = `replay-${form}-${listed.ids.length}`;
          await runs.run(plan, id, { sql });
          const end = await runs.end(id, form === 'inline' ? 2 ** 30 : 0);
          assert.equal(end.place?.kind, form);
          assert.equal(end.rows, asked.rows.length);
          listed.ids.push(id);
          await test.engine.context.refreshCatalog();
          const read = await texts(`SELECT * FROM timeline_results."${id}"`);
          assert.deepEqual(read.rows, asked.rows);
          assert.deepEqual(read.types, asked.types);
        }
      });
    }

    it('are swept when their time is over, and not before', async () => {
      const { files, registry, results, store } = runs.parts;
      const DAY = 86_400_000;
      // A query of a session that has no manifest yet.
      await store.writePlan('replay-begun', Buffer.from('{}'));
      await runs.run(resultPlan(), 'replay-running');
      const sweeper = createSweeper({ files, registry, results, age: DAY, retention: 30 * DAY });
      const nothing = { queries: 0, replays: 0, carries: 0, drafts: 0, ended: 0 };
      assert.deepEqual(await sweeper.sweep(), nothing);
      assert.deepEqual(await sweeper.sweep({ now: Date.now() + 2 * DAY }), { ...nothing, queries: 1 });
      const [id = ''] = listed.ids;
      assert.ok(await listed.describe({ schema: 'timeline_results', table: id }));
      const gone = await sweeper.sweep({ now: Date.now() + 31 * DAY, workflow: async () => undefined });
      assert.deepEqual(gone, { ...nothing, replays: listed.ids.length, ended: 1 });
      assert.equal(await listed.describe({ schema: 'timeline_results', table: id }), undefined);
      assert.equal((await registry.ended('replay-running'))?.error?.message, 'its workflow is gone');
      await sweeper.sweep({ now: Date.now() + 62 * DAY + 1 });
      const left = [];
      for await (const { key } of files.list('')) left.push(key);
      assert.deepEqual(left, []);
    });
  });
}
