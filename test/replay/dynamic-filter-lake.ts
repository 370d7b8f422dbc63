import { Dice } from '../e2e/oracle-dice.js';
import type { OracleTable } from '../e2e/oracle-lake.js';

/** Columns that two tables of this lake may be joined on; all have few values, some of them NULL. */
export const KEYS = ['k', 'l', 's', 'b', 'd', 'ts', 'tz', 'u'] as const;

const WORDS = ['', 'a', 'A', 'ab', 'b', 'äö', '日本', '😀', 'z', "o'c", 'zz', 'zzz', `long ${'x'.repeat(90)}`];

function row(dice: Dice, id: number, key: number): (string | null)[] {
  const some = (value: string): string | null => (dice.chance(0.05) ? null : value);
  const day = String(1 + (key % 28)).padStart(2, '0');
  return [
    String(id),
    some(String(key - 10)),
    some(String(BigInt(key) * 1_000_000_007n - 9_000_000_000n)),
    some(WORDS[key % WORDS.length] ?? ''),
    some(String(key % 2 === 0)),
    // Far off: Iceberg has no infinite dates.
    some(key === 39 ? '9999-12-31' : `20${String(10 + (key % 30)).padStart(2, '0')}-02-${day}`),
    some(`1969-12-${day} 23:59:59.${String(key).padStart(6, '0')}`),
    some(`2024-03-${day} 0${key % 10}:00:00+00`),
    some(`${(key * 6 + 16).toString(16).padStart(8, '0')}-0000-4000-8000-00000000000${key % 10}`),
    String(dice.whole(0, 99)),
  ];
}

function table(dice: Dice, shape: { name: string; rows: number; files: number; keys: readonly [number, number] }): OracleTable {
  const { name, rows, files, keys } = shape;
  const all = Array.from({ length: rows }, () => dice.whole(...keys)).sort((a, b) => a - b);
  // writeLake deals rows over the files in turn: this gives each file neighbouring keys.
  const each = Math.ceil(rows / files);
  const dealt = Array.from({ length: each }, (_, n) => Array.from({ length: files }, (__, file) => all[file * each + n])).flat();
  const spec =
    'id:long:int8 k:int:int4 l:long:int8 s:string:text b:boolean:bool d:date:date ts:timestamp:timestamp tz:timestamptz:timestamptz u:uuid:uuid v:int:int4';
  return {
    name,
    columns: spec.split(' ').map((one) => {
      const [column = '', iceberg = '', postgres = ''] = one.split(':');
      return { name: column, iceberg: iceberg as OracleTable['columns'][number]['iceberg'], postgres };
    }),
    rows: dealt.flatMap((key, n) => (key === undefined ? [] : [row(dice, n, key)])),
    files,
  };
}

/** A large table in files of neighbouring keys, one of other keys too, a small one, one with no key of theirs, an empty one. */
export function keyTables(seed: number): readonly OracleTable[] {
  const dice = new Dice(seed);
  return [
    table(dice, { name: 'big', rows: 400, files: 8, keys: [0, 39] }),
    table(dice, { name: 'mid', rows: 80, files: 4, keys: [20, 60] }),
    table(dice, { name: 'few', rows: 9, files: 3, keys: [5, 30] }),
    table(dice, { name: 'far', rows: 6, files: 2, keys: [100, 120] }),
    table(dice, { name: 'nil', rows: 0, files: 0, keys: [0, 0] }),
  ];
}

/** A random question with joins, which all answer in any order. */
export function randomJoin(dice: Dice): string {
  const big = dice.pick(['big', 'big', 'mid', 'few', 'nil']);
  const small = dice.pick(['few', 'few', 'far', 'nil', 'mid', 'big']);
  const other = dice.pick(['mid', 'few', 'far']);
  const [key, second] = [dice.pick(KEYS), dice.pick(KEYS)];
  const where = dice.pick([`s.v < ${dice.whole(0, 99)}`, 's.v < 30', 's.k < 12', "s.s > 'a'", 'true', 's.k is null']);
  const type = dice.pick(['join', 'join', 'left join', 'right join', 'full join']);
  const inside = dice.pick([
    `(select * from ${big})`,
    `(select * from ${big} where v > ${dice.whole(0, 60)})`,
    `(select ${key}, ${second === key ? 'v' : second}, count(*) as v, min(id) as id from ${big} group by 1, 2)`,
    `(select ${key}, min(id) as id, max(v) as v from ${big} group by ${key})`,
    `(select ${key}, min(id) as id, max(v) as v from ${big} group by rollup (${key}))`,
    `(select distinct ${key}, v, v + 1 as id from ${big})`,
    `(select ${key}, id, v from ${big} union all select ${key}, id, v from ${other})`,
    `(select ${key}, id, count(*) over (partition by ${key}) as v from ${big})`,
    `(select ${key}, id, count(*) over (partition by v % 3) as v from ${big})`,
    `(select ${key}, id, v from ${big} order by v, id limit ${dice.whole(1, 60)})`,
    `(select a.${key}, a.id, a.v from ${big} a left join ${other} c on a.${second} = c.${second})`,
    `(select a.${key}, c.id, c.v from ${other} c left join ${big} a on a.${second} = c.${second})`,
    `(select a.${key}, c.id, c.v from ${other} c full join ${big} a on a.${second} = c.${second})`,
    `(select * from ${big} a where exists (select from ${other} c where a.${second} = c.${second} and c.v > a.v))`,
  ]);
  switch (dice.whole(0, 8)) {
    case 0:
      return `select b.id, b.v from ${inside} b where b.${key} in (select ${key} from ${small} s where ${where})`;
    case 1:
      return `select b.id, b.v from ${inside} b where not exists (select from ${small} s where s.${key} = b.${key} and ${where})`;
    case 2:
      return `select s.id, s.v from ${small} s where exists (select from ${inside} b where s.${key} = b.${key} and b.v > s.v)`;
    case 3:
      return `select b.id, s.id, b.v from ${inside} b ${type} ${small} s on s.${key} = b.${key} and ${where}`;
    case 4:
      return `select s.id, (select count(*) from ${inside} b where b.${key} = s.${key}) from ${small} s where ${where}`;
    case 5:
      return `with x as (select * from ${inside} b) select s.id, x.v, y.n from ${small} s ${type} x on s.${key} = x.${key} join (select ${key}, count(*) as n from x group by 1) y on y.${key} = s.${key} where ${where}`;
    case 6:
      return `select b.id, s.id, o.id from ${inside} b ${type} ${small} s on s.${key} = b.${key} join ${other} o on o.${second} = s.${second} where ${where}`;
    case 7:
      return `select count(*), sum(b.v) from ${big} b join ${small} s on b.${key} = s.${key} and b.${second} = s.${second} where ${where}`;
    default:
      return `select b.id, b.v, s.v from ${inside} b ${type} ${small} s on s.${key} = b.${key} where ${where}`;
  }
}
