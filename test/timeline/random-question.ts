import { Dice } from '../e2e/oracle-dice.js';
import type { OracleTable } from '../e2e/oracle-lake.js';

const COLUMNS = [
  'k string text',
  'k2 int int4',
  'ts timestamptz timestamptz',
  'seq int int4',
  'st string text',
  'n int int4',
  'f boolean bool',
  'err string text',
  'e boolean bool',
  'id string text',
  'amount decimal(9,2) numeric(9,2)',
] as const;

const SECONDS = 400;

function instant(second: number): string {
  return new Date(Date.UTC(2025, 2, 1, 0, 0, second)).toISOString().replace('T', ' ').replace('.000Z', '+00');
}

/** Events of few keys with many ties, gaps, NULLs and a rare `err`: `byts` in files of neighbouring times, `byk` of neighbouring keys. */
export function eventTables(seed: number): readonly OracleTable[] {
  const dice = new Dice(seed);
  const maybe = (probability: number, value: () => string): string | null => (dice.chance(probability) ? value() : null);
  const rows = Array.from({ length: 260 }, (_, seq) => {
    const key = dice.whole(0, 11);
    return {
      key,
      row: [
        maybe(0.97, () => `k${key}`),
        String(key % 3),
        maybe(0.97, () => instant(dice.chance(0.3) ? dice.whole(0, 12) * 30 : dice.whole(0, SECONDS))),
        String(dice.chance(0.5) ? 0 : seq),
        maybe(0.5, () => dice.pick(['x', 'y', 'z'])),
        maybe(0.4, () => String(dice.whole(-3, 3))),
        maybe(0.8, () => String(dice.chance(0.3))),
        maybe(0.1, () => (key < 2 && dice.chance(0.5) ? 'fatal' : 'minor')),
        maybe(0.9, () => String(dice.chance(0.08))),
        maybe(0.7, () => `i${dice.whole(0, 40)}`),
        maybe(0.5, () => dice.pick(['0.10', '0.20', '1.00', '12.34'])),
      ] as (string | null)[],
    };
  });
  const table = (name: string, order: (one: (typeof rows)[number]) => string, files: number): OracleTable => {
    const sorted = [...rows].sort((a, b) => (order(a) < order(b) ? -1 : order(a) > order(b) ? 1 : 0)).map(({ row }) => row);
    // writeLake deals rows over the files in turn: this gives each file neighbours.
    const each = Math.ceil(sorted.length / files);
    const dealt = Array.from({ length: each }, (_, n) => Array.from({ length: files }, (__, file) => sorted[file * each + n])).flat();
    return {
      name,
      columns: COLUMNS.map((one) => {
        const [column = '', iceberg = '', postgres = ''] = one.split(' ');
        return { name: column, iceberg: iceberg.replace(',', ', '), postgres };
      }),
      rows: dealt.flatMap((row) => (row === undefined ? [] : [row])),
      files,
    };
  };
  return [table('byts', ({ row }) => row[2] ?? '', 6), table('byk', ({ row }) => row[0] ?? '', 6)];
}

interface Signal {
  readonly name: string;
  readonly kind: 'text' | 'int' | 'bool' | 'numerical' | 'time' | 'numeric';
}

/** A question over one timeline: its answer does not depend on the order of equal rows. */
export function randomQuestion(dice: Dice): string {
  const points = dice.chance(0.2);
  const signals: Signal[] = [];
  const texts: string[] = [];
  const bounded = dice.chance(0.35);
  const length = (): string => `INTERVAL '${dice.pick([1, 7, 20, 30, 60, 200])} s'`;
  const event = (): string =>
    dice.pick(["st = 'x'", "st = 'y'", 'n > 0', 'f', "err = 'fatal'", "err = 'minor'", 'n IS NOT NULL', "st <> 'z' AND f"]);
  for (let n = dice.whole(1, 4); n > 0; n -= 1) {
    const name = `s${signals.length}`;
    const add = (kind: Signal['kind'], text: string): void => {
      signals.push({ name, kind });
      texts.push(`${name} => ${text}`);
    };
    const bools = signals.filter(({ kind }) => kind === 'bool').map((signal) => signal.name);
    const options: (() => void)[] = [
      () => add('text', `latest(st, ${length()})`),
      () => add('bool', `has_existed_within(${event()}, ${length()})`),
      () => add('bool', `has_existed_within(${event()}, ${length()}) AND latest(f, ${length()})`),
      () => add('int', `latest(n, ${length()})`),
    ];
    if (!bounded) {
      options.push(
        () => add('text', 'latest(st)'),
        () => add('text', 'latest_when(err IS NOT NULL, st)'),
        () => add('text', "latest(CASE WHEN err = 'fatal' THEN st END)"),
        () => add('int', 'latest(n)'),
        () => add('int', `count_so_far(${event()})`),
        () => add('int', 'count_so_far(true)'),
        () => add('int', 'sum_so_far(n)'),
        () => add('numeric', 'latest(amount)'),
        () => add('bool', `has_existed(${event()})`),
        () => add('bool', `latest(st) = 'x' AND NOT has_existed(${event()})`),
        () => add('bool', `latest(st) IS DISTINCT FROM 'y'`),
        () => add('time', `last_event_time(${dice.chance(0.5) ? '' : event()})`),
        () => add('numerical', `duration_where(latest(st) = 'x')`),
        () => add('numerical', `duration_in_state(latest(st))`),
        () => add('bool', `duration_where(latest(st) = 'x') >= ${length()}`),
        () => add('bool', `has_existed(latest(st) = 'x' AND latest(n) > 0)`),
      );
      const [bool] = bools;
      if (bool !== undefined) options.push(() => add('bool', `NOT ${bool} OR latest(f)`));
    }
    dice.pick(options)();
  }
  const since = dice.whole(0, 200);
  const until = since + dice.whole(0, 250);
  const every = !points && dice.chance(0.25);
  const hasSince = every || dice.chance(0.7);
  const key = dice.pick(['k', 'k', 'k2', '(k, k2)']);
  const options = [
    dice.pick(['byts', 'byk', '(SELECT * FROM byts WHERE n IS NULL OR n < 3)', 'w']),
    `key => ${key}`,
    'ts => ts',
    ...texts,
    ...(hasSince ? [`since => '${instant(since)}'`] : []),
    ...(points ? [`at => ARRAY['${instant(since + 5)}', '${instant(until)}', '${instant(since + 60)}']::timestamptz[]`] : []),
    ...(!points && (every || dice.chance(0.7)) ? [`until => '${instant(until)}'`] : []),
    ...(every ? [`every => INTERVAL '${dice.pick([10, 60])} s'`] : []),
    ...(dice.chance(0.2) ? [`idle => ${length()}`] : []),
    ...(dice.chance(0.15) ? ['ends => e'] : []),
    ...(dice.chance(0.15) ? ['dedupe => id'] : []),
    ...(hasSince && dice.chance(0.15) ? ['fill => true'] : []),
    ...(hasSince && dice.chance(0.1) ? [`lookback => ${length()}`] : []),
    ...(dice.chance(0.9) ? ['order_by => (seq, id, st, n, f, err, e)'] : ['order_by => (seq, id, st, n, f, err, e)', "ties => 'apply'"]),
  ];
  const keys = key === '(k, k2)' ? ['k', 'k2'] : [key];
  const from = `timeline(${options.join(', ')}) t`;
  const where = conditions(dice, { signals, keys, points });
  const discrete = signals.filter(({ kind }) => kind !== 'numerical').map(({ name }) => name);
  const kept = [...keys, ...(every ? ['bucket_start', 'bucket_end'] : []), ...discrete];
  const source = `WITH w AS MATERIALIZED (SELECT * FROM byts) `;
  const withs = options[0] === 'w' ? source : '';
  const filter = where.length === 0 ? '' : ` WHERE ${where.join(' AND ')}`;
  const shape = dice.whole(0, 9);
  if (points || shape < 3) {
    const columns = dice.chance(0.5) ? '*' : dice.sample([...keys, ...signals.map(({ name }) => name)], 3).join(', ');
    return `${withs}SELECT ${columns} FROM ${from}${filter}`;
  }
  if (shape === 3) return `${withs}SELECT DISTINCT ${dice.sample(kept, 2).join(', ')} FROM ${from}${filter}`;
  const by = dice.sample(kept, dice.whole(0, 2)).map((name) => (name === 'bucket_start' && dice.chance(0.5) ? `${name}::date` : name));
  const pick = (): string => dice.pick(discrete.length === 0 ? keys : discrete);
  const aggregate = (): string => {
    const over = dice.chance(0.4)
      ? ` FILTER (WHERE ${dice.pick([...signals.filter(({ kind }) => kind === 'bool').map(({ name }) => name), `${pick()} IS NULL`])})`
      : '';
    return dice.pick([
      `round((sum(seconds)${over})::numeric, 6)`,
      `round((sum(seconds)${over})::numeric, 6)`,
      `sum(duration)${over}`,
      `count(*)${over}`,
      `count(*)${over}`,
      `count(${pick()})${over}`,
      `count(DISTINCT ${pick()})${over}`,
      `count(DISTINCT ${keys[0]})${over}`,
      `min(${keys[0]})${over}`,
      `round(sum(CASE WHEN ${pick()} IS NULL THEN seconds ELSE 0 END)::numeric, 6)`,
      `round(sum(CASE ${pick()} WHEN NULL THEN 0 ELSE seconds END)::numeric, 6)`,
      ...(dice.chance(0.15) ? [`max(seconds)`, `min(started_at)`, `bool_or(is_open)`, `round(avg(seconds)::numeric, 6)`] : []),
    ]);
  };
  const aggregates = Array.from({ length: dice.whole(dice.chance(0.9) ? 1 : 0, 3) }, aggregate);
  const targets = [...by, ...aggregates];
  if (targets.length === 0) targets.push('count(*)');
  const group = by.length === 0 ? '' : ` GROUP BY ${dice.chance(0.15) ? `ROLLUP (${by.join(', ')})` : by.join(', ')}`;
  const inner = dice.chance(0.25)
    ? `(SELECT *, coalesce(${keys[0]}::text, '') || '!' AS extra FROM ${from}${filter}) u`
    : `${from}${filter}`;
  return `${withs}SELECT ${targets.join(', ')} FROM ${inner}${group}`;
}

function conditions(
  dice: Dice,
  { signals, keys, points }: { readonly signals: readonly Signal[]; readonly keys: readonly string[]; readonly points: boolean },
): readonly string[] {
  const one = (): string => {
    const signal = dice.pick(signals);
    const { name } = signal;
    const of = (): string => {
      switch (signal.kind) {
        case 'text':
          return dice.pick([
            `${name} = 'x'`,
            `${name} <> 'y'`,
            `${name} IS NULL`,
            `${name} IS NOT NULL`,
            `${name} IN ('x', 'y')`,
            `coalesce(${name}, 'x') = 'x'`,
          ]);
        case 'int':
          return dice.pick([`${name} > 0`, `${name} >= 1`, `${name} = 2`, `${name} < 3`, `${name} IS NOT NULL`, `${name} % 2 = 1`]);
        case 'bool':
          return dice.pick([name, name, `NOT ${name}`, `${name} IS TRUE`, `${name} IS NOT TRUE`]);
        case 'numeric':
          return dice.pick([`${name} > 0.15`, `${name}::text = '1.00'`]);
        case 'time':
          return dice.pick([`${name} IS NOT NULL`, `${name} > '${instant(100)}'`]);
        case 'numerical':
          return `${name} >= INTERVAL '20 s'`;
      }
    };
    return of();
  };
  const key = (): string => {
    const name = dice.pick(keys);
    return name === 'k'
      ? dice.pick(["k = 'k1'", "k IN ('k0', 'k1', 'k7')", "k LIKE 'k1%'", "k > 'k5'", 'length(k) = 2'])
      : dice.pick(['k2 = 1', 'k2 < 2', 'k2 + 1 = 2']);
  };
  const time = (): string =>
    points
      ? `evaluated_at > '${instant(100)}'`
      : dice.pick([`started_at < '${instant(150)}'`, `ended_at > '${instant(150)}'`, 'seconds > 3', 'is_open', 'NOT is_open']);
  const found: string[] = [];
  for (let n = dice.whole(0, 2); n > 0; n -= 1) found.push(dice.chance(0.2) ? `(${one()} OR ${one()})` : one());
  if (dice.chance(0.25)) found.push(key());
  if (dice.chance(0.12)) {
    const name = dice.pick(keys);
    found.push(
      `${name} ${dice.pick(['IN', 'NOT IN'])} (SELECT ${name} FROM byk WHERE ${name} IS NOT NULL AND ${dice.pick(["err = 'fatal'", 'n = 3', 'seq < 20'])})`,
    );
  }
  if (dice.chance(0.12)) found.push(time());
  return found;
}
