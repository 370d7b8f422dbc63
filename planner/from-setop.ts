import { internal, unsupported } from '../sql/errors.js';
import type { Query, SetOperation } from '../sql/query.js';
import type { Type } from '../sql/types.js';
import { coerce } from './coercion.js';
import { columnRef } from './expression.js';
import { rangeOf } from './from-clause.js';
import type { QueryContext } from './from-query.js';
import { sameType } from './logical-plan.js';
import { type Field, fieldsOf, type Operator } from './physical-plan.js';
import type { Scope } from './planning.js';

/** UNION [ALL]; the scope's columns are the set operation's own, whichever leaf a target names (PostgreSQL names the leftmost). */
export function planSetOperation(
  query: Query,
  set: SetOperation,
  { ctes, outer, planning }: QueryContext,
): { readonly input: Operator; readonly scope: Scope } {
  const names = query.targets.map((target) => target.name);
  const input = planNode(set, undefined);
  const fields = fieldsOf(input);
  return {
    input,
    scope: {
      outer,
      column: (v) => {
        const field = fields[v.column - 1];
        if (field === undefined) throw internal(`set operation has no column ${v.column}`);
        return columnRef(field);
      },
    },
  };

  function planNode(node: SetOperation, types: readonly Type[] | undefined): Operator {
    switch (node.kind) {
      case 'leaf': {
        const range = rangeOf(query, node.range);
        if (range.kind !== 'subquery') throw internal(`leaf of a set operation is a ${range.kind}`);
        const leaf = planning.query(range.query, ctes, outer);
        return types === undefined ? leaf : coerced(leaf, types);
      }
      case 'set': {
        if (node.op !== 'union') throw unsupported(node.op.toUpperCase());
        const fields = node.types.map((type, n) => planning.newField(names[n] ?? `column${n + 1}`, type));
        const inputs = [planNode(node.left, node.types), planNode(node.right, node.types)].flatMap((input) =>
          // a UNION ALL inside a UNION [ALL] is one list
          input.kind === 'union_all' && input.fields.every((field, n) => sameType(field.type, (fields[n] as Field).type))
            ? input.inputs
            : [input],
        );
        const all: Operator = { kind: 'union_all', inputs, fields };
        const union: Operator = node.all ? all : { kind: 'distinct', input: all };
        return types === undefined ? union : coerced(union, types);
      }
    }
  }

  /** PostgreSQL leaves the casts of a set operation's columns to its planner, so they are made here. */
  function coerced(input: Operator, types: readonly Type[]): Operator {
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
}
