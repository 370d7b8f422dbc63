import { comparisonOf, flipped, LOSSLESS_CASTS, negated, type Operator } from '../../../sql/comparison.js';
import type { Expr } from '../../../sql/expression.js';
import { ELEMENT_OF, Oid } from '../../../sql/types.js';
import type { TableColumn, TablePredicate } from '../../connector.js';
import type { Datum } from '../format/datum.js';
import type { IcebergType } from '../format/schema.js';
import { compare, place } from './comparison.js';
import { arrayElements } from './constant.js';
import { ANY, allOf, anyOf, type Condition, type ConditionColumn, inTest, NEVER } from './predicate.js';

export type ColumnLookup = (name: string) => ConditionColumn | undefined;

/** What must hold of a row for `filter` to be true, as far as bounds can tell. Never narrower than the filter. */
export function conditionOf(filter: TablePredicate, columns: ColumnLookup): Condition {
  return isTrue(filter, columns);
}

function isTrue(filter: TablePredicate, columns: ColumnLookup): Condition {
  switch (filter.kind) {
    case 'and':
      return allOf(filter.args.map((arg) => isTrue(arg, columns)));
    case 'or':
      return anyOf(filter.args.map((arg) => isTrue(arg, columns)));
    case 'not':
      return isFalse(filter.arg, columns);
    case 'is_null':
      return nullTest(filter.arg, filter.negated, columns);
    case 'is_bool':
      return filter.test === 'unknown' || filter.negated
        ? ANY
        : filter.test === 'true'
          ? isTrue(filter.arg, columns)
          : isFalse(filter.arg, columns);
    case 'call':
      return callTest(filter, false, columns);
    case 'any_all':
      return anyAllTest(filter, columns);
    case 'table_column':
      return booleanTest(filter, 't', columns);
    case 'constant':
      return filter.type.oid === Oid.bool && filter.value !== 't' && filter.value !== 'true' ? NEVER : ANY;
    default:
      return ANY;
  }
}

/** Rows for which the filter is FALSE (not NULL): what NOT lets through. */
function isFalse(filter: TablePredicate, columns: ColumnLookup): Condition {
  switch (filter.kind) {
    case 'and':
      return anyOf(filter.args.map((arg) => isFalse(arg, columns)));
    case 'or':
      return allOf(filter.args.map((arg) => isFalse(arg, columns)));
    case 'not':
      return isTrue(filter.arg, columns);
    case 'is_null':
      return nullTest(filter.arg, !filter.negated, columns);
    case 'call':
      return callTest(filter, true, columns);
    case 'table_column':
      return booleanTest(filter, 'f', columns);
    default:
      return ANY;
  }
}

function nullTest(arg: Expr<TableColumn>, isNotNull: boolean, columns: ColumnLookup): Condition {
  if (arg.kind !== 'table_column') return ANY;
  const column = columns(arg.name);
  return column === undefined ? ANY : { kind: 'test', column, test: { kind: isNotNull ? 'not_null' : 'is_null' } };
}

function booleanTest(leaf: TableColumn, value: 't' | 'f', columns: ColumnLookup): Condition {
  const column = columns(leaf.name);
  return column === undefined ? ANY : compare(column, '=', leaf.type, value);
}

function callTest(call: Extract<TablePredicate, { kind: 'call' }>, negate: boolean, columns: ColumnLookup): Condition {
  const [left, right] = call.args;
  if (left === undefined || right === undefined || call.args.length !== 2) return ANY;
  const op = comparisonOf(call.fn);
  if (op !== undefined) return comparison(left, negate ? negated(op) : op, right, columns);
  if (negate) return ANY;
  const column = columnOf(left, columns);
  if (column === undefined || right.kind !== 'constant' || !isText(column.type)) return ANY;
  if (call.fn === 'textlike(text,text)') return right.value === null ? NEVER : like(column, right.value);
  if (call.fn === 'starts_with(text,text)') return right.value === null ? NEVER : prefixTest(column, right.value);
  return ANY;
}

function comparison(left: TablePredicate, op: Operator, right: TablePredicate, columns: ColumnLookup): Condition {
  const leftColumn = columnOf(left, columns);
  if (leftColumn !== undefined && right.kind === 'constant') return compare(leftColumn, op, right.type, right.value);
  const rightColumn = columnOf(right, columns);
  if (rightColumn !== undefined && left.kind === 'constant') return compare(rightColumn, flipped(op), left.type, left.value);
  return ANY;
}

/** `column = ANY (constants)`, which IN is too; PostgreSQL's other quantified comparisons conclude nothing. */
function anyAllTest(filter: Extract<TablePredicate, { kind: 'any_all' }>, columns: ColumnLookup): Condition {
  if (filter.quantifier !== 'any' || comparisonOf(filter.fn) !== '=') return ANY;
  const column = columnOf(filter.arg, columns);
  const elements = constants(filter.array);
  if (column === undefined || elements === undefined) return ANY;
  const values: Datum[] = [];
  for (const { type, value } of elements) {
    if (value === null) continue;
    const placed = place(column, type, value);
    if (placed === undefined) return ANY;
    if (placed.exact) values.push(placed.floor);
  }
  return values.length === 0 ? NEVER : { kind: 'test', column, test: inTest(values) };
}

function constants(array: TablePredicate): { type: { oid: number; typmod: number }; value: string | null }[] | undefined {
  if (array.kind === 'array') {
    const elements = array.elements.map((element) =>
      element.kind === 'constant' ? { type: element.type, value: element.value } : undefined,
    );
    return elements.every((element) => element !== undefined) ? elements : undefined;
  }
  if (array.kind !== 'constant') return undefined;
  if (array.value === null) return [];
  const oid = ELEMENT_OF.get(array.type.oid);
  if (oid === undefined) return undefined;
  return arrayElements(array.value)?.map((value) => ({ type: { oid, typmod: -1 }, value }));
}

/** The column behind casts that keep order and equality: varchar to text, int to bigint or numeric, date to timestamp, real to double. */
function columnOf(expr: TablePredicate, columns: ColumnLookup): ConditionColumn | undefined {
  if (expr.kind === 'table_column') return columns(expr.name);
  if (expr.kind === 'cast' && expr.via === 'relabel') return columnOf(expr.arg, columns);
  if (expr.kind === 'call' && expr.isCast === true && expr.args.length === 1 && LOSSLESS_CASTS.has(expr.fn)) {
    const arg = expr.args[0];
    return arg === undefined ? undefined : columnOf(arg, columns);
  }
  if (expr.kind === 'call' && expr.fn === 'jsonb_object_field_text(jsonb,text)') {
    const member = memberOf(expr.args, columns);
    // Of other types ->> gives a text, which has another order.
    return member !== undefined && isText(member.type) ? member : undefined;
  }
  return undefined;
}

/** A member of a struct, by its name: statistics have its own id. */
function memberOf([outer, key]: readonly TablePredicate[], columns: ColumnLookup): ConditionColumn | undefined {
  if (outer === undefined || key?.kind !== 'constant') return undefined;
  const isMember = outer.kind === 'call' && outer.fn === 'jsonb_object_field(jsonb,text)';
  const struct = isMember ? memberOf(outer.args, columns) : columnOf(outer, columns);
  const field = struct?.type.kind === 'struct' ? struct.type.fields.findLast(({ name }) => name === key.value) : undefined;
  return field === undefined ? undefined : { id: field.id, type: field.type };
}

function like(column: ConditionColumn, pattern: string): Condition {
  let prefix = '';
  for (let at = 0; at < pattern.length; at++) {
    const character = pattern[at];
    if (character === '%' || character === '_') return prefixTest(column, prefix);
    if (character !== '\\') prefix += character;
    else if (++at < pattern.length) prefix += pattern[at];
    // PostgreSQL refuses a pattern that ends in its escape character; that is for the engine to say.
    else return ANY;
  }
  return { kind: 'test', column, test: { kind: 'compare', op: '=', value: new TextEncoder().encode(prefix) } };
}

function prefixTest(column: ConditionColumn, prefix: string): Condition {
  // Half of a surrogate pair has no UTF-8 form of its own.
  if (prefix === '' || /[\ud800-\udbff]$/.test(prefix)) return { kind: 'test', column, test: { kind: 'not_null' } };
  return { kind: 'test', column, test: { kind: 'prefix', prefix: new TextEncoder().encode(prefix) } };
}

function isText(type: IcebergType): boolean {
  return type.kind === 'primitive' && type.name === 'string';
}
