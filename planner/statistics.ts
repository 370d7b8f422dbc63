import { typeOf } from '../sql/expression-type.js';
import { Oid, type Type } from '../sql/types.js';
import { conjuncts } from './expression.js';
import { fieldsOf, type Operator, type PlanExpr, type PlanLeaf, type ScanOperator } from './physical-plan.js';

/** What is known of a table before its files are listed. */
export interface RowSource {
  /** Rows of a scan, its filters put aside; undefined: not known. */
  readonly rows: (scan: ScanOperator) => number | undefined;
  /** The plan of a shared WITH query. */
  readonly shared?: (id: number) => Operator | undefined;
  /** The root of a stage, once there are stages. */
  readonly stage?: (id: number) => Operator | undefined;
}

/** For tables that say nothing of their size. */
const UNKNOWN_ROWS = 10_000;

/** How many rows an operator gives, roughly: for choices between plans that are all right. */
export class Estimates {
  readonly #source: RowSource;
  readonly #rows = new Map<Operator, number>();

  constructor(source: RowSource) {
    this.#source = source;
  }

  rows(op: Operator): number {
    let rows = this.#rows.get(op);
    if (rows === undefined) {
      rows = Math.max(1, this.#estimate(op));
      this.#rows.set(op, rows);
    }
    return rows;
  }

  bytes(op: Operator): number {
    return this.rows(op) * fieldsOf(op).reduce((sum, field) => sum + width(field.type), 0);
  }

  /** Rows of the largest table under an operator: how many different values a column of it may have. */
  domain(op: Operator): number {
    switch (op.kind) {
      case 'filter':
      case 'project':
      case 'sort':
      case 'window':
      case 'assert':
      case 'limit':
        return Math.max(this.domain(op.input), 1);
      case 'scan':
        return this.#source.rows(op) ?? UNKNOWN_ROWS;
      default:
        return this.rows(op);
    }
  }

  #estimate(op: Operator): number {
    switch (op.kind) {
      case 'scan':
        return this.#source.rows(op) ?? UNKNOWN_ROWS;
      case 'values':
        return op.rows.length;
      case 'filter':
        return this.rows(op.input) * selectivity(op.predicate);
      case 'project':
      case 'window':
      case 'assert':
        return this.rows(op.input);
      case 'sample':
        return (this.rows(op.input) * op.percent) / 100;
      case 'table_function':
        return this.rows(op.input) * 10;
      case 'aggregate':
        return op.keys.length === 0 ? 1 : this.rows(op.input) / 10;
      case 'distinct':
        return this.rows(op.input) / 2;
      case 'limit':
      case 'sort':
        return Math.min(this.rows(op.input), op.limit ?? Number.POSITIVE_INFINITY);
      case 'union_all':
        return op.inputs.reduce((sum, input) => sum + this.rows(input), 0);
      case 'join': {
        const left = this.rows(op.left);
        const right = this.rows(op.right);
        if (op.type === 'semi' || op.type === 'anti') return left / 2;
        const parts = conjuncts<PlanLeaf>(op.condition);
        const keyed = parts.some((part) => part.kind === 'call' && part.operator === '=');
        const matched = keyed
          ? (left * right) / Math.max(1, Math.min(this.domain(op.left), this.domain(op.right)))
          : left * right * (parts.length === 0 ? 1 : 0.3);
        switch (op.type) {
          case 'left':
            return Math.max(left, matched);
          case 'right':
            return Math.max(right, matched);
          case 'full':
            return Math.max(left + right, matched);
          default:
            return matched;
        }
      }
      case 'recursive':
        return this.rows(op.base) * 10;
      case 'timeline':
        return this.rows(op.input) / 10;
      case 'shared_read': {
        const plan = this.#source.shared?.(op.id);
        return plan === undefined ? UNKNOWN_ROWS : this.rows(plan);
      }
      case 'exchange_read': {
        const root = this.#source.stage?.(op.stage);
        return root === undefined ? UNKNOWN_ROWS : this.rows(root);
      }
      case 'recursive_read':
        return UNKNOWN_ROWS;
    }
  }
}

const EQUAL = 0.05;
const BELOW = 0.3;

/** The part of rows that pass a predicate, guessed from its shape. */
export function selectivity(expr: PlanExpr): number {
  switch (expr.kind) {
    case 'constant':
      return expr.value === 't' || expr.value === 'true' ? 1 : 0;
    case 'and':
      return expr.args.reduce((product, arg) => product * selectivity(arg), 1);
    case 'or':
      return Math.min(
        1,
        expr.args.reduce((sum, arg) => sum + selectivity(arg), 0),
      );
    case 'not':
      return Math.max(0.05, 1 - selectivity(expr.arg));
    case 'is_null':
      return expr.negated ? 0.95 : 0.05;
    case 'any_all': {
      const count = expr.array.kind === 'array' ? expr.array.elements.length : 5;
      return expr.quantifier === 'any' ? Math.min(0.8, EQUAL * count) : 0.8;
    }
    case 'call':
      switch (expr.operator) {
        case '=':
          return EQUAL;
        case '<>':
        case '!~~':
          return 0.9;
        case '<':
        case '<=':
        case '>':
        case '>=':
          return BELOW;
        case '~~':
          return 0.1;
        default:
          return 0.3;
      }
    default:
      return 0.5;
  }
}

function width(type: Type): number {
  switch (type.oid) {
    case Oid.bool:
      return 1;
    case Oid.int2:
    case Oid.int4:
    case Oid.float4:
    case Oid.date:
      return 4;
    case Oid.int8:
    case Oid.float8:
    case Oid.timestamp:
    case Oid.timestamptz:
    case Oid.time:
      return 8;
    case Oid.uuid:
    case Oid.interval:
    case Oid.numeric:
      return 16;
    default:
      return 24;
  }
}

/** Whether an expression is a plain equality of two columns of one type (and so one that carries over: a = b, b = c, a = c). */
export function columnEquality(part: PlanExpr): { readonly fn: string; readonly a: number; readonly b: number } | undefined {
  if (part.kind !== 'call' || part.operator !== '=') return undefined;
  const [a, b] = part.args;
  if (a?.kind !== 'column' || b?.kind !== 'column') return undefined;
  const [x, y] = [typeOf<PlanLeaf>(a), typeOf<PlanLeaf>(b)];
  return x.oid === y.oid && x.typmod === y.typmod ? { fn: part.fn, a: a.id, b: b.id } : undefined;
}
