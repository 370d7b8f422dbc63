import { readWindow } from './calls.js';
import { type Cursor, type Grammar, mark, quoteName, type Written } from './cursor.js';
import { readFrom } from './from.js';
import { isReserved } from './primary.js';
import type { DialectToken } from './scan.js';

interface Core {
  readonly sql: string;
  /** Names of the output columns, where they are known. */
  readonly outputs: readonly (string | undefined)[];
  readonly aliases: ReadonlySet<string>;
  readonly qualified: boolean;
}

/** A query: WITH, set operations, ORDER BY, LIMIT. */
export function readQuery(cursor: Cursor, grammar: Grammar): string {
  return cursor.deeper(() => {
    const outside = cursor.aliases;
    cursor.aliases = new Map();
    const sql = query(cursor, grammar);
    cursor.aliases = outside;
    return sql;
  });
}

function query(cursor: Cursor, grammar: Grammar): string {
  const parts: string[] = [];
  if (cursor.take('WITH')) {
    const recursive = cursor.take('RECURSIVE') ? 'RECURSIVE ' : '';
    const ctes: string[] = [];
    do ctes.push(cte(cursor, grammar));
    while (cursor.take(','));
    parts.push(`WITH ${recursive}${ctes.join(', ')}`);
  }
  let core = term(cursor, grammar);
  let sql = core.sql;
  while (cursor.is('UNION', 'INTERSECT', 'EXCEPT', 'MINUS')) {
    const token = cursor.next();
    if (token.text === 'MINUS' && cursor.dialect !== 'snowflake') throw cursor.unexpected(`${cursor.label} has EXCEPT`, token);
    const all = cursor.take('ALL');
    const distinct = !all && cursor.take('DISTINCT');
    if (!all && !distinct && cursor.dialect === 'bigquery') throw cursor.unexpected('BigQuery asks for ALL or DISTINCT', token);
    const right = term(cursor, grammar);
    if (core.qualified || right.qualified) throw cursor.refuse('QUALIFY in a set operation', token, 'Put the SELECT in parentheses.');
    sql = `${sql} ${mark(token)}${token.text === 'MINUS' ? 'EXCEPT' : token.text}${all ? ' ALL' : ''} ${right.sql}`;
    core = { sql, outputs: core.outputs, aliases: new Set(), qualified: false };
  }
  parts.push(sql);
  if (cursor.take('ORDER', 'BY')) {
    const items = core.qualified ? qualifiedOrder(cursor, grammar, core) : grammar.orderItems(core.aliases);
    parts.push(`ORDER BY ${items.join(', ')}`);
  }
  parts.push(...limits(cursor, grammar));
  return parts.join(' ');
}

function qualifiedOrder(cursor: Cursor, grammar: Grammar, core: Core): readonly string[] {
  const start = cursor.peek();
  const items = grammar.orderItems(core.aliases);
  const names = new Set(core.outputs.map((name) => quoteName(name ?? '')));
  for (const item of items) {
    const key = item.replace(/\ue000\d+\ue001/g, '').replace(/ (?:ASC|DESC|NULLS FIRST|NULLS LAST)/g, '');
    if (!/^\d+$/.test(key) && !names.has(key)) throw cursor.refuse('ORDER BY of anything but output columns after QUALIFY', start);
  }
  return items;
}

function cte(cursor: Cursor, grammar: Grammar): string {
  const token = cursor.next();
  const name = quoteName(cursor.name(token));
  cursor.ctes.add(cursor.name(token));
  const columns = cursor.take('(') ? ` (${nameList(cursor)})` : '';
  cursor.expect('AS');
  cursor.expect('(');
  const sql = grammar.query();
  cursor.expect(')');
  return `${mark(token)}${name}${columns} AS (${sql})`;
}

/** Names to the closing parenthesis. */
function nameList(cursor: Cursor): string {
  const names: string[] = [];
  do names.push(quoteName(cursor.name(cursor.next())));
  while (cursor.take(','));
  cursor.expect(')');
  return names.join(', ');
}

function term(cursor: Cursor, grammar: Grammar): Core {
  const other = { outputs: [], aliases: new Set<string>(), qualified: false };
  if (cursor.take('(')) {
    const sql = grammar.query();
    cursor.expect(')');
    return { sql: `(${sql})`, ...other };
  }
  if (cursor.is('VALUES') && cursor.dialect !== 'mysql') {
    cursor.next();
    const rows: string[] = [];
    do {
      cursor.expect('(');
      const values: string[] = [];
      do values.push(grammar.expression().sql);
      while (cursor.take(','));
      cursor.expect(')');
      rows.push(`(${values.join(', ')})`);
    } while (cursor.take(','));
    return { sql: `VALUES ${rows.join(', ')}`, ...other };
  }
  if (!cursor.is('SELECT')) throw cursor.unexpected('SELECT expected');
  return select(cursor, grammar);
}

interface Item {
  readonly sql: string;
  readonly star: boolean;
  readonly value: Written | undefined;
  /** The output column's name; undefined where PostgreSQL makes one up, or for a star. */
  readonly name: string | undefined;
  readonly aliased: boolean;
  /** The columns that `* EXCEPT (…)` leaves out. */
  readonly without?: readonly string[];
}

function starColumns(item: Item, columns: readonly string[], cursor: Cursor, token: DialectToken): readonly Item[] {
  if (!item.star) return [item];
  const without = item.without ?? [];
  const unknown = without.find((name) => !columns.includes(name));
  if (unknown !== undefined) throw cursor.unexpected(`there is no column ${unknown}`, token);
  return columns
    .filter((name) => !without.includes(name))
    .map((name): Item => ({ sql: `${mark(token)}${quoteName(name)}`, value: undefined, name, aliased: false, star: false }));
}

function select(cursor: Cursor, grammar: Grammar): Core {
  const token = cursor.next();
  const distinct = cursor.take('DISTINCT') ? 'DISTINCT ' : '';
  if (distinct === '') cursor.take('ALL');
  if (cursor.is('ON') || (cursor.is('AS') && cursor.isAt(1, 'STRUCT', 'VALUE'))) throw cursor.refuse(`SELECT ${cursor.peek().text}`);
  let top = '';
  if (cursor.dialect === 'snowflake' && cursor.is('TOP') && cursor.peek(1).kind === 'number') {
    cursor.next();
    top = ` LIMIT ${cursor.next().text}`;
  }
  let items: Item[] = [];
  do items.push(item(cursor, grammar));
  while (cursor.take(','));
  const aliased = new Map(
    items.flatMap((one) => (one.aliased && one.name !== undefined && one.value !== undefined ? [[one.name, one.value] as const] : [])),
  );
  let rest = '';
  if (cursor.take('FROM')) {
    const from = readFrom(cursor, grammar);
    rest += ` FROM ${from.sql}`;
    // A star over one known table is a list of columns, where a list is needed.
    const listed =
      items.some((one) => one.without !== undefined) ||
      cursor.tokens.slice(cursor.index).some((one) => one.kind === 'word' && one.text === 'QUALIFY');
    if (listed && from.columns !== undefined) items = items.flatMap((one) => starColumns(one, from.columns ?? [], cursor, token));
  }
  if (items.some((one) => one.without !== undefined))
    throw cursor.refuse('* EXCEPT over anything but one table', token, 'List the columns.');
  if (cursor.take('WHERE')) rest += ` WHERE ${grammar.expression().sql}`;
  if (cursor.take('GROUP', 'BY')) rest += ` GROUP BY ${groups(cursor, grammar)}`;
  // Aliases are seen in HAVING and QUALIFY by all but Trino; one that only renames is the same column.
  const seen = new Map([...aliased].filter(([name, value]) => value.column !== name && value.wholeItem === undefined && !cursor.isTrino));
  if (cursor.take('HAVING'))
    rest += ` HAVING ${withAliases(cursor, new Map([...seen].filter(([, value]) => value.column === undefined)), grammar)}`;
  let window = '';
  if (cursor.take('WINDOW')) {
    const windows: string[] = [];
    do {
      const name = quoteName(cursor.name(cursor.next()));
      cursor.expect('AS');
      cursor.expect('(');
      windows.push(`${name} AS (${readWindow(cursor, grammar).sql})`);
      cursor.expect(')');
    } while (cursor.take(','));
    window = ` WINDOW ${windows.join(', ')}`;
  }
  const outputs = items.map((one) => one.name);
  const aliases = new Set([...aliased].filter(([name, value]) => value.column !== name).map(([name]) => name));
  const head = `${mark(token)}SELECT ${distinct}`;
  if (cursor.is('QUALIFY')) {
    const qualify = cursor.next();
    if (cursor.dialect !== 'snowflake' && cursor.dialect !== 'bigquery') throw cursor.refuse(`QUALIFY in ${cursor.label}`, qualify);
    if (distinct !== '') throw cursor.refuse('QUALIFY with DISTINCT', qualify);
    if (outputs.some((name) => name === undefined) || new Set(outputs).size < outputs.length)
      throw cursor.refuse('QUALIFY over * or columns without names of their own', qualify, 'List the columns, each with a name.');
    const condition = withAliases(cursor, seen, grammar);
    const names = outputs.map((name) => `qualified.${quoteName(name ?? '')}`).join(', ');
    const inner = `${head}${items.map((one) => one.sql).join(', ')}, (${condition}) AS qualify_condition${rest}${window}`;
    return {
      sql: `SELECT ${names} FROM (${inner}) AS qualified WHERE qualified.qualify_condition${top}`,
      outputs,
      aliases,
      qualified: true,
    };
  }
  if (top !== '' && cursor.is('ORDER', 'UNION', 'INTERSECT', 'EXCEPT', 'MINUS'))
    throw cursor.refuse('TOP with ORDER BY or a set operation', token, 'Use LIMIT.');
  return { sql: `${head}${items.map((one) => one.sql).join(', ')}${rest}${window}${top}`, outputs, aliases, qualified: false };
}

function withAliases(cursor: Cursor, aliases: ReadonlyMap<string, Written>, grammar: Grammar): string {
  cursor.aliases = aliases;
  const { sql } = grammar.expression();
  cursor.aliases = new Map();
  return sql;
}

function item(cursor: Cursor, grammar: Grammar): Item {
  const star = starItem(cursor);
  if (star !== undefined) return star;
  const start = cursor.peek();
  const value = grammar.expression();
  if (value.wholeItem !== undefined) cursor.wholeItems.accepted += 1;
  if (cursor.dialect === 'mysql' && value.truth === true)
    throw cursor.refuse('a truth value in the select list, which MySQL shows as 0 or 1,', start, 'Use CASE WHEN … THEN 1 ELSE 0 END.');
  const token = cursor.peek();
  const explicit = cursor.take('AS');
  const named = cursor.peek();
  const isName =
    named.kind === 'quoted' ||
    (named.kind === 'word' && !isReserved(named) && !cursor.is('WINDOW', 'FETCH', 'OFFSET', 'MINUS', 'INTO', 'FOR'));
  const stringName = named.kind === 'string' && cursor.dialect === 'mysql';
  if (explicit && !isName && !stringName && named.kind !== 'word') throw cursor.unexpected('a name expected', named);
  if (!explicit && !isName) return { sql: value.sql, value, name: value.column ?? lastPart(value), aliased: false, star: false };
  cursor.next();
  const name = stringName ? named.text : cursor.name(named);
  return { sql: `${value.sql} AS ${mark(explicit ? named : token)}${quoteName(name)}`, value, name, aliased: true, star: false };
}

/** The column's name of `a.b`. */
function lastPart(value: Written): string | undefined {
  const match = /^\ue000\d+\ue001(?:[a-z_][a-z0-9_]*\.)+([a-z_][a-z0-9_]*)$/.exec(value.sql);
  return match?.[1];
}

function starItem(cursor: Cursor): Item | undefined {
  let ahead = 0;
  while (['word', 'quoted'].includes(cursor.peek(ahead).kind) && cursor.isAt(ahead + 1, '.')) ahead += 2;
  if (!cursor.isAt(ahead, '*')) return undefined;
  const start = cursor.peek();
  const names: string[] = [];
  for (let n = 0; n < ahead; n += 2) {
    names.push(`${quoteName(cursor.name(cursor.next()))}.`);
    cursor.next();
  }
  cursor.next();
  if (cursor.is('REPLACE', 'RENAME', 'ILIKE')) throw cursor.refuse(`* ${cursor.peek().text}`, cursor.peek(), 'List the columns.');
  const star: Item = { sql: `${mark(start)}${names.join('')}*`, value: undefined, name: undefined, aliased: false, star: true };
  const excluding =
    (cursor.dialect === 'bigquery' && cursor.is('EXCEPT') && !cursor.isAt(1, 'DISTINCT')) ||
    (cursor.dialect === 'snowflake' && cursor.is('EXCLUDE'));
  if (!excluding) return star;
  cursor.next();
  const without: string[] = [];
  if (cursor.take('(')) {
    do without.push(cursor.name(cursor.next()));
    while (cursor.take(','));
    cursor.expect(')');
  } else without.push(cursor.name(cursor.next()));
  return { ...star, without };
}

function groups(cursor: Cursor, grammar: Grammar): string {
  if (cursor.is('ALL') && !cursor.isAt(1, '.', ',')) throw cursor.refuse('GROUP BY ALL');
  const items: string[] = [];
  do items.push(groupItem(cursor, grammar));
  while (cursor.take(','));
  if (cursor.dialect === 'mysql' && cursor.take('WITH', 'ROLLUP')) return `ROLLUP (${items.join(', ')})`;
  return items.join(', ');
}

function groupItem(cursor: Cursor, grammar: Grammar): string {
  if (cursor.is('ROLLUP', 'CUBE') && cursor.isAt(1, '(')) {
    const { text } = cursor.next();
    cursor.next();
    const items: string[] = [];
    do items.push(grammar.expression().sql);
    while (cursor.take(','));
    cursor.expect(')');
    return `${text} (${items.join(', ')})`;
  }
  if (cursor.is('GROUPING') && cursor.isAt(1, 'SETS')) {
    cursor.next();
    cursor.next();
    cursor.expect('(');
    const sets: string[] = [];
    do {
      if (cursor.take('(', ')')) sets.push('()');
      else sets.push(groupItem(cursor, grammar));
    } while (cursor.take(','));
    cursor.expect(')');
    return `GROUPING SETS (${sets.join(', ')})`;
  }
  const start = cursor.peek();
  const { sql, literal } = grammar.expression();
  if (literal !== undefined && literal.kind !== 'integer') throw cursor.refuse('GROUP BY of a constant', start);
  return sql;
}

function limits(cursor: Cursor, grammar: Grammar): readonly string[] {
  let limit: string | undefined;
  let offset: string | undefined;
  for (;;) {
    if (limit === undefined && cursor.take('LIMIT')) {
      if (cursor.take('ALL')) continue;
      limit = count(cursor, grammar);
      if (cursor.dialect === 'mysql' && cursor.take(',')) {
        offset = limit;
        limit = count(cursor, grammar);
      }
    } else if (offset === undefined && cursor.take('OFFSET')) {
      offset = count(cursor, grammar);
      if (!cursor.take('ROWS')) cursor.take('ROW');
    } else if (limit === undefined && cursor.is('FETCH') && (cursor.isTrino || cursor.dialect === 'snowflake')) {
      cursor.next();
      if (!cursor.take('FIRST')) cursor.expect('NEXT');
      limit = cursor.is('ROW', 'ROWS') ? '1' : count(cursor, grammar);
      if (!cursor.take('ROWS')) cursor.expect('ROW');
      if (cursor.is('WITH')) throw cursor.refuse('WITH TIES');
      cursor.expect('ONLY');
    } else break;
  }
  return [...(limit === undefined ? [] : [`LIMIT ${limit}`]), ...(offset === undefined ? [] : [`OFFSET ${offset}`])];
}

function count(cursor: Cursor, grammar: Grammar): string {
  const token = cursor.peek();
  const written = grammar.expression();
  if (written.literal?.kind !== 'integer' && token.kind !== 'parameter')
    throw cursor.refuse('LIMIT or OFFSET of anything but a number', token);
  return written.sql;
}
