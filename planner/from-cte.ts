import { internal, unsupported } from '../sql/errors.js';
import type { Cte, RangeEntry } from '../sql/query.js';
import { isVolatilePlan, outerColumns } from './columns.js';
import type { QueryContext } from './from-query.js';
import { planRecursion } from './from-recursive.js';
import { mapInputs, mapSubplans, operatorsIn, renamed } from './logical-plan.js';
import { type Field, fieldsOf, type Operator, type RecursiveRead } from './physical-plan.js';
import { between, type CteFrames, type Planning } from './planning.js';

type CteRange = RangeEntry & { readonly kind: 'cte' };

/** What a WITH query has become where it was read first. */
type PlannedCte =
  | { readonly kind: 'shared'; readonly id: number; readonly plan: Operator }
  /** Every reader plans it anew, so that its filters and columns reach the scan. */
  | { readonly kind: 'inlined' }
  /** Every reader would see other rows, and it cannot be shared. */
  | { readonly kind: 'volatile' }
  /** Its step is being planned. */
  | { readonly kind: 'recursing'; readonly read: Pick<RecursiveRead, 'id' | 'fields'> };

/** By the frame that declares the query: the same text in a frame of its own is another query. */
const planned = new WeakMap<CteFrames[number], Map<Cte, PlannedCte>>();

/** A reference to a WITH query. */
export function planCte(entry: CteRange, { ctes, planning }: Pick<QueryContext, 'ctes' | 'planning'>): Operator {
  const frames = ctes.slice(entry.level);
  const [frame] = frames;
  const cte = frame?.ctes.find((candidate) => candidate.name === entry.name);
  if (frame === undefined || cte === undefined) throw internal(`no WITH query "${entry.name}" ${entry.level} levels up`);
  const known = planned.get(frame) ?? new Map<Cte, PlannedCte>();
  planned.set(frame, known);
  const state = known.get(cte);
  if (state?.kind === 'shared') return sharedRead(state.id, state.plan, planning);
  if (state?.kind === 'volatile') throw unsupported('reading a WITH query with a volatile function more than once here');
  if (state?.kind === 'recursing') {
    if (!entry.selfReference) throw internal(`the WITH query "${entry.name}" reads itself without saying so`);
    return { kind: 'recursive_read', id: state.read.id, fields: copies(state.read.fields, planning) };
  }
  const plan = cte.recursive
    ? planRecursion(cte, frames, planning, (read) => {
        if (read === undefined) known.delete(cte);
        else known.set(cte, { kind: 'recursing', read });
      })
    : planning.query(cte.query, frames, between(frame.outer));
  if (state?.kind === 'inlined') return plan;
  const volatile = isVolatilePlan(plan);
  if (!isClosed(plan) || (!volatile && !isWorthSharing(plan, cte))) {
    known.set(cte, { kind: volatile ? 'volatile' : 'inlined' });
    return plan;
  }
  // Those that it reads have been given their ids already: lower ones.
  const id = planning.shared.size + 1;
  planning.shared.set(id, plan);
  known.set(cte, { kind: 'shared', id, plan });
  return sharedRead(id, plan, planning);
}

/** Reads a plan of Planning.shared, each time under ids of its own. */
export function sharedRead(id: number, plan: Operator, planning: Planning): Operator {
  const fields = fieldsOf(plan);
  return { kind: 'shared_read', id, columns: fields.map((field) => field.id), fields: copies(fields, planning) };
}

function copies(fields: readonly Field[], planning: Planning): readonly Field[] {
  return fields.map((field) => planning.newField(field.name, field.type));
}

/** Does it read nothing from outside: no columns of queries round it, no rows of a recursion that it stands in? */
export function isClosed(plan: Operator): boolean {
  if (outerColumns(plan).size > 0) return false;
  const own = new Set<number>();
  for (const op of operatorsIn(plan)) if (op.kind === 'recursive') own.add(op.id);
  for (const op of operatorsIn(plan)) if (op.kind === 'recursive_read' && !own.has(op.id)) return false;
  return true;
}

/** Does reading it twice cost more than keeping it: does it do more than pass on rows? */
function isWorthSharing(plan: Operator, cte: Cte): boolean {
  if (cte.materialized !== 'default') return cte.materialized === 'always';
  for (const op of operatorsIn(plan))
    if (op.kind !== 'scan' && op.kind !== 'filter' && op.kind !== 'project' && op.kind !== 'values') return true;
  return false;
}

/**
 * Shared plans that one place reads go there, so that its filters and columns reach their scans; but for volatile ones,
 * which nothing may repeat or skip.
 */
export function inlineOnceRead(plan: Operator, planning: Planning): Operator {
  const reads = new Map<number, number>();
  const count = (root: Operator): void => {
    for (const op of operatorsIn(root)) if (op.kind === 'shared_read') reads.set(op.id, (reads.get(op.id) ?? 0) + 1);
  };
  count(plan);
  // What reads a shared plan has a higher id, or is the plan itself.
  const live = [...planning.shared.keys()]
    .sort((a, b) => b - a)
    .filter((id) => {
      if (!reads.has(id)) return false;
      count(planning.shared.get(id) as Operator);
      return true;
    });
  const once = new Set(live.filter((id) => reads.get(id) === 1 && !isVolatilePlan(planning.shared.get(id) as Operator)));
  const inlined = (op: Operator): Operator => {
    const opened = mapInputs(mapSubplans(op, inlined), inlined);
    if (opened.kind !== 'shared_read' || !once.has(opened.id)) return opened;
    return renamed(inlined(planning.shared.get(opened.id) as Operator), opened.fields);
  };
  for (const id of [...planning.shared.keys()]) {
    if (once.has(id) || !live.includes(id)) continue;
    planning.shared.set(id, inlined(planning.shared.get(id) as Operator));
  }
  const whole = inlined(plan);
  for (const id of [...planning.shared.keys()]) if (once.has(id) || !live.includes(id)) planning.shared.delete(id);
  return whole;
}
