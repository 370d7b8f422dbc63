import type { Operator } from '../../../sql/comparison.js';
import { Oid } from '../../../sql/types.js';
import type { LogsColumn } from '../encoding.js';
import { encodeValue } from '../encoding.js';
import { compareForeign, inForeign } from './foreign-test.js';
import type { KnownConstant } from './known-constant.js';
import { compareOwn, inOwn, isText, matched, perhapsMatched, present } from './own-test.js';
import { ilikeRegex, likeParts, likeRegex, ownRegex } from './text-pattern.js';
import { compareTime, inTimes } from './time-test.js';
import { exact, NEITHER, NEVER, not, superset, type TranslatedFilter, type Truth, UNKNOWN } from './truth.js';

/** `column IS NULL`; nothing has no `_time`. */
export function isNull(column: LogsColumn): Truth {
  switch (column.encoding) {
    case 'time':
      return NEVER;
    case 'own':
      return { whenTrue: exact(not(present(column))), whenFalse: exact(present(column)) };
    case 'foreign':
      return { whenTrue: superset(not(present(column))), whenFalse: superset(present(column)) };
  }
}

export function compareColumn(column: LogsColumn, op: Operator, constant: KnownConstant): Truth {
  switch (column.encoding) {
    case 'time':
      return compareTime(column.type, op, constant);
    case 'own':
      return compareOwn(column, op, constant);
    case 'foreign':
      return compareForeign(column, op, constant);
  }
}

/** Bytes of all values together; what is longer is not worth sending. */
const MAX_LIST = 1_000_000;

/** `column = ANY (elements)`; null among them makes NULL of what would be false. */
export function columnIn(column: LogsColumn, elements: readonly (KnownConstant | null)[]): Truth {
  const constants = elements.filter((element) => element !== null);
  const hasNull = constants.length < elements.length;
  if (elements.length === 0) return NEVER;
  if (constants.length === 0) return NEITHER;
  const whenFalse = (known: TranslatedFilter | undefined): TranslatedFilter | undefined => {
    if (hasNull) return exact({ kind: 'nothing' });
    if (column.encoding === 'time') return known === undefined ? undefined : exact(not(known.filter));
    if (known?.verdict === 'exact') return exact({ kind: 'and', args: [not(known.filter), present(column)] });
    return superset(present(column));
  };
  const size = constants.reduce((sum, { value }) => sum + value.length + 4, 0);
  const whenTrue = size > MAX_LIST ? undefined : listed(column, constants);
  if (whenTrue !== undefined || column.encoding === 'time') return { whenTrue, whenFalse: whenFalse(whenTrue) };
  return { whenTrue: superset(present(column)), whenFalse: whenFalse(undefined) };
}

function listed(column: LogsColumn, constants: readonly KnownConstant[]): TranslatedFilter | undefined {
  switch (column.encoding) {
    case 'time':
      return constants.length > 1000 ? undefined : inTimes(column.type, constants);
    case 'own':
      return inOwn(column, constants);
    case 'foreign':
      return inForeign(column, constants);
  }
}

/** A boolean column as a condition. */
export function columnTrue(column: LogsColumn): Truth {
  return compareColumn(column, '=', { kind: 'constant', type: { oid: Oid.bool, typmod: -1 }, value: 't' });
}

/** A test of text by a function of PostgreSQL's with a constant pattern or prefix; undefined: none of those that we know. */
export function textTest(fn: string, column: LogsColumn, pattern: string): Truth | undefined {
  const test = TEXT_TESTS.get(fn);
  if (test === undefined || !isText(column.type)) return undefined;
  if (column.encoding === 'own' && pattern.length <= MAX_PATTERN) return test(column, pattern);
  // Foreign texts are searched for by words only; but NULL passes no test.
  return column.encoding === 'time' ? UNKNOWN : { whenTrue: superset(present(column)), whenFalse: superset(present(column)) };
}

const MAX_PATTERN = 10_000;

type TextTest = (column: LogsColumn, pattern: string) => Truth;

const negatedTest =
  (test: TextTest): TextTest =>
  (column, pattern) => {
    const { whenTrue, whenFalse } = test(column, pattern);
    return { whenTrue: whenFalse, whenFalse: whenTrue };
  };

const TEXT_TESTS: ReadonlyMap<string, TextTest> = new Map([
  ['textlike(text,text)', like],
  ['like(text,text)', like],
  ['textnlike(text,text)', negatedTest(like)],
  ['notlike(text,text)', negatedTest(like)],
  ['texticlike(text,text)', ilike],
  ['texticnlike(text,text)', negatedTest(ilike)],
  ['starts_with(text,text)', startsWith],
  ['textregexeq(text,text)', regex],
  ['textregexne(text,text)', negatedTest(regex)],
]);

function like(column: LogsColumn, pattern: string): Truth {
  const parts = likeParts(pattern);
  if (parts === undefined) return UNKNOWN;
  const [first, second] = parts;
  if (first === undefined || (first.kind === 'text' && parts.length === 1)) {
    return compareOwn(column, '=', { kind: 'constant', type: column.type, value: first?.kind === 'text' ? first.text : '' });
  }
  if (first.kind === 'any' && parts.length === 1) return notNull(column);
  if (first.kind === 'text' && second?.kind === 'any' && parts.length === 2) return startsWith(column, first.text);
  return matched(column, { kind: 'regex', field: column.field, pattern: likeRegex(parts) });
}

function ilike(column: LogsColumn, pattern: string): Truth {
  const parts = likeParts(pattern);
  return parts === undefined ? UNKNOWN : perhapsMatched(column, { kind: 'regex', field: column.field, pattern: ilikeRegex(parts) });
}

function startsWith(column: LogsColumn, prefix: string): Truth {
  if (prefix === '') return notNull(column);
  const text = encodeValue(column.type, prefix);
  return typeof text === 'string' ? matched(column, { kind: 'prefix', field: column.field, prefix: text }) : UNKNOWN;
}

function regex(column: LogsColumn, pattern: string): Truth {
  const own = ownRegex(pattern);
  return own === undefined ? UNKNOWN : perhapsMatched(column, { kind: 'regex', field: column.field, pattern: own });
}

/** TRUE for every value, NULL for NULL. */
function notNull(column: LogsColumn): Truth {
  return { whenTrue: exact(present(column)), whenFalse: exact({ kind: 'nothing' }) };
}
