import type { PlanExpr } from '../../planner/physical-plan.js';
import { numericModifier, Oid, type Type } from '../../sql/types.js';

/** A numeric whose display scale is the same in every row, held as DECIMAL(38, scale) of at most `digits` digits. */
export interface Decimal {
  readonly sql: string;
  readonly scale: number;
  readonly digits: number;
}

const MOST_DIGITS = 38;

/** What a column's modifier tells; undefined: its values are text. */
export function digitsOf(type: Type): number | undefined {
  const modifier = numericModifier(type);
  return modifier === undefined || modifier.precision > MOST_DIGITS ? undefined : modifier.precision;
}

/** A constant as a DECIMAL of its own scale. */
export function constantDecimal(expr: PlanExpr | undefined): Decimal | undefined {
  if (expr?.kind !== 'constant' || expr.type.oid !== Oid.numeric || expr.value === null) return undefined;
  const match = /^-?(\d+)(?:\.(\d+))?$/.exec(expr.value);
  if (match === null) return undefined;
  const scale = (match[2] ?? '').length;
  const digits = (match[1] ?? '').length + scale;
  return digits > MOST_DIGITS ? undefined : { sql: `CAST('${expr.value}' AS DECIMAL(38,${scale}))`, scale, digits };
}

/**
 * Sum, difference or product of two such numbers where 38 digits are enough for every value of it: PostgreSQL's display scale of it
 * depends on the two scales alone. Undefined: the numbers must be computed as text.
 */
export function decimalArithmetic(fn: string, left: Decimal, right: Decimal): Decimal | undefined {
  switch (fn) {
    case 'numeric_add(numeric,numeric)':
    case 'numeric_sub(numeric,numeric)': {
      const scale = Math.max(left.scale, right.scale);
      const digits = Math.max(left.digits - left.scale, right.digits - right.scale) + scale + 1;
      if (digits > MOST_DIGITS) return undefined;
      const [a, b] = [left, right].map((side) => (side.scale === scale ? side.sql : `CAST(${side.sql} AS DECIMAL(38,${scale}))`));
      return { sql: `CAST((${a} ${fn.startsWith('numeric_add') ? '+' : '-'} ${b}) AS DECIMAL(38,${scale}))`, scale, digits };
    }
    case 'numeric_mul(numeric,numeric)': {
      const scale = left.scale + right.scale;
      const digits = left.digits + right.digits;
      return digits > MOST_DIGITS ? undefined : { sql: `CAST((${left.sql} * ${right.sql}) AS DECIMAL(38,${scale}))`, scale, digits };
    }
    default:
      return undefined;
  }
}

/**
 * A product that could have more than 38 digits, as text: rows whose left side is small enough are multiplied as decimals, `otherwise`
 * computes the others. Undefined: not even small numbers would fit.
 */
export function guardedProduct(fn: string, left: Decimal, right: Decimal, otherwise: string): string | undefined {
  const scale = left.scale + right.scale;
  const whole = MOST_DIGITS - right.digits - left.scale;
  if (fn !== 'numeric_mul(numeric,numeric)' || scale > MOST_DIGITS || whole < 6) return undefined;
  const bound = `CAST('1${'0'.repeat(whole)}' AS DECIMAL(38,${left.scale}))`;
  return (
    `CASE WHEN ${left.sql} < ${bound} AND ${left.sql} > -${bound} ` +
    `THEN CAST(CAST((${left.sql} * ${right.sql}) AS DECIMAL(38,${scale})) AS VARCHAR) ELSE ${otherwise} END`
  );
}
