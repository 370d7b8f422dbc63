import { createHash } from 'node:crypto';
import { TimelineError } from '../../sql/errors.js';
import { intervalHash, intervalReplayId } from '../../src/replay/interval-id.js';
import { temporalShape } from '../../src/replay/plan-shape.js';
import type { PlanAnswer, ReplayPlanner, ReplayRequest } from '../../src/replay/replay-planner.js';
import type { ReplayRegistry } from '../../src/replay/replay-registry.js';
import type { StageStore } from '../../src/replay/stage-store.js';
import { planOf, scanStage } from './support.js';

/** What the SQL of a test's schedule says, as JSON. */
export interface IntervalWish {
  /** Intervals (their begins, ISO) that cannot be planned. */
  readonly wrong?: readonly string[];
  /** The catalog is away when these are planned for the first time. */
  readonly outage?: readonly string[];
  /** How long a task of an interval takes, milliseconds. */
  readonly delay?: number;
  readonly tasks?: number;
}

/** A planner of plans for the test kernel: tasks whose first row is `{begin of the interval} {task}`. */
export function createIntervalPlanner(options: {
  readonly registry: ReplayRegistry;
  readonly store: StageStore;
  readonly log?: (request: ReplayRequest) => void;
  /** Nothing is wrong any more. */
  readonly repaired?: () => boolean;
}): ReplayPlanner {
  const { registry, store } = options;
  const away = new Set<string>();
  return {
    async plan(request): Promise<PlanAnswer> {
      options.log?.(request);
      const { interval, parent } = request;
      if (interval === undefined) throw new Error('no interval');
      const id = intervalReplayId(interval, parent);
      if ((await registry.ended(id)) !== undefined) return { kind: 'exists', id, ended: true };
      const wish = JSON.parse(request.sql) as IntervalWish;
      const begin = new Date(Number(BigInt(interval.from) / 1000n)).toISOString();
      if (wish.wrong?.includes(begin) && options.repaired?.() !== true) {
        throw new TimelineError({ kind: 'semantic', sqlstate: '42P01', message: `relation "t" does not exist at ${begin}` });
      }
      if (wish.outage?.includes(begin) && !away.has(begin)) {
        away.add(begin);
        throw new TimelineError({ kind: 'connector', sqlstate: '08001', message: 'the catalog is away', retryable: true });
      }
      const splits = Array.from({ length: wish.tasks ?? 1 }, (_, n) => ({
        rows: [`${begin} ${n}`],
        ...(wish.delay === undefined ? {} : { delay: wish.delay }),
      }));
      const plan = planOf(scanStage(0, splits));
      const json = JSON.stringify(plan);
      const planRef = await store.writePlan(id, Buffer.from(json, 'utf8'));
      await registry.submit({
        version: 1,
        id,
        name: null,
        kind: 'interval',
        ...(parent === undefined ? {} : { parent }),
        interval,
        user: request.user,
        sql: request.sql,
        parameters: [],
        submittedAt: Date.now(),
        columns: [],
        snapshots: [],
        stages: [{ id: 0, tasks: splits.length }],
        result: { kind: 'inline' },
        reuse: intervalHash(request, interval),
      });
      const planHash = createHash('sha256').update(json).digest('hex');
      const { user, sql } = request;
      return { kind: 'planned', replay: { id, planRef, planHash, spec: temporalShape(plan, undefined), sources: ['test.t'], user, sql } };
    },
  };
}
