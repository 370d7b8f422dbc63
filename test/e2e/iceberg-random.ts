import type { Dice } from './oracle-dice.js';

/** A table's columns with PostgreSQL's names of their types, and values that they hold, as text. */
export type Columns = readonly { readonly name: string; readonly type: string; readonly values: readonly string[] }[];

const ORDERED = new Set([
  'bigint',
  'integer',
  'real',
  'double precision',
  'numeric',
  'date',
  'time without time zone',
  'timestamp without time zone',
  'timestamp with time zone',
  'text',
  'uuid',
  'bytea',
]);

/** Values that tables do not hold, or not often: edges of types. */
const EDGES: Readonly<Record<string, readonly string[]>> = {
  bigint: ['-9223372036854775808', '9223372036854775807', '0', '42'],
  integer: ['-2147483648', '2147483647', '0'],
  real: ['NaN', '-Infinity', '0', '-0.25'],
  'double precision': ['NaN', 'Infinity', '-0', '0.1'],
  numeric: ['0', '-0.001', '123456789012345678901234567890'],
  date: ['1970-01-01', '0001-01-01', '1969-12-31'],
  'timestamp without time zone': ['1970-01-01 00:00:00', '1969-12-31 23:59:59.999999'],
  'timestamp with time zone': ['1970-01-01 00:00:00+00', '1969-12-31 23:59:59.999999+00'],
  text: ['', 'a', 'abd', '日', 'long text that goes beyond the sixteen that bounds keepx'],
};

/** A WHERE clause over the columns. */
export function randomFilter(dice: Dice, columns: Columns, depth = 0): string {
  if (depth < 2 && dice.chance(0.4)) {
    const args = Array.from({ length: dice.whole(2, 3) }, () => randomFilter(dice, columns, depth + 1));
    return `(${args.join(dice.chance(0.5) ? ' AND ' : ' OR ')})`;
  }
  if (depth < 3 && dice.chance(0.1)) return `NOT (${randomFilter(dice, columns, depth + 1)})`;
  return test(dice, columns);
}

function test(dice: Dice, columns: Columns): string {
  const column = dice.pick(columns);
  const name = `"${column.name}"`;
  const value = (): string => {
    const edges = EDGES[column.type] ?? [];
    const from = column.values.length === 0 || (edges.length > 0 && dice.chance(0.15)) ? edges : column.values;
    if (from.length === 0) return 'NULL';
    return `'${dice.pick(from).replaceAll("'", "''")}'::${column.type}`;
  };
  if (dice.chance(0.12)) return `${name} IS ${dice.chance(0.5) ? 'NOT ' : ''}NULL`;
  if (column.type === 'boolean') return dice.pick([name, `NOT ${name}`, `${name} IS NOT TRUE`, `${name} = ${value()}`]);
  if (!ORDERED.has(column.type)) return `${name} IS NOT NULL`;
  switch (dice.whole(0, column.type === 'text' ? 5 : 4)) {
    case 0:
    case 1:
      return `${name} ${dice.pick(['<', '<=', '>', '>=', '='])} ${value()}`;
    case 2:
      return `${name} ${dice.pick(['=', '<>'])} ${value()}`;
    case 3:
      return `${name} ${dice.chance(0.2) ? 'NOT ' : ''}IN (${Array.from({ length: dice.whole(1, 5) }, value).join(', ')})`;
    case 4:
      return `${name} BETWEEN ${value()} AND ${value()}`;
    default: {
      const text = column.values.length === 0 ? 'a' : dice.pick(column.values);
      const prefix = [...text].slice(0, dice.whole(0, 3)).join('').replaceAll("'", "''");
      return `${name} LIKE '${prefix}${dice.pick(['%', '_%', '', '%x'])}'`;
    }
  }
}
