import { Bind, type Cursor, type Grammar, grouped, mark, primary, unmarked, type Written } from './cursor.js';
import { readPrimary } from './primary.js';
import type { DialectToken } from './scan.js';
import { readType } from './types.js';

const BITWISE = ['|', '&', '^', '~', '<<', '>>'];

/** `||` binds less than + in Trino, as * in BigQuery: between the two, parentheses are asked for. */
export function concatenation(cursor: Cursor, grammar: Grammar): Written {
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
