import { concatenation } from './arithmetic.js';
import { Bind, type Cursor, type Grammar, grouped, mark, quoteString, type Written } from './cursor.js';
import { noteText, regex } from './parts.js';

const COMPARISONS: Readonly<Record<string, string>> = { '=': '=', '<>': '<>', '!=': '<>', '<': '<', '>': '>', '<=': '<=', '>=': '>=' };
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
