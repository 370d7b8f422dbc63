import type { TimelineSpec } from '../../planner/timeline-spec.js';
import type { Cell } from './brute-values.js';
import { show } from './brute-values.js';
import type { RandomCase } from './random-timeline.js';

/** What a case has of operators, expressions and options: by name. */
export function featuresOf({ spec, world, events }: RandomCase): ReadonlySet<string> {
  const found = new Set<string>([`world ${world.kind}`, `emit ${spec.emit}`, `until ${spec.until.kind}`, `keys ${spec.keys.length}`]);
  const option = (name: keyof TimelineSpec): void => {
    const value = spec[name];
    if (value !== undefined && value !== false && !(Array.isArray(value) && value.length === 0)) found.add(`option ${name}`);
  };
  for (const name of ['since', 'at', 'every', 'origin', 'idle', 'ends', 'fill', 'probe', 'dedupe', 'orderBy'] as const) option(name);
  if (spec.ties === 'error') found.add('ties error');
  if (spec.dedupe.length > 1) found.add('dedupe of two');
  if (spec.orderBy.length > 1) found.add('order_by of two');
  if (spec.every !== undefined) {
    const unit = spec.every.months !== 0 ? 'months' : spec.every.days !== 0 ? 'days' : 'time';
    found.add(`every of ${unit}`);
    if (spec.timeZone !== 'UTC') found.add(`every of ${unit} in ${spec.timeZone}`);
  }
  if (spec.since !== undefined && spec.until.kind === 'at' && spec.since === spec.until.instant) found.add('since = until');
  for (const leaf of spec.leaves) found.add(`leaf ${leaf.op}${leaf.op === 'latest' && leaf.ttl !== undefined ? ' ttl' : ''}`);
  if (new Set(events.map((event) => `${event[spec.keys[0]!]} ${event[spec.ts]}`)).size < events.length) found.add('simultaneous events');
  const text = JSON.stringify(spec.signals);
  for (const [, kind] of text.matchAll(/"kind":"(\w+)"/g)) found.add(`kind ${kind}`);
  for (const [, op] of text.matchAll(/"kind":"state_op","op":"(\w+)"/g)) found.add(`state ${op}`);
  for (const [, fn] of text.matchAll(/"fn":"([a-z0-9_]+)\(/g)) found.add(`fn ${fn}`);
  spec.signals.forEach((signal) => {
    if (signal.numerical) found.add('numerical signal');
    if (/"arg":.*"kind":"state_op"/.test(JSON.stringify(signal.expr)) && signal.expr.kind === 'state_op') found.add('states of states');
  });
  return found;
}

/** How often what was tried gave rows, and a signal that changed. */
export class Coverage {
  readonly #rows = new Map<string, number>();
  readonly #changing = new Map<string, number>();

  add(example: RandomCase, rows: readonly (readonly Cell[])[]): void {
    if (rows.length === 0) return;
    const { spec } = example;
    const signals = spec.signals.length;
    const changes = spec.signals.some((_, n) => new Set(rows.map((row) => show(row[row.length - signals + n]))).size > 1);
    for (const feature of featuresOf(example)) {
      this.#rows.set(feature, (this.#rows.get(feature) ?? 0) + 1);
      if (changes) this.#changing.set(feature, (this.#changing.get(feature) ?? 0) + 1);
    }
  }

  /** Cases with the feature whose answer was not empty, and not the same everywhere. */
  count(feature: string): number {
    return this.#changing.get(feature) ?? 0;
  }

  toString(): string {
    return [...this.#rows]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, rows]) => `${name}: ${rows}, ${this.count(name)} changing`)
      .join('\n');
  }
}

/** Features and the least number of cases in a hundred that must show them at work. */
export const LEAST: readonly (readonly [percent: number, features: readonly string[]])[] = [
  [2, ['emit spans', 'emit points', 'until at', 'until horizon', 'keys 2', 'option since', 'option at', 'option every', 'option origin']],
  [2, ['option idle', 'option ends', 'option fill', 'option dedupe', 'option orderBy', 'order_by of two', 'dedupe of two', 'ties error']],
  [
    2,
    [
      'leaf latest',
      'leaf latest ttl',
      'leaf latest_when',
      'leaf has_existed',
      'leaf has_existed_within',
      'leaf count_so_far',
      'leaf sum_so_far',
    ],
  ],
  [2, ['leaf last_event_time', 'state has_existed', 'state has_existed_within', 'state duration_where', 'state duration_in_state']],
  [1, ['numerical signal', 'states of states', 'simultaneous events', 'kind and', 'kind or', 'kind not', 'kind is_null', 'kind is_bool']],
  [
    1,
    [
      'kind distinct',
      'kind coalesce',
      'kind case',
      'kind case_arg',
      'kind any_all',
      'kind minmax',
      'kind nullif',
      'kind signal',
      'kind key',
    ],
  ],
  [
    1,
    ['world micros', 'world change', 'world calendar', 'world far', 'every of time', 'every of days', 'fn interval_ge', 'fn interval_lt'],
  ],
  [0.2, ['world months', 'every of months', 'fn float8eq', 'fn numeric_eq', 'fn bpchareq', 'fn textcat', 'fn int8ge', 'fn timestamptz_lt']],
  [
    0.1,
    [
      'every of days in Europe/Paris',
      'every of time in Europe/Paris',
      'every of days in America/New_York',
      'every of time in America/New_York',
    ],
  ],
  [
    0.1,
    [
      'every of days in Australia/Lord_Howe',
      'every of time in Australia/Lord_Howe',
      'every of time in Asia/Kathmandu',
      'every of days in Asia/Kathmandu',
    ],
  ],
];
