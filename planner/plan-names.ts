import { operatorsIn } from './logical-plan.js';
import { fieldsOf, type PhysicalPlan } from './physical-plan.js';
import { quoteIdentifier } from './print-expression.js';

/** Shown for a computed column without a name. */
const UNNAMED = 'expr';

/** Names of a plan's columns: a column's own name, with its id where another column that is not the same has that name. */
export function planNames(plan: PhysicalPlan): (id: number) => string {
  const byId = new Map<number, string>();
  /** Columns that only pass another one on share its meaning, so they share its name without a mark. */
  const origin = new Map<number, number>();
  const add = (id: number, name: string): void => {
    if (!byId.has(id)) byId.set(id, name === '' ? UNNAMED : name);
  };
  for (const stage of plan.stages) {
    for (const op of operatorsIn(stage.root)) {
      for (const field of fieldsOf(op)) add(field.id, field.name);
      if (op.kind === 'aggregate') for (const call of op.aggregates) add(call.field.id, call.field.name);
      const items = op.kind === 'project' ? op.items : op.kind === 'aggregate' && op.phase !== 'final' ? op.keys : [];
      for (const { field, expr } of items) if (expr.kind === 'column') origin.set(field.id, expr.id);
    }
  }
  const root = (id: number): number => {
    let at = id;
    for (let steps = 0; steps < byId.size; steps += 1) {
      const next = origin.get(at);
      // a hidden column of ORDER BY has no name: it shows the one it has underneath
      if (next === undefined || (byId.get(next) !== byId.get(at) && byId.get(at) !== UNNAMED)) return at;
      at = next;
    }
    return at;
  };
  const roots = new Map<string, Set<number>>();
  const nameOf = (id: number): string | undefined => byId.get(byId.get(id) === UNNAMED ? root(id) : id);
  for (const id of byId.keys()) {
    const name = nameOf(id) ?? UNNAMED;
    roots.set(name, (roots.get(name) ?? new Set()).add(root(id)));
  }
  return (id) => {
    const name = nameOf(id);
    if (name === undefined) return `c${id}`;
    return (roots.get(name)?.size ?? 1) > 1 ? `${quoteIdentifier(name)}#${root(id)}` : quoteIdentifier(name);
  };
}
