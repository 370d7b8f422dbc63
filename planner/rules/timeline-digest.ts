import { functionName } from '../../sql/functions/signature.js';
import { Oid, type } from '../../sql/types.js';
import { columnIds } from '../columns.js';
import { columnRef, conjunction, conjuncts } from '../expression.js';
import { isIdentityType } from '../identity-types.js';
import { rewrite } from '../logical-plan.js';
import {
  type AggregateOperator,
  type DistinctOperator,
  type Field,
  fieldsOf,
  type Operator,
  type PlanAggregate,
  type PlanExpr,
  type PlanLeaf,
  type TimelineDigest,
  type TimelineOperator,
} from '../physical-plan.js';
import type { Planning } from '../planning.js';
import { rowNumber } from '../row-counts.js';
import { isPlain, type TimelineBelow, timelineBelow } from '../timeline-above.js';
import { columnsBeforeSignals, signalClosure, withSignals } from '../timeline-parts.js';
import type { TimelineSpec } from '../timeline-spec.js';
import type { RuleContext } from './rule.js';

/**
 * Aggregates over spans that ask only for sums of their lengths, for their number, and for columns that hold for whole spans
 * (keys, buckets, signals): the operator adds spans with equal columns up, and the aggregate works on the sums.
 *
 *     sum(seconds) FILTER (WHERE state = 'buffer')    ->  sum(micros) FILTER (WHERE state = 'buffer') / 1e6, over sums by state
 *     count(*)                                        ->  coalesce(sum(count), 0), over counts
 *
 * Right because a filter, a FILTER or a group key that reads kept columns only treats all spans that were added up alike, because
 * sums add up, and because min, max, bool_or and DISTINCT do not see how often a row is there. It does not matter whether spans with
 * equal columns come in one row or in several.
 */
export function digestTimelines(plan: Operator, { planning }: RuleContext): Operator {
  if (planning.timelineRules?.digest === 'off') return plan;
  return rewrite(plan, (op) => {
    if (op.kind === 'distinct') return distinctDigest(op, planning) ?? op;
    return op.kind === 'aggregate' && op.phase === 'single' ? (digested(op, planning) ?? op) : op;
  });
}

/** `SELECT DISTINCT` of columns that hold for whole spans does not see how often a row is there, either. */
function distinctDigest(op: DistinctOperator, planning: Planning): Operator | undefined {
  const below = spansBelow(op.input);
  if (below === undefined) return undefined;
  const spans = new Spans(below.timeline, planning);
  const items = fieldsOf(op.input).map((field) => ({ field, expr: below.over(columnRef(field)) }));
  const all = [...below.filters, ...items.map(({ expr }) => expr)];
  if (!all.every((expr) => spans.keeps(expr))) return undefined;
  const timeline = spans.digest(new Set(all.flatMap((expr) => [...columnIds(expr)])));
  return { ...op, input: { kind: 'project', input: filtered(timeline, below.filters), items } };
}

/** A timeline of spans under filters and projections. */
function spansBelow(input: Operator): TimelineBelow | undefined {
  const below = timelineBelow(input);
  return below === undefined || below.timeline.digest !== undefined || below.timeline.spec.emit !== 'spans' ? undefined : below;
}

function filtered(input: Operator, filters: readonly PlanExpr[]): Operator {
  const predicate = conjunction<PlanLeaf>(filters);
  return predicate === undefined ? input : { kind: 'filter', input, predicate };
}

const INT8 = type(Oid.int8);
const FLOAT8 = type(Oid.float8);
const NUMERIC = type(Oid.numeric);

function digested(op: AggregateOperator, planning: Planning): Operator | undefined {
  const below = spansBelow(op.input);
  if (below === undefined) return undefined;
  const spans = new Spans(below.timeline, planning);
  const keys = op.keys.map(({ field, expr }) => ({ field, expr: below.over(expr) }));
  const all = [...below.filters, ...keys.map(({ expr }) => expr)];
  if (!all.every((expr) => isPlain(expr) && spans.keeps(expr))) return undefined;
  const aggregates = op.aggregates.map((call) => aggregateOf(call, below.over, spans));
  const results = new Map<Field, PlanExpr>();
  const calls: PlanAggregate[] = [];
  for (const [n, found] of aggregates.entries()) {
    const call = op.aggregates[n];
    if (found === undefined || call === undefined) return undefined;
    if (found.result !== undefined) results.set(found.call.field, found.result);
    calls.push(found.call);
  }
  const read = new Set([...all, ...calls.flatMap(expressionsIn)].flatMap((expr) => [...columnIds(expr)]));
  const timeline = spans.digest(read);
  const input = filtered(timeline, [...below.filters, ...filterOfAll(op, calls)]);
  const summed: AggregateOperator = { ...op, keys, aggregates: calls, input };
  if (results.size === 0) return summed;
  const items = fieldsOf(summed).map((field, n) => ({ field: fieldsOf(op)[n] ?? field, expr: results.get(field) ?? columnRef(field) }));
  return { kind: 'project', input: summed, items };
}

/** Without group keys a row that no FILTER lets pass is as good as none. */
function filterOfAll({ keys }: AggregateOperator, calls: readonly PlanAggregate[]): readonly PlanExpr[] {
  const args = calls.flatMap(({ filter }) => filter ?? []);
  if (keys.length > 0 || calls.length === 0 || args.length < calls.length) return [];
  return args.length === 1 ? conjuncts<PlanLeaf>(args[0]) : [{ kind: 'or', args }];
}

/** An aggregate over digests, and what is made of its result. */
interface Digested {
  readonly call: PlanAggregate;
  readonly result?: PlanExpr;
}

function aggregateOf(written: PlanAggregate, over: (expr: PlanExpr) => PlanExpr, spans: Spans): Digested | undefined {
  if (written.orderBy.length > 0 || written.direct !== undefined || !expressionsIn(written).every(isPlain)) return undefined;
  const args = written.args.map(over);
  const filter = written.filter === undefined ? undefined : over(written.filter);
  const call: PlanAggregate = { ...written, args, filter };
  const [arg] = args;
  if (filter !== undefined && !spans.keeps(filter)) return undefined;
  const name = functionName(call.fn);
  if (args.every((one) => spans.keeps(one))) {
    if (call.distinct ? DISTINCT.has(name) : INSENSITIVE.has(name)) return { call };
    if (call.distinct || name !== 'count' || args.length > 1) return undefined;
    const filled: PlanExpr[] = arg === undefined ? [] : [{ kind: 'is_null', arg, negated: true }];
    const rows = spans.count(call, conjunction<PlanLeaf>([...(filter === undefined ? [] : [filter]), ...filled]));
    return { call: rows, result: { kind: 'coalesce', args: [columnRef(rows.field), rowNumber(0)], type: INT8 } };
  }
  if (call.distinct || arg === undefined || !spans.isLinear(arg)) return undefined;
  if (call.fn === 'sum(interval)') return { call };
  if (call.fn !== 'sum(float8)') return undefined;
  const micros = spans.micros(call, arg);
  return { call: micros, result: secondsOf(micros.field) };
}

/** These give the same however often a row is there. */
const INSENSITIVE: ReadonlySet<string> = new Set(['min', 'max', 'bool_and', 'bool_or', 'every', 'bit_and', 'bit_or']);
const DISTINCT: ReadonlySet<string> = new Set(['count', 'sum', 'avg', 'min', 'max', 'bool_and', 'bool_or', 'every']);

/** `micros::float8 / 1000000` */
function secondsOf(field: Field): PlanExpr {
  const micros: PlanExpr = {
    kind: 'call',
    fn: 'float8(int8)',
    args: [columnRef(field)],
    type: FLOAT8,
    volatility: 'immutable',
    isCast: true,
  };
  const million: PlanExpr = { kind: 'constant', type: FLOAT8, value: '1000000' };
  return { kind: 'call', fn: 'float8div(float8,float8)', operator: '/', args: [micros, million], type: FLOAT8, volatility: 'immutable' };
}

/** PostgreSQL's sum of int4 is a bigint, that of bigint a numeric: sums of these numbers are bigints. */
const SUM = 'sum(int4)';

function expressionsIn(call: PlanAggregate): readonly PlanExpr[] {
  return [...call.args, ...(call.filter === undefined ? [] : [call.filter])];
}

/** A timeline's columns: what is the same for whole spans, and what adds up. */
class Spans {
  readonly #timeline: TimelineOperator;
  readonly #planning: Planning;
  readonly #kept: ReadonlySet<number>;
  readonly #seconds: Field | undefined;
  readonly #duration: Field | undefined;
  #count: Field | undefined;
  #micros: Field | undefined;

  constructor(timeline: TimelineOperator, planning: Planning) {
    const { spec, fields } = timeline;
    this.#timeline = timeline;
    this.#planning = planning;
    const first = columnsBeforeSignals(spec);
    // started_at, ended_at, duration, seconds, is_open
    this.#duration = fields[first - 3];
    this.#seconds = fields[first - 2];
    const kept = [...fields.slice(0, first - 5), ...fields.slice(first).filter((_, n) => spec.signals[n]?.numerical === false)];
    this.#kept = new Set(kept.map((field) => field.id));
  }

  /** Does it read nothing but what is the same for whole spans? */
  keeps(expr: PlanExpr): boolean {
    return [...columnIds(expr)].every((id) => this.#kept.has(id));
  }

  /** Is it `f(kept columns) * length`: what spans with equal columns add up to is then that of their sum. */
  isLinear(expr: PlanExpr): boolean {
    switch (expr.kind) {
      case 'column':
        return expr.id === this.#seconds?.id || expr.id === this.#duration?.id;
      case 'constant':
        return isNothing(expr.value);
      case 'case':
        return (
          (expr.arg === undefined || this.keeps(expr.arg)) &&
          expr.whens.every(({ when, result }) => this.keeps(when) && this.isLinear(result)) &&
          this.isLinear(expr.otherwise)
        );
      default:
        return false;
    }
  }

  /** `count(…)` as the sum of what digests count. */
  count(call: PlanAggregate, filter: PlanExpr | undefined): PlanAggregate {
    this.#count ??= this.#planning.newField('spans', INT8);
    return {
      ...call,
      field: this.#planning.newField('rows', INT8),
      fn: SUM,
      args: [columnRef(this.#count)],
      filter,
    };
  }

  /** `sum(seconds)` by whole microseconds: exact, and the same in any order. */
  micros(call: PlanAggregate, arg: PlanExpr): PlanAggregate {
    this.#micros ??= this.#planning.newField('micros', INT8);
    return { ...call, field: this.#planning.newField('micros', INT8), fn: SUM, args: [inMicros(arg, this.#micros)] };
  }

  /** The operator with sums of spans instead of spans, for what reads these columns of it. */
  digest(read: ReadonlySet<number>): TimelineOperator {
    const { fields } = this.#timeline;
    const sums = [
      { sum: 'micros', field: this.#micros },
      { sum: 'duration', field: this.#duration },
      { sum: 'count', field: this.#count },
    ] as const;
    let asked = sums.flatMap(({ sum, field }) => (field !== undefined && read.has(field.id) ? [{ sum, field }] : []));
    const columns = fields.flatMap(({ id }, n) => (read.has(id) && this.#kept.has(id) ? [n] : []));
    if (columns.length + asked.length === 0) asked = [{ sum: 'count', field: this.#planning.newField('spans', INT8) }];
    const { spec, moved } = this.#narrowed(
      columns,
      asked.some(({ sum }) => sum === 'count'),
    );
    const digest: TimelineDigest = { columns: moved, sums: asked.map(({ sum }) => sum) };
    return {
      ...this.#timeline,
      spec,
      digest,
      fields: [...columns.flatMap((n) => fields[n] ?? []), ...asked.map(({ field }) => field)],
    };
  }

  /**
   * The call without signals that nobody reads, where that cannot be seen: they split spans, which changes how many there are but not
   * what they add up to; durations split nothing. With `ties => 'error'` a signal nobody reads may still raise the error. A span shows
   * the first of equal values, so with fewer splits another one of 1.0 and 1.00 might show.
   */
  #narrowed(columns: readonly number[], counts: boolean): { readonly spec: TimelineSpec; readonly moved: readonly number[] } {
    const { spec } = this.#timeline;
    const first = columnsBeforeSignals(spec);
    const splits = spec.signals.flatMap(({ numerical }, n) => (numerical ? [] : [n]));
    const read = columns.flatMap((n) => (n < first ? [] : [n - first]));
    const alike = read.every((n) => isIdentityType(spec.signals[n]?.type ?? NUMERIC));
    if (spec.ties === 'error') return { spec, moved: columns };
    const kept = signalClosure(spec, counts || !alike ? splits : read);
    return {
      spec: withSignals(spec, kept),
      moved: columns.map((n) => (n < first ? n : first + kept.indexOf(n - first))),
    };
  }
}

/** A linear expression in seconds, in microseconds: its columns, zeros and NULLs. */
function inMicros(expr: PlanExpr, micros: Field): PlanExpr {
  switch (expr.kind) {
    case 'column':
      return columnRef(micros);
    case 'case':
      return {
        ...expr,
        whens: expr.whens.map(({ when, result }) => ({ when, result: inMicros(result, micros) })),
        otherwise: inMicros(expr.otherwise, micros),
        type: INT8,
      };
    default:
      return { kind: 'constant', type: INT8, value: expr.kind === 'constant' ? expr.value : null };
  }
}

/** NULL, and zero of float8 and interval. */
function isNothing(value: string | null): boolean {
  return value === null || value === '0' || value === '00:00:00';
}
