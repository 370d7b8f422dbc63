import { Oid, type Type } from '../../sql/types.js';
import type { Interval, Value } from '../../sql/value.js';

export type Cell = Value | null;

/*
 * Values by PostgreSQL's definitions, for the brute force: nothing of sql/functions is used. Every value has one *canonical text*;
 * two values of a type are equal just if these are.
 */

export function canonical(of: Type, value: Value): string {
  switch (of.oid) {
    case Oid.numeric: {
      const text = value as string;
      if (text === 'NaN') return text;
      const bare = text.includes('.') ? text.replace(/0+$/, '').replace(/\.$/, '') : text;
      return bare === '-0' ? '0' : bare;
    }
    case Oid.bpchar:
      return (value as string).trimEnd();
    case Oid.float8:
      return Number.isNaN(value) ? 'NaN' : String((value as number) + 0);
    case Oid.interval:
      return String(micros(value as Interval));
    default:
      return typeof value === 'object' ? JSON.stringify(value) : String(value);
  }
}

export function isSame(of: Type, a: Cell, b: Cell): boolean {
  if (a === null || b === null) return a === b;
  return canonical(of, a) === canonical(of, b);
}

/** btree order of two values; NaN is above all. */
export function order(of: Type, a: Value, b: Value): number {
  switch (of.oid) {
    case Oid.text:
    case Oid.uuid:
      return Buffer.compare(Buffer.from(a as string), Buffer.from(b as string));
    case Oid.bpchar:
      return Buffer.compare(Buffer.from((a as string).trimEnd()), Buffer.from((b as string).trimEnd()));
    case Oid.numeric:
    case Oid.float8: {
      const [x, y] = [Number(a), Number(b)];
      if (Number.isNaN(x) || Number.isNaN(y)) return Number(Number.isNaN(x)) - Number(Number.isNaN(y));
      return x < y ? -1 : x > y ? 1 : 0;
    }
    case Oid.interval:
      return Number(micros(a as Interval) - micros(b as Interval));
    default:
      return a < b ? -1 : a > b ? 1 : 0;
  }
}

export function micros({ months, days, micros: rest }: Interval): bigint {
  return BigInt(months * 30 + days) * 86_400_000_000n + rest;
}

export function lengthOf(length: number): Interval {
  return { months: 0, days: 0, micros: BigInt(length) };
}

/** Of the forms that the random expressions have. */
export function constant(of: Type, text: string | null): Cell {
  if (text === null) return null;
  switch (of.oid) {
    case Oid.bool:
      return text === 't' || text === 'true';
    case Oid.int4:
    case Oid.float8:
      return Number(text);
    case Oid.int8:
      return BigInt(text);
    case Oid.interval: {
      const found = /^(?:(-?\d+) days? ?)?(?:(-?)(\d+):(\d\d):(\d\d)(?:\.(\d{6}))?)?$/.exec(text);
      if (found === null) throw new Error(`interval ${text}`);
      const [, days = '0', sign, hours = '0', minutes = '0', seconds = '0', fraction = '0'] = found;
      const length = ((BigInt(hours) * 60n + BigInt(minutes)) * 60n + BigInt(seconds)) * 1_000_000n + BigInt(fraction);
      return { months: 0, days: Number(days), micros: sign === '-' ? -length : length };
    }
    case Oid.timestamptz:
      return BigInt(Date.parse(text.replace(' ', 'T').replace(/\+00$/, 'Z'))) * 1000n;
    case 1009:
    case 1007: {
      const element: Type = { oid: of.oid === 1009 ? Oid.text : Oid.int4, typmod: -1 };
      const items = text.slice(1, -1);
      return items === '' ? [] : items.split(',').map((item) => constant(element, item === 'NULL' ? null : item));
    }
    default:
      return text;
  }
}

/** Arguments are not NULL. */
export function apply(fn: string, args: readonly { readonly type: Type; readonly value: Value }[]): Value {
  const [a, b] = args;
  if (a === undefined || b === undefined) throw new Error(fn);
  const comparison = /(?:_|^[a-z]+\d*)(eq|ne|lt|le|gt|ge)\(/.exec(fn)?.[1];
  const sign = comparison === undefined ? 0 : order(a.type, a.value, b.value);
  switch (comparison) {
    case 'eq':
      return sign === 0;
    case 'ne':
      return sign !== 0;
    case 'lt':
      return sign < 0;
    case 'le':
      return sign <= 0;
    case 'gt':
      return sign > 0;
    case 'ge':
      return sign >= 0;
    case undefined:
      break;
  }
  if (fn === 'int4pl(int4,int4)') return (a.value as number) + (b.value as number);
  if (fn === 'textcat(text,text)') return `${a.value as string}${b.value as string}`;
  throw new Error(`not in the random expressions: ${fn}`);
}

/** sum_so_far over values that are not NULL, in order. */
export function sum(result: Type, values: readonly Value[]): Value {
  switch (result.oid) {
    case Oid.float8:
      return values.reduce<number>((total, value) => total + (value as number), 0);
    case Oid.interval:
      return values.reduce<Interval>(
        (total, value) => {
          const { months, days, micros: rest } = value as Interval;
          return { months: total.months + months, days: total.days + days, micros: total.micros + rest };
        },
        { months: 0, days: 0, micros: 0n },
      );
    case Oid.numeric: {
      if (values.includes('NaN')) return 'NaN';
      const scale = Math.max(0, ...values.map((value) => String(value).split('.')[1]?.length ?? 0));
      const total = values.reduce<bigint>((before, value) => {
        const [whole = '', fraction = ''] = String(value).split('.');
        return before + BigInt(whole + fraction.padEnd(scale, '0'));
      }, 0n);
      const digits = String(total < 0n ? -total : total).padStart(scale + 1, '0');
      const text = scale === 0 ? digits : `${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
      return total < 0n ? `-${text}` : text;
    }
    default:
      return values.reduce<bigint>((total, value) => total + BigInt(value as number | bigint), 0n);
  }
}

/** A row or value as text in which all that differs differs: NaN, -0 and bigint too. */
export function show(value: unknown): string {
  return JSON.stringify(value, (_, item: unknown) => {
    if (typeof item === 'bigint') return `${item}n`;
    if (typeof item === 'number' && (!Number.isFinite(item) || Object.is(item, -0))) return Object.is(item, -0) ? '-0' : `${item}`;
    return item;
  });
}
