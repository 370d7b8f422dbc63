import { internal } from '../sql/errors.js';
import type { FromItem, JoinType, Query, QueryExpr, RangeEntry, Var } from '../sql/query.js';
import { hasSubquery, outerColumns, requireSameEachTime } from './columns.js';
import { convertExpression } from './convert-expression.js';
import { columnRef, conjunction, conjuncts, isTrue, isVolatile } from './expression.js';
import { planCte } from './from-cte.js';
import { planFunctions } from './from-function.js';
import type { QueryContext } from './from-query.js';
import { planSample } from './from-sample.js';
import { planSubquery } from './from-subquery.js';
import { fieldsOf, type JoinOperator, type Operator, type PlanExpr, type PlanLeaf, type ValuesOperator } from './physical-plan.js';
import type { Planning, Scope } from './planning.js';
import { rangeOf } from './query-walk.js';
import { SharedRows } from './shared-rows.js';
import { wholeRow } from './whole-row.js';

/** The FROM list and WHERE of a query. Without FROM: one row. */
export function planFrom(query: Query, context: QueryContext): { readonly input: Operator; readonly scope: Scope } {
  const ranges = new Map<number, readonly PlanExpr[]>();
  const { planning, outer } = context;
  const subquery: Scope['subquery'] = (link, inside) => planSubquery(link, inside, context);
  const shared = new SharedRows({
    query,
    ranges,
    planning,
    scopeOf: (columns) => {
      const own: Scope = { column: (v) => columnOf(v, query, columns, own), subquery, outer };
      return own;
    },
  });
  const scope: Scope = {
    column: (v) => columnOf(v, query, ranges, scope),
    subquery,
    outer,
    rows: (wanted) => shared.rows(wanted),
  };
  const filtered = (input: Operator, where: Query['where']): Operator =>
    where === undefined ? input : { kind: 'filter', input, predicate: convertExpression(where, scope) };

  const item = (from: FromItem): Operator => {
    switch (from.kind) {
      case 'range': {
        const entry = rangeOf(query, from.range);
        if (entry.kind === 'function') return functions(entry, from.range, oneRow(planning), false);
        const input = planRange(entry, context, shared.seenBy(from.range, entry, scope));
        ranges.set(from.range, fieldsOf(input).map(columnRef));
        return input;
      }
      case 'join': {
        const left = shared.beside(item(from.left), from.right, from.left, scope);
        const lateral =
          from.type === 'inner' || (from.type === 'left' && isTrueOn(from.on))
            ? lateralFunctions(left, from.right, from.type === 'left')
            : undefined;
        const on = (): PlanExpr | undefined => (from.on === undefined ? undefined : convertExpression(from.on, scope));
        if (lateral !== undefined) return from.type === 'inner' ? filtered(lateral, from.on) : lateral;
        const right = item(from.right);
        return beside(left, right, join(left, right, from.type, on()), from.right);
      }
      case 'list':
        return filtered(list(from.items), from.where);
    }
  };
  const functions = (entry: FunctionRange, range: number, input: Operator, keepEmpty: boolean): Operator => {
    const made = planFunctions(entry, { input, scope, planning, keepEmpty });
    ranges.set(range, made.fields.map(columnRef));
    return made.input;
  };
  /** Functions over columns of what stands left of them run on its rows; undefined: it is no such function. */
  const lateralFunctions = (left: Operator, right: FromItem, keepEmpty: boolean): Operator | undefined => {
    const entry = right.kind === 'range' ? rangeOf(query, right.range) : undefined;
    if (right.kind !== 'range' || entry?.kind !== 'function') return undefined;
    const alone = functions(entry, right.range, oneRow(planning), false);
    const given = new Set(fieldsOf(left).map((field) => field.id));
    if (![...outerColumns(alone)].some((id) => given.has(id))) {
      ranges.delete(right.range);
      return undefined;
    }
    return functions(entry, right.range, left, keepEmpty);
  };
  /** A join, LATERAL when its right side reads columns of its left one. */
  const beside = (left: Operator, right: Operator, joined: JoinOperator, from: FromItem): JoinOperator => {
    if (!hasLateral(from, query)) return joined;
    const given = new Set(fieldsOf(left).map((field) => field.id));
    if (![...outerColumns(right)].some((id) => given.has(id))) return joined;
    const tied = tiedByFilter(joined);
    if (tied !== undefined) return tied;
    requireSameEachTime(right, 'LATERAL');
    return { ...joined, lateral: true };
  };
  const crossed = (left: Operator, right: Operator, from: FromItem): JoinOperator =>
    beside(left, right, join(left, right, 'cross', undefined), from);
  const list = (items: readonly FromItem[]): Operator =>
    items.reduce<Operator | undefined>((before, right) => {
      if (before === undefined) return item(right);
      const left = shared.beside(before, right, right, scope);
      return lateralFunctions(left, right, false) ?? crossed(left, item(right), right);
    }, undefined) ?? oneRow(planning);

  const { first, after } = shared.inOrder(query.where);
  const rows = filtered(list(query.from), first);
  return { input: filtered(shared.forExpressions(rows), after), scope };
}

/** A right side that is tied to the left one by a filter alone, on top of it, is joined on that. */
function tiedByFilter(joined: JoinOperator): JoinOperator | undefined {
  const { right, type } = joined;
  if (right.kind !== 'filter' || outerColumns(right.input).size > 0) return undefined;
  const { predicate } = right;
  if (hasSubquery(predicate) || isVolatile<PlanLeaf>(predicate)) return undefined;
  const condition = conjunction<PlanLeaf>([...conjuncts<PlanLeaf>(predicate), ...conjuncts<PlanLeaf>(joined.condition)]);
  return { ...joined, type: type === 'cross' ? 'inner' : type, right: right.input, condition };
}

/** May something in it read columns from its left? */
function hasLateral(from: FromItem, query: Query): boolean {
  switch (from.kind) {
    case 'range': {
      const entry = rangeOf(query, from.range);
      return entry.kind === 'values' || ((entry.kind === 'function' || entry.kind === 'subquery') && entry.lateral);
    }
    case 'join':
      return hasLateral(from.left, query) || hasLateral(from.right, query);
    case 'list':
      return from.items.some((item) => hasLateral(item, query));
  }
}

type FunctionRange = RangeEntry & { readonly kind: 'function' };

/** JOIN … ON true, folded already. */
function isTrueOn(on: QueryExpr | undefined): boolean {
  return on === undefined || isTrue(on);
}

function join(left: Operator, right: Operator, type: JoinType | 'cross', condition: PlanExpr | undefined): JoinOperator {
  if (type === 'inner' && condition === undefined) return { kind: 'join', type: 'cross', left, right, condition };
  return { kind: 'join', type, left, right, condition };
}

/** One row; its one column is never read, but no relation of a plan is without columns. */
function oneRow(planning: Planning): ValuesOperator {
  const field = planning.newField('?', { oid: 23, typmod: -1 });
  return { kind: 'values', rows: [[{ kind: 'constant', type: field.type, value: '0' }]], fields: [field] };
}

function columnOf(v: Var, query: Query, ranges: ReadonlyMap<number, readonly PlanExpr[]>, scope: Scope): PlanExpr {
  const entry = rangeOf(query, v.range);
  if (entry.kind === 'join') {
    const alias = entry.aliasVars[v.column - 1];
    if (alias === undefined) throw internal(`join range ${v.range} has no column ${v.column}`);
    return convertExpression(alias, scope);
  }
  if (v.column === 0) return wholeRow(v, entry, query, ranges);
  const column = ranges.get(v.range)?.[v.column - 1];
  if (column === undefined) {
    throw internal(`range ${v.range} (${entry.kind}) has no column ${v.column} here`);
  }
  return column;
}

function sampled(entry: RangeEntry & { readonly kind: 'table' }, input: Operator): Operator {
  return entry.sample === undefined ? input : planSample(entry.sample, input);
}

function planRange(entry: RangeEntry, { ctes, planning }: QueryContext, scope: Scope): Operator {
  switch (entry.kind) {
    case 'table':
      return sampled(entry, planning.systemTable(entry.schema, entry.name) ?? planning.rows(entry.schema, entry.name));
    case 'subquery':
      return planning.query(entry.query, ctes, scope);
    case 'cte':
      return planCte(entry, { ctes, planning });
    case 'values': {
      const fields = entry.columns.map((name, n) => {
        const type = entry.types[n];
        if (type === undefined) throw internal(`VALUES column ${n + 1} has no type`);
        return planning.newField(name, type);
      });
      return { kind: 'values', rows: entry.rows.map((row) => row.map((expr) => convertExpression(expr, scope))), fields };
    }
    case 'result':
      return oneRow(planning);
    case 'function':
    case 'join':
    case 'group':
      throw internal(`range of kind ${entry.kind} in FROM`);
  }
}
