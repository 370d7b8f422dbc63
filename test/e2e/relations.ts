import type { Dice } from './oracle-dice.js';
import { randomCondition } from './oracle-random.js';

/** Questions with one answer, whatever it is. */
export interface Relation {
  readonly name: string;
  /** Rows come in this order; else they are a multiset. */
  readonly ordered: boolean;
  readonly sides: readonly Side[];
}

export interface Side {
  readonly sql: string;
  /** Of the rows, those from here to there. */
  readonly slice?: readonly [from: number, to: number];
}

export interface Ground {
  /** As oracle-random.ts knows it. */
  readonly table: 'facts' | 'events';
  readonly from: string;
  readonly id: string;
  readonly columns: readonly string[];
  readonly keys: readonly string[];
  /** Whole numbers. */
  readonly numbers: readonly string[];
  /** Values of any type with an order, equal only where they look the same. */
  readonly values: readonly string[];
  readonly having: readonly string[];
  /** Another table and what ties it to this one. */
  readonly other: { readonly from: string; readonly key: string; readonly own: string };
}

export const FACTS: Ground = {
  table: 'facts',
  from: 'o.facts e',
  id: 'e.id',
  columns: ['e.id', 'e.k', 'e.i8', 'e.d2', 'e.d10', 'e.s', 'e.b', 'e.day', 'e.ts', 'e.tz', 'e.u', 'e.x8', 'e.tm'],
  keys: ['e.k', 'e.e', 'e.b', 'e.day', 'e.s', 'e.d2'],
  numbers: ['e.i4', 'e.id', 'e.k', 'e.i8'],
  values: ['e.s', 'e.day', 'e.ts', 'e.tz', 'e.d2', 'e.tm', 'e.i8'],
  having: [
    'min(e.k) < 3',
    'max(e.s) >= $a$a$a$',
    'count(e.i4) > 5',
    'bool_or(e.b)',
    'sum(e.id) % 2 = 0',
    'avg(e.f8) > 5',
    'min(e.day) is null',
  ],
  other: { from: 'o.dims', key: 'k', own: 'e.k' },
};

export const EVENTS: Ground = {
  table: 'events',
  from: 'lake.events e',
  id: 'e.event_id',
  columns: ['e.event_id', 'e.ts', 'e.session_id', 'e.cdn', 'e.event_type', 'e.buffer_duration_ms', 'e.bitrate_kbps', 'e.country'],
  keys: ['e.cdn', 'e.device_os', 'e.event_type', 'e.country', 'e.ts::date', 'e.bitrate_kbps'],
  numbers: ['e.buffer_duration_ms', 'e.bitrate_kbps'],
  values: ['e.ts', 'e.session_id', 'e.country', 'e.user_id', 'e.buffer_duration_ms'],
  having: ['min(e.bitrate_kbps) < 2000', "max(e.country) >= 'N'", 'count(e.buffer_duration_ms) > 20', 'sum(e.buffer_duration_ms) % 2 = 0'],
  other: {
    from: "(select session_id as k from lake.events where event_type = 'rebuffer' and ts < timestamptz '2025-03-05 12:00:00+00') d",
    key: 'k',
    own: 'e.session_id',
  },
};

/** Ternary logic partitioning, NoREC, and other relations between questions that a planner could break; with one random condition. */
export function relations(dice: Dice, ground: Ground, n: string): Relation[] {
  const { from, id, other } = ground;
  const p = time(dice, ground, randomCondition(dice, ground.table, 'e'));
  const columns = [id, ...dice.sample(ground.columns.slice(1), dice.whole(1, 4))].join(', ');
  const key = dice.pick(ground.keys);
  const number = dice.pick(ground.numbers);
  const value = dice.pick(ground.values);
  const parts = [`(${p})`, `not (${p})`, `(${p}) is null`];
  const all = (part: (where: string) => string, between = 'union all'): string =>
    parts.map((where) => `(${part(where)})`).join(` ${between} `);
  const totals = `count(*) as n, count(${number}) as c, sum(${number}) as s, min(${value}) as low, max(${value}) as high`;
  const again = 'sum(n), sum(c), sum(s), min(low), max(high)';
  const having = dice.pick(ground.having).replaceAll('$a$a$a$', "'a'");
  const matching = `select ${columns} from ${from} where ${p}`;
  const tied = `${other.from}${/\) d$/.test(other.from) ? '' : ' d'}`;
  const offset = dice.whole(0, 30);
  const limit = dice.whole(0, 30);
  const list = (name: string, ...sqls: readonly string[]): Relation => ({ name, ordered: false, sides: sqls.map((sql) => ({ sql })) });
  return [
    list(
      'TLP rows',
      `select ${columns} from ${from}`,
      all((where) => `select ${columns} from ${from} where ${where}`),
    ),
    list(
      'TLP totals',
      `select ${totals} from ${from}`,
      `select ${again} from (${all((where) => `select ${totals} from ${from} where ${where}`)}) q`,
    ),
    list(
      'TLP groups',
      `select ${key}, ${totals} from ${from} group by 1`,
      `select g, ${again} from (${all((where) => `select ${key} as g, ${totals} from ${from} where ${where} group by 1`)}) q group by 1`,
      // A constant alone is not what one may group by.
      `select g, ${again} from (select ${key} as g, ${totals} from ${from} group by ${key}, (${p})::text) q group by g`,
    ),
    list(
      'TLP distinct',
      `select distinct ${key}, ${value} from ${from}`,
      all((where) => `select ${key}, ${value} from ${from} where ${where}`, 'union'),
      `select ${key}, ${value} from ${from} group by ${key}, ${value}`,
    ),
    list(
      'TLP having',
      `select ${key}, count(*) from ${from} group by 1`,
      [`(${having})`, `not (${having})`, `(${having}) is null`]
        .map((h) => `select ${key}, count(*) from ${from} group by 1 having ${h}`)
        .join(' union all '),
    ),
    list(
      'NoREC',
      `select count(*) from ${from} where ${p}`,
      `select count(*) filter (where ${p}) from ${from}`,
      `select coalesce(sum((${p})::int), 0) from ${from}`,
      `select count(*) from (select (${p}) as c from ${from} offset 0) q where c`,
    ),
    list(
      'wrappers',
      matching,
      `select * from (${matching}) w`,
      `select * from (${matching} limit all) w`,
      `with w as materialized (${matching}) select * from w`,
      `with w as not materialized (${matching}) select * from w`,
      `with w as (${matching}) select * from w union all select * from w where false`,
      `create temp view relation_${n} as ${matching}; select * from relation_${n}`,
      `select q.* from (values (1)) one(x) cross join lateral (${matching}) q`,
    ),
    list(
      'EXISTS, IN, join',
      `select ${id} from ${from} where (${p}) and exists (select 1 from ${tied} where d.${other.key} = ${other.own})`,
      `select ${id} from ${from} where (${p}) and ${other.own} in (select ${other.key} from ${tied})`,
      `select ${id} from ${from} join (select distinct ${other.key} from ${tied}) j on j.${other.key} = ${other.own} where ${p}`,
      `select distinct ${id} from ${from}, ${tied} where d.${other.key} = ${other.own} and (${p})`,
      `select ${id} from ${from} where (${p}) and (select count(*) from ${tied} where d.${other.key} = ${other.own}) > 0`,
    ),
    list(
      'NOT EXISTS, outer join',
      `select ${id} from ${from} where (${p}) and not exists (select 1 from ${tied} where d.${other.key} = ${other.own})`,
      `select ${id} from ${from} left join ${tied} on d.${other.key} = ${other.own} where (${p}) and d.${other.key} is null`,
      `select ${id} from ${from} where ${p} except select ${id} from ${from} join ${tied} on d.${other.key} = ${other.own}`,
    ),
    list(
      'outer join, inner join and the rest',
      `select ${id}, j.${other.key} from ${from} left join (select distinct ${other.key} from ${tied}) j on j.${other.key} = ${other.own} and (${p})`,
      `select ${id}, j.${other.key} from ${from} join (select distinct ${other.key} from ${tied}) j on j.${other.key} = ${other.own} and (${p}) ` +
        `union all select ${id}, null from ${from} where ((${p}) and ${other.own} in (select ${other.key} from ${tied})) is not true`,
    ),
    list(
      'windows, groups',
      `select ${id}, count(*) over (partition by ${key}), sum(${number}) over (partition by ${key}), min(${value}) over (partition by ${key}) from ${from} where ${p}`,
      `select ${id}, g.n, g.s, g.low from ${from} join (select ${key} as g, count(*) as n, sum(${number}) as s, min(${value}) as low from ${from} where ${p} group by 1) g on g.g is not distinct from ${key} where ${p}`,
    ),
    {
      name: 'prefix',
      ordered: true,
      sides: [
        { sql: `${matching} order by ${value} desc nulls last, ${id}`, slice: [offset, offset + limit] },
        { sql: `${matching} order by ${value} desc nulls last, ${id} limit ${limit} offset ${offset}` },
        { sql: `select * from (${matching} order by ${value} desc nulls last, ${id} limit ${offset + limit}) q offset ${offset}` },
      ],
    },
  ];
}

/** Over the events often with bounds on time, which prune files. */
function time(dice: Dice, ground: Ground, condition: string): string {
  if (ground.table !== 'events' || dice.chance(0.3)) return condition;
  const day = (): string => `2025-03-${String(dice.whole(1, 9)).padStart(2, '0')}`;
  const bound = dice.pick([
    () => `e.ts >= timestamptz '${day()} 00:00:00+00'`,
    () => `e.ts < timestamptz '${day()} 07:30:00+00'`,
    () => `date_trunc('day', e.ts) = timestamptz '${day()} 00:00:00+00'`,
    () => `e.ts::date = date '${day()}'`,
    () => `e.ts::date between date '${day()}' and date '2025-03-06'`,
    () => `extract(day from e.ts) = ${dice.whole(1, 9)}`,
    () => `date_trunc('week', e.ts) <> timestamptz '2025-03-03 00:00:00+00'`,
  ])();
  return dice.chance(0.6) ? `(${bound}) and (${condition})` : `(${bound}) or (${condition})`;
}
