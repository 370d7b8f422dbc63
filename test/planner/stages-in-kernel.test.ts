import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import type { Readable } from '../../connectors/connector.js';
import { cutStages } from '../../planner/fragment.js';
import { operatorsIn } from '../../planner/logical-plan.js';
import { optimize } from '../../planner/optimizer.js';
import { fieldsOf, type Stage } from '../../planner/physical-plan.js';
import type { TaskOutput } from '../../src/kernel/kernel.js';
import { createKernel } from '../../src/kernel/kernel-pool.js';
import { imagePath } from '../../src/paths.js';
import { attempt, type Cell, type Row } from './mini-engine.js';
import { Growth, ROWS } from './random-plan.js';

const FILES = 5;

/** Random plans, optimized and cut, task by task in DuckDB: what the interpreter says of the plan as it was grown. */
describe('stages of random plans in the kernel', () => {
  const base = mkdtempSync(join(tmpdir(), 'timeline-planner-'));
  const kernel = createKernel({ threads: 1, memoryLimit: 2 ** 28, tempFolder: base, imagePath: imagePath() });

  after(async () => {
    await kernel.close();
    rmSync(base, { recursive: true, force: true });
  });

  it('give the same rows, whole and in parts', async () => {
    const splits = Array.from({ length: FILES }, (_, file) => ({ connector: 'test', data: { file }, bytes: 100, rows: 2 }));
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(1000), { minLength: 20, maxLength: 120 }),
        fc.integer({ min: 1, max: 4 }),
        async (numbers, depth) => {
          const growth = new Growth(numbers);
          const grown = growth.operator(depth);
          const expected = attempt(grown, ROWS);
          if (expected === undefined || expected.length > 3000) return;
          const plan = optimize(grown, { planning: growth.planning });
          const scans = [...operatorsIn(plan)].flatMap((op) => (op.kind === 'scan' ? [op.scan] : []));
          for (const smallBytes of [0, 2 ** 30]) {
            const stages = cutStages(plan, {
              splits: new Map(scans.map((scan) => [scan, { splits }])),
              shared: new Map(),
              targets: { splitsPerTask: 2, smallBytes, partitions: 3 },
            });
            const rows = await runInKernel(JSON.parse(JSON.stringify(stages)));
            if (stages.at(-1)?.ordered === true) assert.deepEqual(rows, expected);
            else assert.deepEqual(sorted(rows), sorted(expected));
          }
        },
      ),
      { numRuns: 25 },
    );
  });

  async function runInKernel(stages: readonly Stage[]): Promise<Row[]> {
    const done = new Map<
      number,
      { readonly stage: Stage; readonly tasks: readonly { readonly folder: string; readonly output: TaskOutput }[] }
    >();
    for (const stage of stages) {
      const tasks = [];
      for (const task of stage.tasks) {
        const scans: Record<string, Readable> = {};
        const inputs: Record<string, readonly string[]> = {};
        for (const op of operatorsIn(stage.root)) {
          if (op.kind === 'scan') {
            const files = new Set(task.splits[op.scan]?.map((split) => (split.data as { readonly file: number }).file));
            const rows = (ROWS[op.table] ?? []).filter((_, n) => files.has(n % FILES));
            scans[op.scan] = { kind: 'rows', rows: rows.map((row) => op.fields.map((field) => row[field.name]?.toString() ?? null)) };
          }
          if (op.kind === 'exchange_read') {
            const source = done.get(op.stage);
            const mine = (partition: number | undefined): boolean =>
              task.partition === undefined || source?.stage.exchange === undefined || partition === task.partition;
            inputs[op.stage] =
              source?.tasks.flatMap(({ folder, output }) =>
                output.files.filter((file) => mine(file.partition)).map((file) => join(folder, file.name)),
              ) ?? [];
          }
        }
        const folder = mkdtempSync(join(base, 'task-'));
        const session = { timeZone: 'UTC', now: '0', memoryLimit: 2 ** 28 };
        const request = {
          root: stage.root,
          session,
          scans,
          inputs,
          outputFolder: folder,
          exchange: stage.exchange,
          readableFolders: [base],
        };
        tasks.push({ folder, output: await kernel.run(request, new AbortController().signal) });
      }
      done.set(stage.id, { stage, tasks });
    }
    const last = done.get(stages.at(-1)?.id ?? 0);
    if (last === undefined) throw new Error('a plan without stages');
    const rows: Row[] = [];
    for (const { folder, output } of last.tasks) {
      const files = output.files.map((file) => join(folder, file.name));
      for await (const batch of kernel.read(files, fieldsOf(last.stage.root), new AbortController().signal)) {
        if (batch.kind !== 'columns') throw new Error('the kernel gives columns');
        const { columns } = batch;
        for (let n = 0; n < batch.rowCount; n += 1)
          rows.push(columns.map((values): Cell => (values[n] === null ? null : Number(values[n]))));
      }
    }
    return rows;
  }
});

function sorted(rows: readonly Row[]): string[] {
  return rows.map((row) => JSON.stringify(row)).sort();
}
