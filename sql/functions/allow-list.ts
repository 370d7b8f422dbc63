import { ARITHMETIC } from './arithmetic.js';
import { CASTS } from './casts.js';
import { COMPARISONS } from './comparison.js';
import { DATETIME } from './datetime.js';
import type { FunctionEntry } from './entry.js';
import { JSON_FUNCTIONS } from './json.js';
import { TEXT } from './text.js';

/**
 * PostgreSQL functions that the kernel computes, by signature as in Call.fn. Each is proved equal to the embedded
 * PostgreSQL by test/sql/functions-differential.test.ts; what isn't here is 0A000.
 */
export const ALLOW_LIST: ReadonlyMap<string, FunctionEntry> = new Map([
  ...Object.entries(COMPARISONS),
  ...Object.entries(ARITHMETIC),
  ...Object.entries(CASTS),
  ...Object.entries(TEXT),
  ...Object.entries(DATETIME),
  ...Object.entries(JSON_FUNCTIONS),
]);

/** May the kernel run this function? (With some constant arguments it may still refuse, by 0A000.) */
export function isAllowed(signature: string): boolean {
  return ALLOW_LIST.has(signature);
}
