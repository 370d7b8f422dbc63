import { DIALECT_LABELS, type Dialect } from '../sql/dialect.js';
import { unsupported } from '../sql/errors.js';
import type { Call } from '../sql/expression.js';
import type { Query, QueryExpr, QueryLeaf } from '../sql/query.js';
import { Oid } from '../sql/types.js';
import { mapQuery, queryExprChildren } from './query-walk.js';

interface Refusal {
  /** Matches a call's signature. */
  readonly fn: RegExp;
  /** Only where it was written as an operator, a cast, or by its name. */
  readonly form?: 'operator' | 'cast' | 'call';
  readonly dialects: readonly Dialect[];
  readonly what: string;
  readonly hint?: string;
}

const ALL: readonly Dialect[] = ['trino', 'athena', 'bigquery', 'snowflake', 'mysql'];

/** What means something else over these types: only PostgreSQL's analysis tells what the types are. */
const REFUSALS: readonly Refusal[] = [
  {
    fn: /^numeric_div\(/,
    form: 'operator',
    dialects: ['trino', 'athena', 'bigquery', 'snowflake'],
    what: 'division of decimals',
    hint: 'Cast the dividend to a floating-point type.',
  },
  {
    fn: /^int\d*div\(/,
    form: 'operator',
    dialects: ['snowflake'],
    what: 'division of whole numbers',
    hint: 'Cast the dividend to DOUBLE.',
  },
  {
    fn: /^float8\(numeric\)/,
    form: 'call',
    dialects: ALL,
    what: 'this operation on decimals',
    hint: 'Cast the decimal to a floating-point type.',
  },
  { fn: /^int8\((?:numeric|float[48]|text)\)/, form: 'call', dialects: ALL, what: 'division or avg of anything but whole numbers' },
  {
    fn: /^int[248]\(float[48]\)/,
    form: 'cast',
    dialects: ALL,
    what: 'a cast of a floating-point number to a whole one',
    hint: 'Round it first, with floor or ceil.',
  },
  { fn: /^d?round\(float8\)/, dialects: ALL, what: 'round of a floating-point or whole number', hint: 'Cast it to a decimal first.' },
  { fn: /^date_mi\(/, form: 'operator', dialects: ['trino', 'athena', 'bigquery', 'mysql'], what: 'the difference of two dates by -' },
  { fn: /^timestamp(?:tz)?_mi\(timestamp/, form: 'operator', dialects: ['mysql'], what: 'the difference of two times by -' },
  {
    fn: /^(?:date_pli|date_mii|integer_pl_date)\(/,
    form: 'operator',
    dialects: ['trino', 'athena', 'mysql'],
    what: 'a number added to a date',
  },
  { fn: /^(?:textanycat\(text,|anytextcat\()/, dialects: ALL, what: 'concatenation of anything but text', hint: 'Cast it to text first.' },
];

/** Types whose text form differs from engine to engine. */
const TEXT_FORMS = new Set<number>([
  Oid.float4,
  Oid.float8,
  Oid.timestamp,
  Oid.timestamptz,
  Oid.interval,
  Oid.time,
  Oid.bytea,
  Oid.numeric,
  Oid.bool,
]);

/** Refuses (0A000) what the text of another engine's query means otherwise by the types that it turned out to have. */
export function checkDialect(query: Query, dialect: Dialect): void {
  const refuse = (what: string, hint?: string): Error =>
    unsupported(`${what}, which is another in ${DIALECT_LABELS[dialect]},`, hint === undefined ? {} : { hint });
  const call = (expr: Call<QueryLeaf>, parent: QueryExpr | undefined): void => {
    const form = expr.operator !== undefined ? 'operator' : expr.isCast === true ? 'cast' : 'call';
    for (const refusal of REFUSALS) {
      if (refusal.fn.test(expr.fn) && (refusal.form ?? form) === form && refusal.dialects.includes(dialect))
        throw refuse(refusal.what, refusal.hint);
    }
    if (/^date_(?:pl|mi)_interval\(/.test(expr.fn) && !isCompared(parent) && dialect !== 'snowflake')
      throw refuse('the type of a date with an interval', 'Cast the sum to DATE or to a timestamp.');
    if (
      /^date_trunc\(text,timestamptz/.test(expr.fn) &&
      expr.args.some((arg) => arg.kind === 'call' && /^timestamptz\(date\)/.test(arg.fn))
    )
      throw refuse('date_trunc of a date', 'Cast the date to TIMESTAMP first, and the result to DATE.');
  };
  const visit = (expr: QueryExpr, parent: QueryExpr | undefined): void => {
    if (expr.kind === 'call') call(expr, parent);
    if (expr.kind === 'cast' && expr.via === 'io') {
      const from = typeOf(expr.arg);
      const toText = expr.type.oid === Oid.text || expr.type.oid === Oid.varchar;
      if (toText && from !== undefined && TEXT_FORMS.has(from)) throw refuse('the text form of this type');
      if (!toText && dialect === 'mysql') throw refuse('a cast of text');
    }
    if ((expr.kind === 'aggregate' || expr.kind === 'window') && dialect === 'snowflake' && /^avg\((?:int\d|numeric)/.test(expr.fn))
      throw refuse('avg of exact numbers', 'Cast the argument to DOUBLE.');
    for (const child of queryExprChildren(expr)) visit(child, expr.kind === 'cast' && parent !== undefined ? parent : expr);
  };
  mapQuery(query, (expr) => {
    visit(expr, undefined);
    return expr;
  });
}

/** Where a date or the same instant as a timestamp are alike. */
function isCompared(parent: QueryExpr | undefined): boolean {
  if (parent?.kind !== 'call') return false;
  return (
    /^(?:date|timestamp|timestamptz)_(?:eq|ne|lt|le|gt|ge)/.test(parent.fn) ||
    /^(?:date|timestamptz|timestamp)\((?:timestamp|timestamptz|date)\)/.test(parent.fn)
  );
}

function typeOf(expr: QueryExpr): number | undefined {
  return 'type' in expr ? (expr.type as { readonly oid: number }).oid : undefined;
}
