import type { Dice } from './oracle-dice.js';

/** Whole-number columns by table: keys with NULLs, gaps and duplicates. */
const COLUMNS: Readonly<Record<string, readonly string[]>> = {
  facts: ['k', 'i4', 'id', 'i8'],
  dims: ['k', 'k', 'w::int'],
  links: ['b', 'a'],
  none: ['k', 'id'],
};
const TABLES = ['dims', 'dims', 'links', 'facts', 'none'];
const COMPARISONS = ['=', '=', '=', '<', '<=', '>', '<>'];
const CONSTANTS = ['0', '1', '3', '7', '12', 'null'];

/** A random question with subqueries in every place, tied to the queries round them one or two levels up. */
export function randomSubquery(dice: Dice): string {
  let aliases = 0;

  const columnsOf = (table: string, alias: string): string[] => (COLUMNS[table] ?? []).map((column) => `${alias}.${column}`);

  /** FROM and WHERE of a query inside, and its columns. */
  const source = (outer: readonly string[], depth: number): { readonly sql: string; readonly columns: readonly string[] } => {
    aliases += 1;
    const alias = `q${aliases}`;
    const table = dice.pick(TABLES);
    let columns = columnsOf(table, alias);
    let from = `o.${table} ${alias}`;
    if (dice.chance(0.25)) {
      aliases += 1;
      const other = dice.pick(['dims', 'links']);
      const joined = columnsOf(other, `q${aliases}`);
      from += ` ${dice.pick(['join', 'left join'])} o.${other} q${aliases} on ${dice.pick(columns)} = ${dice.pick(joined)}`;
      columns = [...columns, ...joined];
    }
    const parts: string[] = [];
    if (outer.length > 0 && dice.chance(0.75)) parts.push(`${dice.pick(columns)} ${dice.pick(COMPARISONS)} ${dice.pick(outer)}`);
    if (dice.chance(0.4)) parts.push(predicate([...columns, ...outer], columns, depth - 1));
    return { sql: `from ${from}${parts.length === 0 ? '' : ` where ${parts.join(' and ')}`}`, columns };
  };

  const scalar = (outer: readonly string[], depth: number): string => {
    const { sql, columns } = source(outer, depth);
    const column = dice.chance(0.2) ? `${dice.pick(columns)} + ${dice.pick(outer)}` : dice.pick(columns);
    if (dice.chance(0.2)) return `(select ${column} ${sql} order by 1 ${dice.pick(['desc', 'asc'])} limit 1)`;
    return `(select ${dice.pick(['count(', 'max(', 'min(', 'count(distinct '])}${column}) ${sql})`;
  };

  const predicate = (columns: readonly string[], near: readonly string[], depth: number): string => {
    const compare = (): string =>
      `${dice.pick(near)} ${dice.pick(COMPARISONS)} ${dice.chance(0.5) ? dice.pick(CONSTANTS) : dice.pick(columns)}`;
    if (depth <= 0) return compare();
    const inner = (): { readonly sql: string; readonly columns: readonly string[] } => source(columns, depth);
    return dice.pick([
      compare,
      () => `(${predicate(columns, near, depth - 1)} ${dice.pick(['or', 'and'])} ${predicate(columns, near, depth - 1)})`,
      () => `not (${predicate(columns, near, depth - 1)})`,
      () => `(${predicate(columns, near, depth - 1)}) is ${dice.pick(['null', 'not true', 'false'])}`,
      () => `${dice.pick(['', 'not '])}exists (select 1 ${inner().sql})`,
      () =>
        `${dice.pick(['', 'not '])}exists (select ${dice.pick(['1', 'count(*)'])} ${inner().sql} ${dice.pick(['', 'limit 1', 'offset 1', 'limit 0'])})`,
      () => {
        const { sql, columns: own } = inner();
        return `${dice.pick(near)} ${dice.pick(['in', 'not in', 'in'])} (select ${dice.pick(own)} ${sql})`;
      },
      () => {
        const { sql, columns: own } = inner();
        return `${dice.pick(near)} in (select ${dice.pick(['max', 'min'])}(${dice.pick(own)}) ${sql} group by ${dice.pick(own)})`;
      },
      () => {
        const { sql, columns: own } = inner();
        return `(${dice.pick(near)}, ${dice.pick(near)}) ${dice.pick(['in', 'not in'])} (select ${dice.pick(own)}, ${dice.pick(own)} ${sql})`;
      },
      () => {
        const { sql, columns: own } = inner();
        return `${dice.pick(near)} ${dice.pick(COMPARISONS)} ${dice.pick(['any', 'all'])} (select ${dice.pick(own)} ${sql})`;
      },
      () => `${dice.pick(near)} ${dice.pick(COMPARISONS)} ${scalar(columns, depth)}`,
    ])();
  };

  const facts = columnsOf('facts', 'f').slice(0, 3);
  const where = predicate(facts, facts, 2);
  return dice.pick([
    () => `select f.id from o.facts f where ${where}`,
    () => `select f.id from o.facts f where ${where} and ${predicate(facts, facts, 2)}`,
    () => `select f.id, ${where} from o.facts f`,
    () => `select f.id, ${scalar(facts, 2)} from o.facts f`,
    () => `select f.id, case when ${where} then ${scalar(facts, 1)} else f.k end from o.facts f`,
    () => `select f.k, count(*) filter (where ${where}), max(${scalar(facts, 1)}) from o.facts f group by f.k`,
    () =>
      `select f.k, count(*), ${scalar(['f.k', 'count(f.i4)'], 1)} from o.facts f group by f.k having ${predicate(['f.k', 'max(f.i4)'], ['f.k', 'count(f.i4)'], 2)}`,
    () =>
      `select f.id, d.w from o.facts f ${dice.pick(['join', 'left join'])} o.dims d on d.k = f.k and ${predicate([...facts, 'd.k'], ['d.k', 'f.id'], 2)}`,
    () => {
      const { sql, columns } = source(facts, 2);
      return `select f.id, l.x from o.facts f ${dice.pick(['join', 'left join'])} lateral (select ${dice.pick(columns)} as x ${sql} order by 1 limit ${dice.whole(1, 4)}) l on ${dice.pick(['true', 'l.x > f.k'])}`;
    },
    () => {
      const { sql, columns } = source(facts, 2);
      return `select f.id, l.x from o.facts f, lateral (select ${dice.pick(['count', 'max'])}(${dice.pick(columns)}) as x ${sql}) l where ${predicate([...facts, 'l.x'], ['l.x', 'f.k'], 2)}`;
    },
  ])();
}
