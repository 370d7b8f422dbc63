import { type FunctionEntry, type FunctionList, raise } from './entry.js';

const INTEGERS = [
  { name: 'int2', sqlType: 'SMALLINT', label: 'smallint', low: '-32768', high: '32767' },
  { name: 'int4', sqlType: 'INTEGER', label: 'integer', low: '-2147483648', high: '2147483647' },
  { name: 'int8', sqlType: 'BIGINT', label: 'bigint', low: '-9223372036854775808', high: '9223372036854775807' },
] as const;

function integerCasts(): FunctionList {
  const list: Record<string, FunctionEntry> = {};
  for (const to of INTEGERS) {
    const overflow = raise('22003', `${to.label} out of range`);
    for (const from of INTEGERS) {
      if (from.name === to.name) continue;
      const narrows = INTEGERS.indexOf(from) > INTEGERS.indexOf(to);
      list[`${to.name}(${from.name})`] = narrows
        ? `CASE WHEN $1 < ${to.low} OR $1 > ${to.high} THEN ${overflow} ELSE CAST($1 AS ${to.sqlType}) END`
        : `CAST($1 AS ${to.sqlType})`;
    }
    // rint(): half to even; NaN is out of range. 2^63 is exact in binary, so `<` leaves no gap.
    const limit = to.name === 'int8' ? '9223372036854775808' : String(BigInt(to.high) + 1n);
    for (const float of ['float4', 'float8']) {
      const value = float === 'float4' ? 'CAST($1 AS DOUBLE)' : '$1';
      list[`${to.name}(${float})`] =
        `CASE WHEN round_even(${value}, 0) >= CAST('-${limit}' AS DOUBLE) ` +
        `AND round_even(${value}, 0) < CAST('${limit}' AS DOUBLE) THEN CAST(round_even(${value}, 0) AS ${to.sqlType}) ` +
        `WHEN $1 IS NULL THEN NULL ELSE ${overflow} END`;
    }
    list[`${to.name}(numeric)`] = `tl_numeric_${to.name}($1)`;
    list[`numeric(${to.name})`] = 'CAST($1 AS VARCHAR)';
    list[`float4(${to.name})`] = 'CAST($1 AS FLOAT)';
    list[`float8(${to.name})`] = 'CAST($1 AS DOUBLE)';
  }
  return list;
}

export const CASTS: FunctionList = {
  ...integerCasts(),
  'int4(bool)': 'CAST($1 AS INTEGER)',
  'bool(int4)': '($1 <> 0)',
  'float8(float4)': 'CAST($1 AS DOUBLE)',
  'float4(float8)':
    `CASE WHEN isinf(tl_float4($1)) AND NOT isinf($1) THEN ${raise('22003', 'value out of range: overflow')} ` +
    `WHEN tl_float4($1) = 0 AND $1 <> 0 THEN ${raise('22003', 'value out of range: underflow')} ELSE tl_float4($1) END`,
  'float8(numeric)': 'tl_numeric_float8($1)',
  'numeric(float8)': 'tl_float8_numeric($1)',
  'numeric(float4)': 'tl_float4_numeric($1)',
  'numeric(numeric,int4)': 'tl_numeric_typmod($1, $2)',
  'text(bool)': "CASE WHEN $1 THEN 'true' WHEN NOT $1 THEN 'false' END",
  'text(name)': '$1',
  'text(bpchar)': "rtrim($1, ' ')",
};
