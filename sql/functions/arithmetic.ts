import { type FunctionEntry, type FunctionList, raise } from './entry.js';

const OVERFLOW = raise('22003', 'value out of range: overflow');
const UNDERFLOW = raise('22003', 'value out of range: underflow');
const BY_ZERO = raise('22012', 'division by zero');

const DUCKDB_INTEGER: Readonly<Record<string, string>> = { int2: 'SMALLINT', int4: 'INTEGER', int8: 'BIGINT' };

/** DuckDB's integer operators check for overflow in the result's type; division gives NULL for x/0. */
function integers(): FunctionList {
  const list: Record<string, FunctionEntry> = {};
  const pairs: readonly (readonly [prefix: string, left: string, right: string, result: string])[] = [
    ['int2', 'int2', 'int2', 'int2'],
    ['int4', 'int4', 'int4', 'int4'],
    ['int8', 'int8', 'int8', 'int8'],
    ['int24', 'int2', 'int4', 'int4'],
    ['int42', 'int4', 'int2', 'int4'],
    ['int28', 'int2', 'int8', 'int8'],
    ['int82', 'int8', 'int2', 'int8'],
    ['int48', 'int4', 'int8', 'int8'],
    ['int84', 'int8', 'int4', 'int8'],
  ];
  for (const [prefix, left, right, result] of pairs) {
    const sqlType = DUCKDB_INTEGER[result] as string;
    const a = left === result ? '$1' : `CAST($1 AS ${sqlType})`;
    const b = right === result ? '$2' : `CAST($2 AS ${sqlType})`;
    const signature = `(${left},${right})`;
    list[`${prefix}pl${signature}`] = `(${a} + ${b})`;
    list[`${prefix}mi${signature}`] = `(${a} - ${b})`;
    list[`${prefix}mul${signature}`] = `(${a} * ${b})`;
    list[`${prefix}div${signature}`] = divided('//', a, b, sqlType);
    if (left === right) {
      // DuckDB's own check of INT_MIN % -1 is an error; PostgreSQL says 0.
      const modulo: FunctionEntry = `CASE WHEN ${b} = 0 THEN ${BY_ZERO} WHEN ${b} = -1 THEN ${a} - ${a} ELSE ${a} % ${b} END`;
      list[`${prefix}mod${signature}`] = modulo;
      list[`mod${signature}`] = modulo;
    }
  }
  for (const [name, sqlType] of Object.entries(DUCKDB_INTEGER)) {
    list[`${name}um(${name})`] = `(CAST(0 AS ${sqlType}) - $1)`;
    list[`${name}up(${name})`] = '$1';
    list[`${name}abs(${name})`] = `CASE WHEN $1 < 0 THEN CAST(0 AS ${sqlType}) - $1 ELSE $1 END`;
    list[`abs(${name})`] = `CASE WHEN $1 < 0 THEN CAST(0 AS ${sqlType}) - $1 ELSE $1 END`;
  }
  list['int4inc(int4)'] = '($1 + CAST(1 AS INTEGER))';
  list['int8inc(int8)'] = '($1 + CAST(1 AS BIGINT))';
  return list;
}

function divided(operator: string, a: string, b: string, sqlType: string): FunctionEntry {
  const plain = `(${a} ${operator} ${b})`;
  return (args) => {
    const divisor = args[1]?.constant;
    if (typeof divisor === 'string' && Number(divisor) !== 0) return plain;
    return `CASE WHEN ${b} = 0 THEN CAST(${BY_ZERO} AS ${sqlType}) ELSE ${plain} END`;
  };
}

/** IEEE arithmetic with PostgreSQL's checks: an infinity (or a zero) that comes from finite (non-zero) operands is an error. */
function floats(): FunctionList {
  const list: Record<string, FunctionEntry> = {};
  const pairs = [
    ['float4', 'float4', 'float4', 'FLOAT'],
    ['float8', 'float8', 'float8', 'DOUBLE'],
    ['float48', 'float4', 'float8', 'DOUBLE'],
    ['float84', 'float8', 'float4', 'DOUBLE'],
  ] as const;
  for (const [prefix, left, right, sqlType] of pairs) {
    const a = `CAST($1 AS ${sqlType})`;
    const b = `CAST($2 AS ${sqlType})`;
    const overflow = (r: string): string => `WHEN isinf(${r}) AND NOT isinf(${a}) AND NOT isinf(${b}) THEN ${OVERFLOW}`;
    const signature = `(${left},${right})`;
    list[`${prefix}pl${signature}`] = `CASE ${overflow(`${a} + ${b}`)} ELSE ${a} + ${b} END`;
    list[`${prefix}mi${signature}`] = `CASE ${overflow(`${a} - ${b}`)} ELSE ${a} - ${b} END`;
    list[`${prefix}mul${signature}`] =
      `CASE ${overflow(`${a} * ${b}`)} WHEN ${a} * ${b} = 0 AND ${a} <> 0 AND ${b} <> 0 THEN ${UNDERFLOW} ELSE ${a} * ${b} END`;
    list[`${prefix}div${signature}`] =
      `CASE WHEN ${b} = 0 AND NOT isnan(${a}) THEN ${BY_ZERO} WHEN isinf(${a} / ${b}) AND NOT isinf(${a}) THEN ${OVERFLOW} ` +
      `WHEN ${a} / ${b} = 0 AND ${a} <> 0 AND NOT isinf(${b}) THEN ${UNDERFLOW} ELSE ${a} / ${b} END`;
  }
  for (const name of ['float4', 'float8']) {
    list[`${name}um(${name})`] = '(-$1)';
    list[`${name}up(${name})`] = '$1';
    list[`${name}abs(${name})`] = 'abs($1)';
    list[`abs(${name})`] = 'abs($1)';
  }
  list['sign(float8)'] = 'CASE WHEN isnan($1) THEN 0.0 ELSE CAST(sign($1) AS DOUBLE) END';
  for (const name of ['ceil', 'ceiling']) list[`${name}(float8)`] = 'ceil($1)';
  list['floor(float8)'] = 'floor($1)';
  for (const name of ['trunc', 'dtrunc']) list[`${name}(float8)`] = 'trunc($1)';
  for (const name of ['round', 'dround']) list[`${name}(float8)`] = 'round_even($1, 0)';
  for (const name of ['sqrt', 'dsqrt']) {
    list[`${name}(float8)`] = `CASE WHEN $1 < 0 THEN ${raise('2201F', 'cannot take square root of a negative number')} ELSE sqrt($1) END`;
  }
  return list;
}

/** tl_numeric_div and _mod give NULL for a zero divisor: they may be computed for values that no row has (src/kernel/scalar-functions.ts). */
function numericDivision(operation: 'div' | 'mod'): FunctionEntry {
  return (args) => {
    const divisor = args[1]?.constant;
    if (typeof divisor === 'string' && /[1-9NI]/.test(divisor)) return `tl_numeric_${operation}($1, $2)`;
    return `CASE WHEN ltrim($2, '-0.') = '' AND $1 <> 'NaN' THEN CAST(${BY_ZERO} AS VARCHAR) ELSE tl_numeric_${operation}($1, $2) END`;
  };
}

/** Over text with BigInt: exact, about a microsecond a value. */
const NUMERICS: FunctionList = {
  'numeric_add(numeric,numeric)': 'tl_numeric_add($1, $2)',
  'numeric_sub(numeric,numeric)': 'tl_numeric_sub($1, $2)',
  'numeric_mul(numeric,numeric)': 'tl_numeric_mul($1, $2)',
  'numeric_div(numeric,numeric)': numericDivision('div'),
  'numeric_mod(numeric,numeric)': numericDivision('mod'),
  'mod(numeric,numeric)': numericDivision('mod'),
  'numeric_uminus(numeric)': 'tl_numeric_neg($1)',
  'numeric_uplus(numeric)': '$1',
  'numeric_abs(numeric)': 'tl_numeric_abs($1)',
  'abs(numeric)': 'tl_numeric_abs($1)',
  'sign(numeric)': 'tl_numeric_sign($1)',
  'round(numeric)': 'tl_numeric_round($1, CAST(0 AS INTEGER))',
  'round(numeric,int4)': 'tl_numeric_round($1, $2)',
  'trunc(numeric)': 'tl_numeric_trunc($1, CAST(0 AS INTEGER))',
  'trunc(numeric,int4)': 'tl_numeric_trunc($1, $2)',
  'ceil(numeric)': 'tl_numeric_ceil($1)',
  'ceiling(numeric)': 'tl_numeric_ceil($1)',
  'floor(numeric)': 'tl_numeric_floor($1)',
  'sqrt(numeric)': 'tl_numeric_sqrt($1)',
  'numeric_sqrt(numeric)': 'tl_numeric_sqrt($1)',
};

export const ARITHMETIC: FunctionList = { ...integers(), ...floats(), ...NUMERICS };
