import { columnIds } from './columns.js';
import { columnRef } from './expression.js';
import { mapExpressions } from './logical-plan.js';
import { type AggregateOperator, fieldsOf, type Operator } from './physical-plan.js';

/** An aggregate's input with only the columns that it reads, to be sent to another task. */
export function readBy(op: AggregateOperator, input: Operator): Operator {
  const read = new Set<number>();
  mapExpressions(op, (expr) => {
    columnIds(expr, read);
    return expr;
  });
  const fields = fieldsOf(input);
  const kept = fields.filter((field) => read.has(field.id));
  if (kept.length === fields.length || kept.length === 0) return input;
  return { kind: 'project', input, items: kept.map((field) => ({ field, expr: columnRef(field) })) };
}

/** Do the rows of this tree come in an order that the query asked for? */
export function isOrdered(op: Operator): boolean {
  switch (op.kind) {
    case 'sort':
      return true;
    case 'filter':
    case 'project':
    case 'table_function':
    case 'limit':
    case 'assert':
      return isOrdered(op.input);
    default:
      return false;
  }
}

/** Rows of a stage under other names: their files are as good for many readers as a copy of them. */
export function isSharedRead(op: Operator): boolean {
  if (op.kind === 'union_all') return op.inputs.every(isSharedRead);
  return op.kind === 'project' ? isSharedRead(op.input) : op.kind === 'exchange_read';
}
