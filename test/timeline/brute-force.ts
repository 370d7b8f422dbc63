import type { StateExpr, StateLeaf, TimelineLeaf, TimelineSpec } from '../../planner/timeline-spec.js';
import { typeOf } from '../../sql/expression-type.js';
import { Oid, type Type } from '../../sql/types.js';
import type { Value } from '../../sql/value.js';
import { gcd, gridOf } from './brute-grid.js';
import { apply, type Cell, canonical, constant, isSame, lengthOf, micros, order, sum } from './brute-values.js';

export type Event = Readonly<Record<number, Cell>>;

/** More ticks than this in one key's time are an error of the generator. */
const MAX_TICKS = 6000;

export interface BruteCase {
  readonly spec: TimelineSpec;
  /** In source order. */
  readonly events: readonly Event[];
  readonly types: ReadonlyMap<number, Type>;
  readonly horizon: number | undefined;
}

/** Thrown for `ties => 'error'`. */
export class Tied extends Error {}

/**
 * TIMELINE by its definitions. Time is cut into ticks: the greatest length of which all instants and lengths of a case are multiples,
 * so that nothing happens between two of them. Every operator is worked out at every tick from all events up to it, or from its
 * argument's values at all ticks before. No timers, no moments, no running state, and nothing of src/timeline or sql/functions.
 */
export function bruteForce(example: BruteCase): Cell[][] {
  const { spec, types } = example;
  const groups = new Map<string, Event[]>();
  for (const event of example.events) {
    const key = spec.keys.map((id) => event[id] ?? null);
    if ((event[spec.ts] ?? null) === null || key.includes(null)) continue;
    const name = JSON.stringify(key.map((value, n) => canonical(types.get(spec.keys[n]!)!, value!)));
    groups.set(name, [...(groups.get(name) ?? []), event]);
  }
  const grid = gridOf(spec);
  return [...groups.values()].flatMap((group) => new KeyTimeline(example, group, grid).rows());
}

interface Happening {
  readonly at: number;
  readonly event: Event;
}

class KeyTimeline {
  readonly #spec: TimelineSpec;
  readonly #types: ReadonlyMap<number, Type>;
  readonly #happenings: readonly Happening[];
  readonly #key: readonly Cell[];
  readonly #since: number;
  readonly #until: number;
  readonly #points: readonly number[] | undefined;
  readonly #grid: readonly number[];
  readonly #tick: number;
  readonly #start: number;
  readonly #ticks: number;
  /** By tick: how many happenings are up to it. */
  readonly #past: readonly number[];
  readonly #lives: readonly boolean[];
  readonly #values = new Map<StateExpr, readonly Cell[]>();

  constructor({ spec, types, horizon }: BruteCase, group: readonly Event[], grid: readonly number[]) {
    this.#spec = spec;
    this.#types = types;
    this.#grid = grid;
    const isProbe = (event: Event): boolean => spec.probe !== undefined && event[spec.probe] === true;
    this.#since = spec.since === undefined ? -Infinity : Number(spec.since);
    this.#until = spec.until.kind === 'at' ? Number(spec.until.instant) : spec.until.kind === 'horizon' ? (horizon ?? -Infinity) : Infinity;
    if (spec.emit === 'points') {
      const asked =
        spec.probe === undefined
          ? (spec.at?.map(Number) ?? grid.filter((t) => t > this.#since && t <= this.#until))
          : [...new Set(group.filter(isProbe).map((event) => Number(event[spec.ts])))].sort((a, b) => a - b);
      this.#points = asked.filter((t) => t >= this.#since);
    }
    const nothing = this.#points === undefined ? !(this.#since < this.#until) : this.#points.length === 0;
    const last = this.#points?.at(-1) ?? -Infinity;
    const isRead = (at: number): boolean => !nothing && (this.#points === undefined ? at < this.#until : at <= last);
    const seen = new Set<string>();
    const events = group.filter((event) => !isProbe(event));
    this.#happenings = events
      .map((event, position) => ({ at: Number(event[spec.ts]), event, position }))
      .filter(({ at }) => isRead(at))
      .sort((a, b) => a.at - b.at || this.#tie(a.event, b.event) || a.position - b.position)
      .filter(({ event }) => {
        const id = spec.dedupe.map((column) => event[column] ?? null);
        if (id.length === 0 || id.includes(null)) return true;
        const text = JSON.stringify(id.map((value, n) => canonical(types.get(spec.dedupe[n]!)!, value!)));
        const first = !seen.has(text);
        seen.add(text);
        return first;
      });
    this.#key = spec.keys.map((id) => this.#happenings[0]?.event[id] ?? null);
    if (spec.ties === 'error') this.#refuseTies();
    const first = this.#happenings[0]?.at ?? Infinity;
    this.#start = spec.fill && this.#since < first ? this.#since : first;
    if (this.#happenings.length === 0) {
      this.#tick = 1;
      this.#ticks = 0;
    } else {
      const end = this.#points === undefined ? this.#until : last;
      this.#tick = this.#greatestTick(end);
      this.#ticks = Math.max(0, (end - this.#start) / this.#tick + (this.#points === undefined ? 0 : 1));
      if (!(this.#ticks <= MAX_TICKS)) throw new Error(`${this.#ticks} ticks`);
    }
    let past = 0;
    this.#past = this.#all((t) => {
      while (past < this.#happenings.length && this.#happenings[past]!.at <= t) past += 1;
      return past;
    });
    this.#lives = this.#all((t, n) => this.#live(t, n));
  }

  rows(): Cell[][] {
    const { signals } = this.#spec;
    const values = signals.map((signal) => this.#of(signal.expr));
    const at = (n: number): Cell[] => values.map((of) => of[n] ?? null);
    if (this.#points !== undefined) {
      return this.#points.flatMap((t) => {
        const n = (t - this.#start) / this.#tick;
        return this.#ticks === 0 || n < 0 || this.#lives[n] !== true ? [] : [[...this.#key, BigInt(t), ...at(n)]];
      });
    }
    const rows: Cell[][] = [];
    const cuts = new Set([...this.#grid, this.#since]);
    const shown = (n: number): boolean => n >= 0 && this.#time(n) >= this.#since && this.#lives[n] === true;
    const alike = (a: number, b: number): boolean =>
      signals.every(({ numerical, type }, n) => numerical || isSame(type, values[n]![a] ?? null, values[n]![b] ?? null));
    for (let n = 0; n < this.#ticks; n++) {
      if (!shown(n) || (shown(n - 1) && !cuts.has(this.#time(n)) && alike(n - 1, n))) continue;
      let end = n + 1;
      while (end < this.#ticks && shown(end) && !cuts.has(this.#time(end)) && alike(end - 1, end)) end += 1;
      rows.push(this.#span(this.#time(n), Math.min(this.#time(end), this.#until), at(n)));
    }
    return rows;
  }

  #span(start: number, end: number, signals: readonly Cell[]): Cell[] {
    const bucket =
      this.#spec.every === undefined
        ? []
        : [BigInt(this.#grid.findLast((edge) => edge <= start)!), BigInt(this.#grid.find((edge) => edge > start)!)];
    const length = end - start;
    return [...this.#key, ...bucket, BigInt(start), BigInt(end), lengthOf(length), length / 1e6, end === this.#until, ...signals];
  }

  #time(n: number): number {
    return this.#start + n * this.#tick;
  }

  #all<T>(of: (t: number, n: number) => T): T[] {
    return Array.from({ length: this.#ticks }, (_, n) => of(this.#time(n), n));
  }

  #greatestTick(end: number): number {
    const spec = this.#spec;
    const instants = [...this.#happenings.map(({ at }) => at), ...this.#grid, ...(this.#points ?? []), this.#since, end];
    const lengths = [Number(spec.idle ?? 0)];
    for (const leaf of spec.leaves) {
      if (leaf.op === 'has_existed_within') lengths.push(Number(leaf.within));
      if (leaf.op === 'latest') lengths.push(Number(leaf.ttl ?? 0));
    }
    JSON.stringify(spec.signals, (_, value: unknown) => {
      const node = value as { kind?: string; within?: string; type?: Type; value?: string } | null;
      if (node?.kind === 'state_op' && node.within !== undefined) lengths.push(Number(node.within));
      if (node?.kind === 'constant' && node.type?.oid === Oid.interval && typeof node.value === 'string')
        lengths.push(Number(micros(constant(node.type, node.value) as never)));
      return value;
    });
    const found = [...instants.filter(Number.isFinite).map((t) => t - this.#start), ...lengths].reduce(gcd, 0);
    return found === 0 ? 1 : found;
  }

  /** Tie order of two events of one instant, but for their positions. */
  #tie(a: Event, b: Event): number {
    for (const id of this.#spec.orderBy) {
      const [x, y] = [a[id] ?? null, b[id] ?? null];
      const sign = x === null || y === null ? Number(x === null) - Number(y === null) : order(this.#types.get(id)!, x, y);
      if (sign !== 0) return sign;
    }
    return 0;
  }

  #refuseTies(): void {
    for (const a of this.#happenings) {
      for (const b of this.#happenings) {
        if (a === b || a.at !== b.at || this.#tie(a.event, b.event) !== 0) continue;
        for (const leaf of this.#spec.leaves) {
          if (leaf.op !== 'latest' && leaf.op !== 'latest_when') continue;
          if (leaf.op === 'latest_when' && (a.event[leaf.when] !== true || b.event[leaf.when] !== true)) continue;
          const [x, y] = [a.event[leaf.value] ?? null, b.event[leaf.value] ?? null];
          if (x !== null && y !== null && !isSame(leaf.type, x, y)) throw new Tied();
        }
      }
    }
  }

  #live(t: number, n: number): boolean {
    const last = this.#happenings[this.#past[n]! - 1]?.at;
    if (last === undefined) return true;
    const { ends, idle } = this.#spec;
    if (ends !== undefined && this.#happenings.some(({ at, event }) => at === last && event[ends] === true)) return false;
    return idle === undefined || t < last + Number(idle);
  }

  /** An expression's values by tick. */
  #of(expr: StateExpr): readonly Cell[] {
    const known = this.#values.get(expr);
    if (known !== undefined) return known;
    const values = this.#compute(expr, undefined);
    this.#values.set(expr, values);
    return values;
  }

  #compute(expr: StateExpr, caseArg: readonly Cell[] | undefined): readonly Cell[] {
    const of = (child: StateExpr): readonly Cell[] => (caseArg === undefined ? this.#of(child) : this.#compute(child, caseArg));
    const pointwise = (children: readonly StateExpr[], f: (values: readonly Cell[]) => Cell): readonly Cell[] => {
      const columns = children.map(of);
      return this.#all((_, n) => f(columns.map((column) => column[n] ?? null)));
    };
    const call = (fn: string, args: readonly StateExpr[], values: readonly Cell[]): Cell =>
      values.includes(null)
        ? null
        : apply(
            fn,
            values.map((value, n) => ({ type: typeOf<StateLeaf>(args[n]!), value: value as Value })),
          );
    switch (expr.kind) {
      case 'leaf': {
        const leaf = this.#spec.leaves[expr.index]!;
        return this.#all((t, n) => this.#leaf(leaf, t, this.#happenings.slice(0, this.#past[n])));
      }
      case 'key':
        return this.#all(() => this.#key[expr.index] ?? null);
      case 'signal':
        return this.#of(this.#spec.signals[expr.index]!.expr);
      case 'state_op':
        return this.#stateful(expr);
      case 'case_arg':
        if (caseArg === undefined) throw new Error('case_arg');
        return caseArg;
      case 'constant': {
        const value = constant(expr.type, expr.value);
        return this.#all(() => value);
      }
      case 'and':
        return pointwise(expr.args, (values) => three(values, false));
      case 'or':
        return pointwise(expr.args, (values) => three(values, true));
      case 'not':
        return pointwise([expr.arg], ([value]) => (value === null ? null : !value));
      case 'is_null':
        return pointwise([expr.arg], ([value]) => (value === null) !== expr.negated);
      case 'is_bool':
        return pointwise([expr.arg], ([value]) => (value === { true: true, false: false, unknown: null }[expr.test]) !== expr.negated);
      case 'coalesce':
        return pointwise(expr.args, (values) => values.find((value) => value !== null) ?? null);
      case 'distinct': {
        const { args } = expr.call;
        return pointwise(args, ([a, b]) => isSame(typeOf<StateLeaf>(args[0]!), a ?? null, b ?? null) === expr.negated);
      }
      case 'nullif': {
        const { fn, args } = expr.call;
        return pointwise(args, (values) => (call(fn, args, values) === true ? null : (values[0] ?? null)));
      }
      case 'minmax': {
        const sign = expr.op === 'greatest' ? 1 : -1;
        return pointwise(expr.args, (values) => {
          const given = values.filter((value): value is Value => value !== null);
          return given.find((value) => given.every((other) => order(expr.type, value, other) * sign >= 0)) ?? null;
        });
      }
      case 'any_all':
        return pointwise([expr.arg, expr.array], ([value, list]) => {
          if (list === null) return null;
          const item: Type = { oid: typeOf<StateLeaf>(expr.array).oid === 1009 ? Oid.text : Oid.int4, typmod: -1 };
          const tests = (list as readonly Cell[]).map((other) =>
            value === null || value === undefined || other === null
              ? null
              : (apply(expr.fn, [
                  { type: item, value },
                  { type: item, value: other },
                ]) as boolean),
          );
          return three(tests, expr.quantifier === 'any');
        });
      case 'case': {
        const { whens, otherwise } = expr;
        const arg = expr.arg === undefined ? caseArg : of(expr.arg);
        const tests = whens.map(({ when }) => this.#compute(when, arg));
        const results = whens.map(({ result }) => of(result));
        const rest = of(otherwise);
        return this.#all((_, n) => (results[tests.findIndex((test) => test[n] === true)] ?? rest)[n] ?? null);
      }
      case 'call':
        return pointwise(expr.args, (values) => call(expr.fn, expr.args, values));
      default:
        throw new Error(`not in the random expressions: ${expr.kind}`);
    }
  }

  #leaf(leaf: TimelineLeaf, t: number, past: readonly Happening[]): Cell {
    const matching = (when: number): readonly Happening[] => past.filter(({ event }) => event[when] === true);
    switch (leaf.op) {
      case 'latest': {
        const found = past.findLast(({ event }) => (event[leaf.value] ?? null) !== null);
        return found === undefined || (leaf.ttl !== undefined && t >= found.at + Number(leaf.ttl))
          ? null
          : (found.event[leaf.value] ?? null);
      }
      case 'latest_when':
        return matching(leaf.when).at(-1)?.event[leaf.value] ?? null;
      case 'has_existed':
        return matching(leaf.when).length > 0;
      case 'has_existed_within':
        return matching(leaf.when).some(({ at }) => t < at + Number(leaf.within));
      case 'count_so_far':
        return BigInt(matching(leaf.when).length);
      case 'sum_so_far':
        return sum(
          leaf.type,
          past.map(({ event }) => event[leaf.value] ?? null).filter((value): value is Value => value !== null),
        );
      case 'last_event_time': {
        const found = (leaf.when === undefined ? past : matching(leaf.when)).at(-1);
        return found === undefined ? null : BigInt(found.at);
      }
    }
  }

  #stateful(node: Extract<StateLeaf, { kind: 'state_op' }>): readonly Cell[] {
    const arg = this.#of(node.arg);
    const holds = (n: number): boolean => arg[n] === true;
    switch (node.op) {
      case 'has_existed':
        return this.#all((_, n) => arg.slice(0, n + 1).includes(true));
      case 'has_existed_within': {
        // TRUE on [s, s + tick), so it stopped at s + tick if that was the last time
        const ticks = Number(node.within) / this.#tick;
        return this.#all((_, n) => {
          for (let s = n; s >= 0; s--) if (holds(s)) return s === n || n < s + 1 + ticks;
          return false;
        });
      }
      case 'duration_where': {
        const counted = this.#all((t, n) => t >= this.#since && this.#lives[n] === true && holds(n));
        return this.#all((_, n) => {
          let ticks = 0;
          for (let s = 0; s < n; s++) if (counted[s]) ticks += 1;
          return lengthOf(ticks * this.#tick);
        });
      }
      case 'duration_in_state': {
        const type = typeOf<StateLeaf>(node.arg);
        return this.#all((_, n) => {
          let s = n;
          while (s > 0 && isSame(type, arg[s] ?? null, arg[s - 1] ?? null)) s -= 1;
          return lengthOf((n - s) * this.#tick);
        });
      }
    }
  }
}

function three(values: readonly Cell[], absorbing: boolean): Cell {
  if (values.includes(absorbing)) return absorbing;
  return values.includes(null) ? null : !absorbing;
}
