import { internal } from './errors.js';
import type { Case, Expr } from './expression.js';
import { functionName } from './functions/signature.js';
import { quoteIdentifier, quoteLiteral } from './quote.js';

/** SQLValueFunctions: keywords, not functions; those that take a precision. */
const KEYWORDS: Readonly<Record<string, { readonly text: string; readonly precision: boolean }>> = {
  'current_date()': { text: 'current_date', precision: false },
  'current_time()': { text: 'current_time', precision: true },
  'current_timestamp()': { text: 'current_timestamp', precision: true },
  'localtime()': { text: 'localtime', precision: true },
  'localtimestamp()': { text: 'localtimestamp', precision: true },
  'current_role()': { text: 'current_role', precision: false },
  'current_user()': { text: 'current_user', precision: false },
  'user()': { text: 'user', precision: false },
  'session_user()': { text: 'session_user', precision: false },
  'current_catalog()': { text: 'current_catalog', precision: false },
  'current_schema()': { text: 'current_schema', precision: false },
};

/** What printing asks of the catalogue. */
export interface SqlNames {
  /** A type's qualified name for SQL text. */
  typeSql(oid: number): string;
  /** Does this function take its last argument as VARIADIC array? */
  isVariadic(signature: string): boolean;
}

/**
 * An expression without columns as PostgreSQL's SQL: functions by their qualified names with arguments cast to exactly their
 * types, so that it means the same for any search_path. `leaf` prints what stands for columns.
 */
export function printExpression<L extends PrintableLeaf = never>(expr: Expr<L>, names: SqlNames, leaf?: (leaf: L) => string): string {
  if (leaf !== undefined && expr.kind === 'argument') return leaf(expr as L);
  return printNode(expr as Expr<never>, names, (inner) => printExpression<L>(inner as Expr<L>, names, leaf));
}

/** Leaves that a caller may have: arguments of a computation that PostgreSQL does for the kernel. */
export interface PrintableLeaf {
  readonly kind: 'argument';
}

function printNode(expr: Expr<never>, names: SqlNames, print: (inner: Expr<never>) => string): string {
  switch (expr.kind) {
    case 'constant':
      return `${expr.value === null ? 'null' : quoteLiteral(expr.value)}::${names.typeSql(expr.type.oid)}`;
    case 'parameter':
      throw internal(`parameter $${expr.number} was not bound`);
    case 'call':
      return printCall(expr.fn, expr.args.map(print), expr.type.typmod, names);
    case 'and':
    case 'or':
      return expr.args.length === 0 ? String(expr.kind === 'and') : `(${expr.args.map(print).join(` ${expr.kind} `)})`;
    case 'not':
      return `(not ${print(expr.arg)})`;
    case 'is_null':
      return `(${print(expr.arg)} is ${expr.negated ? 'not ' : ''}null)`;
    case 'is_bool':
      return `(${print(expr.arg)} is ${expr.negated ? 'not ' : ''}${expr.test})`;
    case 'distinct': {
      const [left, right] = expr.call.args.map(print);
      return `(${left} is ${expr.negated ? 'not ' : ''}distinct from ${right})`;
    }
    case 'nullif':
      return `nullif(${expr.call.args.map(print).join(', ')})`;
    case 'case':
      return printCase(expr, print);
    case 'coalesce':
      return `coalesce(${expr.args.map(print).join(', ')})`;
    case 'minmax':
      return `${expr.op}(${expr.args.map(print).join(', ')})`;
    case 'any_all':
      return `(${print(expr.arg)} operator(pg_catalog.${expr.operator}) ${expr.quantifier} (${print(expr.array)}))`;
    case 'array':
      return `(array[${expr.elements.map(print).join(', ')}]::${names.typeSql(expr.type.oid)})`;
    case 'template':
      return `(${expr.pieces.map((piece, i) => `${piece}${expr.args[i] === undefined ? '' : print(expr.args[i])}`).join('')})`;
    case 'subscript':
      return `((${print(expr.arg)})[${print(expr.index)}])`;
    case 'cast':
      return `cast(${print(expr.arg)} as ${names.typeSql(expr.type.oid)})`;
  }
}

function printCall(fn: string, args: readonly string[], typmod: number, names: SqlNames): string {
  const keyword = KEYWORDS[fn];
  if (keyword !== undefined) return keyword.precision && typmod >= 0 ? `${keyword.text}(${typmod})` : keyword.text;
  const name = functionName(fn);
  const dot = name.indexOf('.');
  const qualified =
    dot < 0 ? `pg_catalog.${quoteIdentifier(name)}` : `${quoteIdentifier(name.slice(0, dot))}.${quoteIdentifier(name.slice(dot + 1))}`;
  const last = args.length - 1;
  return `${qualified}(${args.map((arg, i) => (i === last && names.isVariadic(fn) ? `variadic ${arg}` : arg)).join(', ')})`;
}

/** `CASE x WHEN 1` as a searched CASE: the comparison is a call of its own already, with x where its argument stands. */
function printCase(expr: Case<never>, print: (inner: Expr<never>) => string): string {
  const { arg } = expr;
  const whens = expr.whens.map(({ when, result }) => {
    const condition = arg === undefined ? when : withCaseArgument(when, arg);
    return `when ${print(condition)} then ${print(result)}`;
  });
  return `(case ${whens.join(' ')} else ${print(expr.otherwise)} end)`;
}

/** `expr` with `arg` for its CASE argument; a CASE inside has one of its own only below its own WHENs. */
function withCaseArgument(expr: Expr<never>, arg: Expr<never>): Expr<never> {
  const replace = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(replace);
    if (typeof value !== 'object' || value === null) return value;
    const node = value as { readonly kind?: unknown; readonly arg?: unknown };
    if (node.kind === 'case_arg') return arg;
    if (node.kind === 'case' && node.arg !== undefined) return { ...node, arg: replace(node.arg) };
    return Object.fromEntries(Object.entries(node).map(([key, child]) => [key, replace(child)]));
  };
  return replace(expr) as Expr<never>;
}
