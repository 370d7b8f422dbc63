import { readCall } from './calls.js';
import { Bind, type Cursor, type Grammar, grouped, mark, primary, quoteName, quoteString, unmarked, type Written } from './cursor.js';
import { currentTime, intervalLiteral, noteText } from './parts.js';
import type { DialectToken } from './scan.js';

/** Words that end an expression or join two: never the name of a column here. */
const RESERVED: ReadonlySet<string> = new Set(
  `SELECT FROM WHERE GROUP HAVING ORDER LIMIT UNION INTERSECT EXCEPT WITH ON USING JOIN INNER LEFT RIGHT FULL CROSS NATURAL AS AND OR NOT
  IN IS LIKE BETWEEN CASE WHEN THEN ELSE END DISTINCT BY ASC DESC NULL TRUE FALSE EXISTS CAST QUALIFY XOR DIV ILIKE RLIKE REGEXP`.split(
    /\s+/,
  ),
);

export function isReserved(token: DialectToken): boolean {
  return token.kind === 'word' && RESERVED.has(token.text);
}

/** What operators stand between: literals, names, calls, CASE, and whatever is in parentheses. */
export function readPrimary(cursor: Cursor, grammar: Grammar): Written {
  const token = cursor.peek();
  switch (token.kind) {
    case 'number': {
      cursor.next();
      const kind = /^\d+$/.test(token.text) ? 'integer' : 'number';
      // With an exponent it is a double there, and numeric in PostgreSQL. BigQuery's have no decimal kind at all.
      const double = /e/i.test(token.text) || (kind === 'number' && cursor.dialect === 'bigquery');
      const sql = double ? `CAST(${quoteString(token.text)} AS double precision)` : token.text;
      return primary(`${mark(token)}${sql}`, { literal: { kind: double ? 'other' : kind, value: token.text } });
    }
    case 'string':
      cursor.next();
      return primary(`${mark(token)}${quoteString(token.text)}`, { literal: { kind: 'string', value: token.text } });
    case 'parameter':
      cursor.next();
      return primary(cursor.parameter(token));
    case 'end':
      throw cursor.unexpected('an expression expected');
    case 'operator':
      return parenthesised(cursor, grammar);
    case 'quoted':
    case 'word':
      return word(token, cursor, grammar);
  }
}

function parenthesised(cursor: Cursor, grammar: Grammar): Written {
  const token = cursor.peek();
  if (!cursor.take('(')) throw cursor.unexpected('an expression expected');
  if (cursor.is('SELECT', 'WITH')) {
    const query = grammar.query();
    cursor.expect(')');
    return primary(`${mark(token)}(${query})`);
  }
  const inner = cursor.deeper(() => grammar.expression());
  if (cursor.is(',')) {
    const items = [inner.sql];
    while (cursor.take(',')) items.push(grammar.expression().sql);
    cursor.expect(')');
    return primary(`(${items.join(', ')})`);
  }
  cursor.expect(')');
  return {
    ...inner,
    sql: inner.bind === Bind.primary && /^[\w.']+$/.test(unmarked(inner.sql)) ? inner.sql : `(${inner.sql})`,
    bind: Bind.primary,
  };
}

function word(token: DialectToken, cursor: Cursor, grammar: Grammar): Written {
  if (token.kind === 'word') {
    const special = keywordExpression(token, cursor, grammar);
    if (special !== undefined) return special;
    if (cursor.isAt(1, '(')) return readCall(cursor, grammar);
    if (isReserved(token)) throw cursor.unexpected('an expression expected');
  }
  cursor.next();
  const parts = [cursor.name(token)];
  while (cursor.is('.') && !cursor.isAt(1, '*')) {
    cursor.next();
    parts.push(cursor.name(cursor.next()));
  }
  if (cursor.is('(')) throw cursor.refuse(`the function ${parts.join('.')} of ${cursor.label}`, token);
  const [only = ''] = parts;
  const alias = parts.length === 1 ? cursor.aliases.get(only) : undefined;
  if (alias !== undefined) return primary(`(${alias.sql})`);
  return primary(`${mark(token)}${parts.map(quoteName).join('.')}`, parts.length === 1 ? { column: only } : {});
}

function keywordExpression(token: DialectToken, cursor: Cursor, grammar: Grammar): Written | undefined {
  const follows = cursor.peek(1);
  switch (token.text) {
    case 'NULL':
      cursor.next();
      return primary(`${mark(token)}NULL`);
    case 'TRUE':
    case 'FALSE':
      cursor.next();
      return primary(`${mark(token)}${token.text}`, { truth: true });
    case 'CASE':
      return caseExpression(cursor, grammar);
    case 'EXISTS': {
      if (follows.text !== '(') return undefined;
      cursor.next();
      cursor.expect('(');
      const query = grammar.query();
      cursor.expect(')');
      return primary(`${mark(token)}EXISTS (${query})`, { truth: true });
    }
    case 'INTERVAL':
      return follows.kind === 'string' || follows.kind === 'number' || follows.text === '-' ? interval(cursor) : undefined;
    case 'DATE':
      if (follows.kind !== 'string') return undefined;
      cursor.next();
      return primary(`${mark(token)}DATE ${quoteString(cursor.next().text)}`, { date: true });
    case 'TIMESTAMP':
    case 'DATETIME':
      return follows.kind === 'string' ? timestampLiteral(cursor) : undefined;
    case 'TIME':
      if (follows.kind === 'string') throw cursor.refuse('TIME literals');
      return undefined;
    case 'CURRENT_DATE':
    case 'CURRENT_TIMESTAMP':
      if (follows.text === '(') return undefined;
      cursor.next();
      return currentTime(token, cursor);
    case 'LOCALTIMESTAMP':
    case 'CURRENT_TIME':
    case 'CURRENT_USER':
    case 'LOCALTIME':
    case 'SESSION_USER':
    case 'ARRAY':
    case 'ROW':
    case 'STRUCT':
      throw cursor.refuse(`${token.text} of ${cursor.label}`);
    default:
      return undefined;
  }
}

function caseExpression(cursor: Cursor, grammar: Grammar): Written {
  const token = cursor.next();
  let sql = `${mark(token)}CASE`;
  if (!cursor.is('WHEN')) {
    const arg = grammar.expression();
    noteText(cursor, arg, arg);
    sql += ` ${grouped(arg, Bind.other)}`;
  }
  while (cursor.take('WHEN')) {
    const when = grammar.expression().sql;
    cursor.expect('THEN');
    sql += ` WHEN ${when} THEN ${grammar.expression().sql}`;
  }
  if (cursor.take('ELSE')) sql += ` ELSE ${grammar.expression().sql}`;
  cursor.expect('END');
  return primary(`${sql} END`);
}

const UNITS: ReadonlySet<string> = new Set(['SECOND', 'MINUTE', 'HOUR', 'DAY', 'WEEK', 'MONTH', 'QUARTER', 'YEAR']);

/** INTERVAL '3' DAY, INTERVAL 3 DAY: whole numbers of one unit. Snowflake's '3 days' too. */
function interval(cursor: Cursor): Written {
  const token = cursor.next();
  const sign = cursor.take('-') ? '-' : '';
  const amount = cursor.next();
  const phrase = /^\s*(-?\d+)\s*([a-z]+?)s?\s*$/i.exec(amount.text);
  const inside = cursor.dialect === 'snowflake' && amount.kind === 'string' && phrase !== null;
  const unit = inside ? (phrase[2] ?? '').toUpperCase() : cursor.next().text;
  const number = inside ? phrase[1] : amount.text.trim();
  if (
    !UNITS.has(unit) ||
    number === undefined ||
    !/^-?\d+$/.test(number) ||
    (cursor.isTrino && amount.kind !== 'string') ||
    (cursor.isTrino && (unit === 'QUARTER' || unit === 'WEEK'))
  )
    throw cursor.refuse('this form of INTERVAL', token);
  if (cursor.is('TO')) throw cursor.refuse('INTERVAL … TO …', token);
  return primary(`${mark(token)}${intervalLiteral(`${sign}${number}`, unit)}`, { literal: { kind: 'other', value: `${sign}${number}` } });
}

function timestampLiteral(cursor: Cursor): Written {
  const token = cursor.next();
  const text = cursor.next();
  const zoned = /(?:[A-Za-z/_]{2,}|[+-]\d\d?(?::?\d\d)?|Z)\s*$/.test(text.text.replace(/^\s*\d+-\d+-\d+/, ''));
  const zone = token.text === 'TIMESTAMP' && (cursor.dialect === 'bigquery' || (zoned && cursor.isTrino));
  if (zoned && !zone) throw cursor.refuse(`a time zone in a ${token.raw} literal`, text);
  return primary(`${mark(token)}${zone ? 'TIMESTAMPTZ' : 'TIMESTAMP'} ${quoteString(text.text)}`);
}
