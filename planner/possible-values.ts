import { typeOf } from '../sql/expression-type.js';
import { stateFunction } from '../sql/functions/state-functions.js';
import { Oid } from '../sql/types.js';
import type { Value } from '../sql/value.js';
import { parseValue } from '../sql/value-text.js';
import type { StateExpr, StateLeaf } from './timeline-spec.js';

/** What an expression may be: NULL or not, and which other values; `any`: whatever its type has. More than it can be is allowed, less is not. */
export interface Possible {
  readonly null: boolean;
  readonly values: readonly Value[] | 'any';
}

export const ANYTHING: Possible = { null: true, values: 'any' };
export const NULL_ONLY: Possible = { null: true, values: [] };

export function just(value: Value): Possible {
  return { null: false, values: [value] };
}

export function mayBeTrue(possible: Possible): boolean {
  return mayBe(possible, true);
}

export type Leaves = (leaf: Exclude<StateLeaf, { readonly kind: 'case_arg' }>) => Possible;

/** What a state may be when its leaves are what `leaves` says: three-valued logic over sets, each branch by itself. */
export function possibleValues(expr: StateExpr, leaves: Leaves): Possible {
  const of = (child: StateExpr): Possible => possibleValues(child, leaves);
  switch (expr.kind) {
    case 'leaf':
    case 'key':
    case 'signal':
    case 'state_op':
      return leaves(expr);
    case 'case_arg':
      return ANYTHING;
    case 'constant':
      return expr.value === null ? NULL_ONLY : constantOf(expr.value, expr);
    case 'and':
      return junction(expr.args.map(of), false);
    case 'or':
      return junction(expr.args.map(of), true);
    case 'not': {
      const arg = of(expr.arg);
      return logical({ yes: mayBe(arg, false), no: mayBe(arg, true), unknown: arg.null });
    }
    case 'is_null': {
      const arg = of(expr.arg);
      const some = arg.values === 'any' || arg.values.length > 0;
      return logical({ yes: expr.negated ? some : arg.null, no: expr.negated ? arg.null : some, unknown: false });
    }
    case 'is_bool': {
      const arg = of(expr.arg);
      const outcomes = [
        ...(mayBe(arg, true) ? [expr.test === 'true'] : []),
        ...(mayBe(arg, false) ? [expr.test === 'false'] : []),
        ...(arg.null ? [expr.test === 'unknown'] : []),
      ].map((holds) => holds !== expr.negated);
      return logical({ yes: outcomes.includes(true), no: outcomes.includes(false), unknown: false });
    }
    case 'case': {
      const results: Possible[] = [];
      for (const { when, result } of expr.whens) {
        const condition = expr.arg === undefined ? of(when) : { null: true, values: 'any' as const };
        if (!mayBeTrue(condition)) continue;
        results.push(of(result));
        if (!condition.null && !mayBe(condition, false)) return union(results);
      }
      return union([...results, of(expr.otherwise)]);
    }
    case 'coalesce': {
      const results: Possible[] = [];
      for (const arg of expr.args.map(of)) {
        results.push({ ...arg, null: false });
        if (!arg.null) return union(results);
      }
      return { ...union(results), null: true };
    }
    case 'nullif': {
      const [arg] = expr.call.args;
      return arg === undefined ? ANYTHING : { ...of(arg), null: true };
    }
    case 'call':
      return called(expr, expr.args.map(of));
    case 'any_all': {
      const arg = of(expr.arg);
      // over no elements it is FALSE, over others NULL
      if (expr.quantifier === 'any' && isNull(arg)) return logical({ yes: false, no: true, unknown: true });
      return ANYTHING;
    }
    case 'cast': {
      const arg = of(expr.arg);
      return isNull(arg) ? NULL_ONLY : ANYTHING;
    }
    default:
      return ANYTHING;
  }
}

/** PostgreSQL functions that are computed over states are strict; of the others nothing is known. */
function called(expr: Extract<StateExpr, { readonly kind: 'call' }>, args: readonly Possible[]): Possible {
  const fn = stateFunction(expr.fn);
  if (fn === undefined) return ANYTHING;
  if (args.some(isNull)) return NULL_ONLY;
  const [a, b] = args.map((arg) => (arg.null || arg.values === 'any' || arg.values.length !== 1 ? undefined : arg.values[0]));
  if (a === undefined || (args.length > 1 && b === undefined) || args.length > 2) return ANYTHING;
  try {
    return just(fn(a, b ?? a));
  } catch {
    // it would raise an error there
    return ANYTHING;
  }
}

function constantOf(text: string, expr: Extract<StateExpr, { readonly kind: 'constant' }>): Possible {
  const type = typeOf<StateLeaf>(expr);
  if (type.oid === Oid.bool) return just(text === 't' || text === 'true');
  try {
    return just(parseValue(type, text));
  } catch {
    return { null: false, values: 'any' };
  }
}

/** AND for `absorbing` FALSE, OR for TRUE. */
function junction(args: readonly Possible[], absorbing: boolean): Possible {
  const absorbs = args.some((arg) => mayBe(arg, absorbing));
  const surely = args.some((arg) => !arg.null && !mayBe(arg, !absorbing));
  if (surely) return just(absorbing);
  const neutral = args.every((arg) => mayBe(arg, !absorbing));
  const unknown = args.some((arg) => arg.null);
  return logical({ yes: absorbing ? absorbs : neutral, no: absorbing ? neutral : absorbs, unknown });
}

function mayBe(possible: Possible, value: boolean): boolean {
  return possible.values === 'any' || possible.values.includes(value);
}

function isNull(possible: Possible): boolean {
  return possible.values !== 'any' && possible.values.length === 0;
}

function logical({ yes, no, unknown }: { readonly yes: boolean; readonly no: boolean; readonly unknown: boolean }): Possible {
  return { null: unknown, values: [...(yes ? [true] : []), ...(no ? [false] : [])] };
}

function union(all: readonly Possible[]): Possible {
  const values = new Set<Value>();
  for (const one of all) {
    if (one.values === 'any') return { null: all.some((other) => other.null), values: 'any' };
    for (const value of one.values) values.add(value);
  }
  return { null: all.some((one) => one.null), values: [...values] };
}
