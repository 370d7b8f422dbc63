import { comparisonOf, flipped, LOSSLESS_CASTS } from '../../../sql/comparison.js';
import { TimelineError } from '../../../sql/errors.js';
import { ELEMENT_OF, Oid } from '../../../sql/types.js';
import { parseArrayText } from '../../../sql/value-array.js';
import type { TablePredicate } from '../../connector.js';
import type { LogsColumn } from '../encoding.js';
import { canFilter, formBytes, printFilter } from '../logsql/print.js';
import { columnIn, columnTrue, compareColumn, isNull, textTest } from './column-test.js';
import type { KnownConstant } from './known-constant.js';
import { ALWAYS, allOf, anyOf, inverted, NEITHER, NEVER, type TranslatedFilter, type Truth, twoValued, UNKNOWN } from './truth.js';

export type { TranslatedFilter } from './truth.js';

/** Undefined for a column that documents do not have. */
export type ColumnLookup = (name: string) => LogsColumn | undefined;

/** Of a form: about what an IN list of 100,000 ids takes. A whole query may have 9 MB. */
const MAX_FILTER_BYTES = 3_000_000;

/**
 * The documents whose rows pass the predicate, or more. Undefined: nothing can be said of the rows (every document may pass). For tables of
 * our encoding as long as no row is marked: what could not be written looks like NULL here.
 */
export function translate(predicate: TablePredicate, columnOf: ColumnLookup): TranslatedFilter | undefined {
  const known = truthOf(predicate, columnOf).whenTrue;
  return known === undefined || isTooLong(known) ? undefined : known;
}

function isTooLong({ filter }: TranslatedFilter): boolean {
  try {
    const text = printFilter(filter);
    return text.length * 9 > MAX_FILTER_BYTES && formBytes(text) > MAX_FILTER_BYTES;
  } catch (error) {
    if (error instanceof TimelineError && error.kind === 'limit') return true;
    throw error;
  }
}

function truthOf(expr: TablePredicate, columns: ColumnLookup): Truth {
  switch (expr.kind) {
    case 'and': {
      const args = expr.args.map((arg) => truthOf(arg, columns));
      return { whenTrue: allOf(args.map((arg) => arg.whenTrue)), whenFalse: anyOf(args.map((arg) => arg.whenFalse)) };
    }
    case 'or': {
      const args = expr.args.map((arg) => truthOf(arg, columns));
      return { whenTrue: anyOf(args.map((arg) => arg.whenTrue)), whenFalse: allOf(args.map((arg) => arg.whenFalse)) };
    }
    case 'not':
      return inverted(truthOf(expr.arg, columns));
    case 'is_null': {
      const column = columnBehind(expr.arg, columns);
      if (column === undefined) return UNKNOWN;
      return expr.negated ? inverted(isNull(column)) : isNull(column);
    }
    case 'is_bool':
      return booleanTest(expr, columns);
    case 'distinct':
      return distinctTest(expr, columns);
    case 'call':
      return callTest(expr, columns);
    case 'any_all':
      return listTest(expr, columns);
    case 'table_column': {
      const column = columnBehind(expr, columns);
      return column === undefined ? UNKNOWN : columnTrue(column);
    }
    case 'constant':
      if (expr.type.oid !== Oid.bool) return UNKNOWN;
      if (expr.value === null) return NEITHER;
      return expr.value === 't' || expr.value === 'true' ? ALWAYS : NEVER;
    default:
      return UNKNOWN;
  }
}

function booleanTest(expr: Extract<TablePredicate, { kind: 'is_bool' }>, columns: ColumnLookup): Truth {
  const { whenTrue, whenFalse } = truthOf(expr.arg, columns);
  const known = expr.test === 'true' ? whenTrue : expr.test === 'false' ? whenFalse : anyOf([whenTrue, whenFalse]);
  const truth = twoValued(known);
  return (expr.test === 'unknown') !== expr.negated ? inverted(truth) : truth;
}

function distinctTest(expr: Extract<TablePredicate, { kind: 'distinct' }>, columns: ColumnLookup): Truth {
  const sides = sidesOf(expr.call.args, columns);
  if (sides === undefined || comparisonOf(expr.call.fn) !== '=') return UNKNOWN;
  const { column, constant } = sides;
  const same = constant === null ? isNull(column) : twoValued(compareColumn(column, '=', constant).whenTrue);
  return expr.negated ? same : inverted(same);
}

function callTest(call: Extract<TablePredicate, { kind: 'call' }>, columns: ColumnLookup): Truth {
  const sides = sidesOf(call.args, columns);
  if (sides === undefined) return UNKNOWN;
  const { column, constant, isFlipped } = sides;
  const op = comparisonOf(call.fn);
  if (op !== undefined) return constant === null ? NEITHER : compareColumn(column, isFlipped ? flipped(op) : op, constant);
  if (isFlipped) return UNKNOWN;
  const truth = textTest(call.fn, column, constant?.value ?? '');
  return truth === undefined ? UNKNOWN : constant === null ? NEITHER : truth;
}

/** Elements that are compared one by one, where there is no `in`. */
const MAX_ELEMENTS = 100;

function listTest(expr: Extract<TablePredicate, { kind: 'any_all' }>, columns: ColumnLookup): Truth {
  const column = columnBehind(expr.arg, columns);
  const elements = elementsOf(expr.array);
  if (column === undefined || elements === undefined) return UNKNOWN;
  const any = expr.quantifier === 'any';
  // The array itself is NULL.
  if (elements === null) return NEITHER;
  const op = comparisonOf(expr.fn);
  if (any && op === '=') return columnIn(column, elements);
  if (!any && op === '<>') return inverted(columnIn(column, elements));
  if (elements.length > MAX_ELEMENTS) return UNKNOWN;
  const truths = elements.map((element) => {
    if (op !== undefined) return element === null ? NEITHER : compareColumn(column, op, element);
    const truth = textTest(expr.fn, column, element?.value ?? '') ?? UNKNOWN;
    return truth === UNKNOWN || element !== null ? truth : NEITHER;
  });
  const trues = truths.map(({ whenTrue }) => whenTrue);
  const falses = truths.map(({ whenFalse }) => whenFalse);
  return any ? { whenTrue: anyOf(trues), whenFalse: allOf(falses) } : { whenTrue: allOf(trues), whenFalse: anyOf(falses) };
}

interface Sides {
  readonly column: LogsColumn;
  /** Null: NULL. */
  readonly constant: KnownConstant | null;
  /** The constant came first. */
  readonly isFlipped: boolean;
}

function sidesOf([left, right]: readonly TablePredicate[], columns: ColumnLookup): Sides | undefined {
  if (left === undefined || right === undefined) return undefined;
  const isFlipped = left.kind === 'constant';
  const constant = isFlipped ? left : right;
  const column = columnBehind(isFlipped ? right : left, columns);
  if (column === undefined || constant.kind !== 'constant') return undefined;
  return { column, constant: constant.value === null ? null : { ...constant, value: constant.value }, isFlipped };
}

/** Null: the array is NULL; undefined: its elements are no constants, or stand in several dimensions. */
function elementsOf(array: TablePredicate): readonly (KnownConstant | null)[] | null | undefined {
  if (array.kind === 'array') {
    const elements = array.elements.map((element) =>
      element.kind !== 'constant' ? undefined : element.value === null ? null : { ...element, value: element.value },
    );
    return elements.every((element) => element !== undefined) ? elements : undefined;
  }
  if (array.kind !== 'constant') return undefined;
  if (array.value === null) return null;
  const oid = ELEMENT_OF.get(array.type.oid);
  if (oid === undefined || !array.value.startsWith('{') || array.value.startsWith('{{')) return undefined;
  return parseArrayText(array.value).map((value) => (value === null ? null : { kind: 'constant', type: { oid, typmod: -1 }, value }));
}

/** The column behind casts that keep order, equality and NULL: varchar to text, int to bigint or numeric, date to timestamp, real to double. */
function columnBehind(expr: TablePredicate, columns: ColumnLookup): LogsColumn | undefined {
  if (expr.kind === 'table_column') {
    const column = columns(expr.name);
    return column === undefined || (column.encoding !== 'time' && !canFilter(column.field)) ? undefined : column;
  }
  if (expr.kind === 'cast' && expr.via === 'relabel') return columnBehind(expr.arg, columns);
  if (expr.kind !== 'call' || expr.isCast !== true || expr.args.length !== 1 || !LOSSLESS_CASTS.has(expr.fn)) return undefined;
  const [arg] = expr.args;
  return arg === undefined ? undefined : columnBehind(arg, columns);
}
