import type { ColumnPath } from '../connectors/connector.js';
import type { Case } from '../sql/expression.js';
import { functionName } from '../sql/functions/signature.js';
import { Oid, type Type, typeName } from '../sql/types.js';
import type { PlanExpr, PlanLeaf, ScanOperator, SubqueryExpr } from './physical-plan.js';

/** How columns are shown: by id. */
export type ColumnNames = (id: number) => string;

export function scanNames(scan: ScanOperator): ColumnNames {
  return (id) => quoteIdentifier(scan.fields.find((field) => field.id === id)?.name ?? `c${id}`);
}

/** A member of a column, as SQL. */
export function printPath({ column, keys, as }: ColumnPath): string {
  const members = keys.map((key, n) => `${as === 'text' && n === keys.length - 1 ? '->>' : '->'}'${key.replaceAll("'", "''")}'`);
  return `${quoteIdentifier(column)}${members.join('')}`;
}

/** Binding strength, loosest first; an operand that binds looser than its place is put in parentheses. */
const OR = 1;
const AND = 2;
const NOT = 3;
const IS = 4;
const COMPARE = 5;
const OTHER = 6;
const ADD = 7;
const MULTIPLY = 8;
const UNARY = 9;
const CAST = 10;
const ATOM = 11;

/** An expression as someone would write it in SQL; for people (EXPLAIN), not for parsing. */
export function printExpression(expr: PlanExpr, names: ColumnNames): string {
  return print(expr, names).text;
}

interface Printed {
  readonly text: string;
  readonly binds: number;
}

function print(expr: PlanExpr, names: ColumnNames): Printed {
  const at = (child: PlanExpr, level: number): string => {
    const { text, binds } = print(child, names);
    return binds < level ? `(${text})` : text;
  };
  const list = (children: readonly PlanExpr[]): string => children.map((child) => at(child, 0)).join(', ');
  const node = (text: string, binds: number): Printed => ({ text, binds });
  switch (expr.kind) {
    case 'column':
      return node(names(expr.id), ATOM);
    case 'subquery':
      return node(
        printSubquery(expr, (child) => at(child, 0)),
        ATOM,
      );
    case 'constant':
      return node(printConstant(expr.type, expr.value), ATOM);
    case 'parameter':
      return node(`$${expr.number}`, ATOM);
    case 'and':
      return node(expr.args.map((arg) => at(arg, AND + 1)).join(' AND '), AND);
    case 'or':
      return node(expr.args.map((arg) => at(arg, OR + 1)).join(' OR '), OR);
    case 'not':
      return node(`NOT ${at(expr.arg, NOT)}`, NOT);
    case 'is_null':
      return node(`${at(expr.arg, OTHER)} IS ${expr.negated ? 'NOT ' : ''}NULL`, IS);
    case 'is_bool':
      return node(`${at(expr.arg, OTHER)} IS ${expr.negated ? 'NOT ' : ''}${expr.test.toUpperCase()}`, IS);
    case 'distinct': {
      const [a, b] = expr.call.args;
      if (a === undefined || b === undefined) return node(`${expr.call.fn}(${list(expr.call.args)})`, ATOM);
      return node(`${at(a, COMPARE + 1)} IS ${expr.negated ? 'NOT ' : ''}DISTINCT FROM ${at(b, COMPARE + 1)}`, IS);
    }
    case 'case':
      return node(
        printCase(expr, (child) => at(child, 0)),
        ATOM,
      );
    case 'coalesce':
      return node(`coalesce(${list(expr.args)})`, ATOM);
    case 'minmax':
      return node(`${expr.op}(${list(expr.args)})`, ATOM);
    case 'nullif':
      return node(`nullif(${list(expr.call.args)})`, ATOM);
    case 'any_all': {
      const elements = expr.array.kind === 'array' ? expr.array.elements : undefined;
      if (elements !== undefined && expr.quantifier === 'any' && expr.operator === '=')
        return node(`${at(expr.arg, COMPARE + 1)} IN (${list(elements)})`, COMPARE);
      if (elements !== undefined && expr.quantifier === 'all' && expr.operator === '<>')
        return node(`${at(expr.arg, COMPARE + 1)} NOT IN (${list(elements)})`, COMPARE);
      return node(`${at(expr.arg, OTHER)} ${expr.operator} ${expr.quantifier.toUpperCase()} (${at(expr.array, 0)})`, COMPARE);
    }
    case 'array':
      return node(`ARRAY[${list(expr.elements)}]`, ATOM);
    case 'template':
      return node(`${expr.name}(${list(expr.args)})`, ATOM);
    case 'subscript':
      return node(`${at(expr.arg, CAST)}[${at(expr.index, 0)}]`, ATOM);
    case 'cast':
      // a relabel changes nothing that a reader of a plan would want to see
      return expr.via !== 'io' ? print(expr.arg, names) : node(`${at(expr.arg, CAST)}::${printType(expr.type)}`, CAST);
    case 'call': {
      const [a, b] = expr.args;
      if (expr.isCast === true && a !== undefined) return node(`${at(a, CAST)}::${printType(expr.type)}`, CAST);
      if (expr.operator !== undefined && a !== undefined) {
        const sign = shown(expr.operator);
        if (b === undefined) return node(`${sign}${sign === '-' && a.kind === 'constant' ? ' ' : ''}${at(a, UNARY)}`, UNARY);
        const binds = strength(expr.operator);
        const nonAssociative = binds === COMPARE;
        return node(`${at(a, nonAssociative ? binds + 1 : binds)} ${sign} ${at(b, binds + 1)}`, binds);
      }
      return node(`${functionName(expr.fn)}(${list(expr.args)})`, ATOM);
    }
  }
}

function printSubquery(expr: SubqueryExpr, text: (child: PlanExpr) => string): string {
  switch (expr.link) {
    case 'scalar':
      return '(subquery)';
    case 'exists':
      return 'EXISTS (subquery)';
    case 'array':
      return 'ARRAY (subquery)';
    case 'any':
    case 'all':
      return `${expr.link.toUpperCase()} (subquery: ${expr.test === undefined ? '' : text(expr.test)})`;
  }
}

function printCase(expr: Case<PlanLeaf>, text: (child: PlanExpr) => string): string {
  const whens = expr.whens.map((w) => `WHEN ${text(w.when)} THEN ${text(w.result)}`).join(' ');
  const otherwise = expr.otherwise.kind === 'constant' && expr.otherwise.value === null ? '' : ` ELSE ${text(expr.otherwise)}`;
  return `CASE ${whens}${otherwise} END`;
}

function strength(operator: string): number {
  if (['=', '<>', '<', '>', '<=', '>='].includes(operator)) return COMPARE;
  if (operator === '+' || operator === '-') return ADD;
  if (operator === '*' || operator === '/' || operator === '%') return MULTIPLY;
  return OTHER;
}

/** PostgreSQL's names for the operators that have a keyword. */
function shown(operator: string): string {
  switch (operator) {
    case '~~':
      return 'LIKE';
    case '!~~':
      return 'NOT LIKE';
    case '~~*':
      return 'ILIKE';
    case '!~~*':
      return 'NOT ILIKE';
    default:
      return operator;
  }
}

const BARE: ReadonlySet<number> = new Set([Oid.int2, Oid.int4, Oid.int8, Oid.numeric, Oid.float4, Oid.float8]);
const QUOTED: ReadonlySet<number> = new Set([Oid.text, Oid.varchar, Oid.bpchar, Oid.unknown, Oid.name]);

function printConstant(type: Type, value: string | null): string {
  if (value === null) return 'NULL';
  if (type.oid === Oid.bool) return value === 't' || value === 'true' ? 'true' : 'false';
  if (BARE.has(type.oid) && /^-?[0-9.]+$/.test(value)) return value;
  const quoted = `'${value.replaceAll("'", "''")}'`;
  return QUOTED.has(type.oid) ? quoted : `${quoted}::${printType(type)}`;
}

function printType(type: Type): string {
  const name = typeName(type);
  return name.startsWith('_') ? `${name.slice(1)}[]` : name;
}

export function quoteIdentifier(name: string): string {
  return /^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
}
