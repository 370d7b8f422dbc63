import type { FromItem, Query, QueryExpr, QueryLeaf, RangeEntry } from '../sql/query.js';
import { columnIds, isVolatilePlan, substitute } from './columns.js';
import { convertExpression } from './convert-expression.js';
import { conditionsOn, equalTo, expressionsHaveCorrelatedInstants, hasCorrelatedInstants } from './correlated-instants.js';
import { columnRef, conjunction, conjuncts, isVolatile } from './expression.js';
import { isClosed, sharedRead } from './from-cte.js';
import { fieldsOf, type Operator, type PlanExpr, type PlanLeaf } from './physical-plan.js';
import type { OuterRows, Planning, Scope } from './planning.js';
import { walkLevels } from './query-levels.js';
import { queriesIn, rangeOf } from './query-walk.js';

type Ranges = Map<number, readonly PlanExpr[]>;

interface Share {
  readonly id: number;
  readonly plan: Operator;
  /** Columns of the ranges that it has, over the plan's own fields. */
  readonly ranges: ReadonlyMap<number, readonly PlanExpr[]>;
}

interface SharedRowsOptions {
  readonly query: Query;
  /** The ranges planned so far: changed to read the shared rows. */
  readonly ranges: Ranges;
  readonly planning: Planning;
  readonly scopeOf: (ranges: ReadonlyMap<number, readonly PlanExpr[]>) => Scope;
}

/**
 * Rows of a FROM that a TIMELINE() inside asks about (`at => outer.column`): they are read twice, by the query itself and to
 * find the instants, so they are computed once, as a plan that both share. A FROM without such calls stays as it is.
 */
export class SharedRows {
  readonly #options: SharedRowsOptions;
  readonly #shares: Share[] = [];
  readonly #preserved: ReadonlySet<FromItem>;

  constructor(options: SharedRowsOptions) {
    this.#options = options;
    this.#preserved = preserved(options.query);
  }

  /** What stands left of `right`, shared if something in `right` asks about its rows. `place`: what must be in every row for WHERE to hold there. */
  beside(left: Operator, right: FromItem, place: FromItem, scope: Scope): Operator {
    const { query } = this.#options;
    const asks = rangesIn(right).some((range) => {
      const entry = rangeOf(query, range);
      return entry.kind === 'subquery' && entry.lateral && hasCorrelatedInstants(entry.query);
    });
    if (!asks) return left;
    return this.#share(this.#preserved.has(place) ? this.#early(left, scope) : left);
  }

  /** The rows that expressions of the query are computed for. */
  forExpressions(input: Operator): Operator {
    return expressionsHaveCorrelatedInstants(this.#options.query) ? this.#share(input) : input;
  }

  /** WHERE in two parts: `after` holds the queries that ask about the rows that `first` leaves. */
  inOrder(where: QueryExpr | undefined): { readonly first: QueryExpr | undefined; readonly after: QueryExpr | undefined } {
    const parts = conjuncts<QueryLeaf>(where);
    const asks = (part: QueryExpr): boolean => {
      let found = false;
      walkLevels(part, (node) => {
        if (node.kind === 'sublink' && [...queriesIn(node.query)].some(hasCorrelatedInstants)) found = true;
        return !found;
      });
      return found;
    };
    if (!parts.some(asks)) return { first: where, after: undefined };
    return {
      first: conjunction<QueryLeaf>(parts.filter((part) => !asks(part))),
      after: conjunction<QueryLeaf>(parts.filter(asks)),
    };
  }

  /** The scope that a range of FROM is planned in. */
  seenBy(range: number, entry: RangeEntry, scope: Scope): Scope {
    if (entry.kind !== 'subquery' || !hasCorrelatedInstants(entry.query)) return scope;
    const conditions = conditionsOn(range, this.#options.query);
    return { ...scope, equalTo: (column) => equalTo(range, column, conditions) };
  }

  /** The last shared rows that have these ranges. */
  rows(wanted: ReadonlySet<number>): OuterRows | undefined {
    const { planning, scopeOf } = this.#options;
    const share = this.#shares.findLast(({ ranges }) => [...wanted].every((range) => ranges.has(range)));
    if (share === undefined) return undefined;
    const input = sharedRead(share.id, share.plan, planning);
    return { input, scope: scopeOf(moved(share.ranges, share.plan, input)) };
  }

  #share(input: Operator): Operator {
    const { planning, ranges } = this.#options;
    if (!isClosed(input)) return input;
    const id = planning.shared.size + 1;
    planning.shared.set(id, input);
    const given = new Set(fieldsOf(input).map((field) => field.id));
    const own = [...ranges].filter(([, columns]) => columns.every((column) => [...columnIds(column)].every((id) => given.has(id))));
    this.#shares.push({ id, plan: input, ranges: new Map(own) });
    const read = sharedRead(id, input, planning);
    for (const [range, columns] of moved(ranges, input, read)) ranges.set(range, columns);
    return read;
  }

  /** Conditions of WHERE on these rows alone: what they drop need not be asked about. */
  #early(left: Operator, scope: Scope): Operator {
    const { query, ranges } = this.#options;
    if (isVolatilePlan(left)) return left;
    const given = new Set(fieldsOf(left).map((field) => field.id));
    const parts = conjuncts<QueryLeaf>(query.where).flatMap((part) => {
      if (isVolatile<QueryLeaf>(part) || !readsOnly(part, ranges)) return [];
      const expr = convertExpression(part, scope);
      return [...columnIds(expr)].every((id) => given.has(id)) ? [expr] : [];
    });
    const predicate = conjunction<PlanLeaf>(parts);
    return predicate === undefined ? left : { kind: 'filter', input: left, predicate };
  }
}

function moved(ranges: ReadonlyMap<number, readonly PlanExpr[]>, from: Operator, to: Operator): Map<number, readonly PlanExpr[]> {
  const fields = fieldsOf(to);
  const by = new Map<number, PlanExpr>();
  fieldsOf(from).forEach((field, n) => {
    const other = fields[n];
    if (other !== undefined) by.set(field.id, columnRef(other));
  });
  return new Map([...ranges].map(([range, columns]) => [range, columns.map((column) => substitute(column, by))]));
}

function rangesIn(item: FromItem): readonly number[] {
  switch (item.kind) {
    case 'range':
      return [item.range];
    case 'join':
      return [...rangesIn(item.left), ...rangesIn(item.right)];
    case 'list':
      return item.items.flatMap(rangesIn);
  }
}

/** Items of FROM whose rows are in the result as they are, never with NULLs in their place: WHERE may be applied to them at once. */
function preserved(query: Query): ReadonlySet<FromItem> {
  const found = new Set<FromItem>();
  const visit = (item: FromItem): void => {
    found.add(item);
    if (item.kind === 'list') item.items.forEach(visit);
    if (item.kind !== 'join') return;
    if (item.type === 'inner' || item.type === 'left') visit(item.left);
    if (item.type === 'inner') visit(item.right);
  };
  query.from.forEach(visit);
  return found;
}

/** Columns of ranges that are planned, and no queries. */
function readsOnly(expr: QueryExpr, ranges: Ranges): boolean {
  let ok = true;
  walkLevels(expr, (node) => {
    if (node.kind === 'sublink' || (node.kind === 'var' && (node.level > 0 || node.column < 1 || !ranges.has(node.range)))) ok = false;
    return ok;
  });
  return ok;
}
