import { setTimeout as sleep } from 'node:timers/promises';
import { asTimelineError, type ErrorDetails, TimelineError } from '../../sql/errors.js';
import {
  advance,
  type Batch,
  initialState,
  type SchedulerCommand,
  type SchedulerEvent,
  type SchedulerSpec,
  type SchedulerState,
} from './scheduler.js';
import { figuresOf, noteTimes, type RunFigures, type StageTimes } from './stage-clock.js';
import type { Manifest } from './stage-store.js';

export interface PlanRunnerOptions {
  readonly spec: SchedulerSpec;
  /** Aborted with the reason that the run then fails with. */
  readonly signal: AbortSignal;
  readonly runTask: (task: {
    readonly stage: number;
    readonly task: number;
    readonly attempt: number;
    readonly signal: AbortSignal;
  }) => Promise<Manifest>;
  readonly onCommit?: (commit: {
    readonly stage: number;
    readonly task: number;
    readonly manifest: Manifest;
    readonly state: SchedulerState;
  }) => void;
}

/**
 * The scheduler's shell for one process: runs a plan to its end. Settles when nothing of it runs any more; rejects with the
 * TimelineError that ended it.
 */
export function runPlan(options: PlanRunnerOptions): Promise<RunFigures> {
  const { signal } = options;
  return new Promise((resolve, reject) => {
    let state = initialState(options.spec);
    const running = new Map<string, AbortController>();
    const times: StageTimes = { started: {}, milliseconds: {} };
    // Details lose an error's cause; what was thrown is told as it was.
    const thrown = new Map<ErrorDetails, TimelineError>();

    const details = (error: unknown): ErrorDetails => {
      const known = asTimelineError(error);
      const json = known.toJSON();
      thrown.set(json, known);
      return json;
    };
    const onAbort = (): void => take({ kind: 'cancel', error: details(signal.reason) });

    function take(event: SchedulerEvent): void {
      const step = advance(state, event);
      state = step.state;
      for (const command of step.commands) {
        noteTimes(times, command, Date.now());
        perform(command);
      }
    }

    function perform(command: SchedulerCommand): void {
      switch (command.kind) {
        case 'dispatch':
          void runBatch(command.batch);
          return;
        case 'cancel_batches':
          for (const id of command.batches) running.get(id)?.abort(reasonOf(state));
          return;
        case 'commit_stage':
          return;
        case 'finish':
          signal.removeEventListener('abort', onAbort);
          resolve(figuresOf(state, times));
          return;
        case 'fail':
          signal.removeEventListener('abort', onAbort);
          reject(thrown.get(command.error) ?? TimelineError.fromJSON(command.error));
          return;
        case 'continue_as_new':
          throw new Error('a run in one process asks for no checkpoints');
      }
    }

    async function runBatch(batch: Batch): Promise<void> {
      const abort = new AbortController();
      running.set(batch.id, abort);
      try {
        if (batch.attempt > 1) await sleep(backoff(batch.attempt), undefined, { signal: abort.signal });
        for (const task of batch.tasks) {
          const manifest = await options.runTask({ stage: batch.stage, task, attempt: batch.attempt, signal: abort.signal });
          take({
            kind: 'task_committed',
            stage: batch.stage,
            task,
            rows: manifest.rows,
            bytes: manifest.bytesRead,
            noticed: manifest.notices.length > 0,
            skipped: manifest.skipped,
            pruned: manifest.pruned,
          });
          options.onCommit?.({ stage: batch.stage, task, manifest, state });
        }
        running.delete(batch.id);
        take({ kind: 'batch_ended', batch: batch.id });
      } catch (error) {
        running.delete(batch.id);
        const failure = details(abort.signal.aborted ? abort.signal.reason : error);
        take({ kind: 'batch_failed', batch: batch.id, error: failure, retryable: failure.retryable === true });
      }
    }

    const reasonOf = (of: SchedulerState): unknown =>
      of.ending === undefined ? signal.reason : (thrown.get(of.ending) ?? TimelineError.fromJSON(of.ending));

    if (signal.aborted) {
      reject(asTimelineError(signal.reason));
      return;
    }
    signal.addEventListener('abort', onAbort, { once: true });
    take({ kind: 'start' });
  });
}

/** Milliseconds before the n-th attempt: 100 ms, doubled each time, at most 5 s. */
export function backoff(attempt: number): number {
  return Math.min(100 * 2 ** (attempt - 2), 5000);
}
