import { conjuncts, isVolatile } from '../expression.js';
import { fieldsOf, type Operator, type PlanExpr, type PlanLeaf } from '../physical-plan.js';
import type { Planning } from '../planning.js';
import { required } from './null-rejection.js';

/** Is the expression provably not NULL in every row of the operator? */
export function isNeverNull(expr: PlanExpr, op: Operator, planning: Planning): boolean {
  switch (expr.kind) {
    case 'constant':
      return expr.value !== null;
    case 'cast':
      return isNeverNull(expr.arg, op, planning);
    case 'coalesce':
      return expr.args.some((arg) => isNeverNull(arg, op, planning));
    case 'column':
      return isFilled(expr.id, op, planning);
    default:
      return false;
  }
}

function isFilled(id: number, op: Operator, planning: Planning): boolean {
  switch (op.kind) {
    case 'scan': {
      const field = op.fields.find((one) => one.id === id && one.path === undefined);
      const table = field && planning.table(op.schema, op.table);
      // What was NOT NULL when the statement was analysed may be no more in what it reads.
      if (table?.schemaVersion !== undefined && table.schemaVersion !== table.description.schemaVersion) return false;
      return table?.description.columns.find(({ name }) => name === field?.name)?.nullable === false;
    }
    case 'values': {
      const at = op.fields.findIndex((field) => field.id === id);
      return at >= 0 && op.rows.every((row) => row[at]?.kind === 'constant' && row[at].value !== null);
    }
    case 'filter': {
      const sure = conjuncts<PlanLeaf>(op.predicate).filter((part) => !isVolatile<PlanLeaf>(part));
      return required(sure).has(id) || isFilled(id, op.input, planning);
    }
    case 'project': {
      const item = op.items.find(({ field }) => field.id === id);
      return item !== undefined && isNeverNull(item.expr, op.input, planning);
    }
    case 'aggregate': {
      if (op.sets !== undefined) return false;
      const key = op.keys.find(({ field }) => field.id === id);
      if (key !== undefined) return isNeverNull(key.expr, op.input, planning);
      return op.aggregates.some((call) => call.field.id === id && call.fn.startsWith('count('));
    }
    case 'join': {
      const left = op.type !== 'right' && op.type !== 'full' && isFilled(id, op.left, planning);
      return left || ((op.type === 'inner' || op.type === 'cross' || op.type === 'right') && isFilled(id, op.right, planning));
    }
    case 'union_all': {
      const at = op.fields.findIndex((field) => field.id === id);
      return (
        at >= 0 &&
        op.inputs.every((input) => {
          const field = fieldsOf(input)[at];
          return field !== undefined && isFilled(field.id, input, planning);
        })
      );
    }
    case 'sort':
    case 'limit':
    case 'distinct':
    case 'window':
    case 'sample':
    case 'assert':
    case 'table_function':
      return isFilled(id, op.input, planning);
    default:
      return false;
  }
}
