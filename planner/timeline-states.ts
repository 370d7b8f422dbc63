import { internal, TimelineError, unsupported } from '../sql/errors.js';
import type { Call, Constant } from '../sql/expression.js';
import type { Query, QueryExpr, QueryLeaf, Var } from '../sql/query.js';
import { OPS, signalOfColumn, type TimelineMarker } from '../sql/timeline-marker.js';
import { parseInterval } from '../sql/value-time.js';
import { childrenOf, type Inner, isInner, mapChildren } from './expression.js';
import { mapQueryExpr } from './query-walk.js';
import { checkStateFunction } from './state-functions.js';
import type { StateExpr, StateLeaf, TimelineLeaf } from './timeline-spec.js';
import { thresholdOf } from './timeline-threshold.js';
import { elapsed } from './timeline-values.js';

type Without<T, K extends string> = T extends unknown ? Omit<T, K> : never;
/** A leaf whose columns are still row expressions over the source. */
type LeafParts = { readonly leaf: Without<TimelineLeaf, 'value' | 'when'>; readonly value?: QueryExpr; readonly when?: QueryExpr };

interface StatesOptions {
  /** The marked query and those below it down to the one that reads the source. */
  readonly levels: readonly Query[];
  readonly marker: TimelineMarker;
  /** Source column (of the lowest level) that key n is. */
  readonly keyColumns: readonly Var[];
  /** Input column of the operator that holds a row expression over the source. */
  readonly column: (row: QueryExpr) => number;
}

/** Turns typed signal expressions into states: operators become leaves and stateful nodes, each distinct leaf once. */
export class TimelineStates {
  readonly #options: StatesOptions;
  readonly #leaves: TimelineLeaf[] = [];
  readonly #leafByText = new Map<string, number>();

  constructor(options: StatesOptions) {
    this.#options = options;
  }

  get leaves(): readonly TimelineLeaf[] {
    return this.#leaves;
  }

  /** Where a signal's expression stands: found by its name among the columns of some level. */
  signal(n: number, target: QueryExpr): StateExpr {
    let expr = target;
    let level = 0;
    for (;;) {
      if (expr.kind !== 'var') return this.#state(expr, level);
      const below = this.#below(expr, level);
      if (below?.signal !== undefined && below.signal !== n) return { kind: 'signal', index: below.signal, type: expr.type };
      if (below?.signal === undefined) return this.#state(expr, level);
      expr = below.expr;
      level += 1;
    }
  }

  /** A row expression of some level over the source's own columns. */
  row(expr: QueryExpr, level: number): QueryExpr {
    if (expr.kind === 'var') {
      const source = this.#sourceColumn(expr, level);
      if (source === undefined) throw unsupported('a signal as an event column');
      return source;
    }
    return mapQueryExpr(expr, (child) => this.row(child, level));
  }

  #state(expr: QueryExpr, level: number): StateExpr {
    if (expr.kind === 'var') return this.#column(expr, level);
    if (expr.kind === 'call' && expr.fn.startsWith(OPS)) return this.#operator(expr, level);
    if (isInner<QueryLeaf>(expr)) {
      checkStateFunction(expr);
      return mapChildren<QueryLeaf, StateLeaf>(expr as Inner<QueryLeaf>, (child) => this.#state(child, level));
    }
    switch (expr.kind) {
      case 'constant':
      case 'case_arg':
        return expr;
      case 'parameter':
        throw internal(`parameter $${expr.number} was not bound`);
      case 'aggregate':
        throw unsupported(`the aggregate ${expr.fn} in a signal of timeline()`);
      case 'window':
        throw unsupported(`the window function ${expr.fn} in a signal of timeline()`);
      case 'grouping':
      case 'subquery_column':
      case 'sublink':
        throw unsupported('a subquery in a signal of timeline()');
      case 'unknown_node':
        throw unsupported(expr.what);
    }
  }

  #column(v: Var, level: number): StateExpr {
    const below = v.level > 0 ? undefined : this.#below(v, level);
    if (below?.signal !== undefined) return { kind: 'signal', index: below.signal, type: v.type };
    const source = this.#sourceColumn(v, level);
    const index = this.#options.keyColumns.findIndex((key) => key.range === source?.range && key.column === source.column);
    if (index < 0)
      throw new TimelineError({
        kind: 'semantic',
        sqlstate: '42703',
        message: 'a signal of timeline() reads an event column outside of an operator',
      });
    return { kind: 'key', index, type: v.type };
  }

  #operator(call: Call<QueryLeaf>, level: number): StateExpr {
    const name = call.fn.slice(OPS.length, call.fn.indexOf('('));
    const { type } = call;
    const [first, second] = call.args;
    const need = (arg: QueryExpr | undefined): QueryExpr => {
      if (arg === undefined) throw internal(`${call.fn} without its argument`);
      return arg;
    };
    const row = (arg: QueryExpr | undefined): QueryExpr => this.row(need(arg), level);
    switch (name) {
      case 'latest':
        return this.#leaf(
          { leaf: { op: 'latest', type, ttl: second === undefined ? undefined : this.#length(second, name) }, value: row(first) },
          call,
        );
      case 'latest_when':
        return this.#leaf({ leaf: { op: 'latest_when', type }, when: row(first), value: row(second) }, call);
      case 'has_existed':
        return this.#leaf({ leaf: { op: 'has_existed' }, when: row(first) }, call);
      case 'has_existed_within':
        return this.#leaf({ leaf: { op: 'has_existed_within', within: this.#length(need(second), name) }, when: row(first) }, call);
      case 'count_so_far':
        return this.#leaf({ leaf: { op: 'count_so_far' }, when: row(first) }, call);
      case 'sum_so_far':
        return this.#leaf({ leaf: { op: 'sum_so_far', type }, value: row(first) }, call);
      case 'last_event_time':
        return this.#leaf({ leaf: { op: 'last_event_time' }, ...(first === undefined ? {} : { when: row(first) }) }, call);
      case 'state_has_existed':
        return { kind: 'state_op', op: 'has_existed', arg: this.#state(need(first), level), type };
      case 'state_has_existed_within':
        return {
          kind: 'state_op',
          op: 'has_existed_within',
          within: this.#length(need(second), 'has_existed_within'),
          arg: this.#state(need(first), level),
          type,
        };
      case 'duration_where':
      case 'duration_in_state':
        return { kind: 'state_op', op: name, arg: this.#state(need(first), level), type };
      default:
        throw internal(`unknown timeline operator ${call.fn}`);
    }
  }

  #leaf(parts: LeafParts, call: Call<QueryLeaf>): StateExpr {
    const leaf = {
      ...parts.leaf,
      ...(parts.value === undefined ? {} : { value: this.#options.column(parts.value) }),
      ...(parts.leaf.op === 'last_event_time' || parts.when !== undefined
        ? { when: parts.when === undefined ? undefined : this.#options.column(parts.when) }
        : {}),
    } as TimelineLeaf;
    const text = JSON.stringify(leaf);
    let index = this.#leafByText.get(text);
    if (index === undefined) {
      index = this.#leaves.push(leaf) - 1;
      this.#leafByText.set(text, index);
    }
    return { kind: 'leaf', index, type: call.type };
  }

  #length(expr: QueryExpr, operator: string): string {
    if (expr.kind !== 'constant') throw unsupported(`a length that is not constant in ${operator}`);
    const { value } = expr as Constant;
    if (value === null)
      throw new TimelineError({ kind: 'semantic', sqlstate: '22004', message: `the length of ${operator} must not be NULL` });
    return elapsed(parseInterval(value), operator, { positions: {} }).toString();
  }

  /** What a column of a level is on the level below; undefined on the lowest. */
  #below(v: Var, level: number): { readonly expr: QueryExpr; readonly signal: number | undefined } | undefined {
    const query = this.#options.levels[level + 1];
    if (query === undefined) return undefined;
    const target = query.targets.filter(({ junk }) => !junk)[v.column - 1];
    if (target === undefined) throw internal(`timeline level ${level + 1} has no column ${v.column}`);
    return { expr: target.expr, signal: signalOfColumn(target.name) };
  }

  /** Undefined: the column is a signal. */
  #sourceColumn(v: Var, level: number): Var | undefined {
    if (v.level > 0) throw unsupported('a column of the query around timeline() (LATERAL or correlated)');
    const below = this.#below(v, level);
    if (below === undefined) return v;
    if (below.signal !== undefined) return undefined;
    if (below.expr.kind !== 'var') throw internal('timeline level with a computed column');
    return this.#sourceColumn(below.expr, level + 1);
  }
}

/** discrete: changes at moments. numerical: a duration itself. free: follows a duration between moments too, which points only can show. */
export type SignalKind = 'discrete' | 'numerical' | 'free';

/** What kind of signal an expression is. Throws 0A000 where a duration varies inside of something that shows no time. */
export function signalKind(expr: StateExpr, options: { readonly points: boolean; readonly earlier: readonly SignalKind[] }): SignalKind {
  let free = false;
  const kindOf = (node: StateExpr): SignalKind => {
    if (node.kind === 'signal') return options.earlier[node.index] ?? 'discrete';
    return node.kind === 'state_op' && (node.op === 'duration_where' || node.op === 'duration_in_state') ? 'numerical' : 'discrete';
  };
  const visit = (node: StateExpr, allowed: boolean): void => {
    const threshold = thresholdOf(node);
    const crossing = threshold !== undefined && kindOf(threshold.numerical) === 'numerical' ? threshold.numerical : undefined;
    if (crossing !== undefined) {
      if (crossing.kind === 'state_op') visit(crossing.arg, false);
      return;
    }
    if (kindOf(node) !== 'discrete') {
      if (!allowed) {
        throw unsupported('a duration in a state other than by >= or < against a constant', {
          hint: 'Spans change at events and at exact crossings only; write d >= INTERVAL … or d < INTERVAL …, or use it in points (at => …).',
        });
      }
      free = true;
    }
    if (node.kind === 'state_op') visit(node.arg, false);
    else for (const child of childrenOf<StateLeaf>(node)) visit(child, allowed);
  };
  if (kindOf(expr) === 'numerical') {
    if (expr.kind === 'state_op') visit(expr.arg, false);
    return 'numerical';
  }
  visit(expr, options.points);
  return free ? 'free' : 'discrete';
}
