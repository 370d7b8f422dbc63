import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fieldsOf, type PhysicalPlan } from '../../planner/physical-plan.js';
import { planQuery } from '../../planner/plan-query.js';
import type { PlanContext } from '../../planner/planning.js';
import type { TimelineError } from '../../sql/errors.js';
import type { Constant } from '../../sql/expression.js';
import { readQuery } from '../../sql/node-tree.js';
import { loadParser, parseOne } from '../../sql/parse.js';
import { EmbeddedPostgres } from '../../sql/postgres.js';
import type { TableLookup } from '../../sql/source-columns.js';
import { rewriteTimelineCalls } from '../../sql/timeline-call.js';
import { type } from '../../sql/types.js';
import { formatValue } from '../../sql/value-text.js';
import type { Kernel } from '../../src/kernel/kernel.js';
import { createKernel } from '../../src/kernel/kernel-pool.js';
import { imagePath } from '../../src/paths.js';

export interface PipelineOptions {
  readonly parameters?: readonly string[];
  readonly timeZone?: string;
}

/** Text to rows through the real rewriting, PostgreSQL, planner and kernel, without server, driver or tables. */
export class Pipeline {
  readonly postgres: EmbeddedPostgres;
  readonly #kernel: Kernel;
  readonly #folder: string;

  private constructor(postgres: EmbeddedPostgres, kernel: Kernel, folder: string) {
    this.postgres = postgres;
    this.#kernel = kernel;
    this.#folder = folder;
  }

  static async open(): Promise<Pipeline> {
    const folder = mkdtempSync(join(tmpdir(), 'timeline-pipeline-'));
    await loadParser();
    const postgres = await EmbeddedPostgres.open({ imagePath: join(folder, 'postgres.image') });
    return new Pipeline(postgres, createKernel({ threads: 1, memoryLimit: 2 ** 28, tempFolder: folder, imagePath: imagePath() }), folder);
  }

  async close(): Promise<void> {
    await this.#kernel.close();
    await this.postgres.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async plan(sql: string, options: PipelineOptions = {}): Promise<PhysicalPlan> {
    const timeZone = options.timeZone ?? 'UTC';
    const analysis = { user: 'tester', database: 'timeline', searchPath: ['public'], timeZone, settings: {} };
    const rewritten = rewriteTimelineCalls(sql, parseOne(sql)?.statement, none);
    const mapped = (thrown: unknown): never => {
      const { position } = thrown as TimelineError;
      throw position === undefined ? thrown : (thrown as TimelineError).at(rewritten.mapPosition(position));
    };
    const { parameterTypes } = await this.postgres.describe(rewritten.text, [], analysis).catch(mapped);
    const tree = await this.postgres.analyse(rewritten.text, parameterTypes, analysis).catch(mapped);
    const context: PlanContext = {
      session: { timeZone, now: '1893456000000000', memoryLimit: 2 ** 28 },
      connectorOf: () => undefined,
      pin: () => Promise.reject(new Error('no tables here')),
      evaluate: (exprs) => this.postgres.evaluate(exprs, analysis),
      taskTargets: { splitsPerTask: 1, smallBytes: 2 ** 30, partitions: 1 },
      signal: new AbortController().signal,
    };
    const parameters = parameterTypes.map(
      (oid, n): Constant => ({ kind: 'constant', type: type(oid), value: options.parameters?.[n] ?? null }),
    );
    return planQuery({ query: readQuery(tree, this.postgres.names), parameters, context });
  }

  /** Rows in text form. */
  async rows(sql: string, options: PipelineOptions = {}): Promise<(string | null)[][]> {
    const plan = JSON.parse(JSON.stringify(await this.plan(sql, options))) as PhysicalPlan;
    const [stage, second] = plan.stages;
    if (stage === undefined || second !== undefined) throw new Error('one stage expected');
    const outputFolder = mkdtempSync(join(this.#folder, 'task-'));
    const signal = new AbortController().signal;
    const output = await this.#kernel.run(
      {
        root: stage.root,
        session: plan.session,
        scans: {},
        inputs: {},
        outputFolder,
        exchange: undefined,
        readableFolders: [this.#folder],
      },
      signal,
    );
    const rows: (string | null)[][] = [];
    const fields = fieldsOf(stage.root);
    for await (const batch of this.#kernel.read(
      output.files.map((file) => join(outputFolder, file.name)),
      fields,
      signal,
    )) {
      if (batch.kind !== 'columns') throw new Error('the kernel gives columns');
      for (let n = 0; n < batch.rowCount; n += 1) {
        rows.push(
          batch.columns.map((column, c) => {
            const value = column[n] ?? null;
            return value === null ? null : formatValue(fields[c]!.type, value, { timeZone: options.timeZone ?? 'UTC' });
          }),
        );
      }
    }
    rmSync(outputFolder, { recursive: true, force: true });
    return rows;
  }
}

const none: TableLookup = () => undefined;
