import type { PhysicalPlan } from '../../planner/physical-plan.js';
import { internal, TimelineError } from '../../sql/errors.js';
import type { ReplayEnd, ReplaySubmission, ResultPlace } from './replay-record.js';
import type { ReplayRegistry } from './replay-registry.js';
import type { ResultFiles } from './result-files.js';
import type { StageStore } from './stage-store.js';

export interface CompletedReplay {
  readonly id: string;
  readonly submission: ReplaySubmission;
  readonly end: ReplayEnd;
  readonly plan: PhysicalPlan;
  readonly place: Extract<ResultPlace, { readonly kind: 'inline' | 'file' }>;
}

export interface ReplayRecords {
  readonly registry: ReplayRegistry;
  readonly store: StageStore;
  readonly files: ResultFiles;
  /** Milliseconds after its end that a result is kept; undefined: for ever. */
  readonly retention: number | undefined;
}

/**
 * A replay whose rows can be read; undefined: there is none of this id. Errors, 55000: it has not completed, its result is no longer kept, is
 * in a table, or in a file that is not Parquet or not the one that was written.
 */
export async function findCompleted(id: string, records: ReplayRecords): Promise<CompletedReplay | undefined> {
  const { registry, store, files, retention } = records;
  const [submission, end] = await Promise.all([registry.submission(id), registry.ended(id)]);
  if (submission === undefined) return undefined;
  if (submission.kind === 'backfill') {
    throw refused(id, 'is a backfill, which has no result of its own', {
      hint: `Its intervals have: SELECT id FROM timeline.replays WHERE parent = '${id}'.`,
    });
  }
  if (end === undefined) throw refused(id, 'has not ended yet', { hint: `SELECT timeline.wait('${id}') waits for its end.` });
  if (end.state !== 'completed') {
    const detail = end.error === undefined ? {} : { detail: `${end.error.sqlstate}: ${end.error.message}` };
    throw refused(id, end.state === 'failed' ? 'has failed' : 'was cancelled', {
      ...detail,
      hint: 'Only a completed replay has a result.',
    });
  }
  if (retention !== undefined && Date.now() - end.endedAt > retention) throw noLongerKept(id);
  const { place } = end;
  if (place === undefined) throw internal(`the record of replay "${id}" does not say where its rows are`);
  if (place.kind === 'table') {
    const snapshot = place.snapshot === null ? '' : `, which is its snapshot ${place.snapshot}`;
    throw refused(id, 'has written its rows into a table', { hint: `Read ${place.schema}.${place.table}${snapshot}.` });
  }
  const plan = await store.findPlan(id);
  // Swept between its records and its plan.
  if (plan === undefined) throw noLongerKept(id);
  if (place.kind === 'file') {
    const sink = plan.stages.at(-1)?.sink;
    if (sink?.kind === 'publish' && sink.file.format.kind !== 'parquet')
      throw refused(id, 'has written its rows into a file that is not Parquet', { hint: `Read ${place.location}.` });
    const bytes = await files.size(place.location);
    if (bytes === undefined) throw noLongerKept(id, `${place.location} is not there any more.`);
    if (bytes !== place.bytes) throw noLongerKept(id, `${place.location} is another file than the one that it wrote.`);
  }
  return { id, submission, end, plan, place };
}

/** 42704. */
export function noSuchReplay(id: string): TimelineError {
  return new TimelineError({
    kind: 'semantic',
    sqlstate: '42704',
    message: `replay "${id}" does not exist`,
    hint: 'SELECT id, name, state FROM timeline.replays lists them. Records go some time after the replay ended (replays.retention).',
  });
}

/** 55000. */
export function noLongerKept(id: string, detail?: string): TimelineError {
  return refused(id, 'has completed, but its result is no longer kept', {
    ...(detail === undefined ? {} : { detail }),
    hint: 'Results stay for replays.retention after the end; submit the query again.',
  });
}

function refused(id: string, what: string, more: { readonly detail?: string; readonly hint: string }): TimelineError {
  return new TimelineError({ kind: 'semantic', sqlstate: '55000', message: `replay "${id}" ${what}`, ...more });
}
