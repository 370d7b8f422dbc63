import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Connector } from '../../connectors/connector.js';
import { IcebergConnector } from '../../connectors/iceberg/connector.js';
import { explainText } from '../../planner/explain.js';
import { operatorsIn } from '../../planner/logical-plan.js';
import { fieldsOf, type PhysicalPlan } from '../../planner/physical-plan.js';
import { planQuery } from '../../planner/plan-query.js';
import type { DynamicFilterMode, PlanContext } from '../../planner/planning.js';
import { readQuery } from '../../sql/node-tree.js';
import { loadParser } from '../../sql/parse.js';
import { EmbeddedPostgres } from '../../sql/postgres.js';
import { formatValue } from '../../sql/value-text.js';
import type { Kernel } from '../../src/kernel/kernel.js';
import { createKernel } from '../../src/kernel/kernel-pool.js';
import { imagePath } from '../../src/paths.js';
import type { Driver, RunSummary } from '../../src/replay/driver.js';
import { createLocalDriver } from '../../src/replay/local-driver.js';
import { createStageStore, type StageStore } from '../../src/replay/stage-store.js';
import type { TaskContext } from '../../src/replay/task-runner.js';
import type { DevServer } from '../../src/replay/temporal/dev-server.js';
import { createTemporalDriver } from '../../src/replay/temporal/temporal-driver.js';
import { startTemporalWorker, type TemporalWorker } from '../../src/replay/temporal/worker.js';
import { Dice } from '../e2e/oracle-dice.js';
import { loadPostgres, writeLake } from '../e2e/oracle-lake.js';
import { cases } from '../support/cases.js';
import { EmbeddedPostgres as PlainPostgres } from '../support/embedded-postgres.js';
import { keyTables, randomJoin } from './dynamic-filter-lake.js';
import { registryIn, temporaryFolder } from './support.js';
import { freshBundle, openServer } from './temporal-support.js';

const QUESTIONS = cases('DYNAMIC_QUERIES', { usual: 100, full: 150 });
const SEED = Number(process.env['DYNAMIC_SEED'] ?? 5);

interface Asked {
  readonly rows: readonly string[];
  readonly summary: RunSummary;
}

/** Joins over tables of several files, planned with and without dynamic filters, beside PostgreSQL. */
describe('dynamic filters', function () {
  this.timeout(300_000);
  const folder = temporaryFolder();
  const session = { user: 'tester', database: 'timeline', searchPath: ['o'], timeZone: 'UTC', settings: {} };
  let connector: IcebergConnector;
  let analyser: EmbeddedPostgres;
  let postgres: PlainPostgres;
  let kernel: Kernel;
  let store: StageStore;
  let local: Driver;
  let context: TaskContext;
  let tables: Awaited<ReturnType<typeof described>>;

  before(async () => {
    const rows = keyTables(SEED);
    const lake = join(folder, 'lake');
    const { catalogs } = JSON.parse(await writeLake(lake, rows)) as {
      catalogs: { oracle: { catalog: { type: 'sql'; uri: string; name: string } } };
    };
    connector = await IcebergConnector.open({
      name: 'oracle',
      config: { catalog: catalogs.oracle.catalog, locations: {} },
      cacheFolder: join(folder, 'cache'),
      cacheBytes: 1 << 20,
    });
    await loadParser();
    analyser = await EmbeddedPostgres.open({ imagePath: imagePath() });
    tables = await described(rows.map((table) => table.name));
    await analyser.setMirror([...tables.values()]);
    postgres = await PlainPostgres.start();
    await loadPostgres(postgres, rows);
    await postgres.run('SET search_path = o');
    kernel = createKernel({ threads: 1, memoryLimit: 2 ** 28, tempFolder: join(folder, 'spill'), imagePath: imagePath() });
    store = createStageStore({ folder: join(folder, 'stages') });
    context = { connectors: new Map([['oracle', connector]]), kernel, store, scratchFolder: join(folder, 'scratch') };
    local = createLocalDriver(context);
  });

  after(async () => {
    await local?.close();
    await kernel?.close();
    await postgres?.close();
    await analyser?.close();
    await connector?.close();
  });

  async function described(names: readonly string[]) {
    const found = await Promise.all(names.map((table) => connector.describe({ schema: 'o', table })));
    return new Map(
      found.map((table) => {
        assert.ok(table !== undefined);
        return [table.table, table];
      }),
    );
  }

  async function planned(sql: string, mode: DynamicFilterMode, broadcastBytes: number): Promise<PhysicalPlan> {
    const tree = await analyser.analyse(sql, [], session);
    const planContext: PlanContext = {
      session: { timeZone: 'UTC', now: '1741000000000000', memoryLimit: 2 ** 28 },
      connectorOf: (_, name) => {
        const description = tables.get(name);
        return description === undefined ? undefined : { connector, description };
      },
      pin: (_, name) => connector.pin(name),
      evaluate: (exprs) => analyser.evaluate(exprs, session),
      taskTargets: { splitBytes: 1, splitsPerTask: 2, smallBytes: 0, partitions: 2, broadcastBytes, dynamicFilters: mode },
      signal: new AbortController().signal,
    };
    const plan = await planQuery({ query: readQuery(tree, analyser.names), parameters: [], context: planContext });
    return JSON.parse(JSON.stringify(plan)) as PhysicalPlan;
  }

  async function ask(plan: PhysicalPlan, driver: Driver = local): Promise<Asked> {
    const signal = new AbortController().signal;
    const run = await driver.start(plan, { id: `replay-${randomUUID()}`, sql: '', user: 'test', signal, maxBytes: undefined });
    const rows: string[] = [];
    const last = plan.stages.at(-1);
    assert.ok(last !== undefined);
    const fields = fieldsOf(last.root);
    for await (const part of run.files) {
      for await (const batch of kernel.read([part], fields, signal)) {
        assert.equal(batch.kind, 'columns');
        if (batch.kind !== 'columns') continue;
        for (let n = 0; n < batch.rowCount; n += 1)
          rows.push(
            JSON.stringify(
              fields.map((field, column) => {
                const value = batch.columns[column]?.[n] ?? null;
                return value === null ? null : formatValue(field.type, value, { timeZone: 'UTC' });
              }),
            ),
          );
      }
    }
    const summary = await run.summary;
    await run.release();
    return { rows: rows.sort(), summary };
  }

  async function expected(sql: string): Promise<readonly string[]> {
    return (await postgres.rows(sql)).map((row) => JSON.stringify(row.map((value) => value?.toString('utf8') ?? null))).sort();
  }

  function filtersOf(plan: PhysicalPlan): number {
    return plan.stages.flatMap((stage) => [...operatorsIn(stage.root)]).filter((op) => op.kind === 'scan' && op.dynamic !== undefined)
      .length;
  }

  function skippedFiles({ summary }: Asked): number {
    return summary.stages.reduce((sum, stage) => sum + (stage.skipped?.files ?? 0), 0);
  }

  it('change no answer', async () => {
    const dice = new Dice(SEED);
    const did = { filtered: 0, files: 0, rows: 0 };
    for (let n = 0; n < QUESTIONS; n += 1) {
      const sql = randomJoin(dice);
      const broadcastBytes = dice.pick([0, 0, 2 ** 20]);
      let right: readonly string[];
      try {
        right = await expected(sql);
      } catch (error) {
        // A full join needs an equality that PostgreSQL can merge or hash; a column may be missing from a subselect.
        assert.match(String((error as { code?: string }).code), /^(0A000|42703|42702)$/, sql);
        continue;
      }
      const on = await planned(sql, 'on', broadcastBytes);
      const asked = await ask(on);
      assert.deepEqual(asked.rows, right, `${sql}\n${explainText(on).join('\n')}`);
      if (n % 5 === 0) assert.deepEqual((await ask(await planned(sql, 'off', broadcastBytes))).rows, right, sql);
      did.filtered += filtersOf(on) > 0 ? 1 : 0;
      did.files += skippedFiles(asked);
      did.rows += right.length;
    }
    assert.ok(did.filtered > QUESTIONS / 4 && did.files > QUESTIONS / 4 && did.rows > QUESTIONS, JSON.stringify(did));
  });

  it('leave files unread, and say so', async () => {
    const sql = 'select big.id from big join few on big.k = few.k where few.id < 2';
    const plan = await planned(sql, 'auto', 2 ** 20);
    const asked = await ask(plan);
    assert.ok(skippedFiles(asked) >= 4);
    const text = explainText(plan, { summary: asked.summary, driver: 'local', runId: 'r', milliseconds: 1 }).join('\n');
    assert.match(text, /Dynamic filter: k(#\d+)? in keys of stage 1/);
    assert.match(text, /skipped by dynamic filters: \d+ files, \d+ rows/);
  });

  it('read nothing where there are no keys', async () => {
    for (const table of ['nil', '(select * from few where v < -1) x', '(select * from few where k is null) x']) {
      const plan = await planned(
        `select count(*), sum(big.v) from big join ${table} on big.k = ${table.startsWith('(') ? 'x' : table}.k`,
        'on',
        0,
      );
      const asked = await ask(plan);
      assert.deepEqual(asked.rows, ['["0",null]']);
      const scan = plan.stages.find((stage) => [...operatorsIn(stage.root)].some((op) => op.kind === 'scan' && op.table === 'big'));
      if (table === 'nil' && scan === undefined) continue;
      const figures = asked.summary.stages.find((stage) => stage.id === scan?.id);
      assert.equal(figures?.skipped?.files, 8, table);
      assert.equal(figures?.bytesRead, 0);
    }
  });

  it('are the same when reads fail and tasks are tried again', async () => {
    const failed = new Set<string>();
    const flaky: Connector = {
      name: connector.name,
      readableFolders: connector.readableFolders,
      tables: (signal) => connector.tables(signal),
      describe: (name, signal) => connector.describe(name, signal),
      pin: (name, asOf, signal) => connector.pin(name, asOf, signal),
      pushdown: (handle, request) => connector.pushdown(handle, request),
      statistics: (handle) => connector.statistics(handle),
      splits: (handle, signal, wish) => connector.splits(handle, signal, wish),
      narrow: (handle, splits, filters, signal) => connector.narrow(handle, splits, filters, signal),
      read: async (handle, splits, request) => {
        const key = JSON.stringify([handle, splits]);
        if (failed.has(key)) return connector.read(handle, splits, request);
        failed.add(key);
        throw Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
      },
      close: async () => undefined,
    };
    const driver = createLocalDriver({ ...context, connectors: new Map([['oracle', flaky]]) });
    try {
      const sql = 'select big.id, few.id from big join few on big.k = few.k where few.id < 4';
      for (const broadcastBytes of [0, 2 ** 20]) {
        failed.clear();
        const asked = await ask(await planned(sql, 'on', broadcastBytes), driver);
        assert.deepEqual(asked.rows, await expected(sql));
        assert.ok(skippedFiles(asked) > 0 && asked.summary.stages.reduce((sum, stage) => sum + stage.retries, 0) > 2);
      }
    } finally {
      await driver.close();
    }
  });

  it('keep plans without them as they were', async () => {
    const sql = 'select big.id from big join few on big.k = few.k';
    const off = await planned(sql, 'off', 0);
    assert.equal(filtersOf(off), 0);
    assert.ok(!JSON.stringify(off).includes('"bounds"'));
    assert.ok(JSON.stringify(await planned(sql, 'on', 0)).includes('"bounds"'));
  });

  it('are the same on Temporal', async function () {
    const bundlePath = await freshBundle();
    const server: DevServer | undefined = await openServer();
    if (server === undefined) {
      this.skip();
      return;
    }
    const drivers: Driver[] = [];
    let worker: TemporalWorker | undefined;
    try {
      const base = { address: server.address, namespace: 'default', taskQueue: 'dynamic', store };
      worker = await startTemporalWorker({
        ...base,
        ...context,
        registry: registryIn(join(folder, 'stages')),
        bundlePath,
        handleSignals: false,
      });
      const dice = new Dice(SEED + 1);
      for (const fastLane of [true, false]) {
        const driver = createTemporalDriver({ ...base, fastLane });
        drivers.push(driver);
        let asked = 0;
        for (let tries = 0; asked < 8 && tries < 100; tries += 1) {
          const sql = randomJoin(dice);
          const right = await expected(sql).catch(() => undefined);
          if (right === undefined) continue;
          const plan = await planned(sql, 'on', dice.pick([0, 2 ** 20]));
          if (filtersOf(plan) === 0) continue;
          const [there, here] = [await ask(plan, driver), await ask(plan)];
          assert.deepEqual(there.rows, right, sql);
          assert.deepEqual(here.rows, right, sql);
          assert.equal(skippedFiles(there), skippedFiles(here), sql);
          asked += 1;
        }
        assert.equal(asked, 8);
      }
    } finally {
      for (const driver of drivers) await driver.close();
      await worker?.shutdown();
      await server.close();
    }
  });
});
