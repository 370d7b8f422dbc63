import { fieldsOf, type TimelineOperator } from '../../../planner/physical-plan.js';

/** Ids of the columns that the kernel looks at: a tie-break only sorts, unless ties are errors. */
export function eventColumns({ input, spec }: Pick<TimelineOperator, 'input' | 'spec'>): readonly number[] {
  const ids = new Set([...spec.keys, spec.ts, ...spec.dedupe, ...(spec.ties === 'error' ? spec.orderBy : [])]);
  if (spec.ends !== undefined) ids.add(spec.ends);
  if (spec.probe !== undefined) ids.add(spec.probe);
  for (const leaf of spec.leaves) {
    if ('value' in leaf) ids.add(leaf.value);
    if ('when' in leaf && leaf.when !== undefined) ids.add(leaf.when);
  }
  return fieldsOf(input).flatMap((field) => (ids.has(field.id) ? [field.id] : []));
}
