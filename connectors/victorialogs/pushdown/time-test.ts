import { negated, type Operator } from '../../../sql/comparison.js';
import { Oid, type Type } from '../../../sql/types.js';
import { TIMESTAMP_INFINITY, TIMESTAMP_NEGATIVE_INFINITY } from '../../../sql/value.js';
import { parseValue } from '../../../sql/value-text.js';
import type { LogsFilter } from '../logsql/syntax.js';
import type { KnownConstant } from './known-constant.js';
import { exact, not, type TranslatedFilter, type Truth } from './truth.js';

/** `_time op constant`: `_time` counts nanoseconds, and its column shows the microsecond that they are in. */
export function compareTime(type: Type, op: Operator, constant: KnownConstant): Truth {
  const micros = microsOf(type, constant);
  return micros === undefined ? {} : { whenTrue: exact(range(op, micros)), whenFalse: exact(range(negated(op), micros)) };
}

/** `_time = ANY (constants)`. */
export function inTimes(type: Type, constants: readonly KnownConstant[]): TranslatedFilter | undefined {
  const instants = constants.map((constant) => microsOf(type, constant));
  if (!instants.every((micros) => micros !== undefined)) return undefined;
  const distinct = [...new Set(instants)];
  return exact({ kind: 'or', args: distinct.map((micros) => range('=', micros)) });
}

function range(op: Operator, micros: bigint): LogsFilter {
  const first = micros * 1000n;
  const next = first + 1000n;
  switch (op) {
    case '=':
      return { kind: 'time', from: first, to: next };
    case '<>':
      return not({ kind: 'time', from: first, to: next });
    case '<':
      return { kind: 'time', to: first };
    case '<=':
      return { kind: 'time', to: next };
    case '>':
      return { kind: 'time', from: next };
    case '>=':
      return { kind: 'time', from: first };
  }
}

function microsOf(type: Type, constant: KnownConstant): bigint | undefined {
  const { oid } = constant.type;
  // The day of an instant, or of a wall clock in the other, is a matter of the session's time zone.
  if (oid !== type.oid && !(type.oid === Oid.timestamp && oid === Oid.date)) return undefined;
  const value = parseValue(oid === Oid.date ? { oid: Oid.timestamp, typmod: -1 } : constant.type, constant.value, { timeZone: 'UTC' });
  if (typeof value !== 'bigint' || value === TIMESTAMP_INFINITY || value === TIMESTAMP_NEGATIVE_INFINITY) return undefined;
  return value;
}
