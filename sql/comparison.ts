export type Operator = '=' | '<>' | '<' | '<=' | '>' | '>=';

const OPERATORS: Readonly<Record<string, Operator>> = { eq: '=', ne: '<>', lt: '<', le: '<=', gt: '>', ge: '>=' };
const FLIPPED: Readonly<Record<Operator, Operator>> = { '=': '=', '<>': '<>', '<': '>', '<=': '>=', '>': '<', '>=': '<=' };
const NEGATED: Readonly<Record<Operator, Operator>> = { '=': '<>', '<>': '=', '<': '>=', '<=': '>', '>': '<=', '>=': '<' };

/** With its sides exchanged. */
export function flipped(op: Operator): Operator {
  return FLIPPED[op];
}

/** What is true of values where `op` is false. */
export function negated(op: Operator): Operator {
  return NEGATED[op];
}

const COMPARISON =
  /^(?:int[248]{1,2}|float[48]{1,2}|bool|text|bytea|(?:date|time|timestamp|timestamptz|numeric|uuid|text|bytea)_)(eq|ne|lt|le|gt|ge)\(/;
const DATE_AND_TIMESTAMP = /^(?:date|timestamp)_(eq|ne|lt|le|gt|ge)_(?:date|timestamp)\(/;

/**
 * The comparison that a PostgreSQL operator function makes: `int84lt(int8,int4)` -> `<`. Only families in whose order connectors keep values;
 * undefined for every other function. (Text compares by bytes, as in the C collation, which the mirror has.)
 */
export function comparisonOf(fn: string): Operator | undefined {
  const name = (COMPARISON.exec(fn) ?? DATE_AND_TIMESTAMP.exec(fn))?.[1];
  return name === undefined ? undefined : OPERATORS[name];
}

/** Casts that keep order, equality and NULL. */
export const LOSSLESS_CASTS: ReadonlySet<string> = new Set([
  'int8(int4)',
  'int8(int2)',
  'int4(int2)',
  'numeric(int2)',
  'numeric(int4)',
  'numeric(int8)',
  'float8(float4)',
  'timestamp(date)',
]);

/** A decimal number times 10^scale: its floor, and whether nothing was cut off. Undefined: no such number (NaN, infinite), or too long. */
export function scaledDecimal(text: string, scale: number): { readonly floor: bigint; readonly exact: boolean } | undefined {
  const match = /^([+-]?)(\d{1,200})(?:\.(\d{1,200}))?$/.exec(text);
  if (match === null) return undefined;
  const fraction = match[3] ?? '';
  const kept = BigInt(`${match[2]}${fraction.slice(0, scale).padEnd(scale, '0')}`);
  const exact = /^0*$/.test(fraction.slice(scale));
  if (match[1] !== '-') return { floor: kept, exact };
  return { floor: exact ? -kept : -kept - 1n, exact };
}
