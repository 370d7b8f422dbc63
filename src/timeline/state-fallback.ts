import { postgresState } from '../../planner/state-functions.js';
import type { StateExpr, StateLeaf } from '../../planner/timeline-spec.js';
import { unsupported } from '../../sql/errors.js';
import { typeOf } from '../../sql/expression-type.js';
import type { Type } from '../../sql/types.js';
import type { Value } from '../../sql/value.js';
import { formatValue, parseValue } from '../../sql/value-text.js';

/** PostgreSQL's own functions over one row of texts; `spec` is a PostgresSpec of form `scalar` as JSON. Texts are of the timeline's zone. */
export type PostgresCompute = (spec: string, texts: readonly (string | null)[]) => string | null;

/** An expression over states that PostgreSQL computes from the values of `args`. */
export interface StateFallback {
  readonly args: readonly StateExpr[];
  readonly compute: (values: readonly (Value | null)[]) => Value | null;
}

/** Answers that are kept: states take few values, again and again, and asking costs as much as thousands of events. */
const MOST_KEPT = 20_000;
/** Longer arguments are not kept. */
const LONGEST_KEPT = 2_000;

export function stateFallback(
  expr: StateExpr,
  { timeZone, postgres }: { readonly timeZone: string; readonly postgres: PostgresCompute | undefined },
): StateFallback {
  if (postgres === undefined) throw unsupported('a function of PostgreSQL over states of timeline() in this place');
  const { spec, args } = postgresState(expr);
  const text = JSON.stringify(spec);
  const settings = { timeZone };
  const types = args.map((arg) => typeOf<StateLeaf>(arg));
  const result = typeOf<StateLeaf>(expr);
  const kept = new Map<string, Value | null>();
  const textOf = (type: Type, value: Value | null): string | null => (value === null ? null : formatValue(type, value, settings));
  return {
    args,
    compute: (values) => {
      const texts = types.map((type, n) => textOf(type, values[n] ?? null));
      const key = JSON.stringify(texts);
      const known = kept.get(key);
      if (known !== undefined) return known;
      const answer = postgres(text, texts);
      const value = answer === null ? null : parseValue(result, answer, settings);
      if (key.length <= LONGEST_KEPT) {
        if (kept.size >= MOST_KEPT) kept.clear();
        kept.set(key, value);
      }
      return value;
    },
  };
}
