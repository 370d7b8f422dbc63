import { internal, unsupported } from '../sql/errors.js';
import type { FromItem, JoinType, Query, RangeEntry, Var } from '../sql/query.js';
import { convertExpression } from './convert-expression.js';
import { columnRef } from './expression.js';
import type { QueryContext } from './from-query.js';
import { fieldsOf, type Operator, type PlanExpr, type ValuesOperator } from './physical-plan.js';
import type { Planning, Scope } from './planning.js';

/** The FROM list and WHERE of a query. Without FROM: one row. */
export function planFrom(query: Query, context: QueryContext): { readonly input: Operator; readonly scope: Scope } {
  const ranges = new Map<number, readonly PlanExpr[]>();
  const { planning, outer } = context;
  const scope: Scope = { column: (v) => columnOf(v, query, ranges, scope), outer };
  const filtered = (input: Operator, where: Query['where']): Operator =>
    where === undefined ? input : { kind: 'filter', input, predicate: convertExpression(where, scope) };

  const item = (from: FromItem): Operator => {
    switch (from.kind) {
      case 'range': {
        const input = planRange(rangeOf(query, from.range), context, scope);
        ranges.set(from.range, fieldsOf(input).map(columnRef));
        return input;
      }
      case 'join': {
        const left = item(from.left);
        const right = item(from.right);
        return join(left, right, from.type, from.on === undefined ? undefined : convertExpression(from.on, scope));
      }
      case 'list':
        return filtered(list(from.items), from.where);
    }
  };
  const list = (items: readonly FromItem[]): Operator =>
    items
      .map(item)
      .reduce<Operator | undefined>((left, right) => (left === undefined ? right : join(left, right, 'cross', undefined)), undefined) ??
    oneRow(planning);

  return { input: filtered(list(query.from), query.where), scope };
}

function join(left: Operator, right: Operator, type: JoinType | 'cross', condition: PlanExpr | undefined): Operator {
  if (type === 'inner' && condition === undefined) return { kind: 'join', type: 'cross', left, right, condition };
  return { kind: 'join', type, left, right, condition };
}

/** One row; its one column is never read, but no relation of a plan is without columns. */
function oneRow(planning: Planning): ValuesOperator {
  const field = planning.newField('?', { oid: 23, typmod: -1 });
  return { kind: 'values', rows: [[{ kind: 'constant', type: field.type, value: '0' }]], fields: [field] };
}

export function rangeOf(query: Query, n: number): RangeEntry {
  const entry = query.ranges[n - 1];
  if (entry === undefined) throw internal(`query has no range ${n}`);
  return entry;
}

function columnOf(v: Var, query: Query, ranges: ReadonlyMap<number, readonly PlanExpr[]>, scope: Scope): PlanExpr {
  const entry = rangeOf(query, v.range);
  if (entry.kind === 'join') {
    const alias = entry.aliasVars[v.column - 1];
    if (alias === undefined) throw internal(`join range ${v.range} has no column ${v.column}`);
    return convertExpression(alias, scope);
  }
  const column = ranges.get(v.range)?.[v.column - 1];
  if (column === undefined) {
    if (entry.kind === 'subquery' || entry.kind === 'values' || entry.kind === 'function') throw unsupported('LATERAL');
    throw internal(`range ${v.range} (${entry.kind}) has no column ${v.column} here`);
  }
  return column;
}

function planRange(entry: RangeEntry, { ctes, outer, planning }: QueryContext, scope: Scope): Operator {
  switch (entry.kind) {
    case 'table':
      if (entry.sample !== undefined) throw unsupported('TABLESAMPLE');
      return planning.scan(entry.schema, entry.name);
    case 'subquery':
      return planning.query(entry.query, ctes, outer);
    case 'cte': {
      const frames = ctes.slice(entry.level);
      const cte = frames[0]?.ctes.find((candidate) => candidate.name === entry.name);
      if (cte === undefined) throw internal(`no WITH query "${entry.name}" ${entry.level} levels up`);
      if (cte.recursive || entry.selfReference) throw unsupported('WITH RECURSIVE');
      return planning.query(cte.query, frames, frames[0]?.outer);
    }
    case 'values': {
      const fields = entry.columns.map((name, n) => {
        const type = entry.types[n];
        if (type === undefined) throw internal(`VALUES column ${n + 1} has no type`);
        return planning.newField(name, type);
      });
      return { kind: 'values', rows: entry.rows.map((row) => row.map((expr) => convertExpression(expr, scope))), fields };
    }
    case 'function': {
      const [first] = entry.functions;
      const name = first?.expr.kind === 'call' ? first.expr.fn : entry.alias;
      throw unsupported(`the function ${name} in FROM`);
    }
    case 'result':
      return oneRow(planning);
    case 'join':
    case 'group':
      throw internal(`range of kind ${entry.kind} in FROM`);
  }
}
