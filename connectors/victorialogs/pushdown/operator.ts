import type { Constant } from '../../../sql/expression.js';

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
  /^(?:int[248]{1,2}|float[48]{1,2}|bool|text|bytea|(?:date|time|timestamp|timestamptz|numeric|uuid|text)_)(eq|ne|lt|le|gt|ge)\(/;
const DATE_AND_TIMESTAMP = /^(?:date|timestamp)_(eq|ne|lt|le|gt|ge)_(?:date|timestamp)\(/;

/** The comparison that a PostgreSQL operator function makes: `int84lt(int8,int4)` -> `<`. Text compares by bytes here, as in the C collation. */
export function operatorOf(fn: string): Operator | undefined {
  const name = (COMPARISON.exec(fn) ?? DATE_AND_TIMESTAMP.exec(fn))?.[1];
  return name === undefined ? undefined : OPERATORS[name];
}

/** Constants that are not NULL. */
export interface KnownConstant extends Constant {
  readonly value: string;
}
