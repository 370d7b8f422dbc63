import { operatorsIn } from './logical-plan.js';
import { fieldsOf, type PhysicalPlan, type PlanExpr } from './physical-plan.js';
import { printExpression, quoteIdentifier } from './print-expression.js';

/** Shown for a computed column without a name. */
const UNNAMED = 'expr';

export interface PlanNames {
  /** A column's own name, with its id where another column that is not the same has that name. */
  readonly name: (id: number) => string;
  /** The expression that computes a column below a TIMELINE operator, whose input columns have no names that say anything. */
  readonly definition: (id: number) => string;
}

export function planNames(plan: PhysicalPlan): PlanNames {
  const byId = new Map<number, string>();
  /** Members of columns, whose names are SQL. */
  const paths = new Set<number>();
  const definitions = new Map<number, PlanExpr>();
  /** Columns that only pass another one on share its meaning, so they share its name without a mark. */
  const origin = new Map<number, number>();
  const reads = new Map<number, number>();
  for (const op of plan.stages.flatMap((stage) => [...operatorsIn(stage.root)])) {
    if (op.kind === 'exchange_read') reads.set(op.stage, (reads.get(op.stage) ?? 0) + 1);
  }
  for (const stage of plan.stages) {
    for (const op of operatorsIn(stage.root)) {
      for (const field of fieldsOf(op)) byId.set(field.id, field.name);
      if (op.kind === 'scan') for (const field of op.fields) if (field.path !== undefined) paths.add(field.id);
      if (op.kind === 'aggregate') for (const call of op.aggregates) byId.set(call.field.id, call.field.name);
      const items = op.kind === 'project' ? op.items : op.kind === 'aggregate' && op.phase !== 'final' ? op.keys : [];
      for (const { field, expr } of items) {
        if (expr.kind !== 'column') definitions.set(field.id, expr);
        // two readers of one stage see the same rows as different ones
        else if (
          expr.id !== field.id &&
          !(op.kind === 'project' && op.input.kind === 'exchange_read' && (reads.get(op.input.stage) ?? 0) > 1)
        )
          origin.set(field.id, expr.id);
      }
    }
  }
  // names that the planner gave: a hidden column of ORDER BY has none, an input of TIMELINE is called after its column's id
  for (const [id, name] of byId) if (name === '' || name === `c${origin.get(id) ?? ''}`) byId.set(id, UNNAMED);
  const root = (id: number): number => {
    let at = id;
    for (let steps = 0; steps < byId.size; steps += 1) {
      const next = origin.get(at);
      if (next === undefined || (byId.get(next) !== byId.get(at) && byId.get(at) !== UNNAMED)) return at;
      at = next;
    }
    return at;
  };
  const nameOf = (id: number): string | undefined => byId.get(byId.get(id) === UNNAMED ? root(id) : id);
  const roots = new Map<string, Set<number>>();
  for (const id of byId.keys()) {
    const name = nameOf(id) ?? UNNAMED;
    roots.set(name, (roots.get(name) ?? new Set()).add(root(id)));
  }
  const name = (id: number): string => {
    const plain = nameOf(id);
    if (plain === undefined) return `c${id}`;
    const shown = paths.has(root(id)) ? plain : quoteIdentifier(plain);
    return (roots.get(plain)?.size ?? 1) > 1 ? `${shown}#${root(id)}` : shown;
  };
  return {
    name,
    definition: (id) => {
      const expr = definitions.get(id);
      return expr === undefined ? name(id) : printExpression(expr, name);
    },
  };
}
