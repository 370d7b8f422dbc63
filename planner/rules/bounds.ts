import { Oid, type Type } from '../../sql/types.js';
import { parseDate, parseTimestamp, parseTimestampTz } from '../../sql/value-time.js';
import { conjunction, conjuncts, FALSE } from '../expression.js';
import { mapExpressions, rewrite } from '../logical-plan.js';
import type { Operator, PlanExpr, PlanLeaf } from '../physical-plan.js';

/**
 * Of several bounds of one column in a filter the narrowest stay, and bounds that no value lies between are FALSE, so that
 * nothing is read: `x > 5 AND x < 3`, `x = 1 AND x = 2`, `x = NULL`.
 */
export function narrowBounds(plan: Operator): Operator {
  return rewrite(plan, (op) =>
    op.kind === 'filter' ? mapExpressions(op, (predicate) => conjunction<PlanLeaf>(narrowed(conjuncts<PlanLeaf>(predicate))) ?? FALSE) : op,
  );
}

interface Bound {
  readonly part: PlanExpr;
  readonly op: string;
  readonly value: Value;
}

type Value = bigint | Buffer;

function narrowed(parts: readonly PlanExpr[]): readonly PlanExpr[] {
  const columns = new Map<number, Bound[]>();
  for (const part of parts) {
    if (isComparedWithNull(part)) return [FALSE];
    const found = boundOf(part);
    if (found === undefined) continue;
    const bounds = columns.get(found.column);
    if (bounds === undefined) columns.set(found.column, [found]);
    else bounds.push(found);
  }
  const dropped = new Set<PlanExpr>();
  for (const bounds of columns.values()) {
    if (bounds.length < 2) continue;
    for (const [n, a] of bounds.entries()) {
      for (const [m, b] of bounds.entries()) {
        if (n === m || dropped.has(b.part)) continue;
        if (excludes(a, b)) return [FALSE];
        // of two that say the same the first stays
        if (implies(a, b) && !(implies(b, a) && m < n)) dropped.add(b.part);
      }
    }
  }
  return dropped.size === 0 ? parts : parts.filter((part) => !dropped.has(part));
}

const FLIPPED: Readonly<Record<string, string>> = { '=': '=', '<': '>', '<=': '>=', '>': '<', '>=': '<=' };

function boundOf(part: PlanExpr): (Bound & { readonly column: number }) | undefined {
  if (part.kind !== 'call' || part.operator === undefined || !(part.operator in FLIPPED)) return undefined;
  const [a, b] = part.args;
  const [column, constant, op] = b?.kind === 'constant' ? [a, b, part.operator] : [b, a, FLIPPED[part.operator] ?? ''];
  if (column?.kind !== 'column' || constant?.kind !== 'constant' || constant.value === null) return undefined;
  const value = comparable(column.type, constant.type, constant.value);
  return value === undefined ? undefined : { part, op, value, column: column.id };
}

const WHOLE: ReadonlySet<number> = new Set([Oid.int2, Oid.int4, Oid.int8]);

/** A constant on a scale of its column's type; undefined where the types are not alike. */
function comparable(column: Type, constant: Type, text: string): Value | undefined {
  if (WHOLE.has(column.oid)) return WHOLE.has(constant.oid) ? BigInt(text) : undefined;
  if (column.oid !== constant.oid) return undefined;
  switch (column.oid) {
    case Oid.date: {
      const days = parseDate(text);
      return Number.isFinite(days) ? BigInt(days) : undefined;
    }
    case Oid.timestamp:
      return parseTimestamp(text);
    case Oid.timestamptz:
      return parseTimestampTz(text, 'UTC');
    case Oid.text:
      return Buffer.from(text, 'utf8');
    default:
      return undefined;
  }
}

function compare(a: Value, b: Value): number {
  if (typeof a === 'bigint' || typeof b === 'bigint') return a < b ? -1 : a > b ? 1 : 0;
  return Buffer.compare(a, b);
}

/** Does every value that meets `a` meet `b`? */
function implies(a: Bound, b: Bound): boolean {
  const order = compare(a.value, b.value);
  if (a.op === '=') return meets(a.value, b);
  switch (b.op) {
    case '<':
      return (a.op === '<' && order <= 0) || (a.op === '<=' && order < 0);
    case '<=':
      return (a.op === '<' || a.op === '<=') && order <= 0;
    case '>':
      return (a.op === '>' && order >= 0) || (a.op === '>=' && order > 0);
    case '>=':
      return (a.op === '>' || a.op === '>=') && order >= 0;
    default:
      return false;
  }
}

/** Is there no value that meets both? */
function excludes(a: Bound, b: Bound): boolean {
  if (a.op === '=') return !meets(a.value, b);
  if (b.op === '=') return !meets(b.value, a);
  const order = compare(a.value, b.value);
  if (a.op === '>' || a.op === '>=') {
    if (b.op === '<' || b.op === '<=') return order > 0 || (order === 0 && !(a.op === '>=' && b.op === '<='));
  }
  return false;
}

function meets(value: Value, bound: Bound): boolean {
  const order = compare(value, bound.value);
  switch (bound.op) {
    case '=':
      return order === 0;
    case '<':
      return order < 0;
    case '<=':
      return order <= 0;
    case '>':
      return order > 0;
    default:
      return order >= 0;
  }
}

function isComparedWithNull(part: PlanExpr): boolean {
  if (part.kind !== 'call' || part.operator === undefined || !(part.operator in FLIPPED || part.operator === '<>')) return false;
  return part.args.some((arg) => arg.kind === 'constant' && arg.value === null) && part.args.some((arg) => arg.kind === 'column');
}
