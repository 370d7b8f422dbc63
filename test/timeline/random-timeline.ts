import type { StateExpr, TimelineLeaf, TimelineSpec } from '../../planner/timeline-spec.js';
import { Oid, type Type, type } from '../../sql/types.js';
import type { Value } from '../../sql/value.js';
import type { Event } from './brute-force.js';

/** Columns of the random events. */
export const COLUMNS: ReadonlyMap<number, Type> = new Map([
  [1, type(Oid.text)],
  [2, type(Oid.timestamptz)],
  [3, type(Oid.int4)],
  [4, type(Oid.text)],
  [5, type(Oid.int4)],
  [6, type(Oid.bool)],
  [7, type(Oid.bool)],
  [8, type(Oid.text)],
]);
const [KEY, TS, SEQ, STATE, NUMBER, FLAG, END, ID] = [1, 2, 3, 4, 5, 6, 7, 8] as const;
const BOOL = type(Oid.bool);
const INTERVAL = type(Oid.interval);

export interface RandomCase {
  readonly spec: TimelineSpec;
  /** Sorted by key, ts, seq, NULLS LAST. */
  readonly events: readonly Event[];
  readonly horizon: number | undefined;
}

/** A seeded generator of whole numbers (mulberry32). */
export class Random {
  #state: number;
  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  below(n: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * n) | 0;
  }

  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T;
  }
}

export function randomCase(seed: number): RandomCase {
  const random = new Random(seed);
  const events = randomEvents(random);
  const times = events.map((event) => event[TS]).filter((t): t is bigint => t !== null);
  const horizon = times.length === 0 ? undefined : Math.max(...times.map(Number));
  const grown = new Expressions(random);
  const kind = random.pick(['spans', 'spans', 'spans', 'buckets', 'at', 'points'] as const);
  const points = kind === 'at' || kind === 'points';
  const signals = Array.from({ length: 1 + random.below(3) }, () => grown.signal(points));
  const sincePresent = kind === 'buckets' || kind === 'points' || random.chance(60);
  const since = random.below(25);
  const until = since + random.below(30);
  const at = [...new Set(Array.from({ length: random.below(8) }, () => random.below(50)))].sort((a, b) => a - b);
  const spec: TimelineSpec = {
    emit: points ? 'points' : 'spans',
    keys: [KEY],
    ts: TS,
    orderBy: [SEQ],
    dedupe: random.chance(25) ? [ID] : [],
    ties: 'apply',
    since: sincePresent ? String(since) : undefined,
    until:
      kind === 'at'
        ? { kind: 'none' }
        : sincePresent && random.chance(20) && kind === 'spans'
          ? { kind: 'horizon' }
          : { kind: 'at', instant: String(until) },
    at: kind === 'at' ? at.map(String) : undefined,
    every: kind === 'buckets' || kind === 'points' ? { months: 0, days: 0, micros: String(1 + random.below(9)) } : undefined,
    origin: kind === 'buckets' || kind === 'points' ? String(random.below(10)) : undefined,
    timeZone: 'UTC',
    idle: random.chance(35) ? String(1 + random.below(8)) : undefined,
    ends: random.chance(30) ? END : undefined,
    fill: sincePresent && random.chance(25),
    leaves: grown.leaves,
    signals: signals.map((signal, n) => ({ name: `s${n}`, ...signal })),
  };
  return { spec, events, horizon };
}

function randomEvents(random: Random): Event[] {
  const maybe = <T extends Value>(percent: number, value: () => T): T | null => (random.chance(percent) ? value() : null);
  const events = Array.from(
    { length: random.below(16) },
    (_, n): Event => ({
      [KEY]: random.chance(95) ? random.pick(['a', 'b']) : null,
      [TS]: random.chance(95) ? BigInt(random.below(45)) : null,
      [SEQ]: n,
      [STATE]: maybe(60, () => random.pick(['x', 'y', 'z'])),
      [NUMBER]: maybe(50, () => random.below(7) - 3),
      [FLAG]: maybe(80, () => random.chance(50)),
      [END]: maybe(90, () => random.chance(20)),
      [ID]: maybe(80, () => random.pick(['p', 'q', 'r', 's'])),
    }),
  );
  const rank = (value: Value | null | undefined): bigint =>
    value === null || value === undefined
      ? 1000n
      : typeof value === 'string'
        ? BigInt(value.charCodeAt(0))
        : BigInt(value as number | bigint);
  return events.sort(
    (a, b) => Number(rank(a[KEY]) - rank(b[KEY])) || Number(rank(a[TS]) - rank(b[TS])) || Number(rank(a[SEQ]) - rank(b[SEQ])),
  );
}

type Signal = Omit<TimelineSpec['signals'][number], 'name'>;

/** Grows signals; each may read those before it. */
class Expressions {
  readonly leaves: TimelineLeaf[] = [];
  readonly #signals: Signal[] = [];
  /** Signals that may not stand in an operator: they follow a duration between moments. */
  readonly #free = new Set<Signal>();
  constructor(private readonly random: Random) {}

  signal(points: boolean): Signal {
    const { random } = this;
    const made = ((): Signal => {
      if (random.chance(25)) return { expr: this.#duration(2), type: INTERVAL, numerical: true };
      if (points && random.chance(15)) {
        const free: Signal = { expr: this.#anyComparison(), type: BOOL, numerical: false };
        this.#free.add(free);
        return free;
      }
      if (random.chance(30)) {
        const expr = this.#valueLeaf();
        return { expr, type: (expr as { type: Type }).type, numerical: false };
      }
      return { expr: this.#condition(3), type: BOOL, numerical: false };
    })();
    this.#signals.push(made);
    return made;
  }

  #length(): string {
    return String(1 + this.random.below(9));
  }

  #leaf(leaf: TimelineLeaf, leafType: Type): StateExpr {
    return { kind: 'leaf', index: this.leaves.push(leaf) - 1, type: leafType };
  }

  #text(): StateExpr {
    const { random } = this;
    const text = type(Oid.text);
    if (random.chance(25)) return this.#leaf({ op: 'latest_when', when: FLAG, value: STATE, type: text }, text);
    return this.#leaf({ op: 'latest', value: STATE, type: text, ttl: random.chance(40) ? this.#length() : undefined }, text);
  }

  #valueLeaf(): StateExpr {
    const { random } = this;
    const bigint = type(Oid.int8);
    switch (random.below(6)) {
      case 0:
        return this.#leaf({ op: 'count_so_far', when: FLAG }, bigint);
      case 1:
        return this.#leaf({ op: 'sum_so_far', value: NUMBER, type: bigint }, bigint);
      case 2:
        return this.#leaf({ op: 'last_event_time', when: random.chance(50) ? FLAG : undefined }, type(Oid.timestamptz));
      case 3:
        return this.#leaf({ op: 'latest', value: NUMBER, type: type(Oid.int4), ttl: undefined }, type(Oid.int4));
      case 4:
        return { kind: 'case', whens: [{ when: this.#condition(1), result: this.#text() }], otherwise: this.#text(), type: type(Oid.text) };
      default:
        return this.#text();
    }
  }

  #duration(depth: number): StateExpr {
    const op = this.random.pick(['duration_where', 'duration_in_state'] as const);
    const arg = op === 'duration_in_state' && this.random.chance(50) ? this.#text() : this.#condition(depth - 1);
    return { kind: 'state_op', op, arg, type: INTERVAL };
  }

  #interval(): StateExpr {
    return { kind: 'constant', type: INTERVAL, value: `00:00:00.${String(this.random.below(12)).padStart(6, '0')}` };
  }

  #compare(fn: string, a: StateExpr, b: StateExpr): StateExpr {
    return { kind: 'call', fn, args: [a, b], type: BOOL, volatility: 'immutable' };
  }

  #anyComparison(): StateExpr {
    const fn = this.random.pick(['lt', 'le', 'gt', 'ge', 'eq', 'ne']);
    return this.#compare(`interval_${fn}(interval,interval)`, this.#duration(2), this.#interval());
  }

  #condition(depth: number): StateExpr {
    const { random } = this;
    const sub = (): StateExpr => this.#condition(depth - 1);
    const choice = depth <= 0 ? random.below(6) : random.below(15);
    switch (choice) {
      case 0:
        return this.#leaf({ op: 'has_existed', when: FLAG }, BOOL);
      case 1:
        return this.#leaf({ op: 'has_existed_within', when: FLAG, within: this.#length() }, BOOL);
      case 2:
        return this.#leaf({ op: 'latest', value: FLAG, type: BOOL, ttl: undefined }, BOOL);
      case 3:
        return this.#compare(
          `int4${random.pick(['lt', 'le', 'gt', 'ge', 'eq', 'ne'])}(int4,int4)`,
          this.#leaf({ op: 'latest', value: NUMBER, type: type(Oid.int4), ttl: undefined }, type(Oid.int4)),
          { kind: 'constant', type: type(Oid.int4), value: String(random.below(5) - 2) },
        );
      case 4: {
        const earlier = this.#signals.findIndex((signal) => signal.type.oid === Oid.bool && !this.#free.has(signal));
        if (earlier >= 0) return { kind: 'signal', index: earlier, type: BOOL };
        return this.#compare(
          'texteq(text,text)',
          { kind: 'key', index: 0, type: type(Oid.text) },
          { kind: 'constant', type: type(Oid.text), value: 'a' },
        );
      }
      case 5:
        return this.#compare(`text${random.pick(['eq', 'ne'])}(text,text)`, this.#text(), {
          kind: 'constant',
          type: type(Oid.text),
          value: random.pick(['x', 'y']),
        });
      case 6:
        return { kind: 'and', args: [sub(), sub()] };
      case 7:
        return { kind: 'or', args: [sub(), sub()] };
      case 8:
        return { kind: 'not', arg: sub() };
      case 9:
        return { kind: 'is_null', arg: this.#text(), negated: random.chance(50) };
      case 10:
        return { kind: 'state_op', op: 'has_existed', arg: sub(), type: BOOL };
      case 11:
        return { kind: 'state_op', op: 'has_existed_within', arg: sub(), within: this.#length(), type: BOOL };
      case 12:
        return this.#compare(`interval_${random.pick(['ge', 'lt'])}(interval,interval)`, this.#numerical(depth), this.#interval());
      case 13:
        return this.#compare(`interval_${random.pick(['le', 'gt'])}(interval,interval)`, this.#interval(), this.#numerical(depth));
      default:
        return { kind: 'coalesce', args: [sub(), { kind: 'constant', type: BOOL, value: 'true' }], type: BOOL };
    }
  }

  /** A duration, perhaps one that an earlier signal is. */
  #numerical(depth: number): StateExpr {
    const earlier = this.#signals.findIndex((signal) => signal.numerical);
    return earlier >= 0 && this.random.chance(50) ? { kind: 'signal', index: earlier, type: INTERVAL } : this.#duration(depth);
  }
}
