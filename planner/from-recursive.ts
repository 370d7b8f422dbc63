import { internal, unsupported } from '../sql/errors.js';
import type { Cte } from '../sql/query.js';
import { ELEMENT_OF, numericModifier, Oid, type Type, typeName } from '../sql/types.js';
import { planBranch } from './from-setop.js';
import type { Field, Operator, RecursiveRead } from './physical-plan.js';
import { between, type CteFrames, type Planning } from './planning.js';

/** Are equal values held in different forms, so that UNION's duplicates are not found by the kernel's own comparison? */
function isKeyed(type: Type): boolean {
  const element = ELEMENT_OF.get(type.oid);
  if (element !== undefined) return isKeyed({ oid: element, typmod: type.typmod });
  if (type.oid === Oid.numeric) {
    const modifier = numericModifier(type);
    return modifier === undefined || modifier.precision > 38 || modifier.scale < 0 || modifier.scale > 38;
  }
  return type.oid === Oid.interval || type.oid === Oid.bpchar || type.oid === Oid.jsonb;
}

/**
 * WITH RECURSIVE: PostgreSQL has made sure that the query is `base UNION [ALL] step` and that only the step reads it, once.
 * `recursing` is told while the step is planned what a reference to the query reads.
 */
export function planRecursion(
  cte: Cte,
  frames: CteFrames,
  planning: Planning,
  recursing: (read: Pick<RecursiveRead, 'id' | 'fields'> | undefined) => void,
): Operator {
  const { query } = cte;
  const set = query.setOperation;
  if (set?.kind !== 'set' || set.op !== 'union') throw internal(`the recursive WITH query "${cte.name}" is not a UNION`);
  if (query.orderBy.length > 0 || query.limit !== undefined || query.offset !== undefined)
    throw unsupported('ORDER BY, LIMIT or OFFSET of a recursive query');
  const names = query.targets.map((target) => target.name);
  const fields = set.types.map((type, n): Field => planning.newField(names[n] ?? `column${n + 1}`, type));
  const keyed = fields.find((field) => isKeyed(field.type));
  if (!set.all && keyed !== undefined)
    throw unsupported(`WITH RECURSIVE … UNION over column "${keyed.name}" of type ${typeName(keyed.type)}`);
  // A query in the WITH of the recursive one is read from inside it, one level further in.
  const outer = between(frames[0]?.outer);
  const inner = { ctes: [{ ctes: query.ctes, outer }, ...frames], outer, planning };
  const base = planBranch(query, set.left, set.types, inner);
  const id = fields[0]?.id ?? 0;
  recursing({ id, fields });
  const step = planBranch(query, set.right, set.types, inner);
  recursing(undefined);
  return { kind: 'recursive', id, base, step, all: set.all, fields };
}
