import { randomBytes } from 'node:crypto';

/** A JSON value whose numbers are exact: integers that a double cannot hold are bigints, other such numbers ExactNumbers. */
export type Json = null | boolean | number | bigint | string | ExactNumber | readonly Json[] | JsonObject;

export interface JsonObject {
  readonly [key: string]: Json;
}

/** A number as the text spelled it, where a double would print it otherwise (1.0, 1e400). */
export class ExactNumber {
  constructor(readonly text: string) {}
}

/** Nobody outside this process can know it, so no text of a file begins with it. */
const MARK = `#${randomBytes(12).toString('hex')}:`;
const TOKENS = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
const MARKED = new RegExp(`"${MARK}(-?[\\d.eE+-]+)"`, 'g');

/** JSON.parse that loses no digit. Throws SyntaxError. */
export function parseExactJson(text: string): Json {
  const marked = text.replace(TOKENS, (token) => (token.startsWith('"') || isPlain(token) ? token : `"${MARK}${token}"`));
  return JSON.parse(marked, (_key, value: unknown) => {
    if (typeof value !== 'string' || !value.startsWith(MARK)) return value;
    const number = value.slice(MARK.length);
    return /^-?\d+$/.test(number) ? BigInt(number) : new ExactNumber(number);
  }) as Json;
}

/** A double beyond 2^53 may print as its text did (one id of 1024 is such), but it is not known to be an integer. */
function isPlain(token: string): boolean {
  const number = Number(token);
  return String(number) === token && (!Number.isInteger(number) || Number.isSafeInteger(number));
}

/** JSON.stringify for what parseExactJson gives; bigints become integers. */
export function printExactJson(value: unknown): string {
  const text = JSON.stringify(value, (_key, item: unknown) => {
    if (typeof item === 'bigint') return `${MARK}${item}`;
    return item instanceof ExactNumber ? `${MARK}${item.text}` : item;
  });
  return text.replace(MARKED, '$1');
}

/** A 64-bit id as text, from a number, bigint or text; undefined: not an integer. */
export function integerText(value: unknown): string | undefined {
  if (typeof value === 'bigint') return String(value);
  if (typeof value === 'number') return Number.isSafeInteger(value) ? String(value) : undefined;
  return typeof value === 'string' && /^-?\d{1,19}$/.test(value) ? value : undefined;
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof ExactNumber);
}
