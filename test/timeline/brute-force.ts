import type { StateExpr, StateLeaf, TimelineLeaf, TimelineSpec } from '../../planner/timeline-spec.js';
import type { Interval, Value } from '../../sql/value.js';

type Cell = Value | null;
export type Event = Readonly<Record<number, Cell>>;

/**
 * TIMELINE by its definitions, over whole microseconds: every operator is worked out anew at every instant from all events
 * and all earlier instants. No timers, no state. Nothing is shared with src/timeline but the types. Events come sorted.
 */
export function bruteForce(spec: TimelineSpec, events: readonly Event[], horizon: number | undefined): Cell[][] {
  const groups = new Map<string, Event[]>();
  for (const event of events) {
    const key = spec.keys.map((id) => event[id] ?? null);
    if (event[spec.ts] === null || key.includes(null)) continue;
    const name = JSON.stringify(key.map(String));
    groups.set(name, [...(groups.get(name) ?? []), event]);
  }
  return [...groups.values()].flatMap((group) => new KeyTimeline(spec, group, horizon).rows());
}

class KeyTimeline {
  readonly #spec: TimelineSpec;
  readonly #events: readonly { readonly at: number; readonly event: Event }[];
  readonly #key: readonly Cell[];
  readonly #since: number;
  readonly #until: number;
  readonly #points: readonly number[] | undefined;
  readonly #start: number;
  readonly #memo = new Map<string, Cell>();

  constructor(spec: TimelineSpec, group: readonly Event[], horizon: number | undefined) {
    this.#spec = spec;
    this.#key = spec.keys.map((id) => group[0]?.[id] ?? null);
    this.#since = spec.since === undefined ? -Infinity : Number(spec.since);
    this.#until = spec.until.kind === 'at' ? Number(spec.until.instant) : spec.until.kind === 'horizon' ? (horizon ?? -Infinity) : Infinity;
    if (spec.emit === 'points') {
      this.#points =
        spec.at?.map(Number).filter((t) => t >= this.#since) ?? this.#grid().filter((t) => t > this.#since && t <= this.#until);
    }
    const last = this.#points === undefined ? this.#until - 1 : (this.#points.at(-1) ?? -Infinity);
    const seen = new Set<string>();
    this.#events = group.flatMap((event) => {
      const at = Number(event[spec.ts]);
      if (at > last) return [];
      const id = spec.dedupe.map((column) => event[column] ?? null);
      const text = JSON.stringify(id.map(String));
      if (id.length > 0 && !id.includes(null)) {
        if (seen.has(text)) return [];
        seen.add(text);
      }
      return [{ at, event }];
    });
    const first = this.#events[0]?.at ?? Infinity;
    this.#start = spec.fill ? Math.min(first, this.#since) : first;
    if (spec.fill && first < this.#since) this.#start = first;
  }

  rows(): Cell[][] {
    if (this.#events.length === 0) return [];
    if (this.#points !== undefined) {
      return this.#points
        .filter((t) => this.#live(t))
        .map((t) => [...this.#key, BigInt(t), ...this.#spec.signals.map((signal) => this.#value(signal.expr, t))]);
    }
    const rows: Cell[][] = [];
    const cuts = new Set(this.#grid());
    let start: number | undefined;
    let held: Cell[] = [];
    const close = (end: number): void => {
      if (start === undefined) return;
      const grid = this.#grid();
      const bucket =
        this.#spec.every === undefined
          ? []
          : [BigInt(grid.filter((edge) => edge <= (start ?? 0)).at(-1) ?? 0), BigInt(grid.find((edge) => edge > (start ?? 0)) ?? 0)];
      rows.push([
        ...this.#key,
        ...bucket,
        BigInt(start),
        BigInt(end),
        micros(end - start),
        (end - start) / 1e6,
        end === this.#until,
        ...held,
      ]);
      start = undefined;
    };
    for (let t = Math.max(this.#start, this.#since); t < this.#until; t++) {
      if (!this.#live(t)) {
        close(t);
        continue;
      }
      const now = this.#spec.signals.map((signal) => this.#value(signal.expr, t));
      const same =
        start !== undefined &&
        !cuts.has(t) &&
        this.#spec.signals.every((signal, n) => signal.numerical || show(now[n] ?? null) === show(held[n] ?? null));
      if (same) continue;
      close(t);
      start = t;
      held = now;
    }
    close(this.#until);
    return rows;
  }

  /** Bucket edges: the tests use UTC and plain lengths only. */
  #grid(): number[] {
    const every = Number(this.#spec.every?.micros ?? 0);
    if (every === 0) return [];
    const origin = Number(this.#spec.origin ?? 0);
    const edges: number[] = [];
    for (
      let edge = origin - Math.ceil((origin - this.#since) / every + 2) * every;
      edges.length === 0 || (edges.at(-1) ?? 0) < this.#until;
      edge += every
    )
      edges.push(edge);
    return edges;
  }

  #upTo(t: number): readonly { readonly at: number; readonly event: Event }[] {
    return this.#events.filter(({ at }) => at <= t);
  }

  #live(t: number): boolean {
    if (t < this.#start) return false;
    const past = this.#upTo(t);
    const last = past.at(-1)?.at;
    if (last === undefined) return true;
    const { ends, idle } = this.#spec;
    if (ends !== undefined && past.some(({ at, event }) => at === last && event[ends] === true)) return false;
    return idle === undefined || t < last + Number(idle);
  }

  #value(expr: StateExpr, t: number): Cell {
    const key = `${t}:${JSON.stringify(expr)}`;
    const known = this.#memo.get(key);
    if (known !== undefined || this.#memo.has(key)) return known ?? null;
    const value = this.#compute(expr, t);
    this.#memo.set(key, value);
    return value;
  }

  #compute(expr: StateExpr, t: number): Cell {
    const of = (child: StateExpr): Cell => this.#value(child, t);
    switch (expr.kind) {
      case 'leaf':
        return this.#leaf(this.#spec.leaves[expr.index]!, t);
      case 'key':
        return this.#key[expr.index] ?? null;
      case 'signal':
        return of(this.#spec.signals[expr.index]!.expr);
      case 'state_op':
        return this.#stateful(expr, t);
      case 'constant':
        return constant(expr.type.oid, expr.value);
      case 'and':
        return three(expr.args.map(of), false);
      case 'or':
        return three(expr.args.map(of), true);
      case 'not': {
        const value = of(expr.arg);
        return value === null ? null : !value;
      }
      case 'is_null':
        return (of(expr.arg) === null) !== expr.negated;
      case 'coalesce':
        return expr.args.map(of).find((value) => value !== null) ?? null;
      case 'case':
        return of(expr.whens.find(({ when }) => of(when) === true)?.result ?? expr.otherwise);
      case 'distinct':
        return (show(of(expr.call.args[0]!)) !== show(of(expr.call.args[1]!))) !== expr.negated;
      case 'call': {
        const [a, b] = expr.args.map(of);
        return a === null || b === null || a === undefined || b === undefined ? null : compare(expr.fn, a, b);
      }
      default:
        throw new Error(`not in the random expressions: ${expr.kind}`);
    }
  }

  #leaf(leaf: TimelineLeaf, t: number): Cell {
    const past = this.#upTo(t);
    const matching = (when: number) => past.filter(({ event }) => event[when] === true);
    switch (leaf.op) {
      case 'latest': {
        const found = past.filter(({ event }) => (event[leaf.value] ?? null) !== null).at(-1);
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
        return past.reduce((sum, { event }) => sum + BigInt((event[leaf.value] as number | null) ?? 0), 0n);
      case 'last_event_time': {
        const found = (leaf.when === undefined ? past : matching(leaf.when)).at(-1);
        return found === undefined ? null : BigInt(found.at);
      }
    }
  }

  #stateful(node: Extract<StateLeaf, { kind: 'state_op' }>, t: number): Cell {
    const instants = Array.from({ length: t - this.#start + 1 }, (_, n) => this.#start + n);
    const holds = (s: number): boolean => this.#value(node.arg, s) === true;
    switch (node.op) {
      case 'has_existed':
        return instants.some(holds);
      // TRUE on [s, s + 1), so it stopped at s + 1 if that was the last time
      case 'has_existed_within':
        return holds(t) || instants.some((s) => s < t && holds(s) && t < s + 1 + Number(node.within));
      case 'duration_where':
        return micros(instants.filter((s) => s < t && s >= this.#since && this.#live(s) && holds(s)).length);
      case 'duration_in_state': {
        const changes = instants.filter((s) => s > this.#start && show(this.#value(node.arg, s)) !== show(this.#value(node.arg, s - 1)));
        return micros(t - (changes.at(-1) ?? this.#start));
      }
    }
  }
}

function micros(length: number): Interval {
  return { months: 0, days: 0, micros: BigInt(length) };
}

function three(values: readonly Cell[], absorbing: boolean): Cell {
  if (values.includes(absorbing)) return absorbing;
  return values.includes(null) ? null : !absorbing;
}

export function show(value: Cell): string {
  return JSON.stringify(value, (_, item: unknown) => (typeof item === 'bigint' ? `${item}n` : item));
}

function constant(oid: number, text: string | null): Cell {
  if (text === null) return null;
  if (oid === 16) return text === 'true';
  if (oid === 23) return Number(text);
  if (oid === 20) return BigInt(text);
  if (oid === 1186) return micros(Math.round(Number(/00:00:([\d.]+)/.exec(text)?.[1]) * 1e6));
  return text;
}

function compare(fn: string, a: Value, b: Value): boolean {
  const number = (value: Value): bigint | Value => (typeof value === 'object' && 'micros' in value ? value.micros : value);
  const [x, y] = [number(a), number(b)];
  const operator = /(eq|ne|lt|le|gt|ge)\(/.exec(fn)?.[1];
  switch (operator) {
    case 'eq':
      return x === y;
    case 'ne':
      return x !== y;
    case 'lt':
      return x < y;
    case 'le':
      return x <= y;
    case 'gt':
      return x > y;
    case 'ge':
      return x >= y;
    default:
      throw new Error(fn);
  }
}
