import { internal, unsupported } from '../sql/errors.js';
import { ELEMENT_OF, numericModifier, Oid, type Type, typeName } from '../sql/types.js';
import { columnRef } from './expression.js';
import { type Field, fieldsOf, type Operator, type PlanExpr } from './physical-plan.js';
import type { Planning } from './planning.js';
import type { PlanSink } from './sink.js';

/** Where the rows go; the sink's column n is column `from[n]` of the query (from 0), NULL where it is undefined. */
export interface WriteTarget {
  readonly sink: PlanSink;
  readonly from: readonly (number | undefined)[];
}

/** The query's rows as the sink wants them: its columns in its order and types. */
export function writtenRows(input: Operator, { sink, from }: WriteTarget, planning: Planning): Operator {
  const fields = fieldsOf(input);
  const items = sink.columns.map(({ name, type }, n) => {
    const source = from[n];
    const field = source === undefined ? undefined : fields[source];
    if (source !== undefined && field === undefined)
      throw internal(`column ${name} is written from column ${source}, which the query does not have`);
    const expr: PlanExpr = field === undefined ? { kind: 'constant', type, value: null } : kept(field, name, type, planning);
    return { field: planning.newField(name, type), expr };
  });
  return { kind: 'project', input, items };
}

/** Functions that keep a value in a larger type. */
const BY_FUNCTION: ReadonlyMap<string, string> = new Map([
  [`${Oid.int2} ${Oid.int4}`, 'int4(int2)'],
  [`${Oid.oid} ${Oid.int8}`, 'int8(oid)'],
  [`${Oid.name} ${Oid.text}`, 'text(name)'],
  [`${Oid.bpchar} ${Oid.text}`, 'text(bpchar)'],
]);
const RELABELLED = new Set<number>([Oid.varchar, Oid.json]);

/**
 * A new table may keep a column in a larger type than the query's: as PostgreSQL's cast to that type has it. A numeric without a scale is kept
 * with one; a number that it does not fit fails.
 */
function kept(field: Field, name: string, type: Type, planning: Planning): PlanExpr {
  const arg = columnRef(field);
  const from = field.type.oid;
  const modifier = numericModifier(type);
  if (modifier !== undefined && numericModifier(field.type) === undefined) {
    planning.notices.push(`column "${name}" is kept as numeric(${modifier.precision},${modifier.scale})`);
    return { kind: 'cast', via: 'exact', arg, type };
  }
  if (from === type.oid) return arg;
  planning.notices.push(`column "${name}" of type ${typeName(field.type)} is kept as ${typeName(type)}`);
  const fn = BY_FUNCTION.get(`${from} ${type.oid}`);
  if (fn !== undefined) return { kind: 'call', fn, args: [arg], type, volatility: 'immutable', isCast: true };
  if (type.oid === Oid.text) return { kind: 'cast', via: RELABELLED.has(from) ? 'relabel' : 'io', arg, type };
  if (ELEMENT_OF.has(from) && ELEMENT_OF.has(type.oid))
    return { kind: 'template', name: 'cast of elements', pieces: ['cast(', ` as ${typeName(type)})`], args: [arg], type };
  throw unsupported(`a column of type ${typeName(field.type)} that is kept as ${typeName(type)}`);
}
