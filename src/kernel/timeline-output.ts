import { subplansOf } from '../../planner/logical-plan.js';
import { fieldsOf, type Operator, type PlanExpr, type TimelineOperator } from '../../planner/physical-plan.js';
import { columnsBeforeSignals, spanColumns } from '../../planner/timeline-parts.js';
import type { SpanOutput } from '../timeline/span-rows.js';

/**
 * What the operators above a timeline operator do with its rows: which columns they read at all, and values that its signals must have
 * for a row to pass the filter right above. That filter still runs: rows are only left out that it surely would not pass.
 */
export function timelineOutput(root: Operator, timeline: TimelineOperator): SpanOutput {
  const uses: { readonly needed: ReadonlySet<number> | 'all'; readonly filters: readonly PlanExpr[] }[] = [];
  const visit = (op: Operator, needed: ReadonlySet<number> | 'all', filters: readonly PlanExpr[]): void => {
    if (op === timeline) uses.push({ needed, filters });
    for (const plan of subplansOf(op)) visit(plan, 'all', []);
    const plus = (exprs: unknown): ReadonlySet<number> | 'all' => (needed === 'all' ? 'all' : new Set([...needed, ...columnsIn(exprs)]));
    switch (op.kind) {
      case 'scan':
      case 'exchange_read':
      case 'values':
      case 'recursive_read':
      case 'shared_read':
        return;
      case 'filter':
        visit(op.input, plus(op.predicate), [...filters, op.predicate]);
        return;
      case 'project':
        visit(op.input, columnsIn(op.items.map((item) => item.expr)), []);
        return;
      case 'aggregate':
        // The final phase reads states, which are no expressions.
        visit(op.input, op.phase === 'final' ? 'all' : columnsIn([op.keys, op.aggregates]), []);
        return;
      case 'sort':
        visit(op.input, plus(op.keys), []);
        return;
      case 'limit':
        visit(op.input, needed, []);
        return;
      case 'join':
        // the right side of a LATERAL join reads what it likes of the left one
        visit(op.left, op.lateral === true ? 'all' : plus(op.condition), []);
        visit(op.right, plus(op.condition), []);
        return;
      case 'distinct':
      case 'assert':
        visit(op.input, 'all', []);
        return;
      case 'window':
      case 'table_function':
      case 'sample':
        visit(op.input, 'all', []);
        return;
      case 'recursive':
        visit(op.base, 'all', []);
        visit(op.step, 'all', []);
        return;
      case 'union_all':
        for (const input of op.inputs) visit(input, 'all', []);
        return;
      case 'timeline':
        visit(op.input, 'all', []);
        if (op.horizon !== undefined) visit(op.horizon, 'all', []);
    }
  };
  visit(root, new Set(fieldsOf(root).map((field) => field.id)), []);
  const [use] = uses;
  if (use === undefined || uses.length > 1) return { wanted: timeline.fields.map(() => true), required: [] };
  const { needed, filters } = use;
  return {
    wanted: timeline.fields.map((field) => needed === 'all' || needed.has(field.id)),
    required: filters.flatMap((filter) => required(filter, timeline)),
  };
}

/** Ids of all columns in a piece of a plan. */
function columnsIn(value: unknown): ReadonlySet<number> {
  const ids = new Set<number>();
  const look = (part: unknown): void => {
    if (typeof part !== 'object' || part === null) return;
    const { kind, id } = part as { readonly kind?: unknown; readonly id?: unknown };
    if (kind === 'column' && typeof id === 'number') ids.add(id);
    for (const child of Object.values(part)) look(child);
  };
  look(value);
  return ids;
}

/** `a AND NOT b AND c = 'text'`: the conjuncts that are this simple. */
function required(expr: PlanExpr, timeline: TimelineOperator): SpanOutput['required'] {
  const first = columnsBeforeSignals(timeline.spec);
  const columns = spanColumns(timeline);
  const must = (arg: PlanExpr | undefined, value: boolean | string): SpanOutput['required'] => {
    if (arg?.kind === 'cast' && arg.via === 'relabel') return must(arg.arg, value);
    const signal = arg?.kind === 'column' ? (columns[timeline.fields.findIndex((field) => field.id === arg.id)] ?? -1) - first : -1;
    return signal < 0 ? [] : [{ signal, value }];
  };
  switch (expr.kind) {
    case 'and':
      return expr.args.flatMap((arg) => required(arg, timeline));
    case 'column':
      return must(expr, true);
    case 'not':
      return must(expr.arg, false);
    case 'call': {
      if (expr.fn !== 'texteq(text,text)') return [];
      const [a, b] = expr.args;
      if (b?.kind === 'constant' && b.value !== null) return must(a, b.value);
      if (a?.kind === 'constant' && a.value !== null) return must(b, a.value);
      return [];
    }
    default:
      return [];
  }
}
