import type { PruningStep } from '../../planner/physical-plan.js';

/** Steps of one name (and note) added up, in the order in which they came first. */
export function addSteps(steps: readonly PruningStep[], more: readonly PruningStep[]): readonly PruningStep[] {
  const sums = new Map(steps.map((step) => [nameOf(step), step]));
  for (const one of more) {
    const sum = sums.get(nameOf(one));
    sums.set(nameOf(one), sum === undefined ? one : added(sum, one));
  }
  return [...sums.values()];
}

function added(a: PruningStep, b: PruningStep): PruningStep {
  const bytes =
    a.bytesBefore === undefined || a.bytesAfter === undefined || b.bytesBefore === undefined || b.bytesAfter === undefined
      ? {}
      : { bytesBefore: a.bytesBefore + b.bytesBefore, bytesAfter: a.bytesAfter + b.bytesAfter };
  const note = a.note === undefined ? {} : { note: a.note };
  return { step: a.step, before: a.before + b.before, after: a.after + b.after, ...bytes, ...note };
}

function nameOf({ step, note }: PruningStep): string {
  return note === undefined ? step : `${step}: ${note}`;
}
