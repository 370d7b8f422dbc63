import type { Dice } from './oracle-dice.js';

export type Kind = 'int' | 'big' | 'num' | 'flt' | 'text' | 'bool' | 'date' | 'ts' | 'tz';

export interface Column {
  readonly sql: string;
  readonly kind: Kind;
  /** Values so extreme that arithmetic would leave the type's range. */
  readonly wild?: boolean;
}

const TABLES: Readonly<Record<string, string>> = {
  facts: 'id:big k:int i4:int! i8:big! f8:flt x8:flt! d2:num d10:num! s:text e:text b:bool day:date ts:ts tz:tz',
  dims: 'k:int name:text w:flt since:date price:num',
  links: 'a:big b:int note:text at:tz',
  events: 'buffer_duration_ms:big bitrate_kbps:int session_id:text device_os:text cdn:text event_type:text country:text ts:tz',
  none: 'id:big k:int s:text f8:flt d2:num tz:tz',
};
export const KINDS: readonly Kind[] = ['int', 'big', 'num', 'flt', 'text', 'bool', 'date', 'ts', 'tz'];
const CONSTANTS: Readonly<Record<Kind, readonly string[]>> = {
  int: ['0', '1', '2', '3', '5', '10', '-1', '-4'],
  big: ['0::int8', '1::int8', '100::int8', '-7::int8', '5000000000'],
  num: ['0.0', '1.5', '2.50', '-0.01', '100.0', '12.340', '0.333'],
  flt: ["'1.5'::float8", "'0.25'::float8", "'-2'::float8", "'10'::float8", '0::float8'],
  text: ["'a'", "'abc'", "''", "'play'", "'Äpfel'", "'日本語'", "'10'", "'x_y'", "' '"],
  bool: ['true', 'false', 'null::bool'],
  date: ["date '2024-03-31'", "date '2024-02-29'", "date '1970-01-01'", "date '2024-10-27'"],
  ts: ["timestamp '2024-03-31 02:30:00'", "timestamp '2024-10-27 02:30:00'", "timestamp '2000-01-01'"],
  tz: ["timestamptz '2024-03-31 01:00:00+00'", "timestamptz '2024-10-27 00:30:00+00'", "timestamptz '2024-11-03 06:30:00+00'"],
};
const PATTERNS = ["'a%'", "'%a%'", "'_'", "'%_e%'", "'A%'", "'%'", "''", "'x\\_y'", "'%é%'", "'__%'", "'%c'"];
const UNITS = ['second', 'minute', 'hour', 'day', 'week', 'month', 'quarter', 'year'];
const FIELDS = ['year', 'month', 'day', 'dow', 'isodow', 'doy', 'week', 'quarter', 'isoyear', 'epoch'];
const CLOCK = ['hour', 'minute', 'second', 'milliseconds'];
const SPANS = ["'1 day'", "'1 month'", "'36 hours'", "'-1 month'", "'1 year 2 days 3 hours'", "'0.5 s'", "'-90 minutes'"];
const ZONES = ["'UTC'", "'Europe/Berlin'", "'America/New_York'", "'Asia/Kolkata'"];

export function columnsOf(table: string, alias: string): Column[] {
  return (TABLES[table] ?? '').split(' ').map((part) => {
    const [name = '', kind = ''] = part.split(':');
    return { sql: `${alias}.${name}`, kind: kind.replace('!', '') as Kind, wild: kind.endsWith('!') };
  });
}

/** Random expressions of every kind over the columns in sight. */
export class Expressions {
  /** What unqualified values are made of. */
  scope: readonly Column[] = [];

  constructor(readonly dice: Dice) {}

  aggregate(): { sql: string; kind: Kind } {
    const { dice } = this;
    const filter = dice.chance(0.25) ? ` filter (where ${this.bool(1)})` : '';
    const distinct = dice.chance(0.2) ? 'distinct ' : '';
    switch (dice.whole(0, 9)) {
      case 0:
        return { sql: `count(*)${filter}`, kind: 'big' };
      case 1:
        return { sql: `count(${distinct}${this.key(dice.pick(KINDS), 1)})${filter}`, kind: 'big' };
      case 2:
        return { sql: `sum(${distinct}${this.value('int', 1)})${filter}`, kind: 'big' };
      case 3:
        return { sql: `round(sum(${this.value('num', 1)})${filter}, 2)`, kind: 'num' };
      case 4:
        return { sql: `(sum(${this.value('flt', 1)})${filter} + 0)`, kind: 'flt' };
      case 5: {
        const kind = dice.pick(['int', 'big', 'num', 'flt'] as const);
        return kind === 'flt'
          ? { sql: `(avg(${this.column('flt', false)})${filter} + 0)`, kind }
          : { sql: `round(avg(${this.value(kind, 1)})${filter}, 6)`, kind: 'num' };
      }
      case 6:
        return { sql: `${dice.pick(['bool_and', 'bool_or', 'every'])}(${this.bool(1)})${filter}`, kind: 'bool' };
      case 7:
        return {
          sql: `string_agg(${distinct}${this.column('text', true)}, ',' order by 1)${filter}`.replace(
            'order by 1',
            `order by ${this.lastColumn}`,
          ),
          kind: 'text',
        };
      default: {
        const kind = dice.pick(KINDS.filter((each) => each !== 'bool'));
        return { sql: `${dice.pick(['min', 'max'])}(${this.key(kind, 1)})${filter}`, kind };
      }
    }
  }

  private lastColumn = '';

  column(kind: Kind, wild: boolean): string {
    const fitting = this.scope.filter((c) => c.kind === kind && (wild || c.wild !== true));
    this.lastColumn = fitting.length === 0 ? this.dice.pick(CONSTANTS[kind]) : this.dice.pick(fitting).sql;
    return this.lastColumn;
  }

  /** A value whose equals look the same: no -0 beside 0, no 1.0 beside 1.00. */
  key(kind: Kind, depth: number): string {
    const sql = this.value(kind, depth);
    return kind === 'flt' ? `(${sql} + 0)` : kind === 'num' ? `round(${sql}, 3)` : sql;
  }

  value(kind: Kind, depth: number): string {
    const { dice } = this;
    if (kind === 'bool') return this.bool(depth);
    if (depth <= 0 || dice.chance(0.3)) return dice.chance(0.8) ? this.column(kind, false) : dice.pick(CONSTANTS[kind]);
    const v = (other: Kind): string => this.value(other, depth - 1);
    const roll = dice.fraction();
    if (roll < 0.1)
      return `case when ${this.bool(depth - 1)} then ${v(kind)} ${dice.chance(0.3) ? `when ${this.bool(depth - 1)} then ${v(kind)} ` : ''}else ${dice.chance(0.3) ? 'null' : v(kind)} end`;
    if (roll < 0.17) return `coalesce(${v(kind)}, ${v(kind)})`;
    if (roll < 0.21) return `nullif(${v(kind)}, ${v(kind)})`;
    if (roll < 0.25) return `${dice.pick(['greatest', 'least'])}(${v(kind)}, ${v(kind)})`;
    if (roll < 0.27) return `case ${this.column('text', true)} when 'play' then ${v(kind)} when 'a' then ${v(kind)} end`;
    switch (kind) {
      case 'int':
        return dice.pick([
          () => `(${v('int')} ${dice.pick(['+', '-'])} ${v('int')})`,
          () => `(${this.column('int', false)} * ${dice.pick(['2', '-3', '10'])})`,
          () => `(${v('int')} ${dice.pick(['/', '%'])} nullif(${v('int')}, 0))`,
          () => `(${v('int')} ${dice.pick(['/', '%'])} ${dice.pick(['3', '-2', '7'])})`,
          () => `length(${v('text')})`,
          () => `abs(${v('int')})`,
          () => `(-${this.column('int', false)})`,
          () => `extract(${dice.pick(FIELDS.slice(0, 9))} from ${v('date')})::int`,
          () => `(${this.column('flt', false)})::int`,
          () => `(${this.column('num', false)} / 1000000000)::int`,
          () => `(${v('bool')})::int`,
          () => `position('a' in ${v('text')})`,
          () => `(${v('date')} - ${v('date')})`,
        ])();
      case 'big':
        return dice.pick([
          () => `(${v('int')} + ${this.column('big', false)})`,
          () => `(${this.column('big', false)} * 3)`,
          () => `(${this.column('big', false)} / ${dice.pick(['3', '7::int8', '-2'])})`,
          () => `(${this.column('big', false)} % 5)`,
          () => `(${v('int')})::int8`,
          () => `(${this.column('flt', false)})::int8`,
        ])();
      case 'num':
        return dice.pick([
          () => `(${v('num')} ${dice.pick(['+', '-'])} ${v('num')})`,
          () => `(${this.column('num', false)} * ${dice.pick(['2', '0.5', '1.25'])})`,
          () => `(${this.column('num', false)} / ${dice.pick(['3', '7', '0.3', 'nullif(1.5, 0)'])})`,
          () => `round(${v('num')}, ${dice.pick(['0', '1', '2', '-1'])})`,
          () => `${dice.pick(['trunc', 'ceil', 'floor', 'abs', 'sign'])}(${v('num')})`,
          () => `(${v('int')})::numeric`,
          () => `(${v('int')} * 1.5)`,
          () => `(${this.column('flt', false)})::numeric`,
          () => `(${this.column('num', false)} % 7)`,
          () => `extract(${dice.pick([...FIELDS, ...CLOCK])} from ${v(dice.pick(['ts', 'tz']))})`,
        ])();
      case 'flt':
        return dice.pick([
          () => `(${this.column('flt', false)} ${dice.pick(['+', '-'])} ${v('flt')})`,
          () => `(${this.column('flt', false)} * ${dice.pick(['2', '0.5', '-4'])})`,
          () => `(${this.column('flt', false)} / ${dice.pick(['2', '4', '0.5'])})`,
          () => `(${v('int')})::float8`,
          () => `${dice.pick(['abs', 'round', 'ceil', 'floor', 'trunc', 'sign'])}(${v('flt')})`,
        ])();
      case 'text':
        return dice.pick([
          () => `(${v('text')} || ${v('text')})`,
          () => `${dice.pick(['lower', 'upper', 'trim', 'reverse'])}(${v('text')})`,
          () => `substr(${v('text')}, ${dice.pick(['1', '2', '0', '-1'])}, ${dice.pick(['1', '2', '3'])})`,
          () => `${dice.pick(['left', 'right'])}(${v('text')}, ${dice.pick(['1', '2', '-1'])})`,
          () => `replace(${v('text')}, 'a', 'ä')`,
          () => `(${v(dice.pick(['int', 'big', 'num', 'date', 'ts', 'tz']))})::text`,
          () => `(${this.column('flt', true)})::text`,
          () => `(${v('text')} || ${this.column(dice.pick(['int', 'big', 'date', 'ts']), true)})`,
          () => `lpad(${v('text')}, ${dice.pick(['3', '6'])}, 'xy')`,
          () => `split_part(${v('text')}, ' ', ${dice.pick(['1', '2'])})`,
          () => `concat(${v('text')}, ${v('int')}, ${v('bool')})`,
        ])();
      case 'date':
        return dice.pick([
          () => `(${v('date')} ${dice.pick(['+', '-'])} ${dice.pick(['1', '30', '365'])})`,
          () => `(${v(dice.pick(['ts', 'tz']))})::date`,
          () => `date_trunc('${dice.pick(UNITS)}', ${this.column('date', true)})::date`,
        ])();
      case 'ts':
        return dice.pick([
          () => `date_trunc('${dice.pick(UNITS)}', ${v('ts')})`,
          () => `(${v('ts')} ${dice.pick(['+', '-'])} interval ${dice.pick(SPANS)})`,
          () => `(${v('date')})::timestamp`,
          () => `(${v('tz')} at time zone ${dice.pick(ZONES)})`,
          () => `(${v('tz')})::timestamp`,
          () => `(${v('date')} + interval ${dice.pick(SPANS)})`,
        ])();
      case 'tz':
        return dice.pick([
          () => `date_trunc('${dice.pick(UNITS)}', ${v('tz')})`,
          () => `(${v('tz')} ${dice.pick(['+', '-'])} interval ${dice.pick(SPANS)})`,
          () => `(${v('ts')} at time zone ${dice.pick(ZONES)})`,
          () => `(${v(dice.pick(['ts', 'date']))})::timestamptz`,
        ])();
    }
  }

  bool(depth: number): string {
    const { dice } = this;
    const roll = dice.fraction();
    if (depth > 1 && roll < 0.45) {
      const parts = Array.from({ length: dice.whole(2, 3) }, () => this.bool(depth - 1));
      return `(${parts.join(dice.pick([' and ', ' or ', ' or ']))})`;
    }
    if (depth > 1 && roll < 0.55) return `not (${this.bool(depth - 1)})`;
    const kind = dice.pick(KINDS.filter((each) => each !== 'bool'));
    const value = (): string => (depth > 0 && dice.chance(0.4) ? this.value(kind, depth - 1) : this.column(kind, true));
    const constant = (): string => dice.pick(CONSTANTS[kind]);
    return dice.pick([
      () => `${value()} ${dice.pick(['=', '<>', '<', '<=', '>', '>='])} ${dice.chance(0.6) ? constant() : value()}`,
      () => `${value()} ${dice.pick(['=', '<', '>='])} ${constant()}`,
      () => `${value()} is ${dice.pick(['', 'not '])}null`,
      () => `${value()} ${dice.pick(['in', 'not in'])} (${[constant(), constant(), dice.chance(0.15) ? 'null' : constant()].join(', ')})`,
      () =>
        `${value()} ${dice.pick(['between', 'not between', 'between symmetric'])} ${constant()} and ${dice.chance(0.5) ? constant() : value()}`,
      () => `${this.column('text', true)} ${dice.pick(['like', 'not like'])} ${dice.pick(PATTERNS)}`,
      () => `${this.column('text', true)} ilike ${dice.pick(PATTERNS.slice(0, 8))}`,
      () => `${value()} is ${dice.pick(['', 'not '])}distinct from ${dice.chance(0.5) ? constant() : value()}`,
      () => `${this.column('bool', true)}`,
      () => `(${this.column('bool', true)}) is ${dice.pick(['true', 'not true', 'false', 'not false', 'unknown', 'not unknown'])}`,
      () => `${this.column('int', true)} ${dice.pick(['=', '<', '>'])} ${this.column(dice.pick(['num', 'flt', 'big']), true)}`,
      () => `${this.column('date', true)} ${dice.pick(['=', '<', '>='])} ${this.column(dice.pick(['ts', 'tz']), true)}`,
      () => `${this.column('ts', true)} ${dice.pick(['=', '<', '>='])} ${this.column('tz', true)}`,
      () => `(${constant()} ${dice.pick(['<', '='])} ${value()})`,
    ])();
  }
}
