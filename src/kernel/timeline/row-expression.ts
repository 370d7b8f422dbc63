import { columnIds } from '../../../planner/columns.js';
import { type Inner, isInner, mapChildren, mapLeaves } from '../../../planner/expression.js';
import type { PlanExpr, PlanLeaf } from '../../../planner/physical-plan.js';
import { isComputableRow, mayFail, utcInstant } from '../../../planner/row-computable.js';
import type { StateExpr, StateLeaf } from '../../../planner/timeline-spec.js';
import type { ColumnVector } from '../../../sql/column-vector.js';
import { internal } from '../../../sql/errors.js';
import type { Constant } from '../../../sql/expression.js';
import { typeOf } from '../../../sql/expression-type.js';
import { Oid, type Type } from '../../../sql/types.js';
import type { Value } from '../../../sql/value.js';
import { parseValue } from '../../../sql/value-text.js';
import { compileScalar } from '../../timeline/scalar.js';
import { and3, type Comparison, compareNumbers, isNull, not3, or3, truthOf, truthVector } from './boolean-vectors.js';
import { codesFor, constantVector, valueReader } from './vectors.js';

/** A scan's columns by id. */
export type RowColumns = ReadonlyMap<number, ColumnVector>;

export interface RowExpression {
  run(columns: RowColumns, rowCount: number): ColumnVector;
}

/** An expression that isComputableRow() lets through. What may fail is computed for just the values that rows have. */
export function compileRowExpression(expr: PlanExpr): RowExpression {
  if (!isComputableRow(expr)) throw internal('timeline: an expression of its rows that only DuckDB computes');
  return compile(expr);
}

function compile(expr: PlanExpr): RowExpression {
  const instant = utcInstant(expr);
  if (instant !== undefined) return compile(instant);
  switch (expr.kind) {
    case 'column': {
      const { id } = expr;
      return { run: (columns) => columnOf(columns, id) };
    }
    case 'cast':
      if (expr.via === 'relabel') return compile(expr.arg);
      break;
    case 'constant': {
      const value = constantValue(expr);
      return { run: (_, rowCount) => constantVector(value, rowCount) };
    }
    case 'and':
    case 'or': {
      // all of them are computed for all rows: only what cannot fail may be
      if (columnIds(expr).size < 2 && !isOfNumbers(expr)) break;
      if (mayFail(expr)) break;
      const args = expr.args.map(compile);
      const join = expr.kind === 'and' ? and3 : or3;
      return { run: (columns, rowCount) => args.map((arg) => arg.run(columns, rowCount)).reduce((a, b) => join(a, b)) };
    }
    case 'not': {
      if (columnIds(expr).size < 2 && !isOfNumbers(expr)) break;
      const arg = compile(expr.arg);
      return { run: (columns, rowCount) => not3(arg.run(columns, rowCount)) };
    }
    case 'is_null': {
      const arg = compile(expr.arg);
      return { run: (columns, rowCount) => isNull(arg.run(columns, rowCount), expr.negated) };
    }
    case 'call': {
      const compared = comparison(expr);
      if (compared === undefined) break;
      const { column, test, constant } = compared;
      const slow = byValue(expr);
      return {
        run(columns, rowCount) {
          const vector = columnOf(columns, column);
          return vector.kind === 'numbers' ? compareNumbers(vector, test, constant) : slow.run(columns, rowCount);
        },
      };
    }
    default:
  }
  return byValue(expr);
}

function columnOf(columns: RowColumns, id: number): ColumnVector {
  const column = columns.get(id);
  if (column === undefined) throw internal(`timeline: the scan has no column ${id}`);
  return column;
}

function constantValue({ type, value }: Constant): Value | null {
  return value === null ? null : parseValue(type, value, { timeZone: 'UTC' });
}

function isOfNumbers(expr: PlanExpr): boolean {
  if (expr.kind === 'and' || expr.kind === 'or') return expr.args.some(isOfNumbers);
  if (expr.kind === 'not') return isOfNumbers(expr.arg);
  return comparison(expr) !== undefined;
}

/** Types whose numbers compare as their values do; floats have NaN. */
const ORDERED: ReadonlySet<number> = new Set([Oid.int2, Oid.int4, Oid.int8, Oid.oid, Oid.date, Oid.time, Oid.timestamp, Oid.timestamptz]);
const TEST = /(eq|ne|lt|le|gt|ge)\([a-z0-9]+,[a-z0-9]+\)$/;
const MIRRORED: Readonly<Record<Comparison, Comparison>> = { eq: 'eq', ne: 'ne', lt: 'gt', le: 'ge', gt: 'lt', ge: 'le' };

/** A column of numbers beside a constant. */
function comparison(expr: PlanExpr): { readonly column: number; readonly test: Comparison; readonly constant: number } | undefined {
  if (expr.kind !== 'call' || expr.args.length !== 2) return undefined;
  const test = TEST.exec(expr.fn)?.[1] as Comparison | undefined;
  const [a, b] = expr.args.map((arg) => utcInstant(arg) ?? arg);
  if (test === undefined || a === undefined || b === undefined) return undefined;
  const of = (column: PlanExpr, constant: PlanExpr, name: Comparison): ReturnType<typeof comparison> => {
    if (column.kind !== 'column' || constant.kind !== 'constant') return undefined;
    if (!ORDERED.has(column.type.oid) || !ORDERED.has(constant.type.oid)) return undefined;
    const value = constantValue(constant);
    return typeof value === 'number' || typeof value === 'bigint' ? { column: column.id, test: name, constant: Number(value) } : undefined;
  };
  return of(a, b, test) ?? of(b, a, MIRRORED[test]);
}

/** Value by value: once for each entry of a dictionary where only one column is read. */
function byValue(expr: PlanExpr): RowExpression {
  const ids = [...columnIds(expr)];
  const type = typeOf<PlanLeaf>(expr);
  const types = new Map(ids.map((id) => [id, columnType(expr, id)]));
  const readers = new Map<number, (row: number) => Value | null>();
  const evaluate = compileScalar(stateExpr(expr), {
    timeZone: 'UTC',
    leaf: (leaf) => {
      if (leaf.kind !== 'leaf') throw internal('timeline: a row expression over states');
      const { index } = leaf;
      // a row takes the place of a key's slot
      return (row) => (readers.get(index) as (row: number) => Value | null)(row);
    },
    instead: () => undefined,
  });
  const [only] = ids;
  const fallible = mayFail(expr);
  const mapped = new WeakMap<readonly (Value | null)[], MappedDictionary>();
  const ofValue = (value: Value | null): Value | null => {
    readers.set(only as number, () => value);
    return evaluate(0);
  };
  return {
    run(columns, rowCount) {
      if (only === undefined) return constantVector(rowCount === 0 ? null : evaluate(0), rowCount);
      const vector = columnOf(columns, only);
      if (ids.length === 1 && vector.kind === 'codes') {
        let entries = mapped.get(vector.dictionary);
        if (entries === undefined) {
          entries = { values: new Array(vector.dictionary.length).fill(null), known: new Uint8Array(vector.dictionary.length) };
          mapped.set(vector.dictionary, entries);
        }
        return overDictionary(vector, entries, { rowCount, fallible, ofValue });
      }
      for (const id of ids) readers.set(id, valueReader(columnOf(columns, id), types.get(id) as Type));
      if (type.oid !== Oid.bool) {
        const values: (Value | null)[] = new Array(rowCount);
        for (let row = 0; row < rowCount; row++) values[row] = evaluate(row);
        return { kind: 'values', values };
      }
      const truths = new Uint8Array(rowCount);
      for (let row = 0; row < rowCount; row++) truths[row] = truthOf(evaluate(row));
      return truthVector(truths);
    },
  };
}

/** Results by code; those not known have not been asked for. */
interface MappedDictionary {
  /** Replaced when more is known: who reads them may remember a dictionary. */
  values: readonly (Value | null)[];
  readonly known: Uint8Array;
}

function overDictionary(
  vector: Extract<ColumnVector, { readonly kind: 'codes' }>,
  entries: MappedDictionary,
  options: { readonly rowCount: number; readonly fallible: boolean; readonly ofValue: (value: Value | null) => Value | null },
): ColumnVector {
  const { codes, dictionary, valid } = vector;
  const { rowCount, fallible, ofValue } = options;
  const { known } = entries;
  const wanted: number[] = [];
  if (fallible) {
    for (let row = 0; row < rowCount; row++) {
      const code = codes[row] as number;
      if (known[code] !== 0 || (valid !== undefined && valid[row] === 0)) continue;
      known[code] = 1;
      wanted.push(code);
    }
  } else {
    for (let code = 0; code < dictionary.length; code++) if (known[code] === 0) wanted.push(code);
    known.fill(1);
  }
  if (wanted.length > 0) {
    const values = [...entries.values];
    for (const code of wanted) values[code] = ofValue(dictionary[code] ?? null);
    entries.values = values;
  }
  const { values } = entries;
  const ofNull = valid?.includes(0) === true ? ofValue(null) : null;
  if (ofNull === null) return { kind: 'codes', codes, dictionary: values, valid };
  const widened = codesFor(values.length + 1, rowCount);
  for (let row = 0; row < rowCount; row++) widened[row] = valid?.[row] === 0 ? values.length : (codes[row] as number);
  return { kind: 'codes', codes: widened, dictionary: [...values, ofNull], valid: undefined };
}

function columnType(expr: PlanExpr, id: number): Type {
  let found: Type | undefined;
  mapLeaves<PlanLeaf, PlanLeaf>(expr, (leaf) => {
    if (leaf.kind === 'column' && leaf.id === id) found = leaf.type;
    return leaf;
  });
  if (found === undefined) throw internal(`timeline: an expression does not read column ${id}`);
  return found;
}

/** Columns as leaves with their ids, for the compiler of state expressions. */
function stateExpr(expr: PlanExpr): StateExpr {
  return mapLeaves<PlanLeaf, StateLeaf>(withoutZones(expr), (leaf) => {
    if (leaf.kind !== 'column') throw internal('timeline: a subquery in a row expression');
    return { kind: 'leaf', index: leaf.id, type: leaf.type };
  });
}

function withoutZones(expr: PlanExpr): PlanExpr {
  const instant = utcInstant(expr);
  if (instant !== undefined) return withoutZones(instant);
  return isInner<PlanLeaf>(expr) ? mapChildren<PlanLeaf, PlanLeaf>(expr as Inner<PlanLeaf>, withoutZones) : expr;
}
