import type { FunctionEntry, FunctionList } from './entry.js';

const OPERATORS = [
  { suffix: 'eq', symbol: '=' },
  { suffix: 'ne', symbol: '<>' },
  { suffix: 'lt', symbol: '<' },
  { suffix: 'le', symbol: '<=' },
  { suffix: 'gt', symbol: '>' },
  { suffix: 'ge', symbol: '>=' },
] as const;

/** Prefix of the function names, the two argument types, and how each side is made comparable (default: as it is). */
interface Family {
  readonly prefix: string;
  readonly left: string;
  readonly right?: string;
  readonly side?: string;
  /** texteq but text_lt. */
  readonly orderPrefix?: string;
}

const FAMILIES: readonly Family[] = [
  { prefix: 'bool', left: 'bool' },
  { prefix: 'int2', left: 'int2' },
  { prefix: 'int4', left: 'int4' },
  { prefix: 'int8', left: 'int8' },
  { prefix: 'int24', left: 'int2', right: 'int4' },
  { prefix: 'int28', left: 'int2', right: 'int8' },
  { prefix: 'int42', left: 'int4', right: 'int2' },
  { prefix: 'int48', left: 'int4', right: 'int8' },
  { prefix: 'int82', left: 'int8', right: 'int2' },
  { prefix: 'int84', left: 'int8', right: 'int4' },
  { prefix: 'oid', left: 'oid' },
  { prefix: 'float4', left: 'float4' },
  { prefix: 'float8', left: 'float8' },
  { prefix: 'float48', left: 'float4', right: 'float8', side: 'CAST($ AS DOUBLE)' },
  { prefix: 'float84', left: 'float8', right: 'float4', side: 'CAST($ AS DOUBLE)' },
  { prefix: 'numeric_', left: 'numeric', side: 'tl_numeric_key($)' },
  { prefix: 'text', orderPrefix: 'text_', left: 'text' },
  { prefix: 'bpchar', left: 'bpchar', side: "rtrim($, ' ')" },
  { prefix: 'name', left: 'name' },
  { prefix: 'bytea', left: 'bytea' },
  { prefix: 'date_', left: 'date' },
  { prefix: 'time_', left: 'time' },
  { prefix: 'timestamp_', left: 'timestamp' },
  { prefix: 'timestamptz_', left: 'timestamptz' },
  { prefix: 'interval_', left: 'interval', side: 'tl_interval_key($)' },
  { prefix: 'uuid_', left: 'uuid' },
];

function comparisons(): FunctionList {
  const list: Record<string, FunctionEntry> = {};
  for (const family of FAMILIES) {
    for (const { suffix, symbol } of OPERATORS) {
      const ordering = suffix !== 'eq' && suffix !== 'ne';
      const prefix = ordering ? (family.orderPrefix ?? family.prefix) : family.prefix;
      const side = (n: 1 | 2): string => (family.side ?? '$').replace('$', () => `$${n}`);
      list[`${prefix}${suffix}(${family.left},${family.right ?? family.left})`] = `(${side(1)} ${symbol} ${side(2)})`;
    }
  }
  return list;
}

/** Comparison operators of one type or of two that PostgreSQL compares without a cast. */
export const COMPARISONS: FunctionList = {
  ...comparisons(),
  'nameeqtext(name,text)': '($1 = $2)',
  'namenetext(name,text)': '($1 <> $2)',
  'texteqname(text,name)': '($1 = $2)',
  'textnename(text,name)': '($1 <> $2)',
  'jsonb_eq(jsonb,jsonb)': '(tl_jsonb_key($1) = tl_jsonb_key($2))',
  'jsonb_ne(jsonb,jsonb)': '(tl_jsonb_key($1) <> tl_jsonb_key($2))',
};
