import { internal, TimelineError, unsupported } from '../sql/errors.js';
import { typeOf } from '../sql/expression-type.js';
import { functionName } from '../sql/functions/signature.js';
import type { FrameBound, Query, QueryExpr, WindowCall, WindowClause, WindowFrame } from '../sql/query.js';
import { convertExpression } from './convert-expression.js';
import { columnRef, isVolatile, sameExpr } from './expression.js';
import {
  type Field,
  fieldsOf,
  type Operator,
  type PlanExpr,
  type PlanLeaf,
  type PlanWindowCall,
  type SortKey,
  type WindowOperator,
} from './physical-plan.js';
import type { Planning, Scope } from './planning.js';
import { queryExprChildren } from './query-walk.js';

interface Planned {
  readonly input: Operator;
  readonly scope: Scope;
  /** By Target.ref: the columns that hold what a window is partitioned or ordered by. */
  readonly computed: ReadonlyMap<number, PlanExpr>;
}

/**
 * The window functions of a query whose FROM, grouping and HAVING are planned: a projection that computes what their windows
 * and arguments are made of, then one operator for each distinct window, one over the other. The scope that comes back
 * resolves each call to its column.
 */
export function planWindows(query: Query, from: { readonly input: Operator; readonly scope: Scope }, planning: Planning): Planned {
  const below = new Computed(planning);
  const computed = new Map<number, PlanExpr>();
  /** What a clause of a window refers to is computed once, for the window and for the target list. */
  const target = (ref: number): PlanExpr => {
    const known = computed.get(ref);
    if (known !== undefined) return known;
    const found = query.targets.find((candidate) => candidate.ref === ref);
    if (found === undefined) throw internal(`a window refers to target ${ref}, which is not there`);
    const column = below.column(convertExpression(found.expr, from.scope), found.name);
    computed.set(ref, column);
    return column;
  };

  const windows = new Map<string, { readonly window: Omit<WindowOperator, 'input' | 'calls'>; readonly calls: PlanWindowCall[] }>();
  const known: { readonly call: WindowCall; readonly field: Field }[] = [];
  const written = windowCalls(query);
  for (const call of written) {
    if (known.some((one) => sameExpr(one.call, call))) continue;
    const clause = query.windows.find((window) => window.ref === call.window);
    if (clause === undefined) throw internal(`a call of window ${call.window}, which is not there`);
    // PostgreSQL gives a window that only numbers rows a frame of its own, whatever was written.
    const numbersOnly = written.every((one) => one.window !== call.window || NUMBERING.has(functionName(one.fn)));
    const frame = numbersOnly ? DEFAULT_FRAME : checkedFrame(clause, from.scope);
    const window = {
      kind: 'window' as const,
      partitionBy: clause.partitionBy.map(target).filter((expr) => expr.kind !== 'constant'),
      orderBy: clause.orderBy.map((key): SortKey => ({ expr: target(key.ref), descending: key.descending, nullsFirst: key.nullsFirst })),
      frame: FRAMELESS.has(functionName(call.fn)) ? DEFAULT_FRAME : frame,
    };
    const name = JSON.stringify(window);
    const entry = windows.get(name) ?? { window, calls: [] };
    windows.set(name, entry);
    const field = planning.newField(functionName(call.fn), call.type);
    entry.calls.push({ field, fn: call.fn, ...argumentsOf(call, from.scope, below) });
    known.push({ call, field });
  }

  let input = below.over(from.input);
  for (const { window, calls } of windows.values()) input = { ...window, input, calls };
  const scope: Scope = {
    ...from.scope,
    window: (call) => {
      const found = known.find((one) => sameExpr(one.call, call));
      if (found === undefined) throw internal(`the window function ${call.fn} was not planned`);
      return columnRef(found.field);
    },
  };
  return { input, scope, computed };
}

/** The projection below the windows: the input's columns and what isn't a column of it. */
class Computed {
  readonly #planning: Planning;
  readonly #items: { readonly field: Field; readonly expr: PlanExpr }[] = [];

  constructor(planning: Planning) {
    this.#planning = planning;
  }

  column(expr: PlanExpr, name: string): PlanExpr {
    if (expr.kind === 'column') return expr;
    const known = isVolatile<PlanLeaf>(expr) ? undefined : this.#items.find((item) => sameExpr(item.expr, expr));
    if (known !== undefined) return columnRef(known.field);
    const field = this.#planning.newField(name, typeOf(expr));
    this.#items.push({ field, expr });
    return columnRef(field);
  }

  over(input: Operator): Operator {
    if (this.#items.length === 0) return input;
    return { kind: 'project', input, items: [...fieldsOf(input).map((field) => ({ field, expr: columnRef(field) })), ...this.#items] };
  }
}

function argumentsOf(call: WindowCall, scope: Scope, below: Computed): Pick<PlanWindowCall, 'args' | 'filter'> {
  const test = call.filter === undefined ? undefined : convertExpression(call.filter, scope);
  const filter = test === undefined ? undefined : below.column(test, 'filter');
  const args = call.args.map((written, n): PlanExpr => {
    const arg = convertExpression(written, scope);
    if (arg.kind === 'constant' || arg.kind === 'column') return arg;
    // What the filter keeps out is not computed.
    const type = typeOf<PlanLeaf>(arg);
    const guarded: PlanExpr =
      test === undefined || isVolatile<PlanLeaf>(test)
        ? arg
        : { kind: 'case', whens: [{ when: test, result: arg }], otherwise: { kind: 'constant', type, value: null }, type };
    return below.column(guarded, `${functionName(call.fn)}_${n + 1}`);
  });
  return { args, filter };
}

/** Functions whose support function tells PostgreSQL's planner that the frame does not matter. */
const NUMBERING: ReadonlySet<string> = new Set(['row_number', 'rank', 'dense_rank', 'percent_rank', 'cume_dist', 'ntile']);

/** Functions that look at the whole partition, whatever the frame is. */
const FRAMELESS: ReadonlySet<string> = new Set([...NUMBERING, 'lag', 'lead']);

export const DEFAULT_FRAME: WindowFrame<PlanExpr> = {
  mode: 'range',
  start: { kind: 'unbounded_preceding' },
  end: { kind: 'current_row' },
  exclude: 'none',
};

/** PostgreSQL looks at the offsets before it reads a row: NULL is an error in every mode, a negative count of rows or groups too. */
function checkedFrame({ frame }: WindowClause, scope: Scope): WindowFrame<PlanExpr> {
  const bound = (side: FrameBound<QueryExpr>, name: 'starting' | 'ending'): FrameBound<PlanExpr> => {
    if (!('offset' in side)) return side;
    const offset = convertExpression(side.offset, scope);
    if (offset.kind !== 'constant') throw unsupported('a frame offset that is not constant');
    if (offset.value === null) throw frameError('22004', `frame ${name} offset must not be null`);
    if (frame.mode !== 'range' && BigInt(offset.value) < 0n) throw frameError('22013', `frame ${name} offset must not be negative`);
    return { kind: side.kind, offset };
  };
  return { ...frame, start: bound(frame.start, 'starting'), end: bound(frame.end, 'ending') };
}

function frameError(sqlstate: string, message: string): TimelineError {
  return new TimelineError({ kind: 'data', sqlstate, message });
}

/** The calls in a query's own targets, each once; windows stand nowhere else, and those of subqueries are theirs. */
function windowCalls(query: Query): readonly WindowCall[] {
  const calls: WindowCall[] = [];
  const visit = (expr: QueryExpr): void => {
    if (expr.kind === 'window') calls.push(expr);
    else if (expr.kind === 'sublink') {
      if (expr.test !== undefined) visit(expr.test);
    } else for (const child of queryExprChildren(expr)) visit(child);
  };
  for (const target of query.targets) visit(target.expr);
  return calls;
}
