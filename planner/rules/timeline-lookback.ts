import { columnRef } from '../expression.js';
import { fieldsOf, type Operator, type PlanExpr, type PlanLeaf, type TimelineOperator, type UnboundedLookback } from '../physical-plan.js';
import { timeBound } from '../time-bound.js';
import { mapTimelines } from '../timeline-above.js';
import { stateLeaves } from '../timeline-parts.js';
import type { TimelineLeaf, TimelineSpec } from '../timeline-spec.js';
import { dropsUntouched } from '../timeline-untouched.js';
import { pushFilters } from './filter-pushdown.js';
import type { RuleContext } from './rule.js';

/**
 * Events that no output can depend on any more are not read. The first output is at `since` (else at the first `at`); call it S, and L
 * the longest that any leaf remembers. What is read begins at B = S - L. Then the answer is the same, for:
 *
 * - At every t >= S leaves are the same: within(d) and ttl look at events in (t - d, t], which are not before B. Signals are functions of
 *   leaves and keys (with an operator over states there is no bound).
 * - Liveness is the same where it can be seen. With `idle` (which counts for L): a key whose last event is before B is idle at
 *   S, and has no row until its next event, read or not; of any other the last event is read, and whether it `ends`. Without `idle` a
 *   row counts only if the filter above lets it pass; that drops all rows of untouched keys, so in a row that counts some leaf remembers an
 *   event, which was read, and so was the last one.
 * - When the key's timeline begins cannot be seen: with `idle` by the same argument. But with `fill` a key whose early events were not read
 *   would be filled up to its next one, with initial values: these rows must be dropped by the filter, whether there is `idle` or not.
 * - Spans are runs of equal tuples among rows that count; a run that counts borders on none of an untouched key, or that would count too.
 * - `dedupe` may drop an event because of one long ago, and `ties => 'error'` may complain about one: no bound.
 */
export function boundLookback(plan: Operator, { planning }: RuleContext): Operator {
  if (planning.timelineRules?.lookback === 'off') return plan;
  return mapTimelines(plan, (timeline, filters) => {
    const { spec, reading } = timeline;
    const start = spec.since ?? spec.at?.[0];
    if (start === undefined) return undefined;
    const bound = boundOf(timeline, filters);
    if (bound.kind === 'unbounded')
      return reading?.lookback === undefined ? { ...timeline, reading: { ...reading, lookback: bound } } : undefined;
    const from = BigInt(start) - bound.micros;
    if (reading?.lookback !== undefined && reading.lookback.kind !== 'unbounded' && BigInt(reading.lookback.from) >= from) return undefined;
    const ts = fieldsOf(timeline.input).find(({ id }) => id === spec.ts);
    if (ts === undefined) return undefined;
    const predicate = timeBound<PlanLeaf>(columnRef(ts), '>=', from);
    return {
      ...timeline,
      input: pushFilters({ kind: 'filter', input: timeline.input, predicate }),
      reading: { ...reading, lookback: { kind: 'found', from: from.toString() } },
    };
  });
}

type Bound = UnboundedLookback | { readonly kind: 'bounded'; readonly micros: bigint };

function boundOf(timeline: TimelineOperator, filters: readonly PlanExpr[]): Bound {
  const { spec } = timeline;
  const unbounded = (why: string): Bound => ({ kind: 'unbounded', why });
  if (spec.probe !== undefined) return unbounded('instants are rows');
  if (spec.dedupe.length > 0) return unbounded('dedupe');
  if (spec.ties === 'error') return unbounded("ties => 'error'");
  const state = stateOperator(spec);
  if (state !== undefined) return unbounded(`${state} of a state`);
  let micros = spec.idle === undefined ? 0n : BigInt(spec.idle);
  for (const [n, leaf] of spec.leaves.entries()) {
    const remembers = memoryOf(leaf);
    if (remembers === undefined) return { kind: 'unbounded', why: leaf.op, leaf: n };
    if (remembers > micros) micros = remembers;
  }
  const hidden = (spec.idle !== undefined && !spec.fill) || dropsUntouched(filters, timeline);
  return hidden ? { kind: 'bounded', micros } : unbounded('rows show that a key had earlier events');
}

/** How long a leaf remembers an event; undefined: for ever. */
function memoryOf(leaf: TimelineLeaf): bigint | undefined {
  if (leaf.op === 'has_existed_within') return BigInt(leaf.within);
  return leaf.op === 'latest' && leaf.ttl !== undefined ? BigInt(leaf.ttl) : undefined;
}

function stateOperator(spec: TimelineSpec): string | undefined {
  for (const signal of spec.signals) for (const leaf of stateLeaves(signal.expr)) if (leaf.kind === 'state_op') return leaf.op;
  return undefined;
}
