import { type Cursor, type Grammar, mark, quoteName } from './cursor.js';
import { isReserved } from './primary.js';

const AFTER_TABLE: ReadonlySet<string> = new Set(['WINDOW', 'FETCH', 'OFFSET', 'MINUS', 'FOR', 'SET', 'INTO']);
/** What may follow the only table of a FROM. */
const ENDS = ['WHERE', 'GROUP', 'HAVING', 'QUALIFY', 'ORDER', 'LIMIT', 'UNION', 'INTERSECT', 'EXCEPT', ')', ';'] as const;
/** Clauses after a table that PostgreSQL would take for an alias. */
const REFUSED_SUFFIXES: ReadonlySet<string> = new Set([
  ...[
    'TABLESAMPLE',
    'SAMPLE',
    'PIVOT',
    'UNPIVOT',
    'MATCH_RECOGNIZE',
    'PARTITION',
    'AT',
    'BEFORE',
    'CHANGES',
    'USE',
    'FORCE',
    'IGNORE',
    'FOR',
  ],
  ...['STRAIGHT_JOIN', 'ASOF', 'START', 'CONNECT', 'SEMI', 'ANTI', 'ARRAY', 'LATERAL', 'OUTER'],
]);

export interface FromText {
  readonly sql: string;
  /** The columns, where one table stands alone. */
  readonly columns: readonly string[] | undefined;
}

/** What stands after FROM. */
export function readFrom(cursor: Cursor, grammar: Grammar): FromText {
  const columns = loneTable(cursor);
  const items: string[] = [];
  let outer = false;
  let comma = cursor.peek();
  do {
    comma = cursor.peek();
    const item = joined(cursor, grammar);
    outer ||= item.rightOrFull;
    items.push(item.sql);
  } while (cursor.take(','));
  // BigQuery's comma joins what is left of it first, PostgreSQL's last.
  if (items.length > 1 && outer && cursor.dialect === 'bigquery') throw cursor.refuse('a comma beside RIGHT or FULL JOIN', comma);
  return { sql: items.join(', '), columns };
}

/** The columns of a table that neither a join nor a comma follows. */
function loneTable(cursor: Cursor): readonly string[] | undefined {
  let ahead = 0;
  const path: string[] = [];
  for (;;) {
    const token = cursor.peek(ahead);
    if (token.kind !== 'quoted' && (token.kind !== 'word' || isReserved(token))) return undefined;
    const parts = token.kind === 'word' ? [token.raw.toLowerCase()] : cursor.dialect === 'bigquery' ? token.text.split('.') : [token.text];
    path.push(...parts);
    ahead += 1;
    if (!cursor.isAt(ahead, '.')) break;
    ahead += 1;
  }
  if (cursor.isAt(ahead, 'AS')) ahead += 1;
  const alias = cursor.peek(ahead);
  if (alias.kind === 'quoted' || (alias.kind === 'word' && !isReserved(alias) && !AFTER_TABLE.has(alias.text))) ahead += 1;
  const ends = cursor.peek(ahead).kind === 'end' || cursor.isAt(ahead, ...ENDS);
  const hidden = path.length === 1 && cursor.ctes.has(path[0] ?? '');
  return ends && !hidden ? cursor.columnsOf(path) : undefined;
}

function joined(cursor: Cursor, grammar: Grammar): { readonly sql: string; readonly rightOrFull: boolean } {
  let sql = tableFactor(cursor, grammar);
  let rightOrFull = false;
  for (;;) {
    const token = cursor.peek();
    const kind = joinKind(cursor);
    if (kind === undefined) return { sql, rightOrFull };
    rightOrFull ||= kind.startsWith('RIGHT') || kind.startsWith('FULL');
    const right = tableFactor(cursor, grammar);
    if (kind === 'CROSS' || kind.startsWith('NATURAL')) {
      if (cursor.is('ON', 'USING')) throw cursor.unexpected(`no condition expected after ${kind} JOIN`);
      sql += ` ${mark(token)}${kind} JOIN ${right}`;
    } else if (cursor.take('ON')) sql += ` ${mark(token)}${kind}JOIN ${right} ON ${grammar.expression().sql}`;
    else if (cursor.take('USING', '(')) {
      const names: string[] = [];
      do names.push(quoteName(cursor.name(cursor.next())));
      while (cursor.take(','));
      cursor.expect(')');
      sql += ` ${mark(token)}${kind}JOIN ${right} USING (${names.join(', ')})`;
    } else if (kind === '' && cursor.dialect === 'mysql') sql += ` ${mark(token)}CROSS JOIN ${right}`;
    else throw cursor.unexpected('ON or USING expected');
  }
}

function joinKind(cursor: Cursor): string | undefined {
  if (cursor.take('JOIN') || cursor.take('INNER', 'JOIN')) return '';
  if (cursor.take('CROSS', 'JOIN')) return 'CROSS';
  for (const natural of [false, true]) {
    const start = natural ? ['NATURAL'] : [];
    for (const side of ['LEFT', 'RIGHT', 'FULL']) {
      if (cursor.take(...start, side, 'JOIN') || cursor.take(...start, side, 'OUTER', 'JOIN'))
        return `${natural ? 'NATURAL ' : ''}${side}${natural ? '' : ' '}`;
    }
  }
  if (cursor.take('NATURAL', 'JOIN') || cursor.take('NATURAL', 'INNER', 'JOIN')) return 'NATURAL';
  return undefined;
}

function tableFactor(cursor: Cursor, grammar: Grammar): string {
  const token = cursor.peek();
  if (cursor.is('LATERAL') && cursor.isAt(1, '(')) {
    cursor.next();
    return `${mark(token)}LATERAL ${tableFactor(cursor, grammar)}`;
  }
  if (cursor.take('(')) {
    if (cursor.is('SELECT', 'WITH', 'VALUES') || (cursor.is('(') && subqueryAhead(cursor))) {
      const query = grammar.query();
      cursor.expect(')');
      return `(${query})${alias(cursor)}`;
    }
    const inner = readFrom(cursor, grammar).sql;
    cursor.expect(')');
    return `(${inner})${alias(cursor)}`;
  }
  if (cursor.is('UNNEST') && cursor.isAt(1, '(') && cursor.dialect !== 'mysql' && cursor.dialect !== 'snowflake')
    return unnest(cursor, grammar);
  if (token.kind !== 'quoted' && (token.kind !== 'word' || isReserved(token))) throw cursor.unexpected('a table expected');
  const names: string[] = [];
  do names.push(...tableNames(cursor));
  while (cursor.take('.'));
  if (cursor.is('(')) throw cursor.refuse(`the table function ${token.raw} of ${cursor.label}`, token);
  return `${mark(token)}${names.map(quoteName).join('.')}${alias(cursor)}`;
}

function subqueryAhead(cursor: Cursor): boolean {
  let ahead = 0;
  while (cursor.isAt(ahead, '(')) ahead += 1;
  return cursor.isAt(ahead, 'SELECT', 'WITH', 'VALUES');
}

/** BigQuery's backticks may hold a whole path. */
function tableNames(cursor: Cursor): readonly string[] {
  const token = cursor.next();
  if (cursor.dialect === 'bigquery' && token.kind === 'quoted' && token.text.includes('.')) {
    const parts = token.text.split('.');
    if (parts.some((part) => part === '' || part.includes('*'))) throw cursor.refuse(`the table name ${token.raw}`, token);
    return parts;
  }
  return [cursor.name(token)];
}

function alias(cursor: Cursor): string {
  const explicit = cursor.take('AS');
  const token = cursor.peek();
  if (!explicit && token.kind === 'word' && REFUSED_SUFFIXES.has(token.text)) throw cursor.refuse(`${token.text} after a table`, token);
  const named = token.kind === 'quoted' || (token.kind === 'word' && !isReserved(token) && !AFTER_TABLE.has(token.text));
  if (!named) {
    if (explicit) throw cursor.unexpected('a name expected');
    return '';
  }
  cursor.next();
  const name = quoteName(cursor.name(token));
  if (!cursor.take('(')) return refuseSuffix(cursor, ` AS ${mark(token)}${name}`);
  const columns: string[] = [];
  do columns.push(quoteName(cursor.name(cursor.next())));
  while (cursor.take(','));
  cursor.expect(')');
  return refuseSuffix(cursor, ` AS ${mark(token)}${name}(${columns.join(', ')})`);
}

function refuseSuffix(cursor: Cursor, written: string): string {
  const token = cursor.peek();
  if (token.kind === 'word' && REFUSED_SUFFIXES.has(token.text)) throw cursor.refuse(`${token.text} after a table`, token);
  return written;
}

function unnest(cursor: Cursor, grammar: Grammar): string {
  const token = cursor.next();
  cursor.expect('(');
  const arrays: string[] = [];
  do arrays.push(grammar.expression().sql);
  while (cursor.take(','));
  cursor.expect(')');
  if (cursor.dialect === 'bigquery' && arrays.length > 1) throw cursor.refuse('UNNEST of several arrays', token);
  const ordinality = cursor.isTrino && cursor.take('WITH', 'ORDINALITY') ? ' WITH ORDINALITY' : '';
  const call = `${mark(token)}unnest(${arrays.join(', ')})${ordinality}`;
  const written = alias(cursor);
  if (cursor.is('WITH') && cursor.isAt(1, 'OFFSET')) throw cursor.refuse('WITH OFFSET of UNNEST');
  if (cursor.dialect !== 'bigquery' || written === '') return `${call}${written}`;
  // The alias is the element itself there, not a row that holds it.
  return `${call}${written}(${written.replace(/^ AS \ue000\d+\ue001/, '')})`;
}
