import { childrenOf } from '../../planner/expression.js';
import type { Operator, PlanExpr, PlanLeaf } from '../../planner/physical-plan.js';
import { decimalScale, duckdbType } from '../../sql/duckdb-type.js';
import { internal, TimelineError, unsupported } from '../../sql/errors.js';
import type { AnyAll, Call } from '../../sql/expression.js';
import { typeOf as typeOfExpression } from '../../sql/expression-type.js';
import { ALLOW_LIST } from '../../sql/functions/allow-list.js';
import { fill, type PrintedArgument } from '../../sql/functions/entry.js';
import { inputTemplate, outputTemplate } from '../../sql/functions/io-casts.js';
import { isEqualByText, isNative, isOrdered, nativeTemplate } from '../../sql/functions/native.js';
import { functionName } from '../../sql/functions/signature.js';
import { ELEMENT_OF, numericModifier, Oid, type Type, typeName } from '../../sql/types.js';
import { parseArrayText } from '../../sql/value-array.js';
import {
  chosenDecimal,
  columnDecimal,
  constantDecimal,
  type Decimal,
  decimalArithmetic,
  decimalText,
  isNarrow,
  WIDE,
  wholeDecimal,
} from './decimal-arithmetic.js';
import { constantLiteral } from './literal.js';
import { Arguments, callPostgres, printFallback } from './print-fallback.js';
import { printSubquery } from './print-subquery.js';

/** DuckDB SQL of a value; `scale` when it is a numeric held as a DECIMAL of this scale (otherwise numerics are text). */
interface Printed {
  readonly sql: string;
  readonly type: Type;
  readonly scale: number | undefined;
  /** The same number without text, as far as it can be had so. */
  readonly decimal?: Decimal | undefined;
  /** The same number computed as text alone. */
  readonly text?: string;
}

/** Longer SQL than this comes from nesting that would take the engine down with it. */
const MAX_SQL = 2_000_000;

/** SQL of an operator's rows, for the queries that stand in expressions (print-operator's, with what it knows of the task). */
export type PrintPlan = (plan: Operator) => string;

interface Scope {
  readonly plan: PrintPlan;
  /** SQL of the value that an enclosing simple CASE compares. */
  readonly caseArg: Printed | undefined;
}

/** Prints an expression as DuckDB SQL of type duckdbType(typeOf(expr)); what DuckDB does not compute is a call of `tl_postgres`. */
export function printExpression(expr: PlanExpr, plan: PrintPlan): string {
  const printed = print(expr, { plan, caseArg: undefined });
  return settled(printed, typeOf(expr));
}

/** Prints an expression as SQL of the physical type of `target` (a numeric's modifier may differ from the expression's). */
export function printAs(expr: PlanExpr, target: Type, plan: PrintPlan): string {
  return settled(print(expr, { plan, caseArg: undefined }), target);
}

/** A numeric that is computed without text, and SQL of it as text for rows where that fails; undefined: it is text, or something else. */
export function printDecimal(expr: PlanExpr, plan: PrintPlan): { readonly decimal: Decimal; readonly text: string } | undefined {
  const printed = print(expr, { plan, caseArg: undefined });
  const decimal = printed.decimal ?? constantDecimal(expr);
  return decimal === undefined || printed.sql.length > MAX_SQL ? undefined : { decimal, text: printed.text ?? asArgument(printed) };
}

/** A key whose equality and binary order are PostgreSQL's for the type: for GROUP BY, DISTINCT, ORDER BY, hashing. */
export function orderKey(sql: string, type: Type): string {
  const element = ELEMENT_OF.get(type.oid);
  if (element !== undefined) {
    const key = orderKey('e', { oid: element, typmod: type.typmod });
    return key === 'e' ? sql : `list_transform(${sql}, lambda e: ${key})`;
  }
  switch (type.oid) {
    case Oid.numeric:
      return decimalScale(type) === undefined ? `tl_numeric_key(${sql})` : sql;
    case Oid.interval:
      return `tl_interval_key(${sql})`;
    case Oid.bpchar:
      return `rtrim(${sql}, ' ')`;
    case Oid.jsonb:
      return `tl_jsonb_key(${sql})`;
    default:
      if (!isOrdered(type.oid)) throw unsupported(`ordering or grouping by values of type ${typeName(type)}`);
      return sql;
  }
}

/** An order key to sort by. DuckDB's sort gives back a key's value from the key, where -0 has become 0: so it is never the column itself. */
export function sortKey(sql: string, type: Type): string {
  const key = orderKey(sql, type);
  const element = ELEMENT_OF.get(type.oid);
  if (isFloat(type.oid)) return `(${key} + 0)`;
  return element !== undefined && isFloat(element) ? `CASE WHEN ${key} IS NULL THEN NULL ELSE ${key} END` : key;
}

function isFloat(oid: number): boolean {
  return oid === Oid.float4 || oid === Oid.float8;
}

/** A key whose equality is PostgreSQL's for the type: for GROUP BY and DISTINCT, also of types without an order of ours. */
export function equalityKey(sql: string, type: Type): string {
  // PostgreSQL's text of a number without the zeros after the point, which are all that equal ones differ in.
  if (type.oid === Oid.numeric && decimalScale(type) === undefined) return `regexp_replace(${sql}, '\\.0*$|(\\.[0-9]*[1-9])0+$', '\\1')`;
  return isEqualByText(type.oid) ? sql : orderKey(sql, type);
}

/** Does equalityKey change the value, so that the value itself must be carried beside its key? */
export function needsKey(type: Type): boolean {
  return equalityKey('x', type) !== 'x';
}

export function typeOf(expr: PlanExpr): Type {
  return typeOfExpression<PlanLeaf>(expr);
}

function settled(printed: Printed, target: Type): string {
  const scale = decimalScale(target);
  if (scale === printed.scale) return printed.sql;
  if (scale === undefined) return `CAST(${printed.sql} AS VARCHAR)`;
  return `CAST(${printed.sql} AS ${duckdbType(target)})`;
}

/** As the functions of the allow-list take it: numerics are text. */
function asArgument(printed: Printed): string {
  return printed.scale === undefined ? printed.sql : `CAST(${printed.sql} AS VARCHAR)`;
}

function plain(sql: string, type: Type): Printed {
  return { sql, type, scale: undefined };
}

/** Of duckdbType(type); it may raise errors of its own, so that a number of it takes part in no arithmetic of decimals. */
function fixed(sql: string, type: Type): Printed {
  const decimal = columnDecimal(sql, type);
  return { sql, type, scale: decimalScale(type), decimal: decimal === undefined ? undefined : { ...decimal, last: true } };
}

const BOOL: Type = { oid: Oid.bool, typmod: -1 };

/** Templates write their arguments more than once, so that the text of nested calls may double at every level. */
function print(expr: PlanExpr, scope: Scope): Printed {
  const printed = printNode(expr, scope);
  if (printed.sql.length > MAX_SQL && expr.kind !== 'constant' && printed.sql.length > 4 * constantsLength(expr)) throw tooComplex();
  return printed;
}

function tooComplex(): TimelineError {
  return new TimelineError({ kind: 'limit', sqlstate: '54001', message: 'expression is too complex' });
}

/** Characters of the constants in it, which may be as long as they like. */
function constantsLength(expr: PlanExpr): number {
  if (expr.kind === 'constant') return expr.value?.length ?? 0;
  return childrenOf<PlanLeaf>(expr).reduce((sum, child) => sum + constantsLength(child), 0);
}

function printNode(expr: PlanExpr, scope: Scope): Printed {
  // The plan's leaves don't name it, but a simple CASE's tests compare this one (sql/expression.ts, Case.arg).
  if ((expr as { readonly kind: string }).kind === 'case_arg') {
    if (scope.caseArg === undefined) throw internal('case_arg outside of a simple CASE');
    return scope.caseArg;
  }
  if (!isNative(expr)) return fallback(expr, scope);
  switch (expr.kind) {
    case 'column':
      return { sql: `c${expr.id}`, type: expr.type, scale: decimalScale(expr.type), decimal: columnDecimal(`c${expr.id}`, expr.type) };
    case 'constant':
      return { sql: constantLiteral(expr.value, expr.type), type: expr.type, scale: decimalScale(expr.type) };
    case 'parameter':
      throw internal(`parameter $${expr.number} is still in the plan`);
    case 'subquery':
      return {
        sql: printSubquery(expr, {
          plan: scope.plan,
          expression: (inner) => settled(print(inner, scope), typeOf(inner)),
          equal: (call) => equalSides(call, scope),
        }),
        type: expr.type,
        scale: decimalScale(expr.type),
      };
    case 'and':
    case 'or':
      return plain(`(${expr.args.map((arg) => print(arg, scope).sql).join(expr.kind === 'and' ? ' AND ' : ' OR ')})`, BOOL);
    case 'not':
      return plain(`(NOT ${print(expr.arg, scope).sql})`, BOOL);
    case 'is_null':
      return plain(`(${print(expr.arg, scope).sql} IS ${expr.negated ? 'NOT ' : ''}NULL)`, BOOL);
    case 'is_bool': {
      const arg = print(expr.arg, scope).sql;
      if (expr.test === 'unknown') return plain(`(${arg} IS ${expr.negated ? 'NOT ' : ''}NULL)`, BOOL);
      return plain(`(${arg} IS ${expr.negated ? '' : 'NOT '}DISTINCT FROM ${expr.test.toUpperCase()})`, BOOL);
    }
    case 'distinct':
      return printDistinct(expr.call, expr.negated, scope);
    case 'call':
      return printCall(expr, scope);
    case 'case':
      return printCase(expr, scope);
    case 'coalesce':
      return common(expr.args, expr.type, scope, (args) => `coalesce(${args.join(', ')})`);
    case 'minmax':
      return printMinMax(expr, scope);
    case 'nullif':
      return printNullif(expr.call, expr.type, scope);
    case 'any_all':
      return printAnyAll(expr, scope);
    case 'array': {
      const element = ELEMENT_OF.get(expr.type.oid);
      if (element === undefined) throw unsupported(`an array of type ${typeName(expr.type)}`);
      const items = expr.elements.map((item) => settled(print(item, scope), { oid: element, typmod: expr.type.typmod }));
      return plain(`CAST([${items.join(', ')}] AS ${duckdbType(expr.type)})`, expr.type);
    }
    case 'subscript': {
      const array = print(expr.arg, scope);
      const index = print(expr.index, scope).sql;
      // DuckDB counts negative subscripts from the end; PostgreSQL gives NULL.
      return plain(`CASE WHEN ${index} >= 1 THEN list_extract(${array.sql}, ${index}) END`, expr.type);
    }
    case 'template':
      throw internal('a template is never native');
    case 'cast':
      return printCast(expr, scope);
  }
}

/** Prints arguments that must agree in their physical type. */
function common(args: readonly PlanExpr[], type: Type, scope: Scope, make: (args: readonly string[]) => string): Printed {
  return fixed(make(args.map((arg) => settled(print(arg, scope), type))), type);
}

function printCall(call: Call<PlanLeaf>, scope: Scope): Printed {
  const args = call.args.map((arg) => print(arg, scope));
  return callWith(call, args, call.args);
}

function callWith(call: Call<PlanLeaf>, args: readonly Printed[], exprs: readonly PlanExpr[]): Printed {
  const native = decimalComparison(call, args, exprs) ?? computedDecimal(call, args, exprs);
  if (native !== undefined) return native;
  const sql = applyFunction(
    call,
    args.map((arg, i) => ({ sql: asArgument(arg), constant: constantOf(exprs[i]), oid: arg.type.oid })),
  );
  const text = plain(sql, call.type);
  const scale = decimalScale(call.type);
  return scale === undefined ? text : fixed(settled(text, call.type), call.type);
}

function constantOf(expr: PlanExpr | undefined): string | null | undefined {
  return expr?.kind === 'constant' ? expr.value : undefined;
}

/** Give a value though an argument is NULL. */
const NOT_STRICT: ReadonlySet<string> = new Set(['concat(any)', 'concat_ws(text,any)']);

/** In a template: for these arguments DuckDB's function is not PostgreSQL's. */
const REFUSED = /error\('TL0A000:[^']* not supported yet'\)/;

function applyFunction({ fn, type }: Pick<Call<PlanLeaf>, 'fn' | 'type'>, args: readonly PrintedArgument[]): string {
  const template = nativeTemplate(fn, args);
  if (template === undefined) throw internal(`function ${fn} with these arguments is not native`);
  const texts = args.map((arg) => arg.sql);
  const parts = template.split(new RegExp(REFUSED, 'g')).map((part) => fill(part, texts));
  // PostgreSQL computes the few rows that the template does not take.
  const sql = parts.length === 1 ? (parts[0] as string) : parts.join(callOfPostgres(fn, args, type));
  if (NOT_STRICT.has(fn)) return sql;
  // Every function that can fail is strict, but DuckDB would look at the failing test before the NULL.
  const nullable = args.filter((arg) => typeof arg.constant !== 'string');
  if (args.length < 2 || nullable.length === 0 || !/error\(|tl_date_/.test(sql)) return sql;
  return `CASE WHEN ${nullable.map((arg) => `${arg.sql} IS NULL`).join(' OR ')} THEN NULL ELSE ${sql} END`;
}

function callOfPostgres(fn: string, args: readonly PrintedArgument[], type: Type): string {
  const given = new Arguments(() => {
    throw internal('arguments are printed already');
  });
  const exprs = args.map((arg) => given.sqlArgument(arg.sql, { oid: arg.oid, typmod: -1 }));
  return callPostgres({ form: 'scalar', expr: { kind: 'call', fn, args: exprs, type, volatility: 'stable' } }, given.texts, type);
}

function readByPostgres(text: string, to: Type): string {
  const given = new Arguments(() => {
    throw internal('arguments are printed already');
  });
  const arg = given.sqlArgument(text, { oid: Oid.text, typmod: -1 });
  return callPostgres({ form: 'scalar', expr: { kind: 'cast', via: 'io', arg, type: to } }, given.texts, to);
}

function fallback(expr: PlanExpr, scope: Scope): Printed {
  const type = typeOf(expr);
  const sql = printFallback(expr, type, (child) => {
    const printed = print(child, scope);
    return { sql: asArgument(printed), type: typeOf(child) };
  });
  return fixed(settled(plain(sql, type), type), type);
}

/** Arithmetic of numbers of fixed scales, without text and without a call into JavaScript for each row; as text only what is too long. */
function computedDecimal(call: Call<PlanLeaf>, args: readonly Printed[], exprs: readonly PlanExpr[]): Printed | undefined {
  const [first, second] = args;
  if (first === undefined || decimalScale(call.type) !== undefined) return undefined;
  if (args.length === 1) {
    // An error of anything else must be raised, not tried.
    const whole = exprs[0]?.kind === 'column' ? wholeDecimal(call.fn, first.sql) : undefined;
    return whole === undefined ? undefined : { ...plain(`CAST(${first.sql} AS VARCHAR)`, call.type), decimal: whole };
  }
  const [left, right] = args.map((arg, i) => arg.decimal ?? constantDecimal(exprs[i]));
  if (left === undefined || right === undefined || second === undefined || args.length !== 2) return undefined;
  const decimal = decimalArithmetic(call.fn, left, right);
  if (decimal === undefined) return undefined;
  if (isNarrow(decimal)) return { sql: decimal.narrow, type: call.type, scale: decimal.scale, decimal };
  if (decimal.digits <= WIDE) return { sql: decimal.wide, type: call.type, scale: decimal.scale, decimal };
  const text = applyFunction(
    call,
    args.map((arg, i) => ({ sql: arg.text ?? asArgument(arg), constant: constantOf(exprs[i]), oid: arg.type.oid })),
  );
  return { ...plain(decimalText(decimal, text), call.type), decimal, text };
}

const NUMERIC_COMPARISON: Readonly<Record<string, string>> = {
  numeric_eq: '=',
  numeric_ne: '<>',
  numeric_lt: '<',
  numeric_le: '<=',
  numeric_gt: '>',
  numeric_ge: '>=',
};

/** Comparing numbers that are decimals of some scale needs no text; a constant takes the scale of a column, for scans to see it. */
function decimalComparison(call: Call<PlanLeaf>, args: readonly Printed[], exprs: readonly PlanExpr[]): Printed | undefined {
  const symbol = NUMERIC_COMPARISON[functionName(call.fn)];
  const [left, right] = args.map((arg, i) => arg.decimal ?? constantDecimal(exprs[i]));
  if (symbol === undefined || left === undefined || right === undefined) return undefined;
  const scale = Math.max(left.scale, right.scale);
  const digits = Math.max(left.digits - left.scale, right.digits - right.scale) + scale;
  if (digits > WIDE || left.digits > WIDE || right.digits > WIDE) return undefined;
  const sides = [left, right].map((side, i) => {
    const other = i === 0 ? right : left;
    const sql = isNarrow(side) ? side.narrow : side.wide;
    const constant = constantOf(exprs[i]);
    const isLess = typeof constant === 'string' && side.scale <= other.scale && side.digits - side.scale <= other.digits - other.scale;
    return isLess && constantDecimal(exprs[1 - i]) === undefined
      ? `CAST('${constant}' AS DECIMAL(${Math.min(other.digits, WIDE)},${other.scale}))`
      : sql;
  });
  return plain(`(${sides.join(` ${symbol} `)})`, BOOL);
}

function printDistinct(call: Call<PlanLeaf>, negated: boolean, scope: Scope): Printed {
  const [left, right] = call.args.map((arg) => ({ printed: print(arg, scope), type: typeOf(arg) }));
  if (left === undefined || right === undefined) throw internal('IS DISTINCT FROM without its two sides');
  const key = (side: typeof left): string => orderKey(asArgument(side.printed), { oid: side.type.oid, typmod: -1 });
  return plain(`(${key(left)} IS ${negated ? 'NOT ' : ''}DISTINCT FROM ${key(right)})`, BOOL);
}

/** Both sides of an equality as DuckDB may compare and hash them. */
function equalSides(call: Call<PlanLeaf>, scope: Scope): readonly [string, string] | undefined {
  const [left, right] = call.args.map((arg) => ({ printed: print(arg, scope), type: typeOf(arg) }));
  if (left === undefined || right === undefined || call.args.length !== 2) return undefined;
  if (ALLOW_LIST.get(call.fn) === '($1 = $2)') return [asArgument(left.printed), asArgument(right.printed)];
  if (call.operator !== '=' || left.type.oid !== right.type.oid || !ALLOW_LIST.has(call.fn)) return undefined;
  if (left.printed.scale !== undefined && left.printed.scale === right.printed.scale) return [left.printed.sql, right.printed.sql];
  const plainType: Type = { oid: left.type.oid, typmod: -1 };
  if (!needsKey(plainType)) return undefined;
  return [orderKey(asArgument(left.printed), plainType), orderKey(asArgument(right.printed), plainType)];
}

function printCase(expr: Extract<PlanExpr, { kind: 'case' }>, scope: Scope): Printed {
  const inner: Scope = expr.arg === undefined ? scope : { ...scope, caseArg: print(expr.arg, scope) };
  const whens = expr.whens.map((w) => print(w.when, inner).sql);
  const exprs = [...expr.whens.map((w) => w.result), expr.otherwise];
  const results = exprs.map((result) => print(result, scope));
  const choose = (branches: readonly string[]): string =>
    `(CASE ${whens.map((when, n) => `WHEN ${when} THEN ${branches[n]}`).join(' ')} ELSE ${branches.at(-1)} END)`;
  const sql = choose(results.map((result) => settled(result, expr.type)));
  const scale = decimalScale(expr.type);
  if (scale !== undefined) return fixed(sql, expr.type);
  const decimals = results.flatMap((result, n) => {
    const of = constantOf(exprs[n]) === null ? null : (result.decimal ?? constantDecimal(exprs[n]));
    return of === undefined ? [] : [of];
  });
  const isDecimal = expr.type.oid === Oid.numeric && decimals.length === results.length;
  return { sql, type: expr.type, scale, decimal: isDecimal ? chosenDecimal(decimals, choose) : undefined };
}

function printMinMax(expr: Extract<PlanExpr, { kind: 'minmax' }>, scope: Scope): Printed {
  if (!needsKey(expr.type)) return common(expr.args, expr.type, scope, (args) => `${expr.op}(${args.join(', ')})`);
  const args = expr.args.map((arg) => settled(print(arg, scope), expr.type));
  const sql = args.reduce((best, arg) => {
    const symbol = expr.op === 'greatest' ? '<' : '>';
    return `CASE WHEN ${best} IS NULL OR ${orderKey(best, expr.type)} ${symbol} ${orderKey(arg, expr.type)} THEN coalesce(${arg}, ${best}) ELSE ${best} END`;
  });
  return fixed(sql, expr.type);
}

function printNullif(call: Call<PlanLeaf>, type: Type, scope: Scope): Printed {
  const first = call.args[0];
  if (first === undefined) throw internal('nullif without arguments');
  const value = settled(print(first, scope), type);
  return fixed(`CASE WHEN ${printCall(call, scope).sql} THEN NULL ELSE ${value} END`, type);
}

function printAnyAll(expr: AnyAll<PlanLeaf>, scope: Scope): Printed {
  const elementOid = ELEMENT_OF.get(typeOf(expr.array).oid);
  if (elementOid === undefined) throw unsupported(`ANY/ALL over ${typeName(typeOf(expr.array))}`);
  const elementType: Type = { oid: elementOid, typmod: -1 };
  const call: Call<PlanLeaf> = { kind: 'call', fn: expr.fn, args: [], type: BOOL, volatility: 'immutable' };
  const arg = print(expr.arg, scope);
  const elements = arrayElements(expr.array);
  if (elements === undefined)
    throw unsupported(`${expr.operator} ${expr.quantifier.toUpperCase()} over an array that isn't a list of values`);
  if (elements === null) return plain('CAST(NULL AS BOOLEAN)', BOOL);
  if (elements.length === 0) return plain(expr.quantifier === 'any' ? 'FALSE' : 'TRUE', BOOL);
  const entry = ALLOW_LIST.get(expr.fn);
  const simple = entry === '($1 = $2)' ? 'IN' : entry === '($1 <> $2)' ? 'NOT IN' : undefined;
  if (simple !== undefined && (simple === 'IN') === (expr.quantifier === 'any')) {
    return plain(`(${asArgument(arg)} ${simple} (${elements.map((e) => asArgument(print(e, scope))).join(', ')}))`, BOOL);
  }
  const tests = elements.map((element) => {
    const typed: PlanExpr = element.kind === 'constant' ? { ...element, type: elementType } : element;
    return callWith(call, [arg, print(typed, scope)], [expr.arg, typed]).sql;
  });
  return plain(`(${tests.join(expr.quantifier === 'any' ? ' OR ' : ' AND ')})`, BOOL);
}

/** DuckDB SQL of a numeric's text as a decimal that has all of its digits. */
function exactNumeric(text: string, to: Type): string {
  const modifier = numericModifier(to);
  if (modifier === undefined) throw internal('an exact cast is to a numeric with a scale');
  const { precision, scale } = modifier;
  const fits = `regexp_full_match(${text}, '-?\\d{1,${precision - scale}}(\\.\\d{0,${scale}}0*)?')`;
  const message = `a number has more digits than numeric(${precision},${scale}) keeps: cast the column to a numeric with another scale, or to text`;
  return `CASE WHEN ${text} IS NULL OR ${fits} THEN CAST(${text} AS DECIMAL(${precision},${scale})) ELSE error('TL22003:${message}') END`;
}

/** The elements of ARRAY[…] or of an array constant; null: a NULL array. */
function arrayElements(array: PlanExpr): readonly PlanExpr[] | null | undefined {
  if (array.kind === 'array') return array.elements;
  if (array.kind === 'cast' && array.via === 'relabel') return arrayElements(array.arg);
  if (array.kind !== 'constant') return undefined;
  if (array.value === null) return null;
  const element: Type = { oid: ELEMENT_OF.get(array.type.oid) ?? Oid.text, typmod: -1 };
  const texts = parseArrayText(array.value);
  return texts.map((value): PlanExpr => ({ kind: 'constant', type: element, value }));
}

function printCast(expr: Extract<PlanExpr, { kind: 'cast' }>, scope: Scope): Printed {
  const printed = print(expr.arg, scope);
  const from = typeOf(expr.arg);
  if (expr.via === 'relabel') {
    // the same 32 bits, read without a sign
    if (from.oid === Oid.int4 && expr.type.oid === Oid.oid)
      return plain(`CAST(CAST(${printed.sql} AS BIGINT) & 4294967295 AS UINTEGER)`, expr.type);
    if (duckdbType({ ...from, typmod: -1 }) !== duckdbType({ ...expr.type, typmod: -1 })) {
      throw unsupported(`reading ${typeName(from)} as ${typeName(expr.type)}`);
    }
    const same = fixed(settled(printed, expr.type), expr.type);
    return same.scale === undefined && printed.decimal !== undefined ? { ...printed, type: expr.type } : same;
  }
  if (expr.via === 'exact') return fixed(exactNumeric(asArgument(printed), expr.type), expr.type);
  const text = outputTemplate(from.oid);
  const input = inputTemplate(expr.type.oid);
  if (text === undefined) throw unsupported(`a cast from ${typeName(from)} to text`);
  if (input === undefined) throw unsupported(`a cast from text to ${typeName(expr.type)}`);
  const asText = fill(text, [asArgument(printed)]);
  const parts = input.split(new RegExp(REFUSED, 'g')).map((part) => fill(part, [asText]));
  const sql = parts.length === 1 ? (parts[0] as string) : parts.join(readByPostgres(asText, expr.type));
  return fixed(settled(plain(sql, expr.type), expr.type), expr.type);
}
