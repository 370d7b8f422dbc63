import { internal, unsupported } from '../sql/errors.js';
import type { SubLink } from '../sql/query.js';
import { type Type, typeName } from '../sql/types.js';
import { outerColumns, requireSameEachTime, substitute } from './columns.js';
import { convertExpression } from './convert-expression.js';
import { columnRef, isVolatile, TRUE } from './expression.js';
import {
  fieldsOf,
  type Operator,
  type PlanAggregate,
  type PlanExpr,
  type PlanLeaf,
  type SortKey,
  type SubqueryExpr,
} from './physical-plan.js';
import type { CteFrames, Planning, Scope } from './planning.js';

const BOOL: Type = TRUE.type;

/** A query in an expression: its names of level 1 are those of `scope`. */
export function planSubquery(
  link: SubLink,
  scope: Scope,
  { ctes, planning }: { readonly ctes: CteFrames; readonly planning: Planning },
): PlanExpr {
  if (link.link === 'exists') return exists(planning.query(link.query, ctes, scope), planning);
  const plan = planning.query(link.query, ctes, scope);
  requireSameEachTime(plan, 'a correlated subquery');
  const fields = fieldsOf(plan);
  const [first] = fields;
  if (first === undefined) throw internal('a subquery without columns as a value');
  switch (link.link) {
    case 'scalar':
      return { kind: 'subquery', link: 'scalar', plan, test: undefined, type: first.type };
    case 'array':
      return arrayOf(plan, link.type, planning);
    case 'rowcompare':
    case 'any':
    case 'all': {
      if (link.test === undefined) throw internal('a comparison with a subquery without the comparison');
      const test = convertExpression(link.test, {
        ...scope,
        subqueryColumn: (column) => {
          const field = fields[column - 1];
          if (field === undefined) throw internal(`a subquery has no column ${column}`);
          return columnRef(field);
        },
      });
      if (isVolatile<PlanLeaf>(test)) throw unsupported('comparing a volatile expression with a subquery');
      if (link.link !== 'rowcompare') return { kind: 'subquery', link: link.link, plan, test, type: BOOL };
      // one row to compare with: NULL without it, an error if there are several, as of any subquery that is a value
      const field = planning.newField('?', BOOL);
      return {
        kind: 'subquery',
        link: 'scalar',
        plan: { kind: 'project', input: plan, items: [{ field, expr: test }] },
        test: undefined,
        type: BOOL,
      };
    }
  }
}

function exists(plan: Operator, planning: Planning): PlanExpr {
  requireSameEachTime(plan, 'a correlated subquery');
  const rows = anyRow(plan);
  if (rows === undefined) return TRUE;
  const field = planning.newField('?', BOOL);
  // one row tells, unless it is another one for each row outside
  const input: Operator = outerColumns(rows).size === 0 ? { kind: 'limit', input: rows, limit: 1 } : rows;
  const one: Operator = { kind: 'project', input, items: [{ field, expr: TRUE }] };
  return { kind: 'subquery', link: 'exists', plan: one, test: undefined, type: BOOL };
}

/** A plan with rows exactly when this one has; undefined if it always has. */
function anyRow(op: Operator): Operator | undefined {
  switch (op.kind) {
    case 'project':
    case 'distinct':
    case 'window':
      return anyRow(op.input);
    case 'sort':
      return op.limit === undefined && op.offset === undefined ? anyRow(op.input) : op;
    case 'limit':
      return (op.limit === undefined || op.limit > 0) && (op.offset ?? 0) === 0 ? anyRow(op.input) : op;
    case 'aggregate':
      if (op.sets !== undefined) return op;
      return op.keys.length === 0 ? undefined : anyRow(op.input);
    default:
      return op;
  }
}

/** ARRAY(query) is array_agg over it in its order, and an empty array where that is NULL. */
function arrayOf(plan: Operator, type: Type, planning: Planning): SubqueryExpr {
  const [first] = fieldsOf(plan);
  if (first === undefined) throw internal('ARRAY of a subquery without columns');
  if (typeName(first.type).startsWith('_')) throw unsupported('ARRAY of a subquery that gives arrays');
  // hidden columns of ORDER BY are below the projections that drop them
  let input = plan;
  let value: PlanExpr = columnRef(first);
  while (input.kind === 'project') {
    value = substitute(value, new Map(input.items.map((item) => [item.field.id, item.expr])));
    input = input.input;
  }
  const orderBy = orderOf(input);
  if (orderBy.length === 0) {
    input = plan;
    value = columnRef(first);
  }
  const array = planning.newField('array', type);
  const call: PlanAggregate = {
    field: array,
    fn: 'array_agg(anynonarray)',
    args: [value],
    distinct: false,
    orderBy,
    filter: undefined,
    state: [],
  };
  const filled = planning.newField('array', type);
  const none: PlanExpr = { kind: 'constant', type, value: '{}' };
  return {
    kind: 'subquery',
    link: 'scalar',
    plan: {
      kind: 'project',
      input: { kind: 'aggregate', phase: 'single', input, keys: [], aggregates: [call] },
      items: [{ field: filled, expr: { kind: 'coalesce', args: [columnRef(array), none], type } }],
    },
    test: undefined,
    type,
  };
}

function orderOf(op: Operator): readonly SortKey[] {
  if (op.kind === 'sort') return op.keys;
  return op.kind === 'limit' ? orderOf(op.input) : [];
}
