import type { TableName } from '../../connectors/connector.js';
import type { PhysicalPlan } from '../../planner/physical-plan.js';
import type { Config } from '../../src/config.js';
import { openSources } from '../../src/engine.js';
import { createBudget } from '../../src/replay/budget.js';
import type { Driver } from '../../src/replay/driver.js';
import { runPlan } from '../../src/replay/plan-runner.js';
import { planShape } from '../../src/replay/plan-shape.js';
import { endReplay } from '../../src/replay/replay-end.js';
import type { ReplayEnd, ReplaySubmission } from '../../src/replay/replay-record.js';
import { RESULTS_SCHEMA, ResultsConnector } from '../../src/replay/results-connector.js';
import { runTask } from '../../src/replay/task-runner.js';
import { stageParts } from '../../src/stage-parts.js';
import { type TaskParts, taskParts } from '../../src/task-parts.js';

export interface SubmittedRuns {
  readonly parts: TaskParts;
  /** Runs a plan's tasks as workers do, every one through the store; no end is written. */
  run(plan: PhysicalPlan, id: string, more?: Partial<ReplaySubmission>): Promise<void>;
  /** The same of what a planner has submitted. */
  runPlanned(id: string): Promise<void>;
  end(id: string, inlineBytes?: number): Promise<ReplayEnd>;
  close(): Promise<void>;
}

/** What a worker does for submitted replays, without Temporal. */
export async function openSubmittedRuns(config: Config): Promise<SubmittedRuns> {
  const stages = stageParts(config);
  const sources = await openSources(config, [], stages);
  const parts = taskParts(config, sources, stages);
  const signal = new AbortController().signal;
  const runTasks = async (plan: PhysicalPlan, id: string): Promise<void> => {
    const budget = createBudget(undefined);
    await runPlan({
      spec: planShape(plan, { window: 2, maxAttempts: 2, maxBytes: undefined, batch: () => 1 }),
      signal,
      runTask: ({ stage, task, attempt }) => runTask({ ...parts, query: id, plan, stageId: stage, taskId: task, attempt, budget, signal }),
    });
  };
  return {
    parts,
    async run(plan, id, more = {}) {
      const sent = JSON.stringify(plan);
      await parts.store.writePlan(id, Buffer.from(sent));
      const read = JSON.parse(sent) as PhysicalPlan;
      await parts.registry.submit({
        version: 1,
        id,
        name: null,
        kind: 'replay',
        user: 'analyst',
        sql: 'SELECT 1',
        parameters: [],
        submittedAt: Date.now(),
        columns: plan.output.map(({ name, type }) => ({ name, oid: type.oid, typmod: type.typmod })),
        snapshots: plan.snapshots,
        stages: plan.stages.map((stage) => ({ id: stage.id, tasks: stage.tasks.length })),
        result: { kind: 'inline' },
        reuse: null,
        ...more,
      });
      await runTasks(read, id);
    },
    runPlanned: async (id) => runTasks(await parts.store.readPlan(`${id}/plan.json`), id),
    end: (id, inlineBytes = parts.results.inlineBytes) =>
      endReplay({ ...parts, results: { ...parts.results, inlineBytes } }, { query: id, state: 'completed' }, signal),
    async close() {
      await parts.kernel.close();
      await Promise.all(sources.map(({ connector }) => connector.close()));
      await parts.files.close();
    },
  };
}

/** Runs queries by another driver, and keeps their plans. */
export function capturing(driver: Driver): Driver & { readonly plans: PhysicalPlan[] } {
  const plans: PhysicalPlan[] = [];
  return {
    kind: 'temporal',
    plans,
    start(plan, options) {
      plans.push(plan);
      return driver.start(plan, options);
    },
    close: async () => undefined,
  };
}

/** Results as tables that a catalogue lists, so that SQL finds them by their names. */
export class ListedResults extends ResultsConnector {
  override readonly name = 'listed';
  readonly ids: string[] = [];

  override async tables(): Promise<readonly TableName[]> {
    return this.ids.map((table) => ({ schema: RESULTS_SCHEMA, table }));
  }
}
