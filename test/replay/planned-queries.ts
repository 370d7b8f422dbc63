import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Connector, TableDescription } from '../../connectors/connector.js';
import { fieldsOf, type PhysicalPlan } from '../../planner/physical-plan.js';
import { planQuery } from '../../planner/plan-query.js';
import { readQuery } from '../../sql/node-tree.js';
import { loadParser } from '../../sql/parse.js';
import { EmbeddedPostgres } from '../../sql/postgres.js';
import { formatValue } from '../../sql/value-text.js';
import type { Kernel } from '../../src/kernel/kernel.js';
import { createKernel } from '../../src/kernel/kernel-pool.js';
import { imagePath } from '../../src/paths.js';
import type { Driver } from '../../src/replay/driver.js';
import { createLocalDriver } from '../../src/replay/local-driver.js';
import { createStageStore } from '../../src/replay/stage-store.js';

export interface HowPlanned {
  readonly aggregates: 'on' | 'off';
  readonly timeZone: string;
  readonly smallBytes: number;
}

/** Queries over the tables of one connector, planned and run in this process: all but sessions and the wire. */
export class PlannedQueries {
  private constructor(
    private readonly connector: Connector,
    private readonly tables: ReadonlyMap<string, TableDescription>,
    private readonly analyser: EmbeddedPostgres,
    private readonly kernel: Kernel,
    private readonly driver: Driver,
  ) {}

  static async open(connector: Connector, folder: string): Promise<PlannedQueries> {
    await loadParser();
    const names = await connector.tables();
    const tables = new Map<string, TableDescription>();
    for (const name of names) {
      const table = await connector.describe(name);
      if (table !== undefined) tables.set(`${name.schema}.${name.table}`, table);
    }
    const analyser = await EmbeddedPostgres.open({ imagePath: imagePath() });
    await analyser.setMirror([...tables.values()]);
    const kernel = createKernel({ threads: 1, memoryLimit: 2 ** 28, tempFolder: join(folder, 'spill'), imagePath: imagePath() });
    const store = createStageStore({ folder: join(folder, 'stages') });
    const connectors = new Map([[connector.name, connector]]);
    const driver = createLocalDriver({ connectors, kernel, store, scratchFolder: join(folder, 'scratch') });
    return new PlannedQueries(connector, tables, analyser, kernel, driver);
  }

  async close(): Promise<void> {
    await this.driver.close();
    await this.kernel.close();
    await this.analyser.close();
  }

  async plan(sql: string, how: HowPlanned): Promise<PhysicalPlan> {
    const session = { user: 'tester', database: 'timeline', searchPath: [this.connector.name], timeZone: how.timeZone, settings: {} };
    const tree = await this.analyser.analyse(sql, [], session);
    const plan = await planQuery({
      query: readQuery(tree, this.analyser.names),
      parameters: [],
      context: {
        session: { timeZone: how.timeZone, now: '1741000000000000', memoryLimit: 2 ** 28 },
        connectorOf: (schema, table) => {
          const description = this.tables.get(`${schema}.${table}`);
          return description === undefined ? undefined : { connector: this.connector, description };
        },
        pin: (_, name) => this.connector.pin(name),
        evaluate: (exprs) => this.analyser.evaluate(exprs, session),
        taskTargets: { splitsPerTask: 2, smallBytes: how.smallBytes, partitions: 2, broadcastBytes: 2 ** 20 },
        connectorAggregates: how.aggregates,
        signal: new AbortController().signal,
      },
    });
    return JSON.parse(JSON.stringify(plan)) as PhysicalPlan;
  }

  /** Rows as JSON arrays of PostgreSQL's texts, sorted. */
  async rows(plan: PhysicalPlan, timeZone = 'UTC'): Promise<readonly string[]> {
    const signal = new AbortController().signal;
    const run = await this.driver.start(plan, { id: `replay-${randomUUID()}`, sql: '', user: 'test', signal, maxBytes: undefined });
    const last = plan.stages.at(-1);
    assert.ok(last !== undefined);
    const fields = fieldsOf(last.root);
    const rows: string[] = [];
    for await (const part of run.files)
      for await (const batch of this.kernel.read([part], fields, signal)) {
        assert.equal(batch.kind, 'columns');
        if (batch.kind !== 'columns') continue;
        const texts = fields.map(({ type }, column) =>
          Array.from({ length: batch.rowCount }, (_, n) => {
            const value = batch.columns[column]?.[n] ?? null;
            return value === null ? null : formatValue(type, value, { timeZone });
          }),
        );
        for (let n = 0; n < batch.rowCount; n += 1) rows.push(JSON.stringify(texts.map((column) => column[n])));
      }
    await run.summary;
    await run.release();
    return rows.sort();
  }
}
