import { type Cursor, mark, primary, quoteString, type Written } from './cursor.js';
import type { DialectToken } from './scan.js';

const SAFE_ATOM = String.raw`(?:[A-Za-z0-9 _\-/:,;@#%&=~'"<>]|\\[./\-+*?()[\]{}|^$\\]|\.|\[\^?(?:[A-Za-z0-9](?:-[A-Za-z0-9])?|[ _.:/,@#%&=])+\])`;
const SAFE_BRANCH = `(?:${SAFE_ATOM}[*+?]?)+`;
const SAFE_PATTERN = new RegExp(String.raw`^\^?(?:${SAFE_BRANCH}|\(${SAFE_BRANCH}(?:\|${SAFE_BRANCH})*\)[*+?]?)*\$?$`);

/** Only patterns that mean the same in every engine: literals, sets, plain quantifiers, one level of groups, anchors. */
export function regex(cursor: Cursor, pattern: Written, whole: boolean, token: DialectToken): string {
  const text = pattern.literal?.kind === 'string' ? pattern.literal.value : undefined;
  if (text === undefined || text === '' || text.length > 300 || !SAFE_PATTERN.test(text))
    throw cursor.refuse('this regular expression', token);
  if (!whole) return quoteString(text);
  if (/[()]/.test(text)) throw cursor.refuse('this regular expression', token);
  return quoteString(`^${text.replace(/^\^/, '').replace(/(?<!\\)\$$/, '')}$`);
}

/** CURRENT_DATE, CURRENT_TIMESTAMP, with or without their parentheses. */
export function currentTime(token: DialectToken, cursor: Cursor): Written {
  if (token.text === 'CURRENT_DATE') return primary(`${mark(token)}CURRENT_DATE`, { date: true });
  // MySQL's is a DATETIME in the session's zone, without a fraction.
  return primary(`${mark(token)}${cursor.dialect === 'mysql' ? 'LOCALTIMESTAMP(0)' : 'CURRENT_TIMESTAMP'}`);
}

export function intervalLiteral(number: string, unit: string): string {
  const quarters = unit === 'QUARTER';
  const amount = (BigInt(number.replace(/^--/, '')) * (quarters ? 3n : 1n)).toString();
  return `INTERVAL '${amount} ${quarters ? 'month' : unit.toLowerCase()}'`;
}

/** MySQL's usual collations compare without case, and engines here compare bytes. */
export function noteText(cursor: Cursor, left: Written, right: Written): void {
  const texts = [left, right].filter((side) => side.literal?.kind === 'string' && /\p{L}/u.test(side.literal.value));
  if (cursor.dialect === 'mysql' && texts.length > 0)
    cursor.notes.add("text is compared exactly here; MySQL's usual collations ignore case and accents");
}
