import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TableDescription } from '../../connectors/connector.js';
import { IcebergConnector } from '../../connectors/iceberg/connector.js';
import { fieldsOf, type PhysicalPlan } from '../../planner/physical-plan.js';
import { planQuery } from '../../planner/plan-query.js';
import type { PlanContext, TimelineRules } from '../../planner/planning.js';
import { readQuery } from '../../sql/node-tree.js';
import { loadParser, parseOne } from '../../sql/parse.js';
import { EmbeddedPostgres } from '../../sql/postgres.js';
import { rewriteTimelineCalls } from '../../sql/timeline-call.js';
import { formatValue } from '../../sql/value-text.js';
import type { Kernel } from '../../src/kernel/kernel.js';
import { createKernel } from '../../src/kernel/kernel-pool.js';
import { imagePath } from '../../src/paths.js';
import type { Driver, RunSummary } from '../../src/replay/driver.js';
import { createLocalDriver } from '../../src/replay/local-driver.js';
import { createStageStore } from '../../src/replay/stage-store.js';
import { type OracleTable, writeLake } from '../e2e/oracle-lake.js';

export interface Answer {
  /** Rows as JSON of texts, sorted. */
  readonly rows: readonly string[];
  readonly summary: RunSummary;
}

export interface PlanChoices {
  readonly rules: TimelineRules;
  /** One stage of one task, or stages of several tasks. */
  readonly whole?: boolean;
  /** False: events go to partitions by hash of their key. */
  readonly direct?: boolean;
  readonly dynamicFilters?: 'on' | 'off';
  readonly carry?: 'on' | 'off';
}

const SESSION = { user: 'tester', database: 'timeline', searchPath: ['o'], timeZone: 'UTC', settings: {} };

/** Tables in Iceberg, asked through rewriting, PostgreSQL, planner and kernel with timeline rules on and off. */
export class RuleLake {
  readonly #folder: string;
  readonly #connector: IcebergConnector;
  readonly #postgres: EmbeddedPostgres;
  readonly #kernel: Kernel;
  readonly #driver: Driver;
  readonly #tables: ReadonlyMap<string, TableDescription>;

  private constructor(parts: {
    readonly folder: string;
    readonly connector: IcebergConnector;
    readonly postgres: EmbeddedPostgres;
    readonly kernel: Kernel;
    readonly driver: Driver;
    readonly tables: ReadonlyMap<string, TableDescription>;
  }) {
    this.#folder = parts.folder;
    this.#connector = parts.connector;
    this.#postgres = parts.postgres;
    this.#kernel = parts.kernel;
    this.#driver = parts.driver;
    this.#tables = parts.tables;
  }

  static async open(tables: readonly OracleTable[]): Promise<RuleLake> {
    const folder = mkdtempSync(join(tmpdir(), 'timeline-rules-'));
    const { catalogs } = JSON.parse(await writeLake(join(folder, 'lake'), tables)) as {
      catalogs: { oracle: { catalog: { type: 'sql'; uri: string; name: string } } };
    };
    const connector = await IcebergConnector.open({
      name: 'oracle',
      config: { catalog: catalogs.oracle.catalog, locations: {} },
      cacheFolder: join(folder, 'cache'),
      cacheBytes: 1 << 20,
    });
    await loadParser();
    const described = new Map<string, TableDescription>();
    for (const { name } of tables) {
      const description = await connector.describe({ schema: 'o', table: name });
      if (description !== undefined) described.set(name, description);
    }
    const postgres = await EmbeddedPostgres.open({ imagePath: imagePath() });
    await postgres.setMirror([...described.values()]);
    const kernel = createKernel({ threads: 1, memoryLimit: 2 ** 28, tempFolder: join(folder, 'spill'), imagePath: imagePath() });
    const driver = createLocalDriver({
      connectors: new Map([['oracle', connector]]),
      kernel,
      store: createStageStore({ folder: join(folder, 'stages') }),
      scratchFolder: join(folder, 'scratch'),
    });
    return new RuleLake({ folder, connector, postgres, kernel, driver, tables: described });
  }

  async close(): Promise<void> {
    await this.#driver.close();
    await this.#kernel.close();
    await this.#postgres.close();
    await this.#connector.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async plan(sql: string, choices: PlanChoices): Promise<PhysicalPlan> {
    const { text } = rewriteTimelineCalls(sql, parseOne(sql)?.statement, (_, name) => {
      const table = this.#tables.get(name);
      return table === undefined ? undefined : { columns: table.columns, properties: {} };
    });
    const tree = await this.#postgres.analyse(text, [], SESSION);
    const context: PlanContext = {
      session: { timeZone: 'UTC', now: '1741000000000000', memoryLimit: 2 ** 28 },
      connectorOf: (_, name) => {
        const description = this.#tables.get(name);
        return description === undefined ? undefined : { connector: this.#connector, description };
      },
      pin: (_, name) => this.#connector.pin(name),
      evaluate: (exprs) => this.#postgres.evaluate(exprs, SESSION),
      taskTargets: {
        splitBytes: 1,
        splitsPerTask: 2,
        smallBytes: choices.whole === true ? 2 ** 30 : 0,
        partitions: 2,
        broadcastBytes: 0,
        dynamicFilters: choices.dynamicFilters ?? 'on',
        carry: choices.carry ?? 'auto',
        ...(choices.direct === false ? { directRows: 0 } : {}),
      },
      timelineRules: choices.rules,
      signal: new AbortController().signal,
    };
    const plan = await planQuery({ query: readQuery(tree, this.#postgres.names), parameters: [], context });
    return JSON.parse(JSON.stringify(plan)) as PhysicalPlan;
  }

  async ask(plan: PhysicalPlan): Promise<Answer> {
    const signal = new AbortController().signal;
    const run = await this.#driver.start(plan, { id: `replay-${randomUUID()}`, sql: '', user: 'test', signal, maxBytes: undefined });
    const rows: string[] = [];
    const last = plan.stages.at(-1);
    if (last === undefined) throw new Error('a plan without stages');
    const fields = fieldsOf(last.root);
    for await (const part of run.files) {
      for await (const batch of this.#kernel.read([part], fields, signal)) {
        if (batch.kind !== 'columns') throw new Error('the kernel gives columns');
        for (let n = 0; n < batch.rowCount; n += 1) {
          const row = fields.map((field, column) => {
            const value = batch.columns[column]?.[n] ?? null;
            return value === null ? null : formatValue(field.type, value, { timeZone: 'UTC' });
          });
          rows.push(JSON.stringify(row));
        }
      }
    }
    const summary = await run.summary;
    await run.release();
    return { rows: rows.sort(), summary };
  }
}
