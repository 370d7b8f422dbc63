import { isNativeState } from '../../planner/state-functions.js';
import type { StateExpr, StateLeaf } from '../../planner/timeline-spec.js';
import { internal, unsupported } from '../../sql/errors.js';
import type { Call } from '../../sql/expression.js';
import { typeOf } from '../../sql/expression-type.js';
import { comparator, stateFunction } from '../../sql/functions/state-functions.js';
import { typeName } from '../../sql/types.js';
import type { Value } from '../../sql/value.js';
import { formatValue, parseValue } from '../../sql/value-text.js';
import { type PostgresCompute, stateFallback } from './state-fallback.js';

/** A state's value for the key of a slot, at the clock's moment. */
export type Evaluate = (slot: number) => Value | null;

export interface ScalarContext {
  readonly timeZone: string;
  /** Computes what is not written in JavaScript; undefined: nothing does, and that is 0A000. */
  readonly postgres?: PostgresCompute | undefined;
  /** Leaves, keys, earlier signals and stateful operators; `case_arg` never comes here. */
  leaf(leaf: Exclude<StateLeaf, { readonly kind: 'case_arg' }>): Evaluate;
  /** Something that takes the place of the whole expression (a threshold of a numerical). */
  instead(expr: StateExpr): Evaluate | undefined;
}

/** A closure that gives the expression's value at the instant its leaves show. 0A000 for what cannot be computed here. */
export function compileScalar(expr: StateExpr, context: ScalarContext): Evaluate {
  return compile(expr, context, undefined);
}

function compile(expr: StateExpr, context: ScalarContext, caseArg: Evaluate | undefined): Evaluate {
  const instead = context.instead(expr);
  if (instead !== undefined) return instead;
  const sub = (child: StateExpr): Evaluate => compile(child, context, caseArg);
  if (!isNativeState(expr)) {
    const { args, compute } = stateFallback(expr, { timeZone: context.timeZone, postgres: context.postgres });
    const given = args.map(sub);
    return (slot) => compute(given.map((arg) => arg(slot)));
  }
  switch (expr.kind) {
    case 'leaf':
    case 'key':
    case 'signal':
    case 'state_op':
      return context.leaf(expr);
    case 'case_arg':
      if (caseArg === undefined) throw internal('timeline: CASE argument outside of CASE');
      return caseArg;
    case 'constant': {
      const value = expr.value === null ? null : parseValue(expr.type, expr.value, { timeZone: context.timeZone });
      return () => value;
    }
    case 'parameter':
      throw internal('timeline: a parameter was not bound');
    case 'call':
      return strict(expr, expr.args.map(sub));
    case 'and':
      return junction(expr.args.map(sub), false);
    case 'or':
      return junction(expr.args.map(sub), true);
    case 'not': {
      const arg = sub(expr.arg);
      return (slot) => {
        const value = arg(slot);
        return value === null ? null : value !== true;
      };
    }
    case 'is_null': {
      const arg = sub(expr.arg);
      const { negated } = expr;
      return (slot) => (arg(slot) === null) !== negated;
    }
    case 'is_bool': {
      const arg = sub(expr.arg);
      const wanted = expr.test === 'unknown' ? null : expr.test === 'true';
      const { negated } = expr;
      return (slot) => (arg(slot) === wanted) !== negated;
    }
    case 'distinct': {
      const [a, b] = pair(expr.call.args.map(sub));
      const equal = functionOf(expr.call.fn);
      const { negated } = expr;
      return (slot) => {
        const x = a(slot);
        const y = b(slot);
        const distinct = x === null || y === null ? x !== y : equal(x, y) !== true;
        return distinct !== negated;
      };
    }
    case 'nullif': {
      const [a, b] = pair(expr.call.args.map(sub));
      const equal = functionOf(expr.call.fn);
      return (slot) => {
        const x = a(slot);
        const y = b(slot);
        return x !== null && y !== null && equal(x, y) === true ? null : x;
      };
    }
    case 'case': {
      const arg = expr.arg === undefined ? undefined : sub(expr.arg);
      let compared: Value | null = null;
      const inner = arg === undefined ? caseArg : () => compared;
      const whens = expr.whens.map((w) => ({ when: compile(w.when, context, inner), result: sub(w.result) }));
      const otherwise = sub(expr.otherwise);
      return (slot) => {
        if (arg !== undefined) compared = arg(slot);
        for (const { when, result } of whens) if (when(slot) === true) return result(slot);
        return otherwise(slot);
      };
    }
    case 'coalesce': {
      const args = expr.args.map(sub);
      return (slot) => {
        for (const arg of args) {
          const value = arg(slot);
          if (value !== null) return value;
        }
        return null;
      };
    }
    case 'minmax': {
      const args = expr.args.map(sub);
      const compare = comparator(expr.type);
      if (compare === undefined) throw unsupported(`${expr.op} of ${typeName(expr.type)} inside timeline()`);
      const sign = expr.op === 'greatest' ? 1 : -1;
      return (slot) => {
        let best: Value | null = null;
        for (const arg of args) {
          const value = arg(slot);
          if (value !== null && (best === null || compare(value, best) * sign > 0)) best = value;
        }
        return best;
      };
    }
    case 'any_all': {
      const arg = sub(expr.arg);
      const array = sub(expr.array);
      const test = functionOf(expr.fn);
      const any = expr.quantifier === 'any';
      return (slot) => {
        const list = array(slot) as readonly (Value | null)[] | null;
        if (list === null) return null;
        if (list.length === 0) return !any;
        const value = arg(slot);
        if (value === null) return null;
        let unknown = false;
        for (const item of list) {
          if (item === null) unknown = true;
          else if ((test(value, item) === true) === any) return any;
        }
        return unknown ? null : !any;
      };
    }
    case 'array': {
      const elements = expr.elements.map(sub);
      return (slot) => elements.map((element) => element(slot));
    }
    case 'template':
      throw unsupported(`${expr.name} over timeline states`);
    case 'subscript': {
      const arg = sub(expr.arg);
      const index = sub(expr.index);
      return (slot) => {
        const list = arg(slot) as readonly (Value | null)[] | null;
        const n = index(slot) as number | null;
        return list === null || n === null ? null : (list[n - 1] ?? null);
      };
    }
    case 'cast':
      return cast(sub(expr.arg), expr, context.timeZone);
  }
}

function junction(args: readonly Evaluate[], absorbing: boolean): Evaluate {
  return (slot) => {
    let unknown = false;
    for (const arg of args) {
      const value = arg(slot);
      if (value === absorbing) return absorbing;
      if (value === null) unknown = true;
    }
    return unknown ? null : !absorbing;
  };
}

function strict(call: Call<StateLeaf>, args: readonly Evaluate[]): Evaluate {
  const f = functionOf(call.fn);
  const [a, b] = args;
  if (a === undefined) throw unsupported(`the function ${call.fn} inside timeline()`);
  if (b === undefined) {
    return (slot) => {
      const x = a(slot);
      return x === null ? null : f(x, false);
    };
  }
  return (slot) => {
    const x = a(slot);
    if (x === null) return null;
    const y = b(slot);
    return y === null ? null : f(x, y);
  };
}

function functionOf(fn: string): (a: Value, b: Value) => Value {
  const found = stateFunction(fn);
  if (found === undefined) throw unsupported(`the function ${fn} inside timeline()`);
  return found;
}

function pair(args: readonly Evaluate[]): readonly [Evaluate, Evaluate] {
  const [a, b] = args;
  if (a === undefined || b === undefined) throw internal('timeline: a comparison of two values needs two');
  return [a, b];
}

/** To text, in the timeline's zone. */
function cast(arg: Evaluate, expr: Extract<StateExpr, { readonly kind: 'cast' }>, timeZone: string): Evaluate {
  if (expr.via === 'relabel') return arg;
  const from = typeOf<StateLeaf>(expr.arg);
  const settings = { timeZone };
  return (slot) => {
    const value = arg(slot);
    return value === null ? null : formatValue(from, value, settings);
  };
}
