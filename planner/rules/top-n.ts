import { columnIds, hasSubquery, substitute } from '../columns.js';
import { isVolatile } from '../expression.js';
import { rewrite } from '../logical-plan.js';
import { fieldsOf, type Operator, type PlanLeaf, type SortKey, type SortOperator } from '../physical-plan.js';

/**
 * ORDER BY … LIMIT as one operator, which keeps N rows and not all; of a LEFT JOIN by columns of its left side alone, only the
 * first N rows of that side are joined.
 */
export function topN(plan: Operator): Operator {
  return rewrite(plan, (op) => {
    if (op.kind !== 'limit' || op.input.kind !== 'sort' || op.input.limit !== undefined || op.input.offset !== undefined) return op;
    return belowJoin({
      ...op.input,
      ...(op.limit === undefined ? {} : { limit: op.limit }),
      ...(op.offset === undefined ? {} : { offset: op.offset }),
    });
  });
}

function belowJoin(sort: SortOperator): Operator {
  const { limit, offset } = sort;
  return limit === undefined ? sort : { ...sort, input: firstOf(sort.input, sort.keys, limit + (offset ?? 0)) ?? sort.input };
}

/** An operator of whose rows at least the first `limit` are left, where an outer join lies below it; undefined where none does. */
function firstOf(op: Operator, keys: readonly SortKey[], limit: number): Operator | undefined {
  if (op.kind === 'project') {
    const by = new Map(op.items.map((item) => [item.field.id, item.expr]));
    const below = keys.map((key) => ({ ...key, expr: substitute(key.expr, by) }));
    const input = firstOf(op.input, below, limit);
    return input === undefined ? undefined : { ...op, input };
  }
  if (op.kind !== 'join' || op.lateral === true || (op.type !== 'left' && op.type !== 'right')) return undefined;
  const side = op.type === 'left' ? op.left : op.right;
  const own = new Set(fieldsOf(side).map((field) => field.id));
  const sortable = keys.every(
    ({ expr }) => !isVolatile<PlanLeaf>(expr) && !hasSubquery(expr) && [...columnIds(expr)].every((id) => own.has(id)),
  );
  if (!sortable) return undefined;
  const first: Operator = { kind: 'sort', input: firstOf(side, keys, limit) ?? side, keys, limit };
  return op.type === 'left' ? { ...op, left: first } : { ...op, right: first };
}
