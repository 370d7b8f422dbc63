import { internal } from '../sql/errors.js';
import type { Query, SetOperation } from '../sql/query.js';
import type { Type } from '../sql/types.js';
import { coerce } from './coercion.js';
import { columnRef } from './expression.js';
import type { QueryContext } from './from-query.js';
import { sameType } from './logical-plan.js';
import { type Field, fieldsOf, type Operator } from './physical-plan.js';
import { between, type Planning, type Scope } from './planning.js';
import { rangeOf } from './query-walk.js';
import { commonRows } from './set-difference.js';

type SetNode = SetOperation & { readonly kind: 'set' };

/** UNION, INTERSECT, EXCEPT; the scope's columns are the set operation's own, whichever leaf a target names (PostgreSQL names the leftmost). */
export function planSetOperation(
  query: Query,
  set: SetOperation,
  context: QueryContext,
): { readonly input: Operator; readonly scope: Scope } {
  const input = planBranch(query, set, undefined, context);
  const fields = fieldsOf(input);
  return {
    input,
    scope: {
      outer: context.outer,
      column: (v) => {
        const field = fields[v.column - 1];
        if (field === undefined) throw internal(`set operation has no column ${v.column}`);
        return columnRef(field);
      },
    },
  };
}

/** One side of a set operation, its columns cast to `types` when those are given. */
export function planBranch(query: Query, node: SetOperation, types: readonly Type[] | undefined, context: QueryContext): Operator {
  const { ctes, outer, planning } = context;
  if (node.kind === 'leaf') {
    const range = rangeOf(query, node.range);
    if (range.kind !== 'subquery') throw internal(`leaf of a set operation is a ${range.kind}`);
    const leaf = planning.query(range.query, ctes, between(outer));
    return types === undefined ? leaf : coerced(leaf, types, planning);
  }
  const fields = node.types.map((type, n) => planning.newField(query.targets[n]?.name ?? `column${n + 1}`, type));
  const left = planBranch(query, node.left, node.types, context);
  const right = planBranch(query, node.right, node.types, context);
  const combined = node.op === 'union' ? union(node, left, right, fields) : commonRows({ node, left, right, fields, planning });
  return types === undefined ? combined : coerced(combined, types, planning);
}

function union(node: SetNode, left: Operator, right: Operator, fields: readonly Field[]): Operator {
  const inputs = [left, right].flatMap((input) =>
    // a UNION ALL inside a UNION [ALL] is one list
    input.kind === 'union_all' && input.fields.every((field, n) => sameType(field.type, (fields[n] as Field).type))
      ? input.inputs
      : [input],
  );
  const all: Operator = { kind: 'union_all', inputs, fields };
  return node.all ? all : { kind: 'distinct', input: all };
}

/** PostgreSQL leaves the casts of a set operation's columns to its planner, so they are made here. */
function coerced(input: Operator, types: readonly Type[], planning: Planning): Operator {
  const from = fieldsOf(input);
  if (from.every((field, n) => sameType(field.type, types[n] ?? field.type))) return input;
  return {
    kind: 'project',
    input,
    items: from.map((field, n) => {
      const type = types[n] ?? field.type;
      return { field: planning.newField(field.name, type), expr: coerce(columnRef(field), type) };
    }),
  };
}
