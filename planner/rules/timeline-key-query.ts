import { columnIds, substitute } from '../columns.js';
import { isHashed } from '../equi-keys.js';
import { columnRef } from '../expression.js';
import { mapInputs, operatorsIn } from '../logical-plan.js';
import { fieldsOf, type JoinOperator, type Operator, type PlanExpr, type ScanOperator } from '../physical-plan.js';
import { Estimates } from '../statistics.js';
import { isPlain, mapTimelines, timelineBelow } from '../timeline-above.js';
import { spanColumns } from '../timeline-parts.js';
import type { RuleContext } from './rule.js';

/**
 * `WHERE session_id IN (SELECT …)` over a timeline, a semi join by its keys, is one below it: as with any predicate on keys, all rows of a
 * key pass or none, and so may its events. An anti join too. Then only these keys' events are sorted and gone through, the query's values
 * leave files unread (dynamic filters), and an aggregate above sees the timeline itself. But the operator cannot read its events
 * itself any more, so the query must promise to leave out most.
 */
export function keysByQuery(plan: Operator, { planning }: RuleContext): Operator {
  const mode = planning.timelineRules?.key_semi_join ?? 'auto';
  if (mode === 'off') return plan;
  const estimates = new Estimates({
    rows: (scan: ScanOperator) => planning.table(scan.schema, scan.table).description.rowEstimate,
    shared: (id) => planning.shared.get(id),
  });
  const visit = (op: Operator): Operator => {
    const inner = mapInputs(op, visit);
    return inner.kind === 'join' ? (below(inner, mode, estimates) ?? inner) : inner;
  };
  return visit(plan);
}

function below(join: JoinOperator, mode: 'auto' | 'on', estimates: Estimates): Operator | undefined {
  const { type, left, right, condition, lateral } = join;
  if ((type !== 'semi' && type !== 'anti') || lateral === true || condition === undefined || !isPlain(condition)) return undefined;
  const found = timelineBelow(left);
  if (found === undefined) return undefined;
  const { timeline } = found;
  const { spec, input } = timeline;
  if (spec.ties === 'error' || spec.probe !== undefined) return undefined;
  if (mode === 'auto' && !(type === 'semi' && promises(right, input, estimates))) return undefined;
  const keys = new Map<number, PlanExpr>();
  const inputs = new Map(fieldsOf(input).map((field) => [field.id, field]));
  spanColumns(timeline).forEach((column, n) => {
    const key = column === undefined ? undefined : inputs.get(spec.keys[column] ?? -1);
    const field = timeline.fields[n];
    // of keys that are equal and not the same (1.0 and 1.00) the events have all, the rows one
    if (key !== undefined && field !== undefined && isHashed(key.type)) keys.set(field.id, columnRef(key));
  });
  const given = new Set(fieldsOf(left).map(({ id }) => id));
  const by = new Map<number, PlanExpr>();
  for (const id of columnIds(condition)) {
    const field = fieldsOf(left).find((one) => one.id === id);
    if (field === undefined) continue;
    const expr = found.over(columnRef(field));
    if ([...columnIds(expr)].some((read) => !keys.has(read))) return undefined;
    by.set(id, substitute(expr, keys));
  }
  if (![...columnIds(condition)].some((id) => given.has(id))) return undefined;
  const joined: Operator = { ...join, left: input, right, condition: substitute(condition, by) };
  const reading = { ...timeline.reading, keys: 'query' as const };
  return mapTimelines(left, (one) => (one === timeline ? { ...one, input: joined, reading } : undefined));
}

/** The query's rows must be so many times fewer than the events. */
const FEWER = 100;

function promises(right: Operator, input: Operator, estimates: Estimates): boolean {
  const events = [...operatorsIn(input)].reduce((sum, op) => sum + (op.kind === 'scan' ? estimates.rows(op) : 0), 0);
  return estimates.rows(right) * FEWER <= events;
}
