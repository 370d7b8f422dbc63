import { negated, type Operator, scaledDecimal } from '../../../sql/comparison.js';
import { numericModifier, Oid, type Type } from '../../../sql/types.js';
import { parseFloat4, parseFloat8 } from '../../../sql/value-number.js';
import { encodeValue, type LogsColumn } from '../encoding.js';
import type { LogsFilter } from '../logsql/syntax.js';
import type { KnownConstant } from './known-constant.js';
import { allOf, exact, NEVER, not, superset, type TranslatedFilter, type Truth } from './truth.js';

/** Every text that we write begins with `~`: nothing is below the first of these or from the second on. */
const FIRST = '~';
const END = '\x7f';

export function present(column: LogsColumn): LogsFilter {
  return { kind: 'present', field: column.field };
}

/** `column op constant` over documents in our encoding. */
export function compareOwn(column: LogsColumn, op: Operator, constant: KnownConstant): Truth {
  return ofBoth(op, (operator) => whenTrue(column, operator, constant));
}

/** Where a comparison of something that is not NULL is false, the negated one is true. */
function ofBoth(op: Operator, test: (op: Operator) => TranslatedFilter | undefined): Truth {
  return { whenTrue: test(op), whenFalse: test(negated(op)) };
}

function whenTrue(column: LogsColumn, op: Operator, constant: KnownConstant): TranslatedFilter | undefined {
  switch (column.type.oid) {
    case Oid.int2:
    case Oid.int4:
    case Oid.int8:
      return compareInteger(column, op, constant);
    case Oid.float4:
    case Oid.float8:
      return compareFloat(column, op, constant);
    case Oid.numeric:
      return compareNumeric(column, op, constant);
    default:
      return compareText(column, op, constant);
  }
}

function equality(column: LogsColumn, op: '=' | '<>', value: string | undefined): TranslatedFilter {
  // A value that no document can have.
  if (value === undefined) return exact(op === '=' ? { kind: 'nothing' } : present(column));
  const equals: LogsFilter = { kind: 'equals', field: column.field, value };
  return exact(op === '=' ? equals : { kind: 'and', args: [not(equals), present(column)] });
}

/** Beyond this the server's numbers, which are floats, have gaps. */
const SAFE = BigInt(Number.MAX_SAFE_INTEGER);
const INT8_END = 2n ** 63n;

function compareInteger(column: LogsColumn, op: Operator, { type, value }: KnownConstant): TranslatedFilter | undefined {
  if (!isExactNumber(type)) return undefined;
  const placed = scaledDecimal(value, 0);
  if (placed === undefined) return undefined;
  const { floor, exact: isWhole } = placed;
  const has = isWhole && floor >= -INT8_END && floor < INT8_END;
  if (op === '=' || op === '<>') return equality(column, op, has ? String(floor) : undefined);
  // Below 2.5 is at most 2; from 2.5 on is above 2.
  const operator = isWhole ? op : op === '<' ? '<=' : op === '>=' ? '>' : op;
  const up = operator === '>' || operator === '>=';
  if (floor >= -SAFE && floor < SAFE) return exact({ kind: 'compare', field: column.field, op: operator, value: String(floor) });
  if (up === floor < 0n) return superset(present(column));
  return superset({ kind: 'compare', field: column.field, op: up ? '>=' : '<=', value: String(up ? SAFE : -SAFE) });
}

function compareFloat(column: LogsColumn, op: Operator, { type, value }: KnownConstant): TranslatedFilter | undefined {
  if (type.oid !== Oid.float8 && type.oid !== Oid.float4) return undefined;
  const number = type.oid === Oid.float4 ? parseFloat4(value) : parseFloat8(value);
  // NaN and infinities are not written; their rows are marked.
  if (!Number.isFinite(number)) return undefined;
  const text = number.toExponential();
  if (op === '=' || op === '<>') return equality(column, op, text);
  return exact({ kind: 'compare', field: column.field, op, value: text });
}

/** A scale makes the text of a number the only one that it has. */
function compareNumeric(column: LogsColumn, op: Operator, { type, value }: KnownConstant): TranslatedFilter | undefined {
  const scale = numericModifier(column.type)?.scale;
  if (scale === undefined || scale < 0 || !isExactNumber(type) || (op !== '=' && op !== '<>')) return undefined;
  const placed = scaledDecimal(value, scale);
  if (placed === undefined) return undefined;
  return equality(column, op, placed.exact ? `~${decimalText(placed.floor, scale)}` : undefined);
}

function decimalText(scaled: bigint, scale: number): string {
  const digits = String(scaled < 0n ? -scaled : scaled).padStart(scale + 1, '0');
  const point = digits.length - scale;
  return `${scaled < 0n ? '-' : ''}${digits.slice(0, point)}${scale === 0 ? '' : `.${digits.slice(point)}`}`;
}

function compareText(column: LogsColumn, op: Operator, constant: KnownConstant): TranslatedFilter | undefined {
  const placed = placedText(column, constant);
  if (placed === undefined) return undefined;
  if (op === '=' || op === '<>') return equality(column, op, placed.isWhole ? placed.text : undefined);
  const after = `${placed.text}\0`;
  switch (placed.isWhole ? op : op === '<' ? '<=' : op === '>=' ? '>' : op) {
    case '<':
      return exact(textRange(column, FIRST, placed.text));
    case '<=':
      return exact(textRange(column, FIRST, after));
    case '>':
      return exact(textRange(column, after, END));
    case '>=':
      return exact(textRange(column, placed.text, END));
  }
}

function textRange(column: LogsColumn, from: string, to: string): LogsFilter {
  return { kind: 'string_range', field: column.field, from, to };
}

/** A constant as the column's documents have it, or the last such text that is not above it. Undefined: not comparable as text. */
function placedText(column: LogsColumn, constant: KnownConstant): { readonly text: string; readonly isWhole: boolean } | undefined {
  const { oid } = constant.type;
  if (column.type.oid === Oid.date && oid === Oid.timestamp) {
    const [day = '', time = ''] = constant.value.split(' ');
    const text = /^[\d:.]+$/.test(time) ? encodeValue(column.type, day) : undefined;
    return typeof text === 'string' ? { text, isWhole: time === '00:00:00' } : undefined;
  }
  const value = column.type.oid === Oid.timestamp && oid === Oid.date ? `${constant.value} 00:00:00` : constant.value;
  const isComparable = column.type.oid === oid || (isText(column.type) && isText(constant.type)) || value !== constant.value;
  if (!isComparable || !ORDERED.has(column.type.oid)) return undefined;
  if (oid === Oid.bytea && !/^\\x[0-9a-f]*$/.test(value)) return undefined;
  const text = encodeValue(column.type, value);
  return typeof text === 'string' ? { text, isWhole: true } : undefined;
}

/** Types whose texts in documents have the order of their values. */
const ORDERED: ReadonlySet<number> = new Set<number>([
  Oid.text,
  Oid.varchar,
  Oid.bool,
  Oid.bytea,
  Oid.uuid,
  Oid.date,
  Oid.time,
  Oid.timestamp,
  Oid.timestamptz,
]);

export function isText(type: Type): boolean {
  return type.oid === Oid.text || type.oid === Oid.varchar;
}

function isExactNumber({ oid }: Type): boolean {
  return oid === Oid.int2 || oid === Oid.int4 || oid === Oid.int8 || oid === Oid.numeric;
}

/** `column = ANY (constants)`, as long as the list is not too long. */
export function inOwn(column: LogsColumn, constants: readonly KnownConstant[]): TranslatedFilter | undefined {
  const values = new Set<string>();
  for (const constant of constants) {
    const equal = whenTrue(column, '=', constant);
    if (equal === undefined) return undefined;
    if (equal.filter.kind === 'equals') values.add(equal.filter.value);
  }
  return values.size === 0 ? NEVER.whenTrue : exact({ kind: 'in', field: column.field, values: [...values] });
}

/** Of a test that only matches texts: false for the other documents that have the field. */
export function matched(column: LogsColumn, filter: LogsFilter): Truth {
  return { whenTrue: exact(filter), whenFalse: allOf([exact(not(filter)), exact(present(column))]) };
}

/** As `matched`, of a filter that may match more than the test does. */
export function perhapsMatched(column: LogsColumn, filter: LogsFilter): Truth {
  return { whenTrue: superset(filter), whenFalse: superset(present(column)) };
}
