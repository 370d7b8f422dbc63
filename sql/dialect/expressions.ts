import { readCall } from './calls.js';
import { Bind, type Cursor, type Grammar, grouped, mark, primary, quoteName, quoteString, unmarked, type Written } from './cursor.js';
import { currentTime, intervalLiteral, regex } from './parts.js';
import type { DialectToken } from './scan.js';
import { readType } from './types.js';

/** Words that end an expression or join two: never the name of a column here. */
const RESERVED: ReadonlySet<string> = new Set(
  `SELECT FROM WHERE GROUP HAVING ORDER LIMIT UNION INTERSECT EXCEPT WITH ON USING JOIN INNER LEFT RIGHT FULL CROSS NATURAL AS AND OR NOT
  IN IS LIKE BETWEEN CASE WHEN THEN ELSE END DISTINCT BY ASC DESC NULL TRUE FALSE EXISTS CAST QUALIFY XOR DIV ILIKE RLIKE REGEXP`.split(
    /\s+/,
  ),
);

const COMPARISONS: Readonly<Record<string, string>> = { '=': '=', '<>': '<>', '!=': '<>', '<': '<', '>': '>', '<=': '<=', '>=': '>=' };
const BITWISE = ['|', '&', '^', '~', '<<', '>>'];

export function isReserved(token: DialectToken): boolean {
  return token.kind === 'word' && RESERVED.has(token.text);
}

/** Reads expressions with the other engine's own precedence; where engines differ in it, parentheses are asked for. */
export function readExpression(cursor: Cursor, grammar: Grammar): Written {
  return cursor.deeper(() => or(cursor, grammar));
}

function or(cursor: Cursor, grammar: Grammar): Written {
  let left = and(cursor, grammar);
  while (cursor.take('OR'))
    left = { sql: `${grouped(left, Bind.or)} OR ${grouped(and(cursor, grammar), Bind.and)}`, bind: Bind.or, truth: true };
  if (cursor.is('XOR')) throw cursor.refuse(`XOR of ${cursor.label}`);
  return left;
}

function and(cursor: Cursor, grammar: Grammar): Written {
  let left = not(cursor, grammar);
  while (cursor.take('AND') || (cursor.dialect === 'mysql' && cursor.take('&&')))
    left = { sql: `${grouped(left, Bind.and)} AND ${grouped(not(cursor, grammar), Bind.not)}`, bind: Bind.and, truth: true };
  return left;
}

function not(cursor: Cursor, grammar: Grammar): Written {
  if (!cursor.take('NOT')) return comparison(cursor, grammar);
  return {
    sql: `NOT ${grouped(
      cursor.deeper(() => not(cursor, grammar)),
      Bind.compare,
    )}`,
    bind: Bind.not,
    truth: true,
  };
}

function comparison(cursor: Cursor, grammar: Grammar): Written {
  const left = concatenation(cursor, grammar);
  const result = compared(left, cursor, grammar);
  if (result === undefined) return left;
  // `a = b IS NULL`, `a = b LIKE c`: engines read these in different ways.
  const again = cursor.peek();
  const chained = COMPARISONS[again.text] !== undefined && again.kind === 'operator';
  if (chained || cursor.is('IS', 'LIKE', 'ILIKE', 'RLIKE', 'REGEXP', 'BETWEEN', 'IN', 'NOT', '<=>'))
    throw cursor.refuse('a comparison of a comparison without parentheses', again);
  return { ...result, bind: Bind.compare, truth: true };
}

function compared(left: Written, cursor: Cursor, grammar: Grammar): Written | undefined {
  const token = cursor.peek();
  const operand = (): Written => concatenation(cursor, grammar);
  const one = (written: Written): string => grouped(written, Bind.other);
  const symbol = token.kind === 'operator' ? COMPARISONS[token.text] : undefined;
  const done = (sql: string): Written => ({ sql, bind: Bind.compare });
  if (symbol !== undefined) {
    cursor.next();
    if (cursor.is('ANY', 'ALL', 'SOME') && cursor.isAt(1, '(')) {
      const quantifier = cursor.next().text;
      cursor.expect('(');
      if (!cursor.is('SELECT', 'WITH')) throw cursor.refuse(`${quantifier} of anything but a subquery`);
      const query = grammar.query();
      cursor.expect(')');
      return done(`${one(left)} ${mark(token)}${symbol} ${quantifier} (${query})`);
    }
    const right = operand();
    noteText(cursor, left, right);
    return done(`${one(left)} ${mark(token)}${symbol} ${one(right)}`);
  }
  if (cursor.dialect === 'mysql' && cursor.take('<=>')) return done(`${one(left)} IS NOT DISTINCT FROM ${one(operand())}`);
  if (cursor.take('IS')) {
    const negated = cursor.take('NOT') ? ' NOT' : '';
    if (cursor.take('NULL')) return done(`${one(left)} IS${negated} NULL`);
    if (cursor.take('DISTINCT', 'FROM')) return done(`${one(left)} IS${negated} DISTINCT FROM ${one(operand())}`);
    const truth = cursor.next();
    if (truth.kind === 'word' && ['TRUE', 'FALSE', 'UNKNOWN'].includes(truth.text)) return done(`${one(left)} IS${negated} ${truth.text}`);
    throw cursor.unexpected('NULL, TRUE, FALSE or DISTINCT FROM expected', truth);
  }
  const negated = cursor.is('NOT') ? 'NOT ' : '';
  if (negated !== '' && !cursor.isAt(1, 'IN', 'LIKE', 'ILIKE', 'BETWEEN', 'RLIKE', 'REGEXP')) return undefined;
  if (negated !== '') cursor.next();
  if (cursor.take('BETWEEN')) {
    if (cursor.is('SYMMETRIC', 'ASYMMETRIC')) throw cursor.refuse('BETWEEN SYMMETRIC');
    const low = operand();
    cursor.expect('AND');
    const high = operand();
    noteText(cursor, left, low);
    return done(`${one(left)} ${negated}BETWEEN ${grouped(low, Bind.add)} AND ${grouped(high, Bind.add)}`);
  }
  if (cursor.take('IN')) return done(`${one(left)} ${membership(left, negated, cursor, grammar)}`);
  if (cursor.is('LIKE', 'ILIKE')) return done(`${one(left)} ${negated}${like(cursor, grammar)}`);
  if (cursor.is('RLIKE', 'REGEXP')) return done(`${one(left)} ${regexOperator(cursor, negated !== '', operand)}`);
  return undefined;
}

function membership(left: Written, negated: string, cursor: Cursor, grammar: Grammar): string {
  if (cursor.dialect === 'bigquery' && cursor.take('UNNEST')) {
    cursor.expect('(');
    const array = grammar.expression();
    cursor.expect(')');
    return negated === '' ? `= ANY (${array.sql})` : `<> ALL (${array.sql})`;
  }
  cursor.expect('(');
  if (cursor.is('SELECT', 'WITH')) {
    const query = grammar.query();
    cursor.expect(')');
    return `${negated}IN (${query})`;
  }
  const items: string[] = [];
  do {
    const item = grammar.expression();
    noteText(cursor, left, item);
    items.push(item.sql);
  } while (cursor.take(','));
  cursor.expect(')');
  return `${negated}IN (${items.join(', ')})`;
}

function like(cursor: Cursor, grammar: Grammar): string {
  const token = cursor.next();
  if (token.text === 'ILIKE' && cursor.dialect !== 'snowflake') throw cursor.refuse(`ILIKE in ${cursor.label}`, token);
  if (cursor.is('ANY', 'ALL', 'SOME')) throw cursor.refuse(`${token.text} ${cursor.peek().raw}`);
  const pattern = concatenation(cursor, grammar);
  noteText(cursor, pattern, pattern);
  if (cursor.take('ESCAPE')) {
    const character = cursor.next();
    if (character.kind !== 'string' || character.text.length !== 1) throw cursor.refuse('ESCAPE of anything but one character', character);
    return `${mark(token)}${token.text} ${grouped(pattern, Bind.other)} ESCAPE ${quoteString(character.text)}`;
  }
  const noEscape = cursor.isTrino || cursor.dialect === 'snowflake';
  if (!noEscape) return `${mark(token)}${token.text} ${grouped(pattern, Bind.other)}`;
  // Trino and Snowflake have no escape character unless one is named; PostgreSQL has the backslash.
  if (pattern.literal?.kind === 'string')
    return `${mark(token)}${token.text} ${quoteString(pattern.literal.value.replaceAll('\\', '\\\\'))}`;
  return `${mark(token)}${token.text} ${grouped(pattern, Bind.other)} ESCAPE ''`;
}

function regexOperator(cursor: Cursor, negated: boolean, operand: () => Written): string {
  const token = cursor.next();
  if (cursor.dialect !== 'mysql' && cursor.dialect !== 'snowflake') throw cursor.refuse(`${token.text} of ${cursor.label}`, token);
  // MySQL compares without case; Snowflake's pattern must match the whole text.
  const pattern = regex(cursor, operand(), cursor.dialect === 'snowflake', token);
  return `${negated ? '!' : ''}~${cursor.dialect === 'mysql' ? '*' : ''} ${pattern}`;
}

/** MySQL's usual collations compare without case, and engines here compare bytes. */
function noteText(cursor: Cursor, left: Written, right: Written): void {
  const texts = [left, right].filter((side) => side.literal?.kind === 'string' && /\p{L}/u.test(side.literal.value));
  if (cursor.dialect === 'mysql' && texts.length > 0)
    cursor.notes.add("text is compared exactly here; MySQL's usual collations ignore case and accents");
}

/** `||` binds less than + in Trino, as * in BigQuery: between the two, parentheses are asked for. */
function concatenation(cursor: Cursor, grammar: Grammar): Written {
  let left = sum(cursor, grammar);
  if (!cursor.is('||')) {
    if (cursor.peek().kind === 'operator' && BITWISE.includes(cursor.peek().text))
      throw cursor.refuse(`the operator ${cursor.peek().raw} of ${cursor.label}`);
    return left;
  }
  if (cursor.dialect === 'mysql') throw cursor.refuse('|| of MySQL, which is OR or concatenation by its sql_mode,');
  const operand = (written: Written): string => {
    if (written.bind < Bind.unary && !cursor.isTrino) throw cursor.refuse('|| beside arithmetic without parentheses');
    return grouped(written, Bind.add);
  };
  let sql = operand(left);
  while (cursor.is('||')) {
    const token = cursor.next();
    sql = `${sql} ${mark(token)}|| ${operand(sum(cursor, grammar))}`;
  }
  left = { sql, bind: Bind.other };
  return left;
}

function sum(cursor: Cursor, grammar: Grammar): Written {
  let left = product(cursor, grammar);
  while (cursor.is('+', '-')) {
    const token = cursor.next();
    const right = product(cursor, grammar);
    left = {
      sql: `${grouped(whole(left, cursor), Bind.add)} ${mark(token)}${token.text} ${grouped(whole(right, cursor), Bind.multiply)}`,
      bind: Bind.add,
    };
  }
  return left;
}

function whole(written: Written, cursor: Cursor): Written {
  if (written.wholeItem !== undefined) throw cursor.refuse(written.wholeItem);
  return written;
}

function product(cursor: Cursor, grammar: Grammar): Written {
  let left = unary(cursor, grammar);
  while (cursor.is('*', '/', '%') || (cursor.dialect === 'mysql' && cursor.is('DIV', 'MOD'))) {
    const token = cursor.next();
    const right = whole(unary(cursor, grammar), cursor);
    left = multiplied(whole(left, cursor), token, right, cursor);
  }
  return left;
}

function multiplied(left: Written, token: DialectToken, right: Written, cursor: Cursor): Written {
  const plain = (symbol: string, divisor = grouped(right, Bind.unary)): Written => ({
    sql: `${grouped(left, Bind.multiply)} ${mark(token)}${symbol} ${divisor}`,
    bind: Bind.multiply,
  });
  const bare = (written: Written): string => written.sql;
  if (token.text === '*') return plain('*');
  if (cursor.dialect === 'mysql') {
    // Division by zero is NULL there.
    if (token.text === '%' || token.text === 'MOD') return plain('%', `nullif(${bare(right)}, 0)`);
    if (token.text === 'DIV') return primary(`(int8(${bare(left)}) ${mark(token)}/ nullif(int8(${bare(right)}), 0))`);
    cursor.wholeItems.created += 1;
    return primary(`round(CAST(int8(${bare(left)}) AS numeric) ${mark(token)}/ nullif(int8(${bare(right)}), 0), 4)`, {
      wholeItem: 'the result of / inside of an expression, where MySQL keeps digits that it does not show,',
    });
  }
  if (token.text === '%') {
    if (cursor.dialect === 'bigquery') throw cursor.unexpected('BigQuery has MOD(a, b)', token);
    return plain('%');
  }
  if (cursor.dialect === 'bigquery') return { sql: `float8(${bare(left)}) ${mark(token)}/ float8(${bare(right)})`, bind: Bind.multiply };
  return plain('/');
}

function unary(cursor: Cursor, grammar: Grammar): Written {
  const token = cursor.peek();
  if (cursor.take('-') || cursor.take('+')) {
    const arg = whole(
      cursor.deeper(() => unary(cursor, grammar)),
      cursor,
    );
    const literal =
      arg.literal === undefined || arg.literal.kind === 'string'
        ? {}
        : { literal: { ...arg.literal, value: `${token.text}${arg.literal.value}` } };
    return {
      sql: `${mark(token)}${token.text}${unmarked(arg.sql).startsWith('-') || arg.bind < Bind.primary ? `(${arg.sql})` : arg.sql}`,
      bind: Bind.unary,
      ...literal,
    };
  }
  if (cursor.is('~', '!')) throw cursor.refuse(`the operator ${token.raw} of ${cursor.label}`);
  return postfix(readPrimary(cursor, grammar), cursor, grammar);
}

function postfix(start: Written, cursor: Cursor, grammar: Grammar): Written {
  let left = start;
  for (;;) {
    const token = cursor.peek();
    if (cursor.dialect === 'snowflake' && cursor.take('::')) {
      const type = readType(cursor);
      left = primary(`CAST(${left.sql} AS ${type.sql})`);
    } else if (cursor.dialect === 'bigquery' && cursor.take('[')) {
      const safe = cursor.next();
      if (safe.text !== 'SAFE_OFFSET' && safe.text !== 'SAFE_ORDINAL')
        throw cursor.refuse('a subscript that fails beyond the end', token, 'Use SAFE_OFFSET or SAFE_ORDINAL.');
      cursor.expect('(');
      const index = grammar.expression();
      cursor.expect(')');
      cursor.expect(']');
      const number = index.literal?.kind === 'integer' ? Number(index.literal.value) + (safe.text === 'SAFE_OFFSET' ? 1 : 0) : 0;
      if (number < 1) throw cursor.refuse('this subscript', token);
      left = primary(`(${left.sql})[${number}]`);
    } else if (cursor.is('[', '::', ':', '->', '->>', '{')) {
      throw cursor.refuse(`${token.raw} of ${cursor.label} here`, token);
    } else if (cursor.is('AT') && cursor.isAt(1, 'TIME')) {
      throw cursor.refuse(`AT TIME ZONE of ${cursor.label}`, token);
    } else if (cursor.is('COLLATE')) {
      throw cursor.refuse('COLLATE', token);
    } else return left;
  }
}

function readPrimary(cursor: Cursor, grammar: Grammar): Written {
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
