import { isScaledInteger } from '../../sql/functions/aggregate-state.js';
import { numericModifier, Oid, type Type } from '../../sql/types.js';
import { type Aggregated, type Recipe, type Step, stepOf } from './aggregate-recipe.js';
import { type Decimal, WIDE } from './decimal-arithmetic.js';
import { quote } from './literal.js';
import { type PrintPlan, printAs, printDecimal, printExpression, typeOf } from './print-expression.js';

const HUGE = 'DECIMAL(38,0)';
const OVERFLOW = `error('TL22003:value out of range: overflow')`;

/** stddev, variance and their kin. */
export function varianceRecipe(aggregate: Aggregated, plan: PrintPlan, name: string, declared: string): Recipe {
  const [arg] = aggregate.args;
  const sql = arg === undefined ? 'NULL' : printExpression(arg, plan);
  const type = arg === undefined ? aggregate.field.type : typeOf(arg);
  const step = stepOf(aggregate, plan);
  switch (declared) {
    case 'int2':
    case 'int4':
      return integerVariance(name, step, sql, 0, [`CAST(${sql} AS BIGINT) * ${sql}`]);
    case 'int8':
      return integerVariance(name, step, sql, 0, squareLimbs(sql));
    case 'float4':
    case 'float8':
      return floatVariance(name, step, `CAST(${sql} AS DOUBLE)`);
    default:
      return numericVariance(aggregate, plan, name, step, sql, type);
  }
}

/** A square of 64 bits in three parts that add up without an overflow: (h 2^32 + l)^2. */
function squareLimbs(sql: string): readonly string[] {
  const high = `((${sql}) >> 32)`;
  const low = `((${sql}) & 4294967295)`;
  return [`CAST(${low} AS UBIGINT) * CAST(${low} AS UBIGINT)`, `${high} * ${low}`, `${high} * ${high}`];
}

/** `squares`: what adds up to the sum of squares, by 1, 2^33 and 2^64. */
function integerVariance(name: string, step: Step, sql: string, scale: number, squares: readonly string[]): Recipe {
  return {
    partial: [step('count', sql), ...[sql, ...squares].map((value) => `CAST(${step('sum', value)} AS ${HUGE})`)],
    merge: ([n, ...sums]) => [`CAST(sum(${n}) AS BIGINT)`, ...sums.map((sum) => `sum(${sum})`)],
    finish: ([n, sum, low, middle, high]) => {
      const texts = [sum, high, middle, low].map((limb) => (limb === undefined ? `'0'` : `CAST(${limb} AS VARCHAR)`));
      return `tl_integer_variance(${quote(name)}, ${n}, ${scale}, ${texts.join(', ')})`;
    },
  };
}

function numericVariance(aggregate: Aggregated, plan: PrintPlan, name: string, step: Step, sql: string, type: Type): Recipe {
  if (isScaledInteger(type)) {
    const scale = numericModifier(type)?.scale ?? 0;
    const unscaled = scale === 0 ? `CAST(${sql} AS BIGINT)` : `CAST((${sql} * ${power(scale)}) AS BIGINT)`;
    return integerVariance(name, step, unscaled, scale, squareLimbs(unscaled));
  }
  const [arg] = aggregate.args;
  const decimal = arg === undefined ? undefined : printDecimal(arg, plan)?.decimal;
  const text = arg === undefined ? 'NULL' : printAs(arg, { oid: Oid.numeric, typmod: -1 }, plan);
  const { whole, fraction, scale } = decimal !== undefined && hasShortParts(decimal) ? decimalParts(decimal) : textParts(text);
  const billion = 1_000_000_000;
  const [a, b, c, d] = [`(${whole} // ${billion})`, `(${whole} % ${billion})`, `(${fraction} // ${billion})`, `(${fraction} % ${billion})`];
  const squares = [
    `${a} * ${a}`,
    `2 * ${a} * ${b}`,
    `2 * ${a} * ${c} + ${b} * ${b}`,
    `2 * ${a} * ${d} + 2 * ${b} * ${c}`,
    `2 * ${b} * ${d} + ${c} * ${c}`,
    `2 * ${c} * ${d}`,
    `${d} * ${d}`,
  ];
  return {
    partial: [
      step('count', sql),
      `coalesce(${step('max', `CASE WHEN ${sql} IS NOT NULL THEN ${scale} END`)}, 0)`,
      ...[whole, fraction, ...squares].map((value) => `CAST(coalesce(${step('sum', value)}, 0) AS ${HUGE})`),
      `coalesce(${step('list', text, `${sql} IS NOT NULL AND (${whole} IS NULL OR ${fraction} IS NULL)`)}, CAST([] AS VARCHAR[]))`,
    ],
    merge: ([n, places, ...rest]) => [
      `CAST(sum(${n}) AS BIGINT)`,
      `max(${places})`,
      ...rest.slice(0, -1).map((sum) => `sum(${sum})`),
      `flatten(list(${rest.at(-1)}))`,
    ],
    finish: ([n, places, ...rest]) => {
      const sums = rest.slice(0, -1).map((sum) => `CAST(${sum} AS VARCHAR)`);
      return `tl_numeric_variance(${quote(name)}, ${n}, CAST(${places} AS INTEGER), ${sums.join(', ')}, ${rest.at(-1)})`;
    },
  };
}

interface Parts {
  /** The digits before the point, and 18 after it, as BIGINT; NULL for a number that has more of them. */
  readonly whole: string;
  readonly fraction: string;
  readonly scale: string;
}

/** Are all its values of the same scale, and of at most 18 digits before and after the point? */
export function hasShortParts({ scale, digits, shown }: Decimal): boolean {
  return shown === undefined && digits <= WIDE && scale <= 18 && digits - scale <= 18;
}

function decimalParts({ wide, scale }: Decimal): Parts {
  const whole = `CAST(trunc(${wide}) AS BIGINT)`;
  const fraction = `CAST((${wide} - trunc(${wide})) * ${power(scale)} AS BIGINT) * ${10n ** BigInt(18 - scale)}`;
  return { whole, fraction: `(${fraction})`, scale: `${scale}` };
}

function textParts(text: string): Parts {
  const before = `split_part(${text}, '.', 1)`;
  const after = `split_part(${text}, '.', 2)`;
  const short = `length(ltrim(${before}, '-')) <= 18 AND length(${after}) <= 18`;
  const sign = `CASE WHEN starts_with(${text}, '-') THEN -1 ELSE 1 END`;
  return {
    whole: `TRY_CAST(CASE WHEN ${short} THEN ${before} END AS BIGINT)`,
    fraction: `(TRY_CAST(CASE WHEN ${short} THEN rpad(${after}, 18, '0') END AS BIGINT) * ${sign})`,
    scale: `length(${after})`,
  };
}

function power(scale: number): string {
  return `CAST('1${'0'.repeat(scale)}' AS DECIMAL(19,0))`;
}

/** DuckDB's functions of floats raise errors of NaN and infinity; PostgreSQL's give NaN. */
function finite(value: string, ...columns: readonly string[]): string {
  return `CASE WHEN ${columns.map((column) => `isfinite(${column})`).join(' AND ')} THEN ${value} END`;
}

/** The sum of squares (or products) of differences from the mean, over rows where `columns` are all finite; NaN if some are not. */
function spread(step: Step, fn: string, args: readonly string[], rows: string): string {
  const guarded = args.map((arg) => finite(arg, ...args)).join(', ');
  const among = args.map((arg) => `${arg} IS NOT NULL`).join(' AND ');
  const odd = step('bool_or', args.map((arg) => `NOT isfinite(${arg})`).join(' OR '), among);
  return `CASE WHEN ${odd} THEN CAST('NaN' AS DOUBLE) ELSE coalesce(${step(fn, guarded)} * ${rows}, 0) END`;
}

function floatVariance(name: string, step: Step, sql: string): Recipe {
  const rows = `CAST(${step('count', sql)} AS DOUBLE)`;
  const least = name.endsWith('_pop') ? 1 : 2;
  return {
    partial: [rows, `coalesce(${step('sum', sql)}, 0)`, spread(step, 'var_pop', [sql], rows)],
    merge: (states) => merged('tl_merge_moments', states),
    finish: ([n, sum, squares]) => {
      const divided = `${squares} / ${least === 1 ? n : `(${n} - 1)`}`;
      return (
        `CASE WHEN coalesce(${n}, 0) < ${least} THEN NULL ${overflowing([sum as string], squares as string)} ` +
        `ELSE ${name.startsWith('stddev') ? `sqrt(${divided})` : divided} END`
      );
    },
  };
}

/** A sum of finite numbers that is none. */
function overflowing(sums: readonly string[], squares: string): string {
  const infinite = [...sums, squares].map((sum) => `isinf(${sum})`).join(' OR ');
  return `WHEN (${infinite}) AND NOT isnan(${squares}) THEN ${OVERFLOW}`;
}

function merged(fn: string, states: readonly string[]): readonly string[] {
  const all = `${fn}(flatten(list([${states.join(', ')}])))`;
  return states.map((_, n) => `${all}[${n + 1}]`);
}

/** corr, covar_* and regr_* of two columns of floats, of the rows where both are there. */
export function regressionRecipe(aggregate: Aggregated, plan: PrintPlan, name: string): Recipe {
  const [first, second] = aggregate.args;
  const printed = [first, second].map((arg) => (arg === undefined ? 'NULL' : printExpression(arg, plan)));
  const [y, x] = [
    `CASE WHEN ${printed[1]} IS NOT NULL THEN ${printed[0]} END`,
    `CASE WHEN ${printed[0]} IS NOT NULL THEN ${printed[1]} END`,
  ].map((sql) => `(${sql})`) as [string, string];
  const step = stepOf(aggregate, plan);
  const rows = `CAST(${step('count', x)} AS DOUBLE)`;
  return {
    partial: [
      rows,
      `coalesce(${step('sum', x)}, 0)`,
      spread(step, 'var_pop', [x], rows),
      `coalesce(${step('sum', y)}, 0)`,
      spread(step, 'var_pop', [y], rows),
      spread(step, 'covar_pop', [y, x], rows),
    ],
    merge: (states) => merged('tl_merge_regression', states),
    finish: ([n, sx, sxx, sy, syy, sxy]) =>
      `CASE WHEN coalesce(${n}, 0) < ${name === 'covar_samp' ? 2 : 1} THEN NULL ` +
      `${overflowing([sx as string], sxx as string)} ${overflowing([sy as string], syy as string)} ` +
      `WHEN isinf(${sxy}) THEN ${OVERFLOW} ` +
      `${regression(name, { n, sx, sxx, sy, syy, sxy } as Moments)} END`,
  };
}

type Moments = Readonly<Record<'n' | 'sx' | 'sxx' | 'sy' | 'syy' | 'sxy', string>>;

function regression(name: string, { n, sx, sxx, sy, syy, sxy }: Moments): string {
  switch (name) {
    case 'regr_sxx':
      return `ELSE ${sxx}`;
    case 'regr_syy':
      return `ELSE ${syy}`;
    case 'regr_sxy':
      return `ELSE ${sxy}`;
    case 'regr_avgx':
      return `ELSE ${sx} / ${n}`;
    case 'regr_avgy':
      return `ELSE ${sy} / ${n}`;
    case 'covar_pop':
      return `ELSE ${sxy} / ${n}`;
    case 'covar_samp':
      return `ELSE ${sxy} / (${n} - 1)`;
    case 'corr':
      return `WHEN ${sxx} = 0 OR ${syy} = 0 THEN NULL ELSE ${sxy} / sqrt(${sxx} * ${syy})`;
    case 'regr_r2':
      return `WHEN ${sxx} = 0 THEN NULL WHEN ${syy} = 0 THEN 1 ELSE (${sxy} * ${sxy}) / (${sxx} * ${syy})`;
    case 'regr_slope':
      return `WHEN ${sxx} = 0 THEN NULL ELSE ${sxy} / ${sxx}`;
    default:
      return `WHEN ${sxx} = 0 THEN NULL ELSE (${sy} - ${sx} * ${sxy} / ${sxx}) / ${n}`;
  }
}
