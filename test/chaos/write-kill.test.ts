import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { PhysicalPlan, SinkTable } from '../../planner/physical-plan.js';
import { withSink } from '../../planner/sink.js';
import { createStageStore } from '../../src/replay/stage-store.js';
import type { DevServer } from '../../src/replay/temporal/dev-server.js';
import { createTemporalDriver } from '../../src/replay/temporal/temporal-driver.js';
import { FIELD, linesOf, planOf, scanStage, temporaryFolder } from '../replay/support.js';
import { freshBundle, openServer, until } from '../replay/temporal-support.js';

const TASKS = 8;

/** A plan whose tasks write for `results.t`, and one that commits. */
function writePlan(): PhysicalPlan {
  const scan = scanStage(
    1,
    Array.from({ length: TASKS }, (_, n) => ({ rows: [`a${n}`, `b${n}`], delay: 50 })),
  );
  const columns = [{ name: FIELD.name, type: FIELD.type }];
  const handle = { table: { schema: 'results', table: 't' }, create: { columns, options: {} } };
  const table: SinkTable = { connector: 'own', schema: 'results', table: 't', handle, summary: { user: 'test' } };
  let id = 100;
  const stages = withSink(planOf(scan).stages, { kind: 'table', table, columns }, (name, type) => ({ id: id++, name, type }));
  return planOf(...stages);
}

describe('chaos: workers that die while they write', function () {
  this.timeout(120_000);
  let server: DevServer | undefined;
  const workers: ChildProcess[] = [];

  before(async function () {
    server = await openServer();
    if (server === undefined) this.skip();
  });

  afterEach(() => {
    for (const worker of workers.splice(0)) worker.kill('SIGKILL');
  });

  after(async () => server?.close());

  async function startWorker(settings: {
    readonly folder: string;
    readonly taskQueue: string;
    readonly slow: string;
  }): Promise<ChildProcess> {
    const child = spawn(
      process.execPath,
      [
        fileURLToPath(new URL('../write/write-worker.js', import.meta.url)),
        JSON.stringify({ ...settings, address: server?.address, bundlePath: await freshBundle() }),
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    workers.push(child);
    await new Promise<void>((resolve, reject) => {
      createInterface({ input: child.stdout }).on('line', (line) => line === 'ready' && resolve());
      child.once('exit', () => reject(new Error('the worker ended before it was ready')));
    });
    return child;
  }

  for (const [step, fastLane] of [
    ['write', false],
    ['before commit', false],
    ['after commit', false],
    ['after commit', true],
  ] as const) {
    it(`kill -9 at "${step}"${fastLane ? ' in the fast lane' : ''}: every row once, in one batch`, async () => {
      const folder = temporaryFolder();
      mkdirSync(join(folder, 'lake'));
      const taskQueue = randomUUID();
      const store = createStageStore({ folder: join(folder, 'stages') });
      const driver = createTemporalDriver({ address: String(server?.address), namespace: 'default', taskQueue, store, fastLane });
      const steps = (): string[] =>
        existsSync(join(folder, 'steps.log')) ? readFileSync(join(folder, 'steps.log'), 'utf8').trimEnd().split('\n') : [];
      const first = await startWorker({ folder, taskQueue, slow: step });
      const id = `replay-${randomUUID()}`;
      const run = await driver.start(writePlan(), {
        id,
        sql: 'INSERT',
        user: 'test',
        signal: new AbortController().signal,
        maxBytes: undefined,
      });
      const result = (async () => {
        const lines: string[] = [];
        for await (const file of run.files) lines.push(...(await linesOf(file)));
        return lines;
      })();
      await until(`step ${step}`, () => steps().some((line) => line.endsWith(` ${step}`)));
      first.kill('SIGKILL');
      const hit = steps().filter((line) => line.endsWith(` ${step}`)).length;
      const second = await startWorker({ folder, taskQueue, slow: '' });
      assert.deepEqual(await result, [String(2 * TASKS)]);
      assert.ok(hit > 0 && steps().some((line) => line.startsWith(`${second.pid} `)), 'another worker went on');

      const state = JSON.parse(readFileSync(join(folder, 'lake', 'results.t.json'), 'utf8')) as {
        batches: { id: string; rows: number; files: string[] }[];
      };
      assert.deepEqual(
        state.batches.map((batch) => [batch.id, batch.rows]),
        [[id, 2 * TASKS]],
      );
      const rows = (await Promise.all((state.batches[0]?.files ?? []).map((file) => linesOf(file)))).flat().sort();
      assert.deepEqual(
        rows,
        Array.from({ length: TASKS }, (_, n) => [`a${n}`, `b${n}`])
          .flat()
          .sort(),
      );
      await run.release();
      await driver.close();
    });
  }
});
