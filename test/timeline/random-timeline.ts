import type { TimelineSpec } from '../../planner/timeline-spec.js';
import type { BruteCase } from './brute-force.js';
import { Random } from './random.js';
import { C, randomEvents } from './random-events.js';
import { Expressions } from './random-expressions.js';
import { randomWorld, type World } from './random-world.js';

export interface RandomCase extends BruteCase {
  readonly world: World;
}

export interface RandomOptions {
  /** Cases with rows that ask for points. */
  readonly probes: boolean;
}

export function randomCase(seed: number, options: RandomOptions = { probes: true }): RandomCase {
  const random = new Random(seed);
  const world = randomWorld(random);
  const made = randomEvents(random, world);
  const spec = randomSpec(random, world, made.types, options);
  const times = made.events.map((event) => event[C.ts]).filter((t) => t !== null && t !== undefined);
  const horizon = times.length === 0 ? undefined : Math.max(...times.map(Number));
  return { ...made, spec, events: spec.probe === undefined ? made.events : withoutRepeats(made.events, spec), horizon, world };
}

/** A call over events of these types. */
export function randomSpec(random: Random, world: World, types: RandomCase['types'], options: RandomOptions): TimelineSpec {
  const instant = (n: number): string => String(world.base + world.unit * n);
  const length = (n: number): string => String(world.unit * n);
  const keys = random.chance(25) ? [C.key, C.key2] : [C.key];
  const grown = new Expressions(
    random,
    world.unit,
    keys.map((id) => types.get(id)!),
  );
  const kinds = [
    'spans',
    'spans',
    'spans',
    'spans',
    'buckets',
    'buckets',
    'at',
    'points',
    ...(options.probes ? (['probes'] as const) : []),
  ] as const;
  const kind =
    world.kind === 'calendar' || world.kind === 'months'
      ? random.pick(['buckets', 'points', 'buckets', 'spans'] as const)
      : random.pick(kinds);
  const points = kind === 'at' || kind === 'points' || kind === 'probes';
  const gridded = kind === 'buckets' || kind === 'points';
  const signals = Array.from({ length: 1 + random.below(4) }, () => grown.signal(points));
  const sincePresent = gridded || random.chance(60);
  const since = random.below(25) - random.below(4);
  const until = random.chance(4) ? since : since + random.below(40);
  const at = [...new Set(Array.from({ length: random.below(8) }, () => random.below(world.span + 5)))].sort((a, b) => a - b);
  return {
    emit: points ? 'points' : 'spans',
    keys,
    ts: C.ts,
    orderBy: random.pick([[C.seq], [C.seq], [], [C.seq2, C.seq], [C.seq, C.number], [C.float], [C.numeric, C.char]]),
    dedupe: random.chance(30) ? random.pick([[C.id], [C.id], [C.id, C.id2], [C.id2], [C.float, C.char]]) : [],
    ties: random.chance(12) ? 'error' : 'apply',
    since: sincePresent ? instant(since) : undefined,
    until:
      kind === 'at' || kind === 'probes'
        ? { kind: 'none' }
        : random.chance(20) && kind === 'spans'
          ? { kind: 'horizon' }
          : { kind: 'at', instant: instant(until) },
    at: kind === 'at' ? at.map(instant) : undefined,
    every: gridded ? random.pick(world.every) : undefined,
    origin: gridded && random.chance(60) ? instant(random.below(20) - 10) : undefined,
    timeZone: world.zone,
    idle: random.chance(35) ? length(1 + random.below(8)) : undefined,
    ends: random.chance(30) ? C.end : undefined,
    // the planner refuses fill beside probes
    fill: sincePresent && random.chance(25) && kind !== 'probes',
    ...(kind === 'probes' ? { probe: C.probe } : {}),
    leaves: grown.leaves,
    signals: signals.map((signal, n) => ({ name: `s${n}`, ...signal })),
  };
}

/** One probe for a key and instant: the planner makes them distinct. */
function withoutRepeats(events: RandomCase['events'], spec: TimelineSpec): RandomCase['events'] {
  const seen = new Set<string>();
  return events.filter((event) => {
    if (event[C.probe] !== true) return true;
    const text = [
      ...spec.keys.map((id) =>
        String(event[id])
          .trimEnd()
          .replace(/^(1|0|-0)(\.0+)?$/, (_, n: string) => String(Math.abs(Number(n)))),
      ),
      String(event[C.ts]),
    ].join('\n');
    const first = !seen.has(text);
    seen.add(text);
    return first;
  });
}
