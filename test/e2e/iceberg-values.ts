import { ExactNumber, parseExactJson, printExactJson } from '../../connectors/iceberg/format/exact-json.js';
import type { Dice } from './oracle-dice.js';

/** A type as metadata files spell it. */
export type JsonType = string | NestedType;

export interface JsonField {
  readonly name: string;
  readonly type: JsonType;
  readonly required: boolean;
}

interface NestedType {
  readonly type: 'struct' | 'list' | 'map';
  readonly fields: readonly JsonField[];
  readonly element: JsonType;
  readonly key: JsonType;
  readonly value: JsonType;
}

/** Whole numbers, days and microseconds are bigints; decimals, uuids and texts texts; maps lists of pairs; structs values in the fields' order. */
export type Value = null | boolean | bigint | number | string | Buffer | readonly Value[];

const WORDS = [
  '',
  'a',
  'ab',
  'abc',
  'b',
  'zz',
  'Zürich',
  '日本語',
  '😀 smile',
  "quote's",
  'NULL',
  '0',
  '-1',
  '{',
  '"',
  '\\x41',
  '%_',
  'tab\tline\n',
  ' a ',
];
/** Bounds keep sixteen characters or bytes: what lies at and beyond that edge. */
const EDGES = [
  'x'.repeat(15),
  'x'.repeat(16),
  'x'.repeat(17),
  `${'x'.repeat(16)}y`,
  `${'x'.repeat(15)}\u{10ffff}z`,
  '\u{10ffff}'.repeat(17),
  '\ud7ff'.repeat(17),
  `${'😀'.repeat(15)}ab`,
  `${'a'.repeat(15)}\u{1f600}\u{1f600}`,
  'é'.repeat(16),
  'é'.repeat(17),
  'long text that goes beyond the sixteen that bounds keep',
];
const BYTES = ['ff'.repeat(16), 'ff'.repeat(17), `${'00'.repeat(16)}01`, '00', '', `${'ab'.repeat(15)}ffff`, '80', '7f'];
const DAY = 86_400_000_000n;

/** `nested`: without years BC, which jsonb texts of nested columns cannot give. */
export function randomValue(dice: Dice, type: JsonType, required = false, nested = false): Value {
  if (!required && dice.chance(0.17)) return null;
  if (typeof type !== 'string') {
    switch (type.type) {
      case 'struct':
        return type.fields.map((field) => randomValue(dice, field.type, field.required, true));
      case 'list':
        return Array.from({ length: dice.whole(0, 3) }, () => randomValue(dice, type.element, false, true));
      case 'map':
        return dice.sample(WORDS, dice.whole(0, 3)).map((key) => [keyOf(dice, type.key, key), randomValue(dice, type.value, false, true)]);
    }
  }
  const [name, first = 0, second = 0] = nameOf(type);
  // Not the least values of all: truncate() has no room below them, and who writes them nevertheless lets the result wrap around.
  const edge = dice.chance(0.15);
  switch (name) {
    case 'boolean':
      return dice.chance(0.5);
    case 'int':
      return edge ? dice.pick([2147483647n, -2147483640n]) : BigInt(dice.whole(-5, 15));
    case 'long':
      return edge ? dice.pick([9223372036854775807n, -9223372036854775800n, 9007199254740993n]) : BigInt(dice.whole(-10, 50));
    case 'float':
      return Math.fround(
        edge ? dice.pick([Number.NaN, Infinity, -Infinity, -0, 0, 3.4028234663852886e38, 1e-45, 0.1]) : dice.whole(-20, 20) / 4,
      );
    case 'double':
      return edge ? dice.pick([Number.NaN, Infinity, -Infinity, -0, 0, Number.MAX_VALUE, 5e-324, 0.1]) : dice.whole(-20, 20) / 4;
    case 'decimal':
      return decimalText(
        edge ? dice.pick([10n ** BigInt(first) - 1n, 10n - 10n ** BigInt(first)]) : BigInt(dice.whole(-999, 999)) % 10n ** BigInt(first),
        second,
      );
    case 'date':
      return edge ? dice.pick([0n, -1n, -719162n, 2932896n, ...(nested ? [] : [2932897n, -719163n])]) : BigInt(dice.whole(-400, 400));
    case 'time':
      return edge ? dice.pick([0n, DAY - 1n]) : BigInt(dice.whole(0, 86_399)) * 1_000_000n + BigInt(dice.whole(0, 2));
    case 'timestamp':
    case 'timestamptz':
      return edge
        ? dice.pick([0n, -1n, -719162n * DAY, 2932897n * DAY - 1n, ...(nested ? [] : [2932897n * DAY, -719162n * DAY - 1n])])
        : BigInt(dice.whole(-200, 200)) * 1_800_000_000n + BigInt(dice.whole(0, 1));
    case 'string':
      return dice.pick(edge || dice.chance(0.2) ? EDGES : WORDS);
    case 'uuid':
      return dice.pick([
        '00000000-0000-0000-0000-000000000000',
        'ffffffff-ffff-ffff-ffff-ffffffffffff',
        '7fffffff-0000-4000-8000-000000000001',
        '80000000-0000-4000-8000-000000000001',
      ]);
    case 'binary':
      return Buffer.from(dice.pick(edge ? BYTES : ['', '01', 'fe', '0102', 'ff', 'ffff', '00ff10']), 'hex');
    case 'fixed':
      return Buffer.alloc(first, dice.pick([0, 1, 127, 128, 255]));
    default:
      throw new Error(`no values of ${name}`);
  }
}

/** Values that lie close together, texts and bytes of which differ beyond the sixteen that bounds keep; undefined: none of this type. */
export function nearbyValues(dice: Dice, type: JsonType): (() => Value) | undefined {
  if (typeof type !== 'string') return undefined;
  const [name, precision = 0, scale = 0] = nameOf(type);
  const [base, text] = [dice.whole(-4000, 4000), dice.pick(SHARED)];
  const step = (): bigint => BigInt(dice.whole(0, 5));
  switch (name) {
    case 'int':
    case 'long':
    case 'date':
      return () => BigInt(base) + step();
    case 'float':
    case 'double':
      return () => (base + dice.whole(0, 5)) / 4;
    case 'decimal': {
      const most = 10 ** Math.min(precision, 6) - 6;
      return () => decimalText(BigInt(base % most) + step(), scale);
    }
    case 'time':
      return () => BigInt(base + 40_000) * 1_000_000n + step();
    case 'timestamp':
    case 'timestamptz':
      return () => BigInt(base) * 3_600_000_001n + step();
    case 'string':
      return () => `${text}${dice.pick(['', 'a', 'b', 'c', 'zz'])}`;
    case 'binary':
      return () => Buffer.from([...Array.from({ length: 16 }, (_, n) => (base + n) & 0xff), dice.whole(0, 255)]);
    default:
      return undefined;
  }
}

/** Their first sixteen characters, and more. */
const SHARED = [
  'sixteen letters.',
  'sixteen letters. And',
  `${'é'.repeat(15)}x`,
  `${'m'.repeat(14)}\u{10ffff}\u{10ffff}`,
  `${'😀'.repeat(15)}\ud7ff`,
];

/** Of one type, neither NULL nor nested. Decimals by their nearest floats. */
export function compareValues(a: Value, b: Value): number {
  if (typeof a === 'string' && typeof b === 'string') {
    if (/^-?[\d.]+$/.test(a) && /^-?[\d.]+$/.test(b)) return Number(a) - Number(b);
    return Buffer.compare(Buffer.from(a), Buffer.from(b));
  }
  if (Buffer.isBuffer(a) && Buffer.isBuffer(b)) return Buffer.compare(a, b);
  return a === b || a === null || b === null ? 0 : a < b ? -1 : 1;
}

/** The value, or one right beside it that its type has. */
export function besideOf(dice: Dice, value: Value, type: JsonType): Value {
  if (typeof value === 'bigint' && value > -1_000_000_000n && value < 1_000_000_000n && value > 0n)
    return value + BigInt(dice.whole(-1, 1));
  if (typeof value === 'string' && type === 'string') {
    const points = [...value];
    return dice.pick([value, value, points.slice(0, 16).join(''), points.slice(0, -1).join(''), `${value}!`]);
  }
  return value;
}

function keyOf(dice: Dice, type: JsonType, word: string): Value {
  return type === 'string' ? word : randomValue(dice, type, true, true);
}

/** ['decimal', 9, 2], ['fixed', 3], ['string'] */
function nameOf(type: string): [string, number?, number?] {
  const [name = '', ...numbers] = type.split(/[(),[\] ]+/).filter((part) => part !== '');
  return [name, ...(numbers.map(Number) as [number?, number?])];
}

function decimalText(unscaled: bigint, scale: number): string {
  const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, '0');
  const text = scale === 0 ? digits : `${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
  return unscaled < 0n ? `-${text}` : text;
}

/** As test/connectors/table-readers.ts tells. */
export function canonical(type: JsonType, value: Value, top = true): string {
  if (value === null) return 'null';
  if (typeof type !== 'string') {
    const items = value as readonly Value[];
    if (type.type === 'list') return `[${items.map((item) => canonical(type.element, item, false)).join(',')}]`;
    if (type.type === 'struct')
      return `{${type.fields.map((field, at) => `${JSON.stringify(field.name)}:${canonical(field.type, items[at] ?? null, false)}`).join(',')}}`;
    const pairs = (items as [Value, Value][]).map(
      ([key, item]) => [canonical(type.key, key, false), canonical(type.value, item, false)] as const,
    );
    return `[${pairs
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => `[${key},${item}]`)
      .join(',')}]`;
  }
  if (Buffer.isBuffer(value)) return `"0x${value.toString('hex')}"`;
  if (typeof value !== 'number') return typeof value === 'string' ? JSON.stringify(value) : String(value);
  const bits = Buffer.alloc(8);
  bits.writeDoubleBE(top || value !== 0 ? value : 0);
  return Number.isNaN(value) ? '"7ff8000000000000"' : `"${bits.toString('hex')}"`;
}

/** A constant of the column's type for SQL. */
export function literal(type: JsonType, value: Value): string {
  if (value === null) return 'NULL';
  const quote = (text: string): string => `'${text.replaceAll("'", "''")}'`;
  if (typeof type === 'string') return `${quote(scalarText(type, value))}::${sqlType(type)}`;
  if (type.type === 'list' && typeof type.element === 'string')
    return `ARRAY[${(value as readonly Value[]).map((item) => literal(type.element, item)).join(', ')}]::${sqlType(type.element)}[]`;
  return `${quote(printExactJson(jsonOf(type, value)))}::jsonb`;
}

function sqlType(type: string): string {
  const [name, first, second] = nameOf(type);
  const names: Record<string, string> = {
    int: 'int4',
    long: 'int8',
    float: 'float4',
    double: 'float8',
    string: 'text',
    binary: 'bytea',
    fixed: 'bytea',
  };
  return name === 'decimal' ? `numeric(${first}, ${second})` : (names[name] ?? name);
}

/** PostgreSQL's text. */
function scalarText(type: string, value: Value): string {
  const [name] = nameOf(type);
  if (Buffer.isBuffer(value)) return `\\x${value.toString('hex')}`;
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : String(value);
  if (typeof value !== 'bigint' || name === 'int' || name === 'long') return String(value);
  if (name === 'date') return dateText(value);
  if (name === 'time') return timeText(value);
  const day = floor(value, DAY);
  const [date = '', era = ''] = dateText(day).split(/(?= BC$)/);
  return `${date} ${timeText(value - day * DAY)}${name === 'timestamptz' ? '+00' : ''}${era}`;
}

function floor(value: bigint, by: bigint): bigint {
  return (value - (((value % by) + by) % by)) / by;
}

function dateText(days: bigint): string {
  const date = new Date(Number(days) * 86_400_000);
  const year = date.getUTCFullYear();
  const text = `${String(year > 0 ? year : 1 - year).padStart(4, '0')}-${date.toISOString().slice(-19, -14)}`;
  return year > 0 ? text : `${text} BC`;
}

function timeText(micros: bigint): string {
  const digits = (number: bigint, count: number): string => String(number).padStart(count, '0');
  const seconds = micros / 1_000_000n;
  return `${digits(seconds / 3600n, 2)}:${digits((seconds / 60n) % 60n, 2)}:${digits(seconds % 60n, 2)}.${digits(micros % 1_000_000n, 6)}`;
}

function jsonOf(type: JsonType, value: Value): unknown {
  if (value === null) return null;
  if (typeof type !== 'string') {
    const items = value as readonly Value[];
    if (type.type === 'list') return items.map((item) => jsonOf(type.element, item));
    if (type.type === 'struct')
      return Object.fromEntries(type.fields.map((field, at) => [field.name, jsonOf(field.type, items[at] ?? null)]));
    return Object.fromEntries(
      (items as [Value, Value][]).map(([key, item]) => [scalarText(type.key as string, key), jsonOf(type.value, item)]),
    );
  }
  if (typeof value === 'boolean' || typeof value === 'string') return type.startsWith('decimal') ? new ExactNumber(String(value)) : value;
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
  return typeof value === 'bigint' && (type === 'int' || type === 'long') ? value : scalarText(type, value);
}

/** The value of what our server shows of it. */
export function shownValue(type: JsonType, text: string | null): Value {
  if (text === null) return null;
  if (typeof type === 'string') return scalarOf(type, text);
  if (type.type === 'list' && typeof type.element === 'string') {
    const { element } = type;
    return arrayItems(text).map((item) => (item === null ? null : scalarOf(element, item)));
  }
  return ofJson(type, parseExactJson(text));
}

function ofJson(type: JsonType, json: unknown): Value {
  if (json === null || json === undefined) return null;
  if (typeof type === 'string') return scalarOf(type, json instanceof ExactNumber ? json.text : String(json));
  if (type.type === 'list') return (json as unknown[]).map((item) => ofJson(type.element, item));
  const object = json as Record<string, unknown>;
  if (type.type === 'struct') return type.fields.map((field) => ofJson(field.type, object[field.name]));
  return Object.entries(object).map(([key, item]) => [ofJson(type.key, key), ofJson(type.value, item)]);
}

function scalarOf(type: string, text: string): Value {
  const [name, , scale = 0] = nameOf(type);
  switch (name) {
    case 'boolean':
      return text === 't' || text === 'true';
    case 'int':
    case 'long':
      return BigInt(text);
    case 'float':
      return Math.fround(Number(text));
    case 'double':
      return Number(text);
    case 'decimal': {
      const [whole = '', fraction = ''] = text.split('.');
      return `${whole}${scale > 0 ? `.${fraction.padEnd(scale, '0')}` : ''}`;
    }
    case 'date':
      return dayOf(text);
    case 'time':
      return microsOf(text);
    case 'timestamp':
    case 'timestamptz': {
      const [, date = '', time = '', era = ''] = /^([\d-]+)[ T]([\d:.]+)(?:\+00(?::00)?)?( BC)?$/.exec(text) ?? [];
      return dayOf(`${date}${era}`) * DAY + microsOf(time);
    }
    case 'binary':
    case 'fixed':
      return Buffer.from(text.replace(/^\\x/, ''), 'hex');
    default:
      return text;
  }
}

function dayOf(text: string): bigint {
  const [, year = '', month = '', day = '', era] = /^(\d+)-(\d\d)-(\d\d)( BC)?$/.exec(text) ?? [];
  const date = new Date(0).setUTCFullYear(era === undefined ? Number(year) : 1 - Number(year), Number(month) - 1, Number(day));
  return BigInt(date / 86_400_000);
}

function microsOf(text: string): bigint {
  const [, hours = '', minutes = '', seconds = '', fraction = ''] = /^(\d\d):(\d\d):(\d\d)(?:\.(\d+))?$/.exec(text) ?? [];
  return BigInt(Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)) * 1_000_000n + BigInt(fraction.padEnd(6, '0'));
}

/** Items of an array's text, of one dimension. */
function arrayItems(text: string): (string | null)[] {
  return [...text.slice(1, -1).matchAll(/"((?:[^"\\]|\\.)*)"|[^,]+/gs)].map(([whole, quoted]) =>
    quoted !== undefined ? quoted.replace(/\\(.)/gs, '$1') : whole === 'NULL' ? null : whole,
  );
}

/** How Iceberg's JSON of expressions spells a value; undefined where it cannot. */
export function expressionValue(type: string, value: Value): unknown {
  const [name] = nameOf(type);
  if (Buffer.isBuffer(value)) return value.toString('hex').toUpperCase();
  if (typeof value === 'number') return Number.isFinite(value) && value !== 0 ? new ExactNumber(floatText(value)) : undefined;
  if (typeof value !== 'bigint' || name === 'int' || name === 'long') return value;
  const text = scalarText(type, value).replace(' ', 'T').replace(/\+00$/, '+00:00');
  return /BC$|^\d{5}/.test(text) ? undefined : text;
}

/** With a point: Java takes no integer for a float. */
function floatText(value: number): string {
  const text = String(value);
  return /[.e]/.test(text) ? text : `${text}.0`;
}
