import { Oid, type Type, type } from '../../sql/types.js';
import { substitute } from '../columns.js';
import { columnRef, conjunction } from '../expression.js';
import {
  type Field,
  fieldsOf,
  type JoinOperator,
  type Operator,
  type PlanExpr,
  type PlanLeaf,
  type ProjectOperator,
  type TimelineOperator,
} from '../physical-plan.js';
import type { Planning } from '../planning.js';
import { selectivity } from '../statistics.js';
import { isPlain, mapTimelines } from '../timeline-above.js';
import { impliedEvent } from '../timeline-implied.js';
import { stateOf, withoutSignals } from '../timeline-untouched.js';
import { pushFilters } from './filter-pushdown.js';
import type { RuleContext } from './rule.js';

/**
 * A filter above TIMELINE that a row passes only if its key has had an event with p (impliedEvent) asks for few keys if p holds for few
 * events: the keys of such events are found first, then all events of these keys are read. Keys without one have no row that the filter
 * lets pass, however they go; the events of the others are all there, so nothing else changes: liveness, beginnings, durations. But
 * `ties => 'error'` may complain about a key that nobody asks for.
 *
 * It reads twice, and what is joined cannot be read by the operator itself: so the join is optional, and stays only if the splits to be
 * read for p are few (physical-planner). The keys then leave files and row groups of the second read out (dynamic-filters).
 */
export function findKeysFirst(plan: Operator, { planning }: RuleContext): Operator {
  const mode = planning.timelineRules?.key_semi_join ?? 'auto';
  if (mode === 'off') return plan;
  return mapTimelines(plan, (timeline, filters) => {
    const { spec, input } = timeline;
    if (input.kind !== 'project' || spec.ties === 'error' || spec.probe !== undefined) return undefined;
    const context = { spec, input, planning };
    let best: PlanExpr | undefined;
    for (const filter of filters) {
      const state = stateOf(filter, timeline);
      const whole = state === undefined ? undefined : withoutSignals(state, spec);
      const implied = whole === undefined ? undefined : impliedEvent(whole, context);
      if (implied !== undefined && (best === undefined || selectivity(implied) < selectivity(best))) best = implied;
    }
    if (best === undefined || (mode === 'auto' && selectivity(best) > MOST_EVENTS)) return undefined;
    const joined = keysJoined(timeline, input, best, planning);
    return (
      joined && {
        ...timeline,
        input: mode === 'on' ? joined : { ...joined, optional: true },
        reading: { ...timeline.reading, keys: 'events' },
      }
    );
  });
}

/** Of predicates that hold for more events (estimated) statistics are not asked: nearly every key will have such an event. */
const MOST_EVENTS = 0.15;

function keysJoined(timeline: TimelineOperator, input: ProjectOperator, predicate: PlanExpr, planning: Planning): JoinOperator | undefined {
  const copy = copied(input.input, planning);
  if (copy === undefined) return undefined;
  const fields = new Map(fieldsOf(input).map((field) => [field.id, field]));
  const keys: { readonly field: Field; readonly expr: PlanExpr }[] = [];
  const equal: PlanExpr[] = [];
  for (const id of timeline.spec.keys) {
    const field = fields.get(id);
    const item = input.items.find((one) => one.field.id === id);
    const fn = field === undefined ? undefined : EQUALITY.get(field.type.oid);
    if (field === undefined || item === undefined || fn === undefined || !isPlain(item.expr)) return undefined;
    const key = planning.newField(field.name, field.type);
    keys.push({ field: key, expr: substitute(item.expr, copy.by) });
    equal.push(call(fn, [columnRef(field), columnRef(key)]));
  }
  const found = pushFilters({ kind: 'filter', input: copy.op, predicate: substitute(predicate, copy.by) });
  const right: Operator = { kind: 'distinct', input: { kind: 'project', input: found, items: keys } };
  return { kind: 'join', type: 'semi', left: input, right, condition: conjunction<PlanLeaf>(equal) };
}

/** Types of keys whose equality needs no cast. */
const EQUALITY: ReadonlyMap<number, string> = new Map([
  [Oid.bool, 'booleq(bool,bool)'],
  [Oid.int2, 'int2eq(int2,int2)'],
  [Oid.int4, 'int4eq(int4,int4)'],
  [Oid.int8, 'int8eq(int8,int8)'],
  [Oid.text, 'texteq(text,text)'],
  [Oid.uuid, 'uuid_eq(uuid,uuid)'],
  [Oid.date, 'date_eq(date,date)'],
  [Oid.timestamp, 'timestamp_eq(timestamp,timestamp)'],
  [Oid.timestamptz, 'timestamptz_eq(timestamptz,timestamptz)'],
]);

const BOOL: Type = type(Oid.bool);

function call(fn: string, args: readonly PlanExpr[]): PlanExpr {
  return { kind: 'call', fn, operator: '=', args, type: BOOL, volatility: 'immutable' };
}

/** Filters and projections over a scan once more, with columns of their own. */
function copied(op: Operator, planning: Planning): { readonly op: Operator; readonly by: ReadonlyMap<number, PlanExpr> } | undefined {
  switch (op.kind) {
    case 'scan': {
      const { scan } = planning.scan(op.schema, op.table);
      const fields = op.fields.map((field) => ({ ...field, id: planning.newField(field.name, field.type).id }));
      return { op: { ...op, scan, fields }, by: new Map(op.fields.map(({ id }, n) => [id, columnRef(fields[n] as Field)])) };
    }
    case 'filter': {
      const below = isPlain(op.predicate) ? copied(op.input, planning) : undefined;
      return below && { ...below, op: { ...op, input: below.op, predicate: substitute(op.predicate, below.by) } };
    }
    case 'project': {
      const below = op.items.every(({ expr }) => isPlain(expr)) ? copied(op.input, planning) : undefined;
      if (below === undefined) return undefined;
      const items = op.items.map(({ field, expr }) => ({
        field: planning.newField(field.name, field.type),
        expr: substitute(expr, below.by),
      }));
      return {
        op: { ...op, input: below.op, items },
        by: new Map(op.items.map(({ field }, n) => [field.id, columnRef((items[n] as { field: Field }).field)])),
      };
    }
    default:
      return undefined;
  }
}
