import { functionName } from '../../sql/functions/signature.js';
import { conjuncts } from '../expression.js';
import type { JoinOperator, PlanExpr, PlanLeaf } from '../physical-plan.js';
import { fieldsOf } from '../physical-plan.js';

/** Operators that give NULL for a NULL argument, whatever their types are. */
const STRICT_OPERATORS: ReadonlySet<string> = new Set([
  ...['=', '<>', '<', '<=', '>', '>=', '+', '-', '*', '/', '%'],
  ...['~~', '!~~', '~~*', '!~~*', '~', '!~', '~*', '!~*', '->', '->>', '@>', '<@', '&&'],
]);

const STRICT_FUNCTIONS: ReadonlySet<string> = new Set([
  ...['date_trunc', 'extract', 'date_part', 'lower', 'upper', 'length', 'abs', 'round', 'floor', 'ceil', 'substring', 'substr', 'timezone'],
]);

/** Columns that must not be NULL for the predicate to be true. */
function rejectsNull(expr: PlanExpr, into: Set<number> = new Set()): Set<number> {
  const add = (ids: Iterable<number>): Set<number> => {
    for (const id of ids) into.add(id);
    return into;
  };
  switch (expr.kind) {
    case 'and':
      for (const arg of expr.args) rejectsNull(arg, into);
      return into;
    case 'or':
      return add(inAll(expr.args.map((arg) => rejectsNull(arg))));
    case 'is_bool':
      if (expr.test === 'true' && !expr.negated) return rejectsNull(expr.arg, into);
      return expr.negated === (expr.test === 'unknown') ? add(nullForNull(expr.arg)) : into;
    case 'is_null':
      return expr.negated ? add(nullForNull(expr.arg)) : into;
    // NULL = ANY (…) is never true, NULL <> ALL (…) is where the array is empty
    case 'any_all':
      return expr.quantifier === 'any' || isFilledArray(expr.array) ? add(nullForNull(expr.arg)) : into;
    default:
      return add(nullForNull(expr));
  }
}

/** Columns whose being NULL makes the expression NULL. IS TRUE and its like never are: they are FALSE, which NOT turns round. */
function nullForNull(expr: PlanExpr): ReadonlySet<number> {
  switch (expr.kind) {
    case 'column':
      return new Set([expr.id]);
    case 'call': {
      const strict =
        expr.isCast === true ||
        (expr.operator === undefined ? STRICT_FUNCTIONS.has(functionName(expr.fn)) : STRICT_OPERATORS.has(expr.operator));
      return strict ? inAny(expr.args.map(nullForNull)) : new Set();
    }
    case 'cast':
    case 'not':
      return nullForNull(expr.arg);
    // NULL AND FALSE is FALSE
    case 'and':
    case 'or':
      return inAll(expr.args.map(nullForNull));
    case 'any_all':
      return isFilledArray(expr.array) ? nullForNull(expr.arg) : new Set();
    default:
      return new Set();
  }
}

function isFilledArray(array: PlanExpr): boolean {
  if (array.kind === 'array') return array.elements.length > 0;
  return array.kind === 'constant' && array.value !== null && array.value !== '{}';
}

function inAny(sets: readonly ReadonlySet<number>[]): ReadonlySet<number> {
  return new Set(sets.flatMap((set) => [...set]));
}

function inAll(sets: readonly ReadonlySet<number>[]): ReadonlySet<number> {
  const [first, ...rest] = sets;
  return new Set([...(first ?? [])].filter((id) => rest.every((set) => set.has(id))));
}

/** An outer join some of whose rows `required` (columns that are not NULL in any row that counts) drops again, as the join without them. */
export function withoutDropped(op: JoinOperator, required: ReadonlySet<number>): JoinOperator {
  if (required.size === 0) return op;
  const has = (side: JoinOperator['left']): boolean => fieldsOf(side).some((field) => required.has(field.id));
  switch (op.type) {
    case 'left':
      return has(op.right) ? { ...op, type: 'inner' } : op;
    case 'right':
      return has(op.left) ? { ...op, type: 'inner' } : op;
    case 'full': {
      const left = has(op.left);
      const right = has(op.right);
      return left && right ? { ...op, type: 'inner' } : left ? { ...op, type: 'left' } : right ? { ...op, type: 'right' } : op;
    }
    default:
      return op;
  }
}

/** Columns that are not NULL in any row that passes all of these. */
export function required(parts: readonly PlanExpr[]): Set<number> {
  const ids = new Set<number>();
  for (const part of parts) for (const conjunct of conjuncts<PlanLeaf>(part)) rejectsNull(conjunct, ids);
  return ids;
}
