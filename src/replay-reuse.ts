import type { PhysicalPlan } from '../planner/physical-plan.js';
import { ELEMENT_OF, Oid } from '../sql/types.js';
import { type ReplayRequest, sortedSettings } from './replay/replay-planner.js';
import { sha256 } from './sha256.js';

/** What has to be equal for a result to be used again. */
export function reuseHash({ name, user, sql, settings, result }: ReplayRequest, plan: PhysicalPlan): string {
  const { now: _now, ...session } = plan.session;
  const whole = { ...plan, session, notices: [] };
  return sha256(JSON.stringify([1, name, user, sql, sortedSettings(settings), result, whole], withoutIndex));
}

/** What became of an index search tells how it went, perhaps how long it took. */
function withoutIndex(_: string, value: unknown): unknown {
  const op = value as { readonly kind?: unknown; readonly index?: unknown } | null;
  if (typeof op !== 'object' || op?.kind !== 'scan' || op.index === undefined) return value;
  const { index: _index, ...scan } = op;
  return scan;
}

/**
 * Does it give the same rows over the same snapshots? Constants of the statement's time are in the plan itself; what tasks compute by a clock or
 * by chance is not. Tables that have no snapshot may change without a trace.
 */
export function isRepeatable(plan: PhysicalPlan): boolean {
  if (plan.snapshots.some(({ snapshot }) => snapshot === null)) return false;
  return plan.stages.every(({ root }) => !readsClockOrChance(root));
}

const DATES_AND_TIMES: ReadonlySet<number> = new Set([Oid.date, Oid.timestamp, Oid.timestamptz, Oid.time, Oid.timetz]);

/** Functions that look at the clock by themselves, and reading of texts that may say `today`. */
function readsClockOrChance(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(readsClockOrChance);
  if (typeof value !== 'object' || value === null) return false;
  const node = value as Readonly<Record<string, unknown>>;
  const { kind, fn, via, volatility } = node;
  if (volatility === 'volatile') return true;
  if (kind === 'call' && /^(age\((timestamp|timestamptz)\)|timetz\()/.test(String(fn))) return true;
  if (kind === 'cast' && via === 'io') {
    const oid = Number((node['type'] as { readonly oid?: unknown } | undefined)?.oid);
    if (DATES_AND_TIMES.has(ELEMENT_OF.get(oid) ?? oid)) return true;
  }
  if (kind === 'sample' && node['seed'] === undefined) return true;
  return Object.values(node).some(readsClockOrChance);
}
