import type { Operator } from '../../../sql/comparison.js';
import type { LogsColumn } from '../encoding.js';
import { isWellFormed } from '../logsql/print.js';
import type { KnownConstant } from './known-constant.js';
import { isText, present } from './own-test.js';
import { superset, type TranslatedFilter, type Truth, UNKNOWN } from './truth.js';

/**
 * Tests on documents of others. The store may have taken a text that looks like a number, a date or an address apart, and finds it by its value then: so
 * only texts that look like nothing but text are searched for, and every answer is a superset.
 */
export function compareForeign(column: LogsColumn, op: Operator, constant: KnownConstant): Truth {
  if (!isText(column.type)) return UNKNOWN;
  const there = superset(present(column));
  const equal = inForeign(column, [constant]) ?? there;
  switch (op) {
    case '=':
      return { whenTrue: equal, whenFalse: there };
    case '<>':
      return { whenTrue: there, whenFalse: equal };
    default:
      return { whenTrue: there, whenFalse: there };
  }
}

export function inForeign(column: LogsColumn, constants: readonly KnownConstant[]): TranslatedFilter | undefined {
  const texts = constants.map(({ value }) => value);
  if (!isText(column.type) || !constants.every(({ type }) => isText(type)) || !texts.every(isPlainText)) return undefined;
  return superset({ kind: 'in', field: column.field, values: texts });
}

const MAX_LENGTH = 16_384;

/** Does the text look like none of the values that the store knows: numbers, durations, sizes, times, addresses? */
export function isPlainText(text: string): boolean {
  if (text.length > MAX_LENGTH || !isWellFormed(text) || !/\p{L}/u.test(text)) return false;
  // What is no UTF-8, and NUL, is read as this.
  if (text.includes('\ufffd')) return false;
  if (/^[+-]?(?:inf|infinity|nan)$/i.test(text)) return false;
  if (!/^[\s\d+.-]/.test(text)) return true;
  // These letters are in no unit, exponent or time; and what begins with 0x has digits among them.
  return !/^[\s+-]*0[box]/i.test(text) && /[acfjlqrv]/i.test(text);
}
