import { setTimeout as sleep } from 'node:timers/promises';
import { WorkflowFailedError, type WorkflowHandle, WorkflowNotFoundError } from '@temporalio/client';
import type { PhysicalPlan } from '../../../planner/physical-plan.js';
import { internal, TimelineError } from '../../../sql/errors.js';
import type { Run, RunOptions, RunSummary } from '../driver.js';
import { closedEarly } from '../local-driver.js';
import { PatienceLost, patiently } from '../patience.js';
import { runFiles } from '../run-files.js';
import type { RunFigures } from '../stage-clock.js';
import type { Manifest, StageStore } from '../stage-store.js';
import type { TemporalAddress, TemporalClient } from './client.js';
import type { CommitBus } from './commit-bus.js';
import { grpcCode } from './connection-error.js';
import type { OpenRuns } from './open-runs.js';
import type { OutageWatch } from './outage-watch.js';
import { PATIENCE } from './protocol.js';
import { runError } from './run-error.js';
import { watchProgress } from './store-progress.js';

export interface FollowOptions {
  readonly where: TemporalAddress;
  readonly temporal: TemporalClient;
  readonly handle: WorkflowHandle;
  readonly plan: PhysicalPlan;
  readonly store: StageStore;
  readonly bus: CommitBus | undefined;
  readonly outages: OutageWatch;
  /** How long Temporal may be away before the reader is told, milliseconds. */
  readonly outageMost: number;
  readonly open: OpenRuns | undefined;
  readonly runOptions: RunOptions;
  readonly abort: AbortController;
  /** Aborted when the driver is closed. */
  readonly closing: AbortSignal;
}

const CALL_TIMEOUT = 10_000;
/** How often committed files are looked for, milliseconds: at first, and later. */
const POLL = 25;
const POLL_LATER = 100;
const CANCEL_MOST = 5000;
const ABANDON_PAUSE = 5000;
const REMOVE_MOST = 5000;

/** What a reader sees of a workflow: rows from the stage store as tasks are committed, and how it ends. */
export function followRun(follow: FollowOptions): Run {
  const { where, temporal, handle, plan, store, bus, runOptions, abort } = follow;
  const { id } = runOptions;
  const last = plan.stages.at(-1);
  const signal = AbortSignal.any([runOptions.signal, abort.signal]);
  let ended = false;
  let abandoned: Promise<void> | undefined;
  const wakers = new Set<() => void>();
  const wake = (): void => {
    for (const call of wakers) call();
  };
  let over: (figures: RunFigures) => void = () => undefined;
  // All tasks are committed, by this process: what the workflow still has to note down changes no row.
  const known = new Promise<RunFigures>((resolve) => {
    over = resolve;
  });
  const unsubscribe = bus?.subscribe(id, { onCommit: wake, onEnd: (figures) => over(figures) });
  const watching = store.watch(id, last?.id ?? 0, wake).catch(() => undefined);

  const aborted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  const cancelling = aborted.then(() => cancelRun());
  let stopLooking: () => void = () => undefined;
  const lost = new Promise<never>((_resolve, reject) => {
    stopLooking = follow.outages.add({
      down: () => runOptions.onRemark?.(`Temporal at ${where.address} does not answer; waiting up to ${follow.outageMost / 1000} s for it`),
      back: () => runOptions.onRemark?.(`Temporal at ${where.address} answers again`),
      lost: (cause) => reject(wentAway(where, id, cause)),
    });
  });
  const figures: Promise<RunFigures> = Promise.race([
    known,
    workflowResult(follow, signal),
    lost,
    // Without workers, or without the store, a cancelled workflow goes on until they are back; its reader need not wait for that.
    aborted
      .then(() => sleep(CANCEL_MOST, undefined, { ref: false }))
      .then((): never => {
        throw signal.reason;
      }),
  ])
    .catch((error: unknown) => {
      // Nobody will read what it does from now on.
      if (error instanceof TimelineError && error.sqlstate === '08006' && !signal.aborted) abandoned = abandon(follow);
      throw error;
    })
    .finally(() => {
      ended = true;
      stopLooking();
      unsubscribe?.();
      void watching.then((end) => end?.());
      wake();
    });
  cancelling.catch(() => undefined);
  figures.catch(() => undefined);

  async function cancelRun(): Promise<void> {
    if (ended) return;
    const reason = signal.reason instanceof TimelineError ? signal.reason : closedEarly();
    await Promise.allSettled([store.requestCancel(id, reason.toJSON()), cancelWorkflow()]);
  }

  async function cancelWorkflow(): Promise<void> {
    for (let attempt = 1; !ended; attempt++) {
      try {
        await temporal.connection.withDeadline(Date.now() + CALL_TIMEOUT, () => handle.cancel());
        return;
      } catch (error) {
        if (error instanceof WorkflowNotFoundError || attempt >= 5) return;
        await sleep(500 * attempt);
      }
    }
  }

  /** A reader waits for the store as long as tasks do. */
  const patient = <T>(work: () => Promise<T>): Promise<T> =>
    patiently(work, { patience: PATIENCE.interactive, signal }).catch((error: unknown) => {
      throw error instanceof PatienceLost ? error.cause : error;
    });

  async function manifest(task: number): Promise<Manifest> {
    for (let polls = 0; ; polls++) {
      signal.throwIfAborted();
      const after = ended;
      const found = await patient(() => store.manifest(id, last?.id ?? 0, task));
      if (found !== undefined) return found;
      if (after) {
        await figures;
        throw internal(`replay ${id} ended without the result of task ${last?.id}/${task}`);
      }
      if (!ended) await pause(polls < 200 ? POLL : POLL_LATER);
    }
  }

  async function pause(milliseconds: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        wakers.delete(done);
        resolve();
      };
      const timer = setTimeout(done, milliseconds);
      wakers.add(done);
    });
  }

  const summary = figures.then(async ({ rows, bytesRead, stages, noticed }): Promise<RunSummary> => {
    const manifests = await Promise.all(noticed.map(([stage, task]) => store.manifest(id, stage, task)));
    return { rows, bytesRead, stages, notices: [...new Set(manifests.flatMap((one) => one?.notices ?? []))] };
  });
  summary.catch(() => undefined);
  if (runOptions.onProgress !== undefined)
    void watchProgress({ store, plan, query: id, onProgress: runOptions.onProgress, ended: summary });

  return {
    id,
    files: runFiles({
      store: { hold: store.hold, toLocalFile: (key) => patient(() => store.toLocalFile(key)) },
      tasks: last?.tasks.length ?? 0,
      manifest,
      ended: figures,
      signal,
      onClose: () => {
        if (!ended) abort.abort(closedEarly());
      },
    }),
    summary,
    async release() {
      if (!ended) abort.abort(closedEarly());
      await summary.catch(() => undefined);
      // It makes the folder that is removed here.
      await watching;
      if (abandoned !== undefined) return;
      // A store that is away now is no error of a query that has its rows; what is left there goes with the next start, or by age.
      const removed = store.remove(id).then(() => follow.open?.remove(id));
      await Promise.race([removed.catch(() => undefined), sleep(REMOVE_MOST, undefined, { ref: false })]);
    },
  };
}

/** Waits for the workflow's end, over restarts of the server. */
async function workflowResult(follow: FollowOptions, signal: AbortSignal): Promise<RunFigures> {
  const { handle, where, outageMost } = follow;
  const id = follow.runOptions.id;
  let since: number | undefined;
  for (;;) {
    const begun = Date.now();
    try {
      return (await handle.result()) as RunFigures;
    } catch (error) {
      const over = error instanceof WorkflowFailedError || error instanceof WorkflowNotFoundError || error instanceof TimelineError;
      if (over || grpcCode(error) === undefined) {
        if (signal.aborted && error instanceof WorkflowFailedError) throw signal.reason;
        throw runError(error, { ...where, id });
      }
      // What had been waiting for long was answered until now.
      if (since === undefined || Date.now() - begun > outageMost / 2) since = Date.now();
      if (signal.aborted) throw signal.reason;
      if (Date.now() - since > outageMost) throw wentAway(where, id, error);
      await sleep(500);
    }
  }
}

function wentAway(where: TemporalAddress, id: string, cause: unknown): TimelineError {
  return new TimelineError({
    kind: 'connector',
    sqlstate: '08006',
    message: `Temporal at ${where.address} went away while replay ${id} ran`,
    hint: 'It is cancelled when Temporal is back; then ask again. What timeline.submit() starts goes on over such a time.',
    cause,
  });
}

/** Cancels a run that has lost its reader, as soon as Temporal is back, and removes what it left. */
async function abandon(follow: FollowOptions): Promise<void> {
  const { temporal, handle, store, open, closing, runOptions } = follow;
  while (!closing.aborted) {
    try {
      await temporal.connection.withDeadline(Date.now() + CALL_TIMEOUT, () => handle.cancel());
      break;
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) break;
      await sleep(ABANDON_PAUSE, undefined, { signal: closing, ref: false }).catch(() => undefined);
    }
  }
  // Whoever starts next with the same home goes on here.
  if (closing.aborted) return;
  const wait = sleep(CANCEL_MOST, undefined, { ref: false });
  await Promise.race([wait, handle.result().catch(() => undefined)]);
  await store.remove(runOptions.id).catch(() => undefined);
  await open?.remove(runOptions.id);
}
