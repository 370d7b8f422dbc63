import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { after, before, describe, it } from 'mocha';
import type pg from 'pg';
import { createTemporalDriver } from '../../src/replay/temporal/temporal-driver.js';
import { startTemporalWorker } from '../../src/replay/temporal/worker.js';
import { freshBundle, openServer } from '../replay/temporal-support.js';
import { cases } from '../support/cases.js';
import { openEngine, type TestEngine } from '../write/engine.js';
import { type Behaviour, type IndexedLake, indexConnector, indexedLake, KnowingIndex, randomQuery } from './indexed-lake.js';
import { Dice } from './oracle-dice.js';

const QUERIES = cases('INDEX_QUERIES', { usual: 60, full: 1500 });
const SEED = Number(process.env['INDEX_SEED'] ?? 20261121);

describe(`scans narrowed by an index (seed ${SEED})`, function () {
  this.timeout(600_000);
  let lake: IndexedLake;
  let index: KnowingIndex;
  let test: TestEngine;
  let client: pg.Client;

  before(async () => {
    lake = await indexedLake();
    index = new KnowingIndex(lake, () => test.engine.context.postgres);
    test = await openEngine({ folder: lake.lake.folder, connector: lake.connector, further: [indexConnector(index)] });
    client = await test.connect();
    await client.query("SET TimeZone = 'UTC'");
  });

  after(async () => {
    await test?.close();
    await lake?.close();
  });

  const rows = async (sql: string): Promise<readonly string[]> => {
    const result = await client.query({
      text: sql,
      rowMode: 'array',
      types: { getTypeParser: () => (text: unknown) => text },
    } as pg.QueryArrayConfig);
    return result.rows.map((row) => JSON.stringify(row));
  };
  const set = (name: string, value: string): Promise<unknown> => client.query(`SET timeline.${name} = ${value}`);
  const answer = async (sql: string, use: string): Promise<readonly string[]> => {
    await set('use_index', use);
    const found = await rows(sql);
    return /ORDER BY[^)]*$/.test(sql) ? found : [...found].sort();
  };
  const behave = (behaviour: Behaviour): void => {
    index.behaviour = behaviour;
  };
  const explained = async (sql: string): Promise<string> =>
    (await rows(`EXPLAIN ${sql}`)).map((line) => String((JSON.parse(line) as string[])[0])).join('\n');

  it('gives the rows that are there without it, whatever it leaves out', async () => {
    const dice = new Dice(SEED);
    behave({ kind: 'random', dice });
    const before = { ...index.given };
    let found = 0;
    for (let n = 0; n < QUERIES; n++) {
      const sql = randomQuery(dice);
      await set('split_bytes', dice.pick(['1', '20000', '67108864']));
      await set('small_bytes', dice.pick(['0', '67108864']));
      for (const [name, values] of [
        ['dynamic_filters', ['auto', 'on', 'off']],
        ['top_n', ['auto', 'on', 'off']],
        ['carry', ['auto', 'on']],
        ['page_index', ['auto', 'on', 'off']],
        ['splits_per_task', ['1', '3']],
      ] as const)
        await set(name, dice.pick(values));
      const right = await answer(sql, 'off');
      assert.deepEqual(await answer(sql, dice.pick(['auto', 'on'])), right, sql);
      if (right.length > 0) found++;
    }
    const [narrowed, scan] = [index.given.narrowed - before.narrowed, index.given.scan - before.scan];
    assert.ok(narrowed > QUERIES / 2 && scan > QUERIES / 50 && found > QUERIES / 3, JSON.stringify({ narrowed, scan, found }));
  });

  it('gives other rows where the index lies: the tests above would see it', async () => {
    const dice = new Dice(SEED + 1);
    for (const name of ['split_bytes', 'small_bytes', 'dynamic_filters', 'top_n', 'carry', 'page_index', 'splits_per_task'])
      await client.query(`RESET timeline.${name}`);
    behave({ kind: 'lying' });
    let wrong = 0;
    for (let n = 0; n < 20; n++) {
      const sql = randomQuery(dice);
      const right = await answer(sql, 'off');
      if (JSON.stringify(await answer(sql, 'on')) !== JSON.stringify(right)) wrong++;
    }
    assert.ok(wrong > 3, `${wrong} of 20`);
  });

  it('shows in EXPLAIN, timeline.queries and metrics what came of it', async () => {
    behave({ kind: 'honest' });
    const sql = "SELECT id FROM s.events WHERE s = 'u77' AND id > 9";
    await set('use_index', 'on');
    const text = await explained(sql);
    assert.match(text, /Pruning, files by index: 4 -> \d \(\d/);
    assert.match(text, /Index logs: \d candidate rows in \d files? by 2 filters \(positions\); 4 of 4 files covered/);
    await rows(sql);
    const [used] = await rows(
      `SELECT index_use, files_total, files_read FROM timeline.queries WHERE sql = '${sql.replaceAll("'", "''")}' AND index_use IS NOT NULL`,
    );
    assert.match(
      used ?? '',
      /^\["s\.events by logs: \d candidate rows in \d files? by 2 filters \(positions\); 4 of 4 files covered","4","[1-4]"\]$/,
    );
    await set('use_index', 'off');
    assert.match(await explained(sql), /Index logs: not used: timeline\.use_index is off/);
    await rows(`${sql} AND true`);
    assert.deepEqual(await rows(`SELECT index_use FROM timeline.queries WHERE sql LIKE '% AND true' AND sql NOT LIKE '%queries%'`), [
      '[null]',
    ]);
    const analysed = async (use: string): Promise<string> => {
      await set('use_index', use);
      return explained(`ANALYZE ${sql}`).catch(async () => (await rows(`EXPLAIN (ANALYZE) ${sql}`)).join('\n'));
    };
    assert.match(await analysed('auto'), /Pruned while reading, row groups by index: \d+ -> \d/);
    const metrics = await test.engine.metrics.registry.metrics();
    assert.match(metrics, /timeline_index_searches_total\{result="narrowed"\} \d+/);
    assert.match(metrics, /timeline_index_searches_total\{result="scan"\} \d+/);
  });

  it('finds the rows of a table as it was, and of its rows with their places it does without', async () => {
    behave({ kind: 'honest' });
    const { snapshot } = await lake.lake.connector.pin({ schema: 's', table: 'events' });
    const sql = `SELECT id FROM at_snapshot('s.events', '${snapshot}') WHERE s = 'u5'`;
    assert.deepEqual(await answer(sql, 'on'), await answer(sql, 'off'));
    await set('use_index', 'on');
    assert.match(await explained(sql), /Index logs: \d candidate rows/);
    assert.doesNotMatch(await explained(`SELECT _pos FROM s."events$rows" WHERE s = 'u5'`), /Index/);
  });

  it('remarks, once, that a column of very many values has no index, where much is read', async () => {
    const told: (string | undefined)[] = [];
    const other = await test.connect();
    other.on('notice', ({ message }) => void told.push(message));
    const notices = async (sql: string): Promise<readonly (string | undefined)[]> => {
      await other.query(sql);
      return told.splice(0);
    };
    assert.deepEqual(await notices("SELECT id FROM s.plain WHERE session = '77'"), []);
    await other.query('SET timeline.small_bytes = 1');
    const remark = /^column "session" of s\.plain has no index: \d+(\.\d)? kB in 4 files are read to find few rows$/;
    const both = "SELECT a.id FROM s.plain a JOIN s.plain b USING (session) WHERE session IN ('5', '77') ORDER BY 1 LIMIT 2";
    for (const sql of ["SELECT id FROM s.plain WHERE session = '77' AND device = '1'", both]) {
      const [first, ...more] = await notices(sql);
      assert.match(first ?? '', remark, sql);
      assert.deepEqual(more, []);
    }
    for (const sql of [
      "SELECT count(*) FROM s.plain WHERE device = '1'",
      'SELECT id FROM s.plain WHERE id = 12',
      "SELECT count(*) FROM s.plain WHERE session > '5'",
      "SELECT count(*) FROM s.plain WHERE session = '5' OR device = '1'",
    ])
      assert.deepEqual(await notices(sql), [], sql);
    await other.query('SET timeline.use_index = off');
    assert.deepEqual(await notices("SELECT id FROM s.plain WHERE session = '77'"), []);
  });

  it('goes on without an index that fails or does not answer, and ends when it is told to', async () => {
    const sql = "SELECT count(*) FROM s.events WHERE s = 'u77'";
    const right = await answer(sql, 'off');
    behave({ kind: 'failing' });
    assert.deepEqual(await answer(sql, 'auto'), right);
    assert.match(await explained(sql), /Index logs: not used: .*on fire/);
    behave({ kind: 'hanging' });
    assert.deepEqual(await answer(sql, 'auto'), right);
    assert.match(await explained(sql), /Index logs: not used: logs gave no answer in time/);
    await set('use_index', 'on');
    const cancelled = assert.rejects(rows(sql), { code: '57014' });
    await sleep(300);
    const { processID, secretKey } = client as unknown as { readonly processID: number; readonly secretKey: number };
    const packet = Buffer.alloc(16);
    for (const [n, word] of [16, 80_877_102, processID, secretKey].entries()) packet.writeInt32BE(word, n * 4);
    connect(test.port, '127.0.0.1').end(packet);
    await cancelled;
  });

  it('gives the same rows on Temporal', async function () {
    const server = await openServer();
    if (server === undefined) return this.skip();
    const { engine } = test;
    const base = { address: server.address, namespace: 'default', taskQueue: 'indexed', store: engine.stageStore };
    const worker = await startTemporalWorker({ ...engine.tasks, ...base, bundlePath: await freshBundle(), handleSignals: false });
    const dice = new Dice(SEED + 2);
    try {
      for (const fastLane of [true, false]) {
        engine.setTemporal(createTemporalDriver({ ...base, fastLane }), 'ready');
        behave({ kind: 'random', dice });
        for (let n = 0; n < 8; n++) {
          const sql = randomQuery(dice);
          await set('driver', 'local');
          await set('small_bytes', dice.pick(['0', '67108864']));
          const right = await answer(sql, 'off');
          await set('driver', 'temporal');
          assert.deepEqual(await answer(sql, 'on'), right, sql);
        }
      }
    } finally {
      await set('driver', 'auto');
      await engine.context.drivers.temporal?.close();
      engine.setTemporal(undefined, 'off');
      await worker.shutdown();
      await server.close();
    }
  });
});
