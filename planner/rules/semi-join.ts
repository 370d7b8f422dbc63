import { typeOf } from '../../sql/expression-type.js';
import { columnIds, hasSubquery, outerColumns, substitute } from '../columns.js';
import { isHashed } from '../equi-keys.js';
import { columnRef, conjunction, conjuncts, isVolatile } from '../expression.js';
import { mapInputs, sameType } from '../logical-plan.js';
import {
  type Field,
  type FilterOperator,
  fieldsOf,
  type Operator,
  type PlanExpr,
  type PlanLeaf,
  type SubqueryExpr,
} from '../physical-plan.js';
import type { Planning } from '../planning.js';
import { isNeverNull } from './nullable.js';
import type { RuleContext } from './rule.js';

/**
 * WHERE [NOT] EXISTS (…), IN (SELECT …) and other comparisons with ANY become semi and anti joins, where the query is tied to the
 * outside by conjuncts of its own WHERE alone: so it is hashed, cut into partitions, and seen by the rules of joins.
 * NOT IN does where no NULL can be on either side; with one it means something else.
 */
export function semiJoins(plan: Operator, { planning }: RuleContext): Operator {
  // The kernel's SQL engine cannot tie a semi join's inputs to a row outside; an EXISTS it can.
  return outerColumns(plan).size > 0 ? plan : visit(plan, planning);
}

function visit(op: Operator, planning: Planning): Operator {
  if (op.kind === 'join' && op.lateral === true) return { ...op, left: visit(op.left, planning) };
  const inner = mapInputs(op, (input) => visit(input, planning));
  return inner.kind === 'filter' ? unnested(inner, planning) : inner;
}

interface Link {
  readonly type: 'semi' | 'anti';
  readonly query: SubqueryExpr;
}

function linkOf(part: PlanExpr): Link | undefined {
  const query = part.kind === 'not' ? part.arg : part;
  if (query.kind !== 'subquery' || (query.link !== 'exists' && query.link !== 'any')) return undefined;
  return { type: part.kind === 'not' ? 'anti' : 'semi', query };
}

function unnested(op: FilterOperator, planning: Planning): Operator {
  const parts = conjuncts<PlanLeaf>(op.predicate);
  if (parts.some((part) => isVolatile<PlanLeaf>(part))) return op;
  let joined = keep(
    op.input,
    parts.filter((part) => linkOf(part) === undefined),
  );
  const stay: PlanExpr[] = [];
  for (const part of parts) {
    const link = linkOf(part);
    if (link === undefined) continue;
    const join = joinOf(joined, link, planning);
    if (join === undefined) stay.push(part);
    else joined = join;
  }
  return keep(joined, stay);
}

function keep(input: Operator, parts: readonly PlanExpr[]): Operator {
  const predicate = conjunction<PlanLeaf>(parts);
  return predicate === undefined ? input : { kind: 'filter', input, predicate };
}

function joinOf(left: Operator, { type, query }: Link, planning: Planning): Operator | undefined {
  const given = new Set(fieldsOf(left).map((field) => field.id));
  const opened = open(query, given);
  if (opened === undefined) return undefined;
  const { rows, test, ties } = opened;
  const condition = [...test, ...ties];
  if (condition.length === 0 || outerColumns(rows).size > 0) return undefined;
  const right = new Set(fieldsOf(rows).map((field) => field.id));
  const reads = (part: PlanExpr): boolean =>
    !hasSubquery(part) && !isVolatile<PlanLeaf>(part) && [...columnIds(part)].every((id) => given.has(id) || right.has(id));
  if (!condition.every(reads)) return undefined;
  if (type === 'anti' && !test.every((part) => isDecided(part, [left, rows], planning))) return undefined;
  return keyed({ type, left, right: rows, condition, planning });
}

/** The query without what does not change whether there are rows; `ties` are the conjuncts of its WHERE that read columns outside. */
function open(
  query: SubqueryExpr,
  outside: ReadonlySet<number>,
): { readonly rows: Operator; readonly test: readonly PlanExpr[]; readonly ties: readonly PlanExpr[] } | undefined {
  let test = conjuncts<PlanLeaf>(query.test);
  let ties: readonly PlanExpr[] = [];
  let own: readonly PlanExpr[] = [];
  let op = query.plan;
  for (;;) {
    if (op.kind === 'filter') {
      const parts = conjuncts<PlanLeaf>(op.predicate);
      if (parts.some((part) => isVolatile<PlanLeaf>(part))) break;
      const tied = (part: PlanExpr): boolean => [...columnIds(part)].some((id) => outside.has(id));
      ties = [...ties, ...parts.filter(tied)];
      own = [...own, ...parts.filter((part) => !tied(part))];
      op = op.input;
    } else if (op.kind === 'project') {
      const { items } = op;
      const by = new Map(items.map((item) => [item.field.id, item.expr]));
      const used = [...test, ...ties, ...own].flatMap((part) => [...columnIds(part)]);
      if (used.some((id) => isUnmovable(by.get(id)))) break;
      const moved = (part: PlanExpr): PlanExpr => substitute(part, by);
      test = test.map(moved);
      ties = ties.map(moved);
      own = own.map(moved);
      op = op.input;
    } else if (op.kind === 'distinct' || (op.kind === 'sort' && op.limit === undefined && op.offset === undefined)) op = op.input;
    else break;
  }
  return { rows: keep(op, own), test, ties };
}

function isUnmovable(expr: PlanExpr | undefined): boolean {
  return expr !== undefined && (hasSubquery(expr) || isVolatile<PlanLeaf>(expr));
}

const COMPARISONS: ReadonlySet<string> = new Set(['=', '<>', '<', '<=', '>', '>=']);

/** A comparison that cannot be NULL. */
function isDecided(part: PlanExpr, inputs: readonly Operator[], planning: Planning): boolean {
  if (part.kind !== 'call' || !COMPARISONS.has(part.operator ?? '')) return false;
  return part.args.every((arg) => inputs.some((input) => isNeverNull(arg, input, planning)));
}

interface SemiJoin {
  readonly type: 'semi' | 'anti';
  readonly left: Operator;
  readonly right: Operator;
  readonly condition: readonly PlanExpr[];
  readonly planning: Planning;
}

/** The join, with what it sets equal as columns of its inputs: keys that rows can be dealt out by. */
function keyed({ type, left, right, condition, planning }: SemiJoin): Operator {
  const sides = [left, right].map((input) => ({
    input,
    ids: new Set(fieldsOf(input).map((field) => field.id)),
    computed: new Map<Field, PlanExpr>(),
  }));
  const column = (arg: PlanExpr): PlanExpr | undefined => {
    if (arg.kind === 'column') return arg;
    const read = columnIds(arg);
    const side = read.size === 0 ? undefined : sides.find(({ ids }) => [...read].every((id) => ids.has(id)));
    if (side === undefined) return undefined;
    const field = planning.newField('key', typeOf<PlanLeaf>(arg));
    side.computed.set(field, arg);
    return columnRef(field);
  };
  const parts = condition.map((part): PlanExpr => {
    if (part.kind !== 'call' || part.operator !== '=' || part.args.every((arg) => arg.kind === 'column')) return part;
    const types = part.args.map((arg) => typeOf<PlanLeaf>(arg));
    const [a, b] = types;
    if (a === undefined || b === undefined || !sameType(a, b) || !isHashed(a) || part.args.some((arg) => columnIds(arg).size === 0))
      return part;
    const args = part.args.map(column);
    return args.every((arg) => arg !== undefined) ? { ...part, args } : part;
  });
  const [l, r] = sides.map(({ input, computed }): Operator => {
    if (computed.size === 0) return input;
    const passed = fieldsOf(input).map((field) => ({ field, expr: columnRef(field) }));
    return { kind: 'project', input, items: [...passed, ...[...computed].map(([field, expr]) => ({ field, expr }))] };
  });
  const join: Operator = { kind: 'join', type, left: l ?? left, right: r ?? right, condition: conjunction<PlanLeaf>(parts) };
  if (l === left) return join;
  return { kind: 'project', input: join, items: fieldsOf(left).map((field) => ({ field, expr: columnRef(field) })) };
}
