import { Oid, type Type, type } from '../../sql/types.js';
import type { Value } from '../../sql/value.js';
import type { Event } from './brute-force.js';
import { lengthOf } from './brute-values.js';
import type { Random } from './random.js';
import type { World } from './random-world.js';

/** Columns of the random events; `key` and `key2` have a type per case. */
export const C = {
  key: 1,
  ts: 2,
  seq: 3,
  state: 4,
  number: 5,
  flag: 6,
  end: 7,
  id: 8,
  key2: 9,
  float: 10,
  numeric: 11,
  char: 12,
  seq2: 13,
  id2: 14,
  flag2: 15,
  span: 16,
  probe: 17,
} as const;

/** Few values, so that they meet; some are equal though written in different ways. */
export const VALUES: ReadonlyMap<number, readonly Value[]> = new Map<number, readonly Value[]>([
  [Oid.text, ['x', 'y', 'z', 'é']],
  [Oid.int4, [-3, -1, 0, 1, 2]],
  [Oid.float8, [NaN, -0, 0, 1.5, -2.25, Infinity]],
  [Oid.numeric, ['1.0', '1.00', '1', '-0.5', 'NaN', '0']],
  [Oid.bpchar, ['a', 'a  ', 'b', ' b']],
  [Oid.uuid, ['00000000-0000-0000-0000-00000000000a', 'f0000000-0000-0000-0000-00000000000b']],
  [Oid.int8, [1n, 9007199254740993n, 9007199254740992n]],
]);
const KEY_TYPES = [Oid.text, Oid.text, Oid.text, Oid.numeric, Oid.bpchar, Oid.float8, Oid.uuid, Oid.int8, Oid.int4];

export interface RandomEvents {
  /** In source order: late ones, equal ones and NULLs among them. */
  readonly events: readonly Event[];
  readonly types: ReadonlyMap<number, Type>;
}

export interface EventOptions {
  /** Types of `key` and `key2`. */
  readonly keys: readonly [number, number];
  readonly count: number;
  /** Makes values of `key`. */
  readonly key?: () => Value;
}

export function randomEvents(random: Random, world: World, options: Partial<EventOptions> = {}): RandomEvents {
  const typeOfKey = options.keys ?? ([random.pick(KEY_TYPES), random.pick(KEY_TYPES)] as const);
  const types = new Map<number, Type>([
    [C.key, type(typeOfKey[0])],
    [C.ts, type(Oid.timestamptz)],
    [C.seq, type(Oid.int4)],
    [C.state, type(Oid.text)],
    [C.number, type(Oid.int4)],
    [C.flag, type(Oid.bool)],
    [C.end, type(Oid.bool)],
    [C.id, type(Oid.text)],
    [C.key2, type(typeOfKey[1])],
    [C.float, type(Oid.float8)],
    [C.numeric, type(Oid.numeric)],
    [C.char, type(Oid.bpchar)],
    [C.seq2, type(Oid.text)],
    [C.id2, type(Oid.numeric)],
    [C.flag2, type(Oid.bool)],
    [C.span, type(Oid.interval)],
    [C.probe, type(Oid.bool)],
  ]);
  const maybe = <T extends Value>(percent: number, value: () => T): T | null => (random.chance(percent) ? value() : null);
  const of = (oid: number, few = 9): Value => random.pick(VALUES.get(oid)!.slice(0, few));
  // few instants make ties
  const instants = random.chance(30) ? Array.from({ length: 4 }, () => random.below(world.span)) : undefined;
  const probes = random.chance(50);
  // now and then so many keys that a kernel's arrays must grow
  const many = options.count === undefined && typeOfKey[0] === Oid.text && random.chance(8);
  const events = Array.from(
    { length: options.count ?? (many ? 90 : random.below(random.chance(10) ? 40 : 16)) },
    (): Event => ({
      [C.key]: maybe(95, options.key ?? (many ? () => `k${random.below(70)}` : () => of(typeOfKey[0], 3))),
      [C.ts]: maybe(95, () =>
        BigInt(world.base + world.unit * (instants === undefined ? random.below(world.span) : random.pick(instants))),
      ),
      [C.seq]: maybe(85, () => random.below(5)),
      [C.state]: maybe(60, () => of(Oid.text)),
      [C.number]: maybe(50, () => of(Oid.int4)),
      [C.flag]: maybe(80, () => random.chance(50)),
      [C.end]: maybe(90, () => random.chance(20)),
      [C.id]: maybe(80, () => random.pick(['p', 'q', 'r', 's', 'p1'])),
      [C.key2]: maybe(95, () => of(typeOfKey[1], 2)),
      [C.float]: maybe(60, () => of(Oid.float8)),
      [C.numeric]: maybe(60, () => of(Oid.numeric)),
      [C.char]: maybe(60, () => of(Oid.bpchar)),
      [C.seq2]: maybe(80, () => random.pick(['a', 'B', 'é', ''])),
      [C.id2]: maybe(85, () => random.pick(['1', '1.0', '11'])),
      [C.flag2]: maybe(90, () => random.chance(25)),
      [C.span]: maybe(50, () => lengthOf(random.below(6) * world.unit)),
      [C.probe]: probes ? maybe(90, () => random.chance(20)) : null,
    }),
  );
  return { events, types };
}
