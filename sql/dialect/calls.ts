import { type CallContext, type CallRule, COMMON_CALLS, DIALECT_CALLS } from './call-rules.js';
import { type Cursor, type Grammar, mark, primary, type Written } from './cursor.js';
import type { DialectToken } from './scan.js';
import { readCast, readExtract, readSpecialCall } from './special-calls.js';

/** Aggregates whose value would be close, and not PostgreSQL's: named, so that the refusal says why. */
const APPROXIMATE = /^(?:APPROX|HLL|TDIGEST|QDIGEST|NUMERIC_HISTOGRAM)/;

const AGGREGATES: ReadonlySet<string> = new Set(['COUNT', 'SUM', 'MIN', 'MAX', 'AVG']);
const WINDOW_ONLY: ReadonlySet<string> = new Set([
  ...['ROW_NUMBER', 'RANK', 'DENSE_RANK', 'PERCENT_RANK', 'CUME_DIST', 'NTILE', 'LAG', 'LEAD', 'FIRST_VALUE', 'LAST_VALUE', 'NTH_VALUE'],
]);

/** Reads a call: only functions that are listed with their meaning are carried over. */
export function readCall(cursor: Cursor, grammar: Grammar): Written {
  const token = cursor.next();
  const name = token.text;
  cursor.expect('(');
  if (name === 'CAST' || name === 'TRY_CAST' || name === 'SAFE_CAST') return readCast(token, cursor, grammar);
  if (name === 'EXTRACT') return readExtract(token, cursor, grammar);
  const special = readSpecialCall(token, cursor, grammar);
  if (special !== undefined) return special;
  const refused = (): Error => cursor.refuse(`the function ${token.raw} of ${cursor.label}`, token);
  if (APPROXIMATE.test(name))
    throw cursor.refuse(`the approximation ${token.raw}`, token, 'An exact aggregate such as count(DISTINCT …) can be used.');
  const ownRules = DIALECT_CALLS[cursor.dialect];
  const rule: CallRule | undefined = Object.hasOwn(ownRules, name)
    ? ownRules[name]
    : Object.hasOwn(COMMON_CALLS, name)
      ? COMMON_CALLS[name]
      : undefined;
  const aggregate = AGGREGATES.has(name);
  if (rule === undefined && !aggregate && !WINDOW_ONLY.has(name)) throw refused();
  const args = readArguments(cursor, grammar);
  const context: CallContext = { cursor, token, args: args.items };
  if (rule !== undefined && !aggregate && rule.aggregate !== true && (args.distinct || args.orderBy !== '')) throw refused();
  const call =
    rule === undefined || rule.write === undefined ? plainCall(token, args) : withModifiers(rule.write(context), args, cursor, token);
  if (aggregate || WINDOW_ONLY.has(name) || rule?.aggregate === true) return suffixes(call, name, cursor, grammar, rule);
  if (cursor.is('OVER', 'FILTER') && cursor.isAt(1, '(')) throw cursor.unexpected(`${token.raw} is not an aggregate`);
  return call;
}

interface Arguments {
  readonly items: readonly Written[];
  readonly distinct: boolean;
  readonly star: boolean;
  readonly orderBy: string;
}

function readArguments(cursor: Cursor, grammar: Grammar): Arguments {
  const distinct = cursor.take('DISTINCT');
  if (cursor.take('*')) {
    cursor.expect(')');
    return { items: [], distinct: false, star: true, orderBy: '' };
  }
  const items: Written[] = [];
  if (!cursor.is(')'))
    do items.push(grammar.expression());
    while (cursor.take(','));
  if (cursor.is('IGNORE', 'RESPECT')) throw cursor.refuse('IGNORE NULLS');
  const orderBy = cursor.take('ORDER', 'BY') ? ` ORDER BY ${grammar.orderItems(new Set()).join(', ')}` : '';
  if (cursor.is('LIMIT')) throw cursor.refuse('LIMIT inside of an aggregate');
  cursor.expect(')');
  return { items, distinct, star: false, orderBy };
}

function plainCall(token: DialectToken, args: Arguments): Written {
  const inside = args.star ? '*' : `${args.distinct ? 'DISTINCT ' : ''}${args.items.map((item) => item.sql).join(', ')}${args.orderBy}`;
  return primary(`${mark(token)}${token.text.toLowerCase()}(${inside})`);
}

/** DISTINCT and ORDER BY go into a call that a rule wrote, when it is a plain call. */
function withModifiers(written: Written, args: Arguments, cursor: Cursor, token: DialectToken): Written {
  if (args.star) throw cursor.unexpected('an argument expected', token);
  if (!args.distinct && args.orderBy === '') return written;
  const match = /^((?:\ue000\d+\ue001)?[a-z_]+\()([\s\S]*)\)$/.exec(written.sql);
  if (match === null) throw cursor.refuse(`DISTINCT or ORDER BY in ${token.raw}`, token);
  return { ...written, sql: `${match[1]}${args.distinct ? 'DISTINCT ' : ''}${match[2]}${args.orderBy})` };
}

/** FILTER and OVER. */
function suffixes(call: Written, name: string, cursor: Cursor, grammar: Grammar, rule: CallRule | undefined): Written {
  let sql = call.sql;
  const plain = call.wholeItem === undefined && rule?.wrapped !== true;
  if (cursor.is('WITHIN')) throw cursor.refuse(`WITHIN GROUP of ${name.toLowerCase()}`);
  if (cursor.is('FILTER') && cursor.isAt(1, '(')) {
    if (!plain || rule?.filtered === true) throw cursor.refuse(`FILTER of ${name.toLowerCase()}`);
    cursor.next();
    cursor.expect('(');
    cursor.expect('WHERE');
    sql += ` FILTER (WHERE ${grammar.expression().sql})`;
    cursor.expect(')');
  }
  if (cursor.is('IGNORE', 'RESPECT')) throw cursor.refuse('IGNORE NULLS');
  if (!cursor.is('OVER')) {
    if (WINDOW_ONLY.has(name)) throw cursor.unexpected(`${name} needs OVER`);
    return { ...call, sql };
  }
  if (!plain) throw cursor.refuse(`${name.toLowerCase()} as a window function of ${cursor.label}`);
  cursor.next();
  if (!cursor.is('(')) return primary(`${sql} OVER ${cursor.name(cursor.next())}`);
  cursor.next();
  const window = readWindow(cursor, grammar);
  cursor.expect(')');
  // Snowflake's default frame of these is the whole partition.
  if (cursor.dialect === 'snowflake' && /^(?:FIRST|LAST|NTH)_VALUE$/.test(name) && !window.framed)
    throw cursor.refuse(`${name.toLowerCase()} without a frame, which is the whole partition in Snowflake,`);
  return primary(`${sql} OVER (${window.sql})`);
}

/** What stands in the parentheses of OVER or of WINDOW … AS. */
export function readWindow(cursor: Cursor, grammar: Grammar): { readonly sql: string; readonly framed: boolean } {
  const parts: string[] = [];
  if (cursor.take('PARTITION', 'BY')) {
    const keys: string[] = [];
    do keys.push(grammar.expression().sql);
    while (cursor.take(','));
    parts.push(`PARTITION BY ${keys.join(', ')}`);
  }
  if (cursor.take('ORDER', 'BY')) parts.push(`ORDER BY ${grammar.orderItems(new Set()).join(', ')}`);
  const framed = cursor.is('ROWS', 'RANGE', 'GROUPS');
  if (framed) {
    const words: string[] = [cursor.next().text];
    if (cursor.take('BETWEEN')) {
      const low = frameBound(cursor, grammar);
      cursor.expect('AND');
      words.push('BETWEEN', low, 'AND', frameBound(cursor, grammar));
    } else words.push(frameBound(cursor, grammar));
    parts.push(words.join(' '));
  }
  return { sql: parts.join(' '), framed };
}

function frameBound(cursor: Cursor, grammar: Grammar): string {
  for (const words of [
    ['UNBOUNDED', 'PRECEDING'],
    ['UNBOUNDED', 'FOLLOWING'],
    ['CURRENT', 'ROW'],
  ])
    if (cursor.take(...words)) return words.join(' ');
  const offset = grammar.expression().sql;
  const side = cursor.next();
  if (side.text !== 'PRECEDING' && side.text !== 'FOLLOWING') throw cursor.unexpected('PRECEDING or FOLLOWING expected', side);
  return `${offset} ${side.text}`;
}
