import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { findTemporal } from '../../src/replay/temporal/dev-server.js';
import { parseSlt } from '../slt/records.js';
import { projectRoot } from '../support/project-root.js';
import { tempFolder } from '../support/temp-folder.js';
import { startTimeline, type TimelineServer } from '../support/timeline-server.js';
import { type Asked, likeness, openAsked, type Question, type Settings, shown } from './asked.js';
import { Dice } from './oracle-dice.js';
import { oracleTables, writeLake } from './oracle-lake.js';
import { type Answer, sameRows } from './oracle-pair.js';
import { ORDERED, UNORDERED } from './oracle-queries.js';
import { SETS_ORDERED, SETS_UNORDERED } from './oracle-queries-sets.js';
import { SUBQUERIES, SUBQUERIES_ORDERED } from './oracle-queries-subquery.js';
import { randomQuery } from './oracle-random.js';
import { randomSubquery } from './oracle-random-subquery.js';
import { SHAPES, SLOW } from './plan-shapes.js';

/** Another seed each time, told in the test's name: SAME_SEED repeats it. */
const SEED = Number(process.env['SAME_SEED'] ?? Date.now() % 1_000_000);
const RANDOM = Number(process.env['SAME_QUERIES'] ?? 90);
/** Of the recorded answers every so-manieth is asked; which ones changes with the seed. */
const RECORDS_EVERY = Number(process.env['SAME_RECORDS_EVERY'] ?? 40);
const LISTED_EVERY = Number(process.env['SAME_LISTED_EVERY'] ?? 6);

const ONE_TASK: Settings = { 'timeline.driver': 'local', 'timeline.small_bytes': '64MB' };
/** Without split_bytes the small files of these tables would be one split, and no plan would have two tasks for a scan. */
const STAGES: Settings = { 'timeline.split_bytes': '0', 'timeline.small_bytes': '0' };
const WAYS: Readonly<Record<string, Settings>> = {
  'a split a task, 2 partitions': { 'timeline.driver': 'local', ...STAGES },
  '8 splits a task, 1 partition': { 'timeline.driver': 'local', ...STAGES, 'timeline.splits_per_task': '8', 'timeline.partitions': '1' },
  '2 splits a task, 5 partitions, small inputs broadcast': {
    'timeline.driver': 'local',
    ...STAGES,
    'timeline.small_bytes': '12000',
    'timeline.splits_per_task': '2',
    'timeline.partitions': '5',
  },
  'Temporal, one task': { 'timeline.driver': 'temporal', 'timeline.small_bytes': '64MB' },
  'Temporal, stages': { 'timeline.driver': 'temporal', ...STAGES, 'timeline.partitions': '3' },
};

describe(`the same answer whichever way it is run (seed ${SEED})`, function () {
  this.timeout(300_000);
  let home: Awaited<ReturnType<typeof tempFolder>>;
  let server: TimelineServer;
  let asked: Asked;
  let temporal: boolean;
  let questions: readonly Question[];
  let expected: readonly Answer[];

  before(async () => {
    home = await tempFolder('same-answer');
    const config = await writeLake(join(home.path, 'lake'), oracleTables(20240331));
    temporal = (await findTemporal(home.path)) !== undefined;
    server = await startTimeline({ home: home.path, config, temporal: temporal ? 'dev' : 'off' });
    if (temporal) assert.equal(server.driver, 'temporal', server.output());
    asked = await openAsked(server);
    // The order of ties is nobody's promise.
    questions = [...SHAPES, ...listed(), ...random(), ...recorded()].map((one) => ({
      ...one,
      ordered: one.ordered && !/with ties/i.test(one.sql),
    }));
    await asked.settle(ONE_TASK);
    expected = await asked.askAll(questions);
  });
  after(async () => {
    await asked?.close();
    await server?.stop();
    await home?.remove();
  });

  it('every shape of a plan has an answer', () => {
    for (const [n, { sql }] of SHAPES.entries())
      assert.equal(expected[n]?.kind, 'rows', `${sql.slice(0, 300)}\n${shown(expected[n] as Answer)}`);
  });

  it('has enough to compare', () => {
    const answered = expected.filter((answer) => answer.kind === 'rows' && answer.rows.length > 0).length;
    assert.ok(answered > questions.length * 0.6, `${answered} of ${questions.length} questions have rows`);
  });

  for (const [way, settings] of Object.entries(WAYS)) {
    it(way, async function () {
      if (settings['timeline.driver'] === 'temporal' && !temporal) return this.skip();
      await asked.settle(settings);
      const answers = await asked.askAll(questions);
      const found = questions.map(({ sql, ordered }, n) => {
        const [a, b] = [expected[n], answers[n]];
        assert.ok(a !== undefined && b !== undefined);
        return { sql, a, b, like: likeness(a, b, ordered) };
      });
      const told = (like: string): string[] =>
        found.filter((one) => one.like === like).map(({ sql, a, b }) => `${sql}\n  one task: ${shown(a)}\n  here: ${shown(b)}`);
      const different = told('different');
      assert.ok(different.length === 0, `${different.length} of ${questions.length} differ\n${different.slice(0, 10).join('\n')}`);
      const order = told('order');
      assert.ok(order.length <= questions.length * 0.01, `${order.length} errors by order\n${order.slice(0, 5).join('\n')}`);
    });
  }

  it('a worker that dies in the middle of a plan of many shapes', async function () {
    if (!temporal) return this.skip();
    await asked.settle(ONE_TASK);
    const right = await asked.ask(SLOW);
    assert.equal(right.kind, 'rows', shown(right));
    await asked.settle({ 'timeline.driver': 'temporal', ...STAGES, 'timeline.partitions': '3' });
    const running = asked.ask(SLOW);
    const other = await openAsked(server, 1);
    try {
      const sql = `select 1 from timeline.replays where state = 'running' and driver = 'temporal' and tasks_done > 0 and sql like 'with recursive up%'`;
      await until('part of the plan done', async () => {
        const answer = await other.ask(sql);
        return answer.kind === 'rows' && answer.rows.length > 0;
      });
      const pid = workerPid(server.pid);
      process.kill(pid, 'SIGKILL');
      await until('another worker', async () => workerPid(server.pid) > 0 && workerPid(server.pid) !== pid);
    } finally {
      await other.close();
    }
    const answer = await running;
    assert.ok(answer.kind === 'rows' && right.kind === 'rows' && sameRows(answer.rows, right.rows, true), shown(answer));
    assert.match(server.output(), /worker process ended \(SIGKILL\)/);
  });

  it('what the engine tells of itself goes into no workflow', async function () {
    if (!temporal) return this.skip();
    const marker = `secret_${SEED}`;
    await asked.settle({ 'timeline.driver': 'temporal' });
    await asked.ask(`select count(*) from o.dims where name = '${marker}'`);
    const about = `select id, driver from timeline.replays where sql like`;
    const alone = await asked.ask(`${about} '%${marker}%' /* alone */`);
    assert.ok(alone.kind === 'rows' && alone.rows.length === 1 && alone.rows[0]?.[1] === 'temporal', shown(alone));
    await asked.ask(`select r.sql, d.k from timeline.replays r join o.dims d on d.k = length(r.driver) /* beside a table */`);
    const ran = await asked.ask(`${about} '%alone *%' or sql like '%beside a table *%' order by started_at`);
    assert.ok(ran.kind === 'rows');
    assert.deepEqual(
      ran.rows.map(([, driver]) => driver),
      ['local', 'temporal'],
    );
    const [, address] = /Temporal at (\S+:\d+),/.exec(server.output()) ?? [];
    const connection = await Connection.connect({ address: String(address) });
    try {
      const history = await new Client({ connection }).workflow.getHandle(String(ran.rows[1]?.[0])).fetchHistory();
      const payloads = JSON.stringify(history).replace(/"data":"([^"]*)"/g, (_, data: string) =>
        Buffer.from(data, 'base64').toString('utf8'),
      );
      assert.match(payloads, /planRef/);
      assert.ok(!payloads.includes(marker), 'rows of timeline.replays are in a workflow history');
    } finally {
      await connection.close();
    }
  });
});

/** The only worker process below the server. */
function workerPid(server: number): number {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const [, parent] = readFileSync(`/proc/${pid}/stat`, 'utf8')
        .replace(/^.*\) /, '')
        .split(' ');
      if (Number(parent) === server && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('worker')) return Number(pid);
    } catch {
      // It ended meanwhile.
    }
  }
  return 0;
}

async function until(what: string, test: () => Promise<boolean>): Promise<void> {
  for (let n = 0; n < 1200; n++) {
    if (await test()) return;
    await sleep(25);
  }
  throw new Error(`there was no ${what}`);
}

function listed(): Question[] {
  const lists: readonly (readonly [readonly string[], boolean])[] = [
    [UNORDERED, false],
    [ORDERED, true],
    [SETS_UNORDERED, false],
    [SETS_ORDERED, true],
    [SUBQUERIES, false],
    [SUBQUERIES_ORDERED, true],
  ];
  return some(
    lists.flatMap(([list, ordered]) => list.map((sql) => ({ sql, ordered }))),
    LISTED_EVERY,
  );
}

function random(): Question[] {
  return Array.from({ length: RANDOM }, (_, n) => {
    const dice = new Dice(SEED * 1_000_003 + n);
    return n % 4 === 3 ? { sql: randomSubquery(dice), ordered: false } : randomQuery(dice);
  });
}

/** Records of test/slt/postgres that stand alone. */
function recorded(): Question[] {
  const folder = join(projectRoot(), 'test', 'slt', 'postgres');
  const records = readdirSync(folder).flatMap((file) => parseSlt(readFileSync(join(folder, file), 'utf8')));
  return some(
    records.flatMap((record) => (record.kind === 'query' ? [{ sql: record.sql, ordered: record.sort === 'nosort' }] : [])),
    RECORDS_EVERY,
  );
}

function some<T>(all: readonly T[], every: number): T[] {
  return all.filter((_, n) => n % every === SEED % every);
}
