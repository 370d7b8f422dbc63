import type { Expression } from '../connectors/table-readers.js';
import { besideOf, compareValues, expressionValue, type JsonField, literal, type Value } from './iceberg-values.js';
import type { Dice } from './oracle-dice.js';

/** Types of columns that CREATE TABLE may name. */
const SCALARS = [
  'boolean',
  'int4',
  'int4',
  'int8',
  'float4',
  'float8',
  'numeric(9, 2)',
  'numeric(18, 4)',
  'numeric(38, 10)',
  'numeric(5, 0)',
  'date',
  'time',
  'timestamp',
  'timestamptz',
  'text',
  'text',
  'uuid',
  'bytea',
];

export function columnsSql(dice: Dice): string {
  return Array.from({ length: dice.whole(2, 7) }, (_, n) => {
    const type = dice.pick(SCALARS);
    // VALUES that mix NULL and arrays of numerics are refused (0A000).
    return `c${n} ${type}${dice.chance(0.12) && !type.startsWith('numeric') ? '[]' : ''}`;
  }).join(', ');
}

/** WITH (…) that fits the columns of the CREATE TABLE. Terms that a column's type does not take are left out. */
export function optionsSql(dice: Dice, createSql: string): string {
  const columns = [...createSql.slice(createSql.indexOf('(') + 1).matchAll(/(\w+) ([a-z0-9]+(?:\(\d+, \d+\))?(?:\[\])?)/g)].map(
    ([, name = '', type = '']) => ({ name, type }),
  );
  const flat = columns.filter(({ type }) => !type.endsWith('[]'));
  const options: string[] = [];
  const set = (name: string, value: string): void => void options.push(`"${name}" = '${value}'`);
  set('format_version', String(dice.whole(1, 3)));
  const parts = dice.sample(flat, dice.whole(0, 2)).flatMap(({ name, type }) => term(dice, name, type));
  if (parts.length > 0) set('partitioning', parts.join(', '));
  const sorted = dice.sample(flat, dice.whole(0, 2)).map(({ name, type }) => {
    const sortTerm = dice.chance(0.3) ? term(dice, name, type)[0] : undefined;
    return `${sortTerm ?? name}${dice.pick(['', ' desc', ' asc nulls last', ' desc nulls first'])}`;
  });
  if (sorted.length > 0) set('sorted_by', sorted.join(', '));
  if (dice.chance(0.4)) set('timeline.key', dice.pick(columns).name);
  if (dice.chance(0.2)) set('write.parquet.bloom-filter-enabled.column.id', 'true');
  if (dice.chance(0.3)) set('write.target-file-size-bytes', '1500');
  if (dice.chance(0.4)) set('write.metadata.metrics.default', dice.pick(['none', 'counts', 'full', 'truncate(3)', 'truncate(16)']));
  if (dice.chance(0.5)) set('write.parquet.compression-codec', dice.pick(['zstd', 'snappy', 'gzip', 'uncompressed']));
  return ` WITH (${options.join(', ')})`;
}

/** A transform of a column; none for types that have no good one. */
function term(dice: Dice, name: string, type: string): string[] {
  const [plain = ''] = type.split('(');
  switch (plain) {
    case 'date':
      return [dice.pick([name, `year(${name})`, `month(${name})`, `day(${name})`, `bucket(3, ${name})`])];
    case 'timestamp':
    case 'timestamptz':
      return [dice.pick([`year(${name})`, `month(${name})`, `day(${name})`, `hour(${name})`, `bucket(3, ${name})`])];
    case 'int4':
    case 'int8':
    case 'text':
    case 'bytea':
    case 'numeric':
      return [dice.pick([name, `truncate(5, ${name})`, `bucket(4, ${name})`])];
    case 'uuid':
    case 'time':
      return [dice.pick([name, `bucket(2, ${name})`])];
    case 'boolean':
      return [name];
    default:
      return [];
  }
}

export interface TestedFilter {
  readonly sql: string;
  readonly expression: Expression;
  /** Types that it asks for. */
  readonly types: readonly string[];
}

/** A filter in SQL and as Iceberg's expression. `rows` gives values that the table holds. */
export function randomFilter(dice: Dice, fields: readonly JsonField[], rows: readonly (readonly Value[])[], depth = 0): TestedFilter {
  if (depth < 2 && dice.chance(0.35)) {
    const [left, right] = [randomFilter(dice, fields, rows, depth + 1), randomFilter(dice, fields, rows, depth + 1)];
    const type = dice.pick(['and', 'or'] as const);
    return {
      sql: `(${left.sql} ${type} ${right.sql})`,
      expression: { type, left: left.expression, right: right.expression },
      types: [...left.types, ...right.types],
    };
  }
  const flat = fields.flatMap((field, at) => (typeof field.type === 'string' ? [{ name: field.name, type: field.type, at }] : []));
  const { name: term, type, at } = dice.pick(flat);
  const column = `"${term.replaceAll('"', '""')}"`;
  const held = rows.map((row) => row[at] ?? null).filter((value) => value !== null && expressionValue(type, value) !== undefined);
  if (held.length === 0 || dice.chance(0.12)) {
    return dice.chance(0.5)
      ? { sql: `${column} IS NULL`, expression: { type: 'is-null', term }, types: [type] }
      : { sql: `${column} IS NOT NULL`, expression: { type: 'not-null', term }, types: [type] };
  }
  const floating = type === 'float' || type === 'double';
  if (floating && dice.chance(0.15)) return { sql: `${column} = 'NaN'`, expression: { type: 'is-nan', term }, types: [type] };
  // The least and the greatest are what bounds tell of: a bound that lies within them prunes what is asked for.
  const side = dice.chance(0.6) ? dice.pick(['least', 'greatest'] as const) : undefined;
  const ordered = side === undefined ? [] : held.toSorted(compareValues);
  const edge = (side === 'least' ? ordered[0] : ordered.at(-1)) ?? null;
  const value = side === undefined ? dice.pick(held) : dice.chance(0.3) ? besideOf(dice, edge, type) : edge;
  const json = expressionValue(type, value);
  const constant = literal(type, value);
  if (type === 'string' && dice.chance(0.3)) {
    const prefix = [...String(value)].slice(0, dice.whole(1, 17)).join('');
    if (prefix !== '')
      return {
        sql: `${column} LIKE '${prefix.replace(/[\\%_]/g, '\\$&').replaceAll("'", "''")}%'`,
        expression: { type: 'starts-with', term, value: prefix },
        types: [type],
      };
  }
  if (dice.chance(0.2)) {
    const several = dice.sample(held, dice.whole(2, 4));
    return {
      sql: `${column} IN (${several.map((one) => literal(type, one)).join(', ')})`,
      expression: { type: 'in', term, values: several.map((one) => expressionValue(type, one)) },
      types: [type],
    };
  }
  // Java orders uuids as signed numbers.
  const [sign, op] = dice.pick(
    type === 'boolean' || type === 'uuid'
      ? COMPARISONS.slice(0, 1)
      : side === undefined
        ? COMPARISONS
        : COMPARISONS.filter(([one]) => one === '=' || one.startsWith(side === 'least' ? '<' : '>')),
  );
  const sql = `${column} ${sign} ${constant}`;
  // In Java's filters NULL lies below all values.
  const expression = { type: 'and', left: { type: 'not-null', term }, right: { type: op, term, value: json } };
  // PostgreSQL has NaN above all numbers, others have not.
  if (!floating) return { sql, expression, types: [type] };
  const number = { type: 'not-nan', term };
  return { sql: `(${sql} AND ${column} <> 'NaN')`, expression: { type: 'and', left: expression, right: number }, types: [type] };
}

const COMPARISONS = [
  ['=', 'eq'],
  ['<', 'lt'],
  ['<=', 'lt-eq'],
  ['>', 'gt'],
  ['>=', 'gt-eq'],
] as const;
