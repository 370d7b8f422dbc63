import type { StateExpr, TimelineLeaf, TimelineSpec } from '../../planner/timeline-spec.js';
import { Oid, type Type, type } from '../../sql/types.js';
import type { Random } from './random.js';
import { C, VALUES } from './random-events.js';

export type Signal = Omit<TimelineSpec['signals'][number], 'name'>;

const BOOL = type(Oid.bool);
const TEXT = type(Oid.text);
const INT4 = type(Oid.int4);
const INT8 = type(Oid.int8);
const INTERVAL = type(Oid.interval);
const NUMERIC = type(Oid.numeric);
const FLOAT8 = type(Oid.float8);
const TIMESTAMPTZ = type(Oid.timestamptz);

/** Comparison functions of a type: eq, ne, lt, …. */
const FAMILY: ReadonlyMap<number, (op: string) => string> = new Map([
  [Oid.text, (op) => (op === 'eq' || op === 'ne' ? `text${op}(text,text)` : `text_${op}(text,text)`)],
  [Oid.int4, (op) => `int4${op}(int4,int4)`],
  [Oid.int8, (op) => `int8${op}(int8,int8)`],
  [Oid.float8, (op) => `float8${op}(float8,float8)`],
  [Oid.numeric, (op) => `numeric_${op}(numeric,numeric)`],
  [Oid.bpchar, (op) => `bpchar${op}(bpchar,bpchar)`],
  [Oid.interval, (op) => `interval_${op}(interval,interval)`],
  [Oid.timestamptz, (op) => `timestamptz_${op}(timestamptz,timestamptz)`],
  [Oid.bool, (op) => `bool${op}(bool,bool)`],
]);
const OPERATOR: Readonly<Record<string, string>> = { eq: '=', ne: '<>', lt: '<', le: '<=', gt: '>', ge: '>=' };
const COLUMN: ReadonlyMap<number, number> = new Map([
  [Oid.text, C.state],
  [Oid.int4, C.number],
  [Oid.float8, C.float],
  [Oid.numeric, C.numeric],
  [Oid.bpchar, C.char],
  [Oid.interval, C.span],
  [Oid.bool, C.flag],
]);
/** Types that values are taken of, the usual ones more often. */
const TYPES: readonly Type[] = [TEXT, TEXT, TEXT, INT4, INT4, INT4, FLOAT8, NUMERIC, type(Oid.bpchar), INTERVAL, INT8, TIMESTAMPTZ];

/** Microseconds as PostgreSQL writes an interval of them. */
export function intervalText(length: number): string {
  const sign = length < 0 ? '-' : '';
  let rest = BigInt(Math.abs(length));
  const part = (by: bigint, digits: number): string => {
    const text = String(rest % by).padStart(digits, '0');
    rest /= by;
    return text;
  };
  const fraction = part(1_000_000n, 6);
  const seconds = part(60n, 2);
  const minutes = part(60n, 2);
  return `${sign}${String(rest).padStart(2, '0')}:${minutes}:${seconds}.${fraction}`;
}

/** Grows signals; each may read those before it. */
export class Expressions {
  readonly leaves: TimelineLeaf[] = [];
  readonly #signals: Signal[] = [];
  /** Signals that may not stand in an operator: they follow a duration between moments. */
  readonly #free = new Set<Signal>();

  constructor(
    private readonly random: Random,
    private readonly unit: number,
    private readonly keys: readonly Type[],
  ) {}

  signal(points: boolean): Signal {
    const { random } = this;
    const made = ((): Signal => {
      if (random.chance(22)) return { expr: this.#duration(2), type: INTERVAL, numerical: true };
      if (points && random.chance(15)) {
        const free: Signal = { expr: this.#anyComparison(), type: BOOL, numerical: false };
        this.#free.add(free);
        return free;
      }
      if (random.chance(35)) {
        const of = random.pick(TYPES);
        return { expr: this.#value(of, 2), type: of, numerical: false };
      }
      return { expr: this.#condition(3), type: BOOL, numerical: false };
    })();
    this.#signals.push(made);
    return made;
  }

  #length(): string {
    const { random } = this;
    return String((random.chance(4) ? 0 : random.chance(6) ? 200 : 1 + random.below(9)) * this.unit);
  }

  #leaf(leaf: TimelineLeaf, leafType: Type): StateExpr {
    const text = JSON.stringify(leaf);
    const known = this.leaves.findIndex((other) => JSON.stringify(other) === text);
    return { kind: 'leaf', index: known >= 0 ? known : this.leaves.push(leaf) - 1, type: leafType };
  }

  #when(): number {
    return this.random.pick([C.flag, C.flag, C.flag2]);
  }

  #constant(of: Type): StateExpr {
    const { random } = this;
    if (random.chance(4)) return { kind: 'constant', type: of, value: null };
    if (of.oid === Oid.interval) return this.#interval();
    if (of.oid === Oid.int8) return { kind: 'constant', type: of, value: String(random.below(5)) };
    if (of.oid === Oid.timestamptz) return { kind: 'constant', type: of, value: '1970-01-01 00:00:00+00' };
    if (of.oid === Oid.bool) return { kind: 'constant', type: of, value: random.pick(['true', 'false']) };
    return { kind: 'constant', type: of, value: String(random.pick(VALUES.get(of.oid) ?? [])).replace(/^0$/, '0') };
  }

  /** An expression of a type, with a signal, leaves or keys in it more often than not. */
  #value(of: Type, depth: number): StateExpr {
    const { random } = this;
    const column = COLUMN.get(of.oid);
    const more = (): StateExpr => this.#value(of, depth - 1);
    const choice = random.below(depth <= 0 ? 60 : 100);
    if (choice < 6) {
      const earlier = this.#signals.findIndex((signal) => signal.type.oid === of.oid && !signal.numerical && !this.#free.has(signal));
      if (earlier >= 0) return { kind: 'signal', index: earlier, type: of };
      const key = this.keys.findIndex(({ oid }) => oid === of.oid);
      if (key >= 0) return { kind: 'key', index: key, type: of };
    }
    if (choice < 20) {
      switch (of.oid) {
        case Oid.int8:
          return this.#leaf({ op: 'sum_so_far', value: C.number, type: INT8 }, INT8);
        case Oid.numeric:
          return this.#leaf({ op: 'sum_so_far', value: C.numeric, type: NUMERIC }, NUMERIC);
        case Oid.float8:
          return this.#leaf({ op: 'sum_so_far', value: C.float, type: FLOAT8 }, FLOAT8);
        case Oid.interval:
          return this.#leaf({ op: 'sum_so_far', value: C.span, type: INTERVAL }, INTERVAL);
        case Oid.text:
          return this.#call('textcat(text,text)', '||', this.#value(TEXT, 0), this.#constant(TEXT), TEXT);
        case Oid.int4:
          return this.#call('int4pl(int4,int4)', '+', this.#value(INT4, 0), this.#constant(INT4), INT4);
      }
    }
    if (choice < 60) {
      if (column === undefined) {
        if (of.oid === Oid.int8) return this.#leaf({ op: 'count_so_far', when: this.#when() }, INT8);
        return this.#leaf({ op: 'last_event_time', when: random.chance(50) ? this.#when() : undefined }, TIMESTAMPTZ);
      }
      if (random.chance(30)) return this.#leaf({ op: 'latest_when', when: this.#when(), value: column, type: of }, of);
      return this.#leaf({ op: 'latest', value: column, type: of, ttl: random.chance(40) ? this.#length() : undefined }, of);
    }
    if (choice < 70) return { kind: 'coalesce', args: [more(), more(), this.#constant(of)], type: of };
    if (choice < 80) return { kind: 'case', whens: [{ when: this.#condition(1), result: more() }], otherwise: more(), type: of };
    if (choice < 85 && of.oid !== Oid.bool)
      return { kind: 'minmax', op: random.pick(['greatest', 'least']), args: [more(), more()], type: of };
    if (choice < 90 && of.oid !== Oid.bool)
      return { kind: 'nullif', call: this.#comparison('eq', more(), this.#constant(of), of) as never, type: of };
    if (choice < 95) {
      const arg = this.#value(TEXT, 0);
      const when = (): StateExpr => this.#comparison('eq', { kind: 'case_arg', type: TEXT }, this.#constant(TEXT), TEXT);
      return {
        kind: 'case',
        arg,
        whens: [
          { when: when(), result: more() },
          { when: when(), result: more() },
        ],
        otherwise: more(),
        type: of,
      };
    }
    return more();
  }

  #duration(depth: number): StateExpr {
    const op = this.random.pick(['duration_where', 'duration_in_state'] as const);
    const arg = op === 'duration_in_state' && this.random.chance(50) ? this.#value(this.random.pick(TYPES), 0) : this.#condition(depth - 1);
    return { kind: 'state_op', op, arg, type: INTERVAL };
  }

  #interval(): StateExpr {
    const { random } = this;
    const length = (random.chance(5) ? -1 : random.below(12)) * this.unit;
    return { kind: 'constant', type: INTERVAL, value: random.chance(3) ? null : intervalText(length) };
  }

  #call(fn: string, operator: string, a: StateExpr, b: StateExpr, result: Type): StateExpr {
    return { kind: 'call', fn, operator, args: [a, b], type: result, volatility: 'immutable' };
  }

  #comparison(op: string, a: StateExpr, b: StateExpr, of: Type): StateExpr {
    return this.#call(FAMILY.get(of.oid)?.(op) ?? '', OPERATOR[op] ?? '', a, b, BOOL);
  }

  #anyComparison(): StateExpr {
    return this.#comparison(this.random.pick(['lt', 'le', 'gt', 'ge', 'eq', 'ne']), this.#duration(2), this.#interval(), INTERVAL);
  }

  #condition(depth: number): StateExpr {
    const { random } = this;
    const sub = (): StateExpr => this.#condition(depth - 1);
    switch (random.below(depth <= 0 ? 7 : 20)) {
      case 0:
        return this.#leaf({ op: 'has_existed', when: this.#when() }, BOOL);
      case 1:
        return this.#leaf({ op: 'has_existed_within', when: this.#when(), within: this.#length() }, BOOL);
      case 2:
        return this.#value(BOOL, 0);
      case 3:
      case 6: {
        const of = random.pick(TYPES);
        const other = random.chance(70) ? this.#constant(of) : this.#value(of, 0);
        return this.#comparison(random.pick(['eq', 'eq', 'ne', 'lt', 'le', 'gt', 'ge']), this.#value(of, depth > 1 ? 1 : 0), other, of);
      }
      case 4: {
        const earlier = this.#signals.findLastIndex((signal) => signal.type.oid === Oid.bool && !this.#free.has(signal));
        if (earlier >= 0) return { kind: 'signal', index: earlier, type: BOOL };
        return this.#comparison('eq', this.#value(TEXT, 0), this.#constant(TEXT), TEXT);
      }
      case 5: {
        const [oid, element] = random.pick([
          [1009, TEXT],
          [1007, INT4],
        ] as const);
        const items = Array.from({ length: 1 + random.below(3) }, () =>
          random.chance(10) ? 'NULL' : String(random.pick(VALUES.get(element.oid)!)),
        );
        const any = random.chance(50);
        const fn = FAMILY.get(element.oid)!(any ? 'eq' : 'ne');
        const array: StateExpr = { kind: 'constant', type: type(oid), value: `{${items.join(',')}}` };
        const arg = this.#value(element, 0);
        return { kind: 'any_all', fn, operator: any ? '=' : '<>', quantifier: any ? 'any' : 'all', arg, array };
      }
      case 7:
        return { kind: 'and', args: random.chance(30) ? [sub(), sub(), sub()] : [sub(), sub()] };
      case 8:
        return { kind: 'or', args: random.chance(30) ? [sub(), sub(), sub()] : [sub(), sub()] };
      case 9:
        return { kind: 'not', arg: sub() };
      case 10:
        return { kind: 'is_null', arg: this.#value(random.pick(TYPES), 0), negated: random.chance(50) };
      case 11:
      case 12:
        return { kind: 'state_op', op: 'has_existed', arg: sub(), type: BOOL };
      case 13:
      case 14:
        return { kind: 'state_op', op: 'has_existed_within', arg: sub(), within: this.#length(), type: BOOL };
      case 15:
        return this.#comparison(random.pick(['ge', 'lt']), this.#numerical(depth), this.#interval(), INTERVAL);
      case 16:
        return this.#comparison(random.pick(['le', 'gt']), this.#interval(), this.#numerical(depth), INTERVAL);
      case 17:
        return { kind: 'is_bool', arg: sub(), test: random.pick(['true', 'false', 'unknown']), negated: random.chance(50) };
      case 18: {
        const of = random.pick(TYPES);
        const call = this.#comparison('eq', this.#value(of, 0), this.#value(of, 0), of);
        return { kind: 'distinct', call: call as never, negated: random.chance(50) };
      }
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
