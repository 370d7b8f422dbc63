import { createHash } from 'node:crypto';
import type { TimelineSpec } from '../../planner/timeline-spec.js';
import type { Type } from '../../sql/types.js';
import type { Program } from './program.js';

/**
 * What a saved state depends on: types of key and dedupe columns, leaves, stateful operators, idle, ends, fill. Input columns count by the
 * order in which they are first used, not by their ids, which differ from plan to plan: who keeps states sees to it that they are of the
 * same columns. Not in it: since, until, at, every, origin, probe, order_by, ties, and what is shown (see openKernel's `load`).
 */
export function stateShape(spec: TimelineSpec, program: Program, inputType: (id: number) => Type): string {
  const numbers = new Map<number, number>();
  const column = (id: number | undefined): readonly [number, number, number] | undefined => {
    if (id === undefined) return undefined;
    const number = numbers.get(id) ?? numbers.size;
    numbers.set(id, number);
    const { oid, typmod } = inputType(id);
    return [number, oid, typmod];
  };
  return digestOf({
    keys: spec.keys.map(column),
    leaves: spec.leaves.map((leaf) => ({
      ...leaf,
      ...('value' in leaf ? { value: column(leaf.value) } : {}),
      ...('when' in leaf ? { when: column(leaf.when) } : {}),
    })),
    nodes: [...program.nodeTexts].sort(),
    dedupe: spec.dedupe.map(column),
    idle: spec.idle,
    ends: column(spec.ends),
    fill: spec.fill,
    timeZone: program.nodeTexts.length === 0 ? undefined : spec.timeZone,
  });
}

/** What the spans under way depend on besides. */
export function outputShape(spec: TimelineSpec): string {
  const { emit, since, every, origin, timeZone, signals } = spec;
  return digestOf({ emit, since, every, origin, timeZone, signals: signals.map(({ expr, type }) => ({ expr, type })) });
}

function digestOf(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex');
}
