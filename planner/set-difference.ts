import type { SetOperation } from '../sql/query.js';
import { columnRef } from './expression.js';
import { type Field, fieldsOf, type Operator, type PlanExpr } from './physical-plan.js';
import type { Planning } from './planning.js';
import { compare, INT8, minus, rowNumber } from './row-counts.js';

/**
 * INTERSECT and EXCEPT [ALL] by counting: how often each row is in the left and in the right input, NULLs being equal.
 * Each side is counted where it is read (grouping splits over tasks, a join of rows with NULLs does not); then the two
 * counts meet. ALL repeats each row as often as the counts say.
 */
export function commonRows(request: {
  readonly node: SetOperation & { readonly kind: 'set' };
  readonly left: Operator;
  readonly right: Operator;
  readonly fields: readonly Field[];
  readonly planning: Planning;
}): Operator {
  const { node, planning, fields } = request;
  const sides = [counted(request.left, 0, planning), counted(request.right, 1, planning)];
  const both = fields.map((field) => planning.newField(field.name, field.type));
  const inLeft = planning.newField('in_left', INT8);
  const inRight = planning.newField('in_right', INT8);
  const union: Operator = { kind: 'union_all', inputs: sides, fields: [...both, inLeft, inRight] };
  const left = planning.newField('in_left', INT8);
  const right = planning.newField('in_right', INT8);
  // a row is at most once among the counted of a side: its count is the greatest
  const most = (field: Field, of: Field) =>
    ({ field, fn: 'max(int8)', args: [columnRef(of)], distinct: false, orderBy: [], filter: undefined, state: [] }) as const;
  const grouped: Operator = {
    kind: 'aggregate',
    phase: 'single',
    input: union,
    keys: fields.map((field, n) => ({ field, expr: columnRef(both[n] as Field) })),
    aggregates: [most(left, inLeft), most(right, inRight)],
  };
  const times = copies(node, columnRef(left), columnRef(right));
  const kept: Operator = { kind: 'filter', input: grouped, predicate: compare(times, '>', rowNumber(0)) };
  const rows: Operator = !node.all
    ? kept
    : {
        kind: 'table_function',
        input: kept,
        calls: [
          {
            call: {
              kind: 'call',
              fn: 'generate_series(int8,int8)',
              args: [rowNumber(1), times],
              type: INT8,
              volatility: 'immutable',
              retset: true,
            },
            fields: [planning.newField('copy', INT8)],
          },
        ],
        ordinality: undefined,
      };
  return {
    kind: 'project',
    input: rows,
    items: fields.map((field) => ({ field: planning.newField(field.name, field.type), expr: columnRef(field) })),
  };
}

/** How often a row is in the result. A side that does not have it says NULL. */
function copies(node: SetOperation & { readonly kind: 'set' }, left: PlanExpr, right: PlanExpr): PlanExpr {
  const count = (side: PlanExpr): PlanExpr => ({ kind: 'coalesce', args: [side, rowNumber(0)], type: INT8 });
  if (node.op === 'intersect') return { kind: 'minmax', op: 'least', args: [count(left), count(right)], type: INT8 };
  if (node.all) return minus(count(left), count(right));
  const absent: PlanExpr = { kind: 'is_null', arg: right, negated: false };
  return { kind: 'case', whens: [{ when: absent, result: count(left) }], otherwise: rowNumber(0), type: INT8 };
}

/** The different rows of one side, and how often it has each, in the first or the second of two columns. */
function counted(input: Operator, side: 0 | 1, planning: Planning): Operator {
  const keys = fieldsOf(input).map((field) => ({ field: planning.newField(field.name, field.type), expr: columnRef(field) }));
  const count = planning.newField('count', INT8);
  const grouped: Operator = {
    kind: 'aggregate',
    phase: 'single',
    input,
    keys,
    aggregates: [{ field: count, fn: 'count()', args: [], distinct: false, orderBy: [], filter: undefined, state: [] }],
  };
  const sides: readonly PlanExpr[] = [0, 1].map((n) => (n === side ? columnRef(count) : { kind: 'constant', type: INT8, value: null }));
  return {
    kind: 'project',
    input: grouped,
    items: [
      ...keys.map(({ field }) => ({ field: planning.newField(field.name, field.type), expr: columnRef(field) })),
      ...sides.map((expr, n) => ({ field: planning.newField(n === 0 ? 'in_left' : 'in_right', INT8), expr })),
    ],
  };
}
