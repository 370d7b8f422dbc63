import type { PlanExpr } from '../../planner/physical-plan.js';
import { decimalWidth } from '../../sql/duckdb-type.js';
import { numericModifier, Oid, type Type } from '../../sql/types.js';

/**
 * A numeric whose display scale is the same in every row, computed as DECIMAL. DuckDB's arithmetic of up to 18 digits costs a quarter of
 * that of 38, and it raises an error where a number has more: so there are two ways to compute a number, and text as the last resort.
 */
export interface Decimal {
  readonly scale: number;
  /** No value has more; if these are more than 38, neither way can be sure. */
  readonly digits: number;
  /** DECIMAL(18, scale) or narrower. Raises an error where a value has more digits. */
  readonly narrow: string | undefined;
  /** DECIMAL(38, scale). Raises an error where a value has more digits. */
  readonly wide: string;
  /** What it is computed from: it is NULL where one of these is. */
  readonly leaves: readonly string[];
  /** SQL of each row's display scale, if it varies below `scale` (0 and 1.50 in one CASE). */
  readonly shown?: string;
  /** Not for further arithmetic: what is in it may not stand in a TRY. */
  readonly last?: boolean;
}

export const NARROW = 18;
export const WIDE = 38;

/** A column of DuckDB's type for a numeric of this modifier; undefined: its values are text. */
export function columnDecimal(sql: string, type: Type): Decimal | undefined {
  const modifier = numericModifier(type);
  if (modifier === undefined || modifier.precision > WIDE || modifier.scale < 0 || modifier.scale > WIDE) return undefined;
  return decimalOf(sql, modifier.scale, decimalWidth(type), [sql]);
}

/** Of SQL whose type is DECIMAL(digits, scale). */
function decimalOf(sql: string, scale: number, digits: number, leaves: readonly string[]): Decimal {
  if (digits > NARROW) return { scale, digits, leaves, narrow: undefined, wide: sql };
  return { scale, digits, leaves, narrow: sql, wide: `CAST(${sql} AS DECIMAL(${WIDE},${scale}))` };
}

/** A constant as a DECIMAL of its own scale. */
export function constantDecimal(expr: PlanExpr | undefined): Decimal | undefined {
  if (expr?.kind !== 'constant' || expr.type.oid !== Oid.numeric || expr.value === null) return undefined;
  const match = /^-?0*(\d+)(?:\.(\d+))?$/.exec(expr.value);
  if (match === null) return undefined;
  const scale = (match[2] ?? '').length;
  const digits = (match[1] ?? '').length + scale;
  return digits > WIDE ? undefined : decimalOf(`CAST('${expr.value}' AS DECIMAL(${digits},${scale}))`, scale, digits, []);
}

const WHOLE_DIGITS: Readonly<Record<string, number>> = { 'numeric(int2)': 5, 'numeric(int4)': 10, 'numeric(int8)': 19 };

/** A whole number as a numeric. */
export function wholeDecimal(fn: string, sql: string): Decimal | undefined {
  const digits = WHOLE_DIGITS[fn];
  if (digits === undefined) return undefined;
  const narrow = `CAST(${sql} AS DECIMAL(${Math.min(digits, NARROW)},0))`;
  return { scale: 0, digits, leaves: [sql], narrow, wide: `CAST(${sql} AS DECIMAL(${WIDE},0))` };
}

/**
 * Sum, difference or product of two such numbers; PostgreSQL's display scale of it depends on the two scales alone.
 * Undefined: it must be computed as text.
 */
export function decimalArithmetic(fn: string, left: Decimal, right: Decimal): Decimal | undefined {
  if (left.last === true || right.last === true) return undefined;
  switch (fn) {
    case 'numeric_add(numeric,numeric)':
    case 'numeric_sub(numeric,numeric)': {
      const scale = Math.max(left.scale, right.scale);
      const digits = Math.max(left.digits - left.scale, right.digits - right.scale) + scale + 1;
      return both(left, right, fn.startsWith('numeric_add') ? '+' : '-', scale, digits, (sql, side, width) =>
        side.scale === scale ? sql : `CAST(${sql} AS DECIMAL(${width},${scale}))`,
      );
    }
    case 'numeric_mul(numeric,numeric)':
      return both(left, right, '*', left.scale + right.scale, left.digits + right.digits, (sql) => sql);
    default:
      return undefined;
  }
}

function both(
  left: Decimal,
  right: Decimal,
  symbol: string,
  scale: number,
  digits: number,
  fitted: (sql: string, side: Decimal, width: number) => string,
): Decimal | undefined {
  if (scale >= WIDE) return undefined;
  const of = (a: string, b: string, width: number): string =>
    `CAST((${fitted(a, left, width)} ${symbol} ${fitted(b, right, width)}) AS DECIMAL(${width},${scale}))`;
  const narrow =
    left.narrow === undefined || right.narrow === undefined || scale >= NARROW ? undefined : of(left.narrow, right.narrow, NARROW);
  const wide = digits <= NARROW && narrow !== undefined ? `CAST(${narrow} AS DECIMAL(${WIDE},${scale}))` : of(left.wide, right.wide, WIDE);
  return { scale, digits, leaves: [...new Set([...left.leaves, ...right.leaves])], narrow, wide };
}

/** The narrow way where it is open and cannot fail. */
export function isNarrow(decimal: Decimal): decimal is Decimal & { readonly narrow: string } {
  return decimal.digits <= NARROW && decimal.narrow !== undefined;
}

/** As text; `otherwise` computes what has more than 38 digits. Each way is tried only for the rows that are NULL after the one before. */
export function decimalText(decimal: Decimal, otherwise: string): string {
  if (decimal.shown !== undefined) return otherwise;
  if (isNarrow(decimal)) return `CAST(${decimal.narrow} AS VARCHAR)`;
  const ways = decimal.narrow === undefined ? [] : [`CAST(${tried(decimal, decimal.narrow)} AS VARCHAR)`];
  if (decimal.digits <= WIDE) ways.push(`CAST(${decimal.wide} AS VARCHAR)`);
  else ways.push(`CAST(${tried(decimal, decimal.wide)} AS VARCHAR)`, otherwise);
  return ways.length === 1 ? (ways[0] as string) : `coalesce(${ways.join(', ')})`;
}

/** One of several numbers (null: NULL), as a CASE chooses; `choose` puts SQL of each together. */
export function chosenDecimal(branches: readonly (Decimal | null)[], choose: (branches: readonly string[]) => string): Decimal | undefined {
  const values = branches.filter((branch) => branch !== null);
  const scale = Math.max(0, ...values.map((value) => value.scale));
  const digits = Math.max(1, ...values.map((value) => value.digits - value.scale)) + scale;
  if (values.length === 0 || scale >= WIDE || values.some((value) => value.shown !== undefined || isChoice(value))) return undefined;
  const of = (sql: (value: Decimal) => string, width: number): string =>
    choose(
      branches.map((branch) => {
        if (branch === null) return `CAST(NULL AS DECIMAL(${width},${scale}))`;
        const cast = `CAST(${sql(branch)} AS DECIMAL(${width},${scale}))`;
        return digits <= width ? cast : `TRY(${cast})`;
      }),
    );
  return {
    scale,
    digits,
    leaves: [],
    narrow:
      scale < NARROW && values.every((value) => value.narrow !== undefined) ? of((value) => value.narrow as string, NARROW) : undefined,
    wide: of((value) => value.wide, WIDE),
    last: true,
    ...(values.every((value) => value.scale === scale) ? {} : { shown: choose(branches.map(shownScale)) }),
  };
}

/** Of a CASE it is not known what is NULL. */
function isChoice(value: Decimal): boolean {
  return value.last === true && value.leaves.length === 0;
}

function shownScale(branch: Decimal | null): string {
  const scale = `CAST(${branch === null ? 'NULL' : branch.scale} AS INTEGER)`;
  if (branch === null || branch.leaves.length === 0) return scale;
  return `CASE WHEN ${branch.leaves.map((leaf) => `${leaf} IS NULL`).join(' OR ')} THEN NULL ELSE ${scale} END`;
}

/**
 * `sql`, or NULL where it raises an error. DuckDB computes what two expressions have in common before both, outside of their TRYs; it does
 * not look into a CASE for that.
 */
export function tried(decimal: Decimal, sql: string): string {
  if (decimal.last === true) return sql;
  return `(CASE WHEN ${decimal.leaves[0] ?? 'TRUE'} IS NOT NULL THEN TRY(${sql}) END)`;
}
