import { Oid } from '../../sql/types.js';
import { columnIds, outerColumns } from '../columns.js';
import { columnRef } from '../expression.js';
import { mapExpressions } from '../logical-plan.js';
import { type Field, fieldsOf, type Operator, type PlanExpr } from '../physical-plan.js';
import { timelineColumns } from '../timeline-parts.js';

/** Every operator gives only the columns that something above it reads; never none, as no relation is without columns. */
export function pruneColumns(plan: Operator): Operator {
  return prune(plan, new Set(fieldsOf(plan).map((field) => field.id)));
}

function prune(op: Operator, needed: ReadonlySet<number>): Operator {
  const wants = (...exprs: readonly (PlanExpr | undefined)[]): ReadonlySet<number> => {
    const ids = new Set(needed);
    for (const expr of exprs) if (expr !== undefined) columnIds(expr, ids);
    return ids;
  };
  switch (op.kind) {
    case 'scan':
      return { ...op, fields: chosen(op.fields, needed) };
    case 'exchange_read':
      return op;
    // Its fields go by position among those of the recursion.
    case 'recursive_read':
      return op;
    case 'shared_read': {
      const fields = chosen(op.fields, needed);
      return { ...op, fields, columns: fields.map((field) => op.columns[op.fields.indexOf(field)] as number) };
    }
    case 'sample':
      return op.seed === undefined ? { ...op, input: prune(op.input, needed) } : { ...op, input: exactly(op.input, fieldsOf(op.input)) };
    case 'recursive':
      return { ...op, base: exactly(op.base, fieldsOf(op.base)), step: exactly(op.step, fieldsOf(op.step)) };
    case 'window': {
      const calls = op.calls.filter((call) => needed.has(call.field.id));
      if (calls.length === 0) return prune(op.input, needed);
      const read = expressionsOf({ ...op, calls });
      return { ...op, calls, input: trimmed(op.input, wants(...read)) };
    }
    case 'table_function':
      return { ...op, input: prune(op.input, wants(...expressionsOf(op))) };
    case 'values': {
      const fields = chosen(op.fields, needed);
      const at = fields.map((field) => op.fields.indexOf(field));
      return { ...op, fields, rows: op.rows.map((row) => at.map((n) => row[n] as PlanExpr)) };
    }
    case 'filter':
      return { ...op, input: prune(op.input, wants(op.predicate)) };
    case 'project': {
      const fields = new Set(
        chosen(
          op.items.map((item) => item.field),
          needed,
        ),
      );
      const items = op.items.filter((item) => fields.has(item.field));
      return { ...op, items, input: prune(op.input, reads(items.map((item) => item.expr))) };
    }
    case 'aggregate': {
      let aggregates = op.aggregates.filter((a) => needed.has(a.field.id));
      if (aggregates.length + op.keys.length === 0) aggregates = op.aggregates.slice(0, 1);
      const exprs = [
        ...op.keys.map((key) => key.expr),
        ...aggregates.flatMap((a) => [
          ...a.args,
          ...(a.direct ?? []),
          ...a.orderBy.map((key) => key.expr),
          ...(a.filter === undefined ? [] : [a.filter]),
        ]),
      ];
      return { ...op, aggregates, input: prune(op.input, reads(exprs)) };
    }
    case 'join': {
      const ids = wants(op.condition);
      if (op.lateral === true) for (const id of outerColumns(op.right)) (ids as Set<number>).add(id);
      return { ...op, left: trimmed(op.left, ids), right: trimmed(op.right, ids) };
    }
    case 'sort':
      return { ...op, input: trimmed(op.input, wants(...op.keys.map((key) => key.expr))) };
    case 'limit':
    case 'assert':
      return { ...op, input: trimmed(op.input, needed) };
    case 'distinct':
      return { ...op, input: exactly(op.input, fieldsOf(op.input)) };
    case 'union_all': {
      const fields = chosen(op.fields, needed);
      const inputs = op.inputs.map((input) => {
        const from = fieldsOf(input);
        return exactly(
          input,
          fields.map((field) => from[op.fields.indexOf(field)] as Field),
        );
      });
      return { ...op, fields, inputs };
    }
    case 'timeline': {
      const ids = timelineColumns(op.spec);
      return { ...op, input: trimmed(op.input, ids), horizon: op.horizon === undefined ? undefined : pruneColumns(op.horizon) };
    }
  }
}

/** An operator's own expressions. */
function expressionsOf(op: Operator): readonly PlanExpr[] {
  const exprs: PlanExpr[] = [];
  mapExpressions(op, (expr) => {
    exprs.push(expr);
    return expr;
  });
  return exprs;
}

function reads(exprs: readonly PlanExpr[]): ReadonlySet<number> {
  const ids = new Set<number>();
  for (const expr of exprs) columnIds(expr, ids);
  return ids;
}

/** As prune, without columns that only the input itself reads (a filter's): for inputs whose rows may cross an exchange. */
function trimmed(input: Operator, needed: ReadonlySet<number>): Operator {
  const pruned = prune(input, needed);
  const fields = fieldsOf(pruned);
  const kept = chosen(fields, needed);
  return kept === fields ? pruned : columnsOnly(pruned, kept);
}

/** The input with just these fields in this order, for operators that go by position or take whole rows. */
function exactly(input: Operator, fields: readonly Field[]): Operator {
  const pruned = prune(input, new Set(fields.map((field) => field.id)));
  const given = fieldsOf(pruned);
  if (given.length === fields.length && given.every((field, n) => field.id === fields[n]?.id)) return pruned;
  return columnsOnly(pruned, fields);
}

/** A projection to some of its input's columns, under their own ids. */
function columnsOnly(input: Operator, fields: readonly Field[]): Operator {
  return { kind: 'project', input, items: fields.map((field) => ({ field, expr: columnRef(field) })) };
}

/** Types that are cheap to read, for a scan of which only the number of rows matters. */
const NARROW: ReadonlySet<number> = new Set([
  Oid.bool,
  Oid.int2,
  Oid.int4,
  Oid.int8,
  Oid.date,
  Oid.float4,
  Oid.float8,
  Oid.timestamptz,
  Oid.timestamp,
]);

function chosen(fields: readonly Field[], needed: ReadonlySet<number>): readonly Field[] {
  const kept = fields.filter((field) => needed.has(field.id));
  if (kept.length > 0) return kept.length === fields.length ? fields : kept;
  const cheapest = fields.find((field) => NARROW.has(field.type.oid)) ?? fields[0];
  return fields.length <= 1 || cheapest === undefined ? fields : [cheapest];
}
