import { type Cursor, type Grammar, mark, primary, quoteString, type Written } from './cursor.js';
import { intervalLiteral } from './parts.js';
import type { DialectToken } from './scan.js';
import { readType } from './types.js';

const SECONDS: Readonly<Record<string, number>> = { SECOND: 1, MINUTE: 60, HOUR: 3600, DAY: 86_400 };
const UNITS: ReadonlySet<string> = new Set([...Object.keys(SECONDS), 'WEEK', 'MONTH', 'QUARTER', 'YEAR']);

/** CAST, and the casts that give NULL instead of an error: those only where no error can be. */
export function readCast(token: DialectToken, cursor: Cursor, grammar: Grammar): Written {
  const value = grammar.expression();
  cursor.expect('AS');
  const type = readType(cursor);
  if (cursor.is('FORMAT')) throw cursor.refuse('CAST … FORMAT');
  cursor.expect(')');
  if (token.text !== 'CAST' && !type.text)
    throw cursor.refuse(`${token.raw} to a type that the value may not have`, token, 'Use CAST, which fails for such a value.');
  return primary(`${mark(token)}CAST(${value.sql} AS ${type.sql})`);
}

const FIELDS: ReadonlySet<string> = new Set(['YEAR', 'QUARTER', 'MONTH', 'DAY', 'HOUR', 'MINUTE', 'SECOND']);

export function readExtract(token: DialectToken, cursor: Cursor, grammar: Grammar): Written {
  const field = cursor.next();
  cursor.expect('FROM');
  const value = grammar.expression().sql;
  cursor.expect(')');
  if (field.text === 'DATE' && cursor.dialect === 'bigquery') return primary(`CAST(${value} AS ${mark(token)}date)`, { date: true });
  if (field.text === 'DAYOFWEEK' && cursor.dialect === 'bigquery')
    return primary(`CAST(${mark(token)}extract(dow FROM ${value}) + 1 AS integer)`);
  if (!FIELDS.has(field.text)) throw cursor.refuse(`extract(${field.raw.toLowerCase()}) of ${cursor.label}`, field);
  const extracted = `${mark(token)}extract(${field.text.toLowerCase()} FROM ${value})`;
  return primary(`CAST(${field.text === 'SECOND' ? `trunc(${extracted})` : extracted} AS integer)`);
}

type Special = (token: DialectToken, cursor: Cursor, grammar: Grammar) => Written;

/** Calls whose arguments are more than expressions: units, intervals, WITHIN GROUP. The parenthesis is taken. */
export function readSpecialCall(token: DialectToken, cursor: Cursor, grammar: Grammar): Written | undefined {
  return special(token.text, cursor)?.(token, cursor, grammar);
}

function special(name: string, cursor: Cursor): Special | undefined {
  const { dialect, isTrino } = cursor;
  switch (name) {
    case 'DATE_TRUNC':
      if (isTrino || dialect === 'snowflake') return truncUnitFirst;
      return dialect === 'bigquery' ? truncDate : undefined;
    case 'TIMESTAMP_TRUNC':
    case 'DATETIME_TRUNC':
      return dialect === 'bigquery' ? truncTimestamp : undefined;
    case 'DATE_ADD':
    case 'DATE_SUB':
      if (isTrino) return name === 'DATE_ADD' ? addUnitFirst : undefined;
      return dialect === 'snowflake' ? undefined : addInterval;
    case 'TIMESTAMP_ADD':
    case 'TIMESTAMP_SUB':
    case 'DATETIME_ADD':
    case 'DATETIME_SUB':
      return dialect === 'bigquery' ? addInterval : undefined;
    case 'DATEADD':
    case 'TIMESTAMPADD':
      return dialect === 'snowflake' ? addUnitFirst : undefined;
    case 'DATE_DIFF':
      if (isTrino) return differenceUnitFirst;
      return dialect === 'bigquery' ? differenceUnitLast : undefined;
    case 'TIMESTAMP_DIFF':
      return dialect === 'bigquery' ? differenceUnitLast : undefined;
    case 'TIMESTAMPDIFF':
      if (dialect === 'mysql') return differenceUnitFirst;
      return dialect === 'snowflake' ? boundaries : undefined;
    case 'DATEDIFF':
      return dialect === 'snowflake' ? boundaries : undefined;
    case 'LISTAGG':
      return isTrino || dialect === 'snowflake' ? listagg : undefined;
    case 'GROUP_CONCAT':
      return dialect === 'mysql' ? groupConcat : undefined;
    default:
      return undefined;
  }
}

function unit(cursor: Cursor): string {
  const token = cursor.next();
  const name = token.text.toUpperCase().replace(/S$/, '');
  if ((token.kind !== 'word' && token.kind !== 'string') || !UNITS.has(name))
    throw cursor.refuse(`the unit ${token.raw} of ${cursor.label}`, token);
  return name;
}

const truncUnitFirst: Special = (token, cursor, grammar) => {
  const field = unit(cursor);
  cursor.expect(',');
  const value = grammar.expression();
  cursor.expect(')');
  if (value.date === true) return truncated(token, field, value.sql);
  return primary(`${mark(token)}date_trunc(${quoteString(field.toLowerCase())}, ${value.sql})`);
};

function truncated(token: DialectToken, field: string, date: string): Written {
  return primary(`CAST(${mark(token)}date_trunc(${quoteString(field.toLowerCase())}, CAST(${date} AS timestamp)) AS date)`, { date: true });
}

/** BigQuery's DATE_TRUNC is of a DATE: date_pli takes nothing else. Its weeks begin on Sunday, PostgreSQL's as ISO's on Monday. */
const truncDate: Special = (token, cursor, grammar) => {
  const value = grammar.expression();
  cursor.expect(',');
  const field = weekOrUnit(cursor);
  cursor.expect(')');
  return truncated(token, field, `date_pli(${value.sql}, 0)`);
};

const truncTimestamp: Special = (token, cursor, grammar) => {
  const value = grammar.expression();
  cursor.expect(',');
  const field = weekOrUnit(cursor);
  cursor.expect(')');
  return primary(`${mark(token)}date_trunc(${quoteString(field.toLowerCase())}, ${value.sql})`);
};

function weekOrUnit(cursor: Cursor): string {
  if (cursor.take('ISOWEEK')) return 'WEEK';
  if (cursor.is('WEEK')) throw cursor.refuse('WEEK of BigQuery, which begins on Sunday,', cursor.peek(), 'Use ISOWEEK.');
  return unit(cursor);
}

/** date_add('day', 3, x), DATEADD(day, 3, x). */
const addUnitFirst: Special = (token, cursor, grammar) => {
  const field = unit(cursor);
  cursor.expect(',');
  const count = grammar.expression();
  cursor.expect(',');
  const value = grammar.expression();
  cursor.expect(')');
  return added(token, cursor, value, count, field, 1);
};

/** DATE_ADD(x, INTERVAL 3 DAY). */
const addInterval: Special = (token, cursor, grammar) => {
  const value = grammar.expression();
  cursor.expect(',');
  cursor.expect('INTERVAL');
  const count = grammar.expression();
  const field = unit(cursor);
  cursor.expect(')');
  const isDate = cursor.dialect === 'bigquery' && token.text.startsWith('DATE_');
  const date = isDate ? { ...value, sql: `date_pli(${value.sql}, 0)`, date: true } : value;
  return added(token, cursor, date, count, field, token.text.endsWith('SUB') ? -1 : 1);
};

function added(token: DialectToken, cursor: Cursor, value: Written, count: Written, field: string, sign: 1 | -1): Written {
  const literal =
    count.literal !== undefined && count.literal.kind !== 'other' && /^[-+]?\d+$/.test(count.literal.value)
      ? count.literal.value.replace('+', '')
      : undefined;
  if (literal === undefined && field === 'SECOND') throw cursor.refuse('a number of seconds that is not written out', token);
  // BigQuery's day of a TIMESTAMP is 24 hours; its sessions here are in UTC, where a day is.
  const amount = literal === undefined ? `(int8(${count.sql}) * ${intervalLiteral('1', field)})` : intervalLiteral(literal, field);
  const sum = `(${value.sql}) ${mark(token)}${sign === 1 ? '+' : '-'} ${amount}`;
  const keepsDate = value.date === true && !['SECOND', 'MINUTE', 'HOUR'].includes(field);
  return keepsDate ? primary(`CAST(${sum} AS date)`, { date: true }) : primary(`(${sum})`);
}

/** date_diff('hour', a, b): whole units from a to b. */
const differenceUnitFirst: Special = (token, cursor, grammar) => {
  const field = unit(cursor);
  cursor.expect(',');
  const from = grammar.expression();
  cursor.expect(',');
  const to = grammar.expression();
  cursor.expect(')');
  return difference(token, cursor, from, to, field);
};

/** TIMESTAMP_DIFF(a, b, HOUR): whole units from b to a; DATE_DIFF of dates. */
const differenceUnitLast: Special = (token, cursor, grammar) => {
  const to = grammar.expression();
  cursor.expect(',');
  const from = grammar.expression();
  cursor.expect(',');
  const field = unit(cursor);
  cursor.expect(')');
  if (token.text !== 'DATE_DIFF') return difference(token, cursor, from, to, field);
  if (field !== 'DAY') throw cursor.refuse(`DATE_DIFF in ${field}`, token);
  return primary(`${mark(token)}date_mi(${to.sql}, ${from.sql})`);
};

function difference(token: DialectToken, cursor: Cursor, from: Written, to: Written, field: string): Written {
  const seconds = SECONDS[field];
  if (seconds === undefined) throw cursor.refuse(`${token.raw} in ${field}`, token);
  if (from.date === true && to.date === true && field === 'DAY') return primary(`${mark(token)}date_mi(${to.sql}, ${from.sql})`);
  return primary(`CAST(trunc(numeric_div(extract(epoch FROM (${to.sql}) ${mark(token)}- (${from.sql})), ${seconds})) AS bigint)`);
}

/** Snowflake counts how often the unit changes between the two. */
const boundaries: Special = (token, cursor, grammar) => {
  const field = unit(cursor);
  cursor.expect(',');
  const from = grammar.expression().sql;
  cursor.expect(',');
  const to = grammar.expression().sql;
  cursor.expect(')');
  const at = mark(token);
  const get = (name: string, value: string): string => `extract(${name} FROM ${value})`;
  switch (field) {
    case 'DAY':
      return primary(`${at}date_mi(CAST(${to} AS date), CAST(${from} AS date))`);
    case 'MONTH':
      return primary(`CAST((${at}${get('year', to)} - ${get('year', from)}) * 12 + ${get('month', to)} - ${get('month', from)} AS bigint)`);
    case 'YEAR':
      return primary(`CAST(${at}${get('year', to)} - ${get('year', from)} AS bigint)`);
    case 'HOUR':
    case 'MINUTE':
    case 'SECOND': {
      const start = (value: string): string => `date_trunc('${field.toLowerCase()}', ${value})`;
      return primary(`CAST(numeric_div(${at}${get('epoch', `${start(to)} - ${start(from)}`)}, ${SECONDS[field]}) AS bigint)`);
    }
    default:
      throw cursor.refuse(`${token.raw} in ${field}`, token);
  }
};

/** LISTAGG(x, ',') WITHIN GROUP (ORDER BY y). */
const listagg: Special = (token, cursor, grammar) => {
  const distinct = cursor.take('DISTINCT') ? 'DISTINCT ' : '';
  const value = grammar.expression().sql;
  const separator = cursor.take(',') ? grammar.expression().sql : "''";
  if (cursor.is('ON')) throw cursor.refuse('LISTAGG … ON OVERFLOW');
  cursor.expect(')');
  let order = '';
  if (cursor.take('WITHIN', 'GROUP', '(', 'ORDER', 'BY')) {
    order = ` ORDER BY ${grammar.orderItems(new Set()).join(', ')}`;
    cursor.expect(')');
  }
  if (cursor.is('OVER') || (cursor.is('FILTER') && cursor.isAt(1, '('))) throw cursor.refuse('LISTAGG with OVER or FILTER', token);
  const call = `${mark(token)}string_agg(${distinct}${value}, ${separator}${order})`;
  // Snowflake's is an empty text where there is nothing to join.
  return primary(cursor.dialect === 'snowflake' ? `coalesce(${call}, '')` : call);
};

/** GROUP_CONCAT([DISTINCT] x [ORDER BY y] [SEPARATOR ',']). */
const groupConcat: Special = (token, cursor, grammar) => {
  const distinct = cursor.take('DISTINCT') ? 'DISTINCT ' : '';
  const value = grammar.expression().sql;
  if (cursor.is(',')) throw cursor.refuse('GROUP_CONCAT of several values');
  const order = cursor.take('ORDER', 'BY') ? ` ORDER BY ${grammar.orderItems(new Set()).join(', ')}` : '';
  const separator = cursor.take('SEPARATOR') ? cursor.next() : undefined;
  if (separator !== undefined && separator.kind !== 'string') throw cursor.unexpected('a string expected', separator);
  cursor.expect(')');
  if (cursor.is('OVER')) throw cursor.refuse('GROUP_CONCAT with OVER');
  cursor.notes.add('GROUP_CONCAT is not cut at 1,024 bytes (group_concat_max_len) here');
  return primary(`${mark(token)}string_agg(${distinct}${value}, ${quoteString(separator?.text ?? ',')}${order})`);
};
