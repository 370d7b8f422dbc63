import { Oid, type Type } from '../sql/types.js';
import { conjuncts } from './expression.js';
import { sameType } from './logical-plan.js';
import { fieldsOf, type JoinOperator, type PlanLeaf } from './physical-plan.js';

/** Types whose equal values hash equally in any task, whatever their text. */
const HASHED: ReadonlySet<number> = new Set([
  Oid.bool,
  Oid.int2,
  Oid.int4,
  Oid.int8,
  Oid.text,
  Oid.varchar,
  Oid.uuid,
  Oid.date,
  Oid.timestamp,
  Oid.timestamptz,
]);

export function isHashed(type: Type): boolean {
  return HASHED.has(type.oid);
}

/** Columns that a join's condition sets equal, side by side; undefined if it needs all of one side to see all of the other. */
export function equiKeys(join: JoinOperator): { readonly left: readonly number[]; readonly right: readonly number[] } | undefined {
  const left = new Set(fieldsOf(join.left).map((field) => field.id));
  const right = new Set(fieldsOf(join.right).map((field) => field.id));
  const pairs: { readonly left: number; readonly right: number }[] = [];
  for (const part of conjuncts<PlanLeaf>(join.condition)) {
    if (part.kind !== 'call' || part.operator !== '=') continue;
    const [a, b] = part.args;
    if (a?.kind !== 'column' || b?.kind !== 'column' || !sameType(a.type, b.type) || !HASHED.has(a.type.oid)) continue;
    if (left.has(a.id) && right.has(b.id)) pairs.push({ left: a.id, right: b.id });
    else if (left.has(b.id) && right.has(a.id)) pairs.push({ left: b.id, right: a.id });
  }
  return pairs.length === 0 ? undefined : { left: pairs.map((pair) => pair.left), right: pairs.map((pair) => pair.right) };
}
