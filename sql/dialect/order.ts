import type { Cursor, Grammar } from './cursor.js';

/**
 * The items of ORDER BY, each with the place of its NULLs: they come first in MySQL and BigQuery when ascending and last when
 * descending, always last in Trino and Athena; Snowflake's are PostgreSQL's.
 */
export function readOrderItems(cursor: Cursor, grammar: Grammar, outputNames: ReadonlySet<string>): readonly string[] {
  const items: string[] = [];
  do {
    const start = cursor.index;
    const token = cursor.peek();
    if (cursor.is('ALL') && cursor.dialect !== 'mysql') throw cursor.refuse('ORDER BY ALL');
    const key = grammar.expression();
    // There an output column's name means that column inside of an expression too; in PostgreSQL it means a table's.
    const alone = key.column !== undefined;
    const used = cursor.tokens.slice(start, cursor.index);
    if (
      !alone &&
      used.some(
        (one) => (one.kind === 'word' || one.kind === 'quoted') && outputNames.has(one.kind === 'word' ? one.raw.toLowerCase() : one.text),
      )
    )
      throw cursor.refuse("an output column's name inside of an ORDER BY expression", token);
    if (key.literal !== undefined && key.literal.kind !== 'integer') throw cursor.refuse('ORDER BY of a constant', token);
    const descending = cursor.take('DESC');
    if (!descending) cursor.take('ASC');
    let nulls = defaultNulls(cursor, descending);
    if (cursor.take('NULLS')) {
      nulls = cursor.take('FIRST') ? 'FIRST' : 'LAST';
      if (nulls === 'LAST') cursor.expect('LAST');
    }
    // NULLS is written only where it is not PostgreSQL's default.
    const shown = nulls === (descending ? 'FIRST' : 'LAST') ? '' : ` NULLS ${nulls}`;
    items.push(`${key.sql}${descending ? ' DESC' : ''}${shown}`);
  } while (cursor.take(','));
  return items;
}

function defaultNulls(cursor: Cursor, descending: boolean): 'FIRST' | 'LAST' {
  switch (cursor.dialect) {
    case 'mysql':
    case 'bigquery':
      return descending ? 'LAST' : 'FIRST';
    case 'trino':
    case 'athena':
      return 'LAST';
    case 'snowflake':
      return descending ? 'FIRST' : 'LAST';
  }
}
