import { Cursor, type Grammar, unmarked } from './dialect/cursor.js';
import { readExpression } from './dialect/expressions.js';
import { DIALECT_LABELS, type Dialect } from './dialect/names.js';
import { readOrderItems } from './dialect/order.js';
import { scanDialect } from './dialect/scan.js';
import { readQuery } from './dialect/select.js';
import { TimelineError } from './errors.js';
import { parseOne } from './parse.js';

export { DIALECT_LABELS, DIALECTS, type Dialect, isDialect } from './dialect/names.js';

/** A query of another engine as PostgreSQL reads it. */
export interface Translated {
  readonly text: string;
  /** 1-based position (code points) in `text` -> in what was translated. */
  mapPosition(position: number): number;
  /** What differs and is carried over all the same. */
  readonly notes: readonly string[];
}

/**
 * A query in another engine's SQL, written for PostgreSQL with the same meaning. Undefined for statements that are not queries
 * (SET, SHOW, BEGIN …), which are ours in every dialect. It is read from tokens with that engine's own precedence, and every
 * clause, function and type is on a list: what is not is refused (0A000).
 */
export function translateDialect(
  text: string,
  dialect: Dialect,
  columnsOf: (path: readonly string[]) => readonly string[] | undefined = () => undefined,
): Translated | undefined {
  if (!/^[\s(;]*(?:select|with|values|explain|--|\/\*|#)/i.test(text)) return undefined;
  const cursor = new Cursor(text, dialect, columnsOf);
  const prefix = explainPrefix(cursor);
  if (!cursor.is('SELECT', 'WITH', 'VALUES', '(')) {
    if (prefix === '') return undefined;
    throw cursor.unexpected('a query expected');
  }
  const grammar: Grammar = {
    expression: () => readExpression(cursor, grammar),
    query: () => readQuery(cursor, grammar),
    orderItems: (names) => readOrderItems(cursor, grammar, names),
  };
  const query = readQuery(cursor, grammar);
  while (cursor.take(';'));
  if (cursor.peek().kind !== 'end') throw cursor.unexpected('the end of the query expected');
  if (cursor.wholeItems.accepted < cursor.wholeItems.created)
    throw cursor.refuse(`/ or avg inside of an expression, where ${cursor.label} keeps digits that it does not show,`, cursor.tokens[0]);
  const { text: written, mapPosition } = finished(`${prefix}${query}`, text);
  verify(written, dialect);
  return { text: written, mapPosition, notes: [...cursor.notes] };
}

/** The statements of a text in another engine's notation: its quotes decide where a semicolon ends one. */
export function splitDialect(text: string, dialect: Dialect): readonly { readonly text: string; readonly offset: number }[] {
  const statements: { text: string; offset: number }[] = [];
  let first: number | undefined;
  let last = 0;
  for (const token of scanDialect(text, dialect)) {
    if (token.kind === 'end' || (token.kind === 'operator' && token.text === ';')) {
      if (first !== undefined) statements.push({ text: text.slice(first, last), offset: [...text.slice(0, first)].length });
      first = undefined;
    } else {
      first ??= token.start;
      last = token.end;
    }
  }
  return statements;
}

/** EXPLAIN and its options are ours. */
function explainPrefix(cursor: Cursor): string {
  if (!cursor.take('EXPLAIN')) return '';
  const words: string[] = ['EXPLAIN'];
  if (cursor.is('(') && !cursor.isAt(1, 'SELECT', 'WITH', '(')) {
    while (!cursor.is(')') && cursor.peek().kind !== 'end') words.push(cursor.next().raw);
    cursor.expect(')');
    words.push(')');
  }
  while (cursor.is('ANALYZE', 'VERBOSE')) words.push(cursor.next().text);
  return `${words.join(' ')} `;
}

/** Takes the marks out; what stands after one is what was written at its place. */
function finished(marked: string, source: string): { readonly text: string; readonly mapPosition: (position: number) => number } {
  const marks: { readonly at: number; readonly position: number }[] = [];
  let length = 0;
  let from = 0;
  for (const match of marked.matchAll(/\ue000(\d+)\ue001/g)) {
    length += [...marked.slice(from, match.index)].length;
    from = match.index + match[0].length;
    marks.push({ at: length, position: [...source.slice(0, Number(match[1]))].length + 1 });
  }
  return {
    text: unmarked(marked),
    mapPosition: (position) => marks.findLast((mark) => mark.at < position)?.position ?? 1,
  };
}

/** PostgreSQL's grammar must take what was written; that it does not is our limit, not the user's mistake. */
function verify(text: string, dialect: Dialect): void {
  try {
    parseOne(text);
  } catch (thrown) {
    if (!(thrown instanceof TimelineError) || thrown.sqlstate !== '42601') throw thrown;
    throw new TimelineError({
      kind: 'unsupported',
      sqlstate: '0A000',
      message: `this form of ${DIALECT_LABELS[dialect]} query is not supported yet`,
      detail: `It was read as ${text}: ${thrown.message}.`,
      cause: thrown,
    });
  }
}
