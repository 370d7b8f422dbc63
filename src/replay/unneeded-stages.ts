import type { SchedulerState } from './scheduler.js';

/**
 * Stages whose files nobody will read any more: all that read them are done. Not the last one, whose files are the answer, nor those with
 * notices, which are told at the end.
 */
export function unneededStages(state: SchedulerState, removed: ReadonlySet<number>): readonly number[] {
  const done = new Set(state.stages.filter((stage) => stage.done).map((stage) => stage.id));
  const noticed = new Set(state.noticed.map(([stage]) => stage));
  return state.spec.stages.slice(0, -1).flatMap(({ id }) => {
    const readers = state.spec.stages.filter(({ deps }) => deps.includes(id));
    const over = done.has(id) && readers.length > 0 && readers.every((reader) => done.has(reader.id));
    return over && !noticed.has(id) && !removed.has(id) ? [id] : [];
  });
}
