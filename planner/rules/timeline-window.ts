import { directInput } from '../direct-timeline.js';
import { mapInputs } from '../logical-plan.js';
import type { Operator, PlanLeaf, TimelineOperator } from '../physical-plan.js';
import { timeBound } from '../time-bound.js';
import { tablePredicate } from './connector-pushdown.js';
import type { RuleContext } from './rule.js';

/**
 * For EXPLAIN and a NOTICE: where a call looks back without a bound, what its table holds from `since` on is asked for by itself, to tell
 * how much of what is read is only there for the state at `since`.
 */
export function askWindows(op: Operator, context: RuleContext): Operator {
  const inner = mapInputs(op, (input) => askWindows(input, context));
  return inner.kind === 'timeline' ? (asked(inner, context) ?? inner) : inner;
}

function asked(timeline: TimelineOperator, { planning, asked: predicates }: RuleContext): TimelineOperator | undefined {
  const { spec, input, reading } = timeline;
  if (spec.since === undefined || reading?.lookback?.kind !== 'unbounded') return undefined;
  const read = directInput(input.kind === 'join' && input.optional === true ? input.left : input);
  const ts = read?.columns.get(spec.ts);
  if (read === undefined || ts?.kind !== 'column') return undefined;
  const { scan } = read;
  const { connector, handle } = planning.table(scan.schema, scan.table);
  const filters = [...(predicates.get(scan.scan) ?? []), tablePredicate(timeBound<PlanLeaf>(ts, '>=', spec.since), scan)];
  const answer = connector.pushdown(handle, { filters, columns: scan.fields.map((field) => field.name), limit: undefined });
  if (answer.answers.at(-1) === 'unsupported') return undefined;
  return { ...timeline, reading: { ...reading, lookback: { ...reading.lookback, window: { scan: scan.scan, handle: answer.handle } } } };
}
