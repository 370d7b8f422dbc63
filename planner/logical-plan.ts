import type { FrameBound } from '../sql/query.js';
import type { Type } from '../sql/types.js';
import { mapLeaves, someNode } from './expression.js';
import type { Field, Operator, PlanExpr, PlanLeaf, ValuesOperator } from './physical-plan.js';
import { fieldsOf } from './physical-plan.js';

/**
 * A logical plan is the Operator tree of physical-plan.ts before it is cut: one vocabulary for both. What differs:
 * scans have a handle but no splits yet, aggregates are all `single`, and there is no `exchange_read`.
 */

/** The same operator over other inputs (`map` is applied to each direct one, the horizon of a timeline included). */
export function mapInputs(op: Operator, map: (input: Operator) => Operator): Operator {
  switch (op.kind) {
    case 'scan':
    case 'exchange_read':
    case 'values':
    case 'recursive_read':
    case 'shared_read':
      return op;
    case 'filter':
    case 'project':
    case 'window':
    case 'table_function':
    case 'sample':
    case 'aggregate':
    case 'sort':
    case 'limit':
    case 'distinct':
    case 'assert':
      return same(op.input, map(op.input), (input) => ({ ...op, input }), op);
    case 'join': {
      const left = map(op.left);
      const right = map(op.right);
      return left === op.left && right === op.right ? op : { ...op, left, right };
    }
    case 'recursive': {
      const base = map(op.base);
      const step = map(op.step);
      return base === op.base && step === op.step ? op : { ...op, base, step };
    }
    case 'union_all': {
      const inputs = op.inputs.map(map);
      return inputs.every((input, n) => input === op.inputs[n]) ? op : { ...op, inputs };
    }
    case 'timeline': {
      const input = map(op.input);
      const horizon = op.horizon === undefined ? undefined : map(op.horizon);
      return input === op.input && horizon === op.horizon ? op : { ...op, input, horizon };
    }
  }
}

function same(before: Operator, after: Operator, build: (input: Operator) => Operator, op: Operator): Operator {
  return before === after ? op : build(after);
}

export function inputsOf(op: Operator): readonly Operator[] {
  const inputs: Operator[] = [];
  mapInputs(op, (input) => {
    inputs.push(input);
    return input;
  });
  return inputs;
}

/** Bottom-up rewriting: inputs first, then the operator itself. */
export function rewrite(op: Operator, rule: (op: Operator) => Operator): Operator {
  return rule(mapInputs(op, (input) => rewrite(input, rule)));
}

/** The operator with `map` applied to each of its own expressions. */
export function mapExpressions(op: Operator, map: (expr: PlanExpr) => PlanExpr): Operator {
  switch (op.kind) {
    case 'scan':
    case 'exchange_read':
    case 'limit':
    case 'distinct':
    case 'union_all':
    case 'assert':
    case 'timeline':
    case 'sample':
    case 'recursive':
    case 'recursive_read':
    case 'shared_read':
      return op;
    case 'values':
      return { ...op, rows: op.rows.map((row) => row.map(map)) };
    case 'filter':
      return { ...op, predicate: map(op.predicate) };
    case 'project':
      return { ...op, items: op.items.map((item) => ({ ...item, expr: map(item.expr) })) };
    case 'join':
      return op.condition === undefined ? op : { ...op, condition: map(op.condition) };
    case 'sort':
      return { ...op, keys: op.keys.map((key) => ({ ...key, expr: map(key.expr) })) };
    case 'aggregate':
      return {
        ...op,
        keys: op.keys.map((key) => ({ ...key, expr: map(key.expr) })),
        aggregates: op.aggregates.map((a) => ({
          ...a,
          args: a.args.map(map),
          orderBy: a.orderBy.map((key) => ({ ...key, expr: map(key.expr) })),
          filter: a.filter === undefined ? undefined : map(a.filter),
          ...(a.direct === undefined ? {} : { direct: a.direct.map(map) }),
        })),
      };
    case 'window': {
      const bound = (side: FrameBound<PlanExpr>): FrameBound<PlanExpr> => ('offset' in side ? { ...side, offset: map(side.offset) } : side);
      return {
        ...op,
        partitionBy: op.partitionBy.map(map),
        orderBy: op.orderBy.map((key) => ({ ...key, expr: map(key.expr) })),
        frame: { ...op.frame, start: bound(op.frame.start), end: bound(op.frame.end) },
        calls: op.calls.map((call) => ({
          ...call,
          args: call.args.map(map),
          filter: call.filter === undefined ? undefined : map(call.filter),
        })),
      };
    }
    case 'table_function':
      return { ...op, calls: op.calls.map((call) => ({ ...call, call: map(call.call) })) };
  }
}

export function noRows(fields: readonly Field[]): ValuesOperator {
  return { kind: 'values', rows: [], fields };
}

export function isEmpty(op: Operator): boolean {
  return op.kind === 'values' && op.rows.length === 0;
}

/** Fields by position: a project that gives `fields` the values of the input's fields in order. */
export function renamed(input: Operator, fields: readonly Field[]): Operator {
  const from = fieldsOf(input);
  return {
    kind: 'project',
    input,
    items: fields.map((field, n) => {
      const source = from[n];
      if (source === undefined) throw new Error('renaming to more fields than there are');
      return { field, expr: { kind: 'column', id: source.id, type: source.type } };
    }),
  };
}

export function sameType(a: Type, b: Type): boolean {
  return a.oid === b.oid && a.typmod === b.typmod;
}

/** The plans of the subqueries in an operator's own expressions, replaced. */
export function mapSubplans(op: Operator, map: (plan: Operator) => Operator): Operator {
  let found = false;
  const mapped = mapExpressions(op, (expr) => {
    if (!someNode<PlanLeaf>(expr, (node) => node.kind === 'subquery')) return expr;
    found = true;
    return inExpression(expr, map);
  });
  return found ? mapped : op;
}

function inExpression(expr: PlanExpr, map: (plan: Operator) => Operator): PlanExpr {
  return mapLeaves<PlanLeaf, PlanLeaf>(expr, (leaf) => {
    if (leaf.kind !== 'subquery') return leaf;
    return { ...leaf, plan: map(leaf.plan), test: leaf.test === undefined ? undefined : inExpression(leaf.test, map) };
  });
}

/** The plans of the subqueries in an operator's own expressions. */
export function subplansOf(op: Operator): readonly Operator[] {
  const plans: Operator[] = [];
  mapSubplans(op, (plan) => {
    plans.push(plan);
    return plan;
  });
  return plans;
}

/** Operators in a tree, the root first, those of subqueries in its expressions too. */
export function* operatorsIn(op: Operator): Generator<Operator> {
  yield op;
  for (const plan of subplansOf(op)) yield* operatorsIn(plan);
  for (const input of inputsOf(op)) yield* operatorsIn(input);
}
