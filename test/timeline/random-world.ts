import type { Random } from './random.js';

/** Where in time a case lives: instants are base + n·unit, lengths n·unit. */
export interface World {
  readonly kind: 'micros' | 'change' | 'calendar' | 'months' | 'far';
  readonly zone: string;
  readonly base: number;
  readonly unit: number;
  /** About so many units from the first event to the last. */
  readonly span: number;
  /** Candidates for `every`. */
  readonly every: readonly { readonly months: number; readonly days: number; readonly micros: string }[];
}

const HOUR = 3_600_000_000;
const DAY = 24 * HOUR;
const at = (text: string): number => Date.parse(text) * 1000;

/** Instants at which the wall clock jumps. */
const CHANGES: readonly (readonly [zone: string, instant: number])[] = [
  ['Europe/Paris', at('2024-03-31T01:00:00Z')],
  ['Europe/Paris', at('2024-10-27T01:00:00Z')],
  ['America/New_York', at('2025-03-09T07:00:00Z')],
  ['America/New_York', at('2025-11-02T06:00:00Z')],
  ['Australia/Lord_Howe', at('2024-10-05T15:30:00Z')],
  ['Australia/Lord_Howe', at('2025-04-05T15:00:00Z')],
  ['Asia/Kathmandu', at('2024-05-05T18:15:00Z')],
  ['Asia/Kathmandu', at('1985-12-31T18:30:00Z')],
  ['Pacific/Apia', at('2011-12-30T10:00:00Z')],
];

const lengths = (micros: readonly number[]): World['every'] => micros.map((n) => ({ months: 0, days: 0, micros: String(n) }));
const days = (numbers: readonly number[]): World['every'] => numbers.map((n) => ({ months: 0, days: n, micros: '0' }));
const months = (numbers: readonly number[]): World['every'] => numbers.map((n) => ({ months: n, days: 0, micros: '0' }));

export function randomWorld(random: Random): World {
  const small = lengths([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  const choice = random.below(100);
  if (choice < 72) {
    const base = random.pick([0, 0, -20, at('2024-02-29T12:00:00Z'), at('1931-05-05T05:05:05Z'), at('1970-01-01T00:00:00Z') - 1_000_003]);
    return { kind: 'micros', zone: random.pick(['UTC', 'UTC', 'Asia/Tokyo']), base, unit: 1, span: 45, every: small };
  }
  if (choice < 80) {
    const [zone, instant] = random.pick(CHANGES);
    return { kind: 'change', zone, base: instant - random.below(40), unit: 1, span: 45, every: small };
  }
  if (choice < 92) {
    const [zone, instant] = random.pick(CHANGES);
    const unit = HOUR / random.pick([1, 2, 4]);
    const every = random.chance(50)
      ? days([1, 1, 2, 7])
      : lengths([HOUR / 2, HOUR, HOUR * 2, 3 * HOUR, 6 * HOUR, 7 * HOUR, 24 * HOUR, 30 * HOUR]);
    return { kind: 'calendar', zone, base: instant - unit * random.below(30), unit, span: 50, every };
  }
  if (choice < 94) {
    const [zone, instant] = random.pick(CHANGES.slice(0, 6));
    return {
      kind: 'months',
      zone,
      base: instant - DAY * random.below(60),
      unit: DAY,
      span: 40,
      every: [...months([1, 1, 2, 3]), ...days([7])],
    };
  }
  const base = random.pick([
    at('2262-04-11T23:47:00Z'),
    at('9999-12-30T23:59:00Z'),
    at('1677-09-21T00:12:00Z'),
    at('0001-01-01T00:00:10Z'),
    -2e17,
  ]);
  return { kind: 'far', zone: 'UTC', base, unit: 1_000_000, span: 45, every: lengths([1e6, 7e6, 6e7]) };
}
