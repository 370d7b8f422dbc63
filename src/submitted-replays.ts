import { setTimeout as sleep } from 'node:timers/promises';
import { asTimelineError } from '../sql/errors.js';
import { inParallel } from './in-parallel.js';
import type { ReplayControl } from './replay/replay-control.js';
import type { ReplayEnd, ReplaySubmission } from './replay/replay-record.js';
import { type ReplayRegistry, UnreadableRecord } from './replay/replay-registry.js';
import type { StageStore } from './replay/stage-store.js';
import { type Progress, progressLine, secondsLeft } from './replay-progress.js';
import type { ReplayCounts } from './telemetry/metrics.js';

export type SubmittedState = 'submitted' | 'running' | 'paused' | 'completed' | 'failed' | 'cancelled' | 'unknown';

/** A submitted replay as it stands. */
export interface SubmittedReplay {
  /** With the beginning of its SQL, without columns and snapshots. */
  readonly submission: ReplaySubmission;
  readonly end: ReplayEnd | undefined;
  readonly state: SubmittedState;
  /** Why nobody knows, of an unknown one. */
  readonly unknown: string | undefined;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  readonly endedAt: number | undefined;
  readonly progress: Progress;
}

export interface SubmittedReplaysOptions {
  readonly registry: ReplayRegistry;
  readonly store: Pick<StageStore, 'committed' | 'manifest'>;
  readonly control: () => ReplayControl | undefined;
}

/** How long a look may wait for Temporal and for manifests. */
const PATIENCE_MS = 1000;
const KEPT = 20_000;
/** Characters of a replay's SQL that are kept and shown, as in the history of queries. */
const SQL_KEPT = 4000;

interface Known {
  submission: ReplaySubmission;
  end: ReplayEnd | undefined;
  /** Rows (of the last stage) and bytes of committed tasks by `stage.task`. */
  readonly tasks: Map<string, { readonly rows: number; readonly bytes: number }>;
  /** By stage, from the last listing. */
  committed: ReadonlyMap<number, number>;
  startedAt: number | undefined;
  endedAt: number | undefined;
  state: SubmittedState;
  unknown: string | undefined;
  /** One of its records cannot be read. */
  readonly damaged?: boolean;
}

/** Stands for a replay of whose records one cannot be read: others are shown all the same. It is looked at again each time. */
function unreadable(id: string, known: Known | undefined, { message }: UnreadableRecord): Known {
  const nothing = { name: null, kind: 'replay', user: '', sql: '', parameters: [], submittedAt: 0, reuse: null } as const;
  const submission = { ...nothing, version: 1, id, columns: [], snapshots: [], stages: [], result: { kind: 'inline' } } as const;
  return {
    submission: known?.submission ?? submission,
    end: undefined,
    tasks: new Map(),
    committed: new Map(),
    startedAt: undefined,
    endedAt: undefined,
    state: 'unknown',
    unknown: message,
    damaged: true,
  };
}

/** What there is to know of submitted replays without asking a worker: from the stage store, and from Temporal if it answers at once. */
export class SubmittedReplays {
  /** Records are written once, so what was read is kept. */
  readonly #known = new Map<string, Known>();
  /** Since when Temporal has not answered. */
  #silentSince: number | undefined;
  #counts: { readonly at: number; readonly counts: ReplayCounts } | undefined;
  #counting: Promise<unknown> | undefined;

  constructor(private readonly options: SubmittedReplaysOptions) {}

  /** In order of submission. */
  async list(): Promise<readonly SubmittedReplay[]> {
    const listed = await this.options.registry.list();
    const there = new Set(listed.map(({ id }) => id));
    for (const id of this.#known.keys()) if (!there.has(id)) this.#known.delete(id);
    const found = await inParallel(listed, ({ id, ended }) =>
      this.#record(id, ended).catch((thrown: unknown) => {
        if (thrown instanceof UnreadableRecord) return unreadable(id, this.#known.get(id), thrown);
        throw thrown;
      }),
    );
    const known = found.filter((one) => one !== undefined);
    await this.#look(known.filter(({ damaged }) => damaged !== true));
    const all = known.map((one) => this.#show(one, known)).sort((a, b) => a.submission.submittedAt - b.submission.submittedAt);
    this.#keepBounded();
    this.#count(all);
    return all;
  }

  /** Undefined: there is none. */
  async get(id: string): Promise<SubmittedReplay | undefined> {
    const known = await this.#record(id, true);
    if (known === undefined) return undefined;
    // The progress of a backfill is that of its children.
    if (known.submission.kind === 'backfill') return (await this.list()).find(({ submission }) => submission.id === id);
    await this.#look([known]);
    return this.#show(known, []);
  }

  /** As of the last look, at most `maxAge` milliseconds ago. */
  async counts(maxAge: number): Promise<ReplayCounts> {
    if (this.#counts === undefined || Date.now() - this.#counts.at > maxAge) {
      this.#counting ??= this.list().finally(() => {
        this.#counting = undefined;
      });
      await this.#counting;
    }
    return this.#counts?.counts ?? { states: new Map(), tasksDone: 0, tasks: 0, bytesRead: 0 };
  }

  async #record(id: string, mayHaveEnded: boolean): Promise<Known | undefined> {
    const { registry } = this.options;
    let known = this.#known.get(id);
    if (known === undefined) {
      const submission = await registry.submission(id);
      if (submission === undefined) return undefined;
      known = {
        submission: { ...submission, sql: submission.sql.slice(0, SQL_KEPT), columns: [], snapshots: [] },
        end: undefined,
        tasks: new Map(),
        committed: new Map(),
        startedAt: undefined,
        endedAt: undefined,
        state: 'submitted',
        unknown: undefined,
      };
      this.#known.set(id, known);
    }
    if (known.end === undefined && mayHaveEnded) {
      known.end = await registry.ended(id);
      if (known.end !== undefined) known.tasks.clear();
    }
    return known;
  }

  /** States and progress of those that have not ended, as far as they can be had in time. */
  async #look(known: readonly Known[]): Promise<void> {
    const open = known.filter(({ end }) => end === undefined);
    if (open.length === 0) return;
    const over = new AbortController();
    const timer = sleep(PATIENCE_MS, undefined, { ref: false }).then(() => over.abort());
    const work = Promise.all([
      this.#states(open, over.signal),
      inParallel(
        open.filter(({ submission }) => submission.kind !== 'backfill'),
        (one) => this.#tasks(one, over.signal).catch(() => undefined),
      ),
    ]);
    await Promise.race([work, timer]);
  }

  async #states(open: readonly Known[], over: AbortSignal): Promise<void> {
    const control = this.options.control();
    let silent: string | undefined = control === undefined ? 'there is no durable engine here' : undefined;
    const waiting = new Set(open);
    const unknown = (one: Known, why: string): void => {
      this.#silentSince ??= Date.now();
      one.state = 'unknown';
      one.unknown = `unknown since ${new Date(this.#silentSince).toISOString()}: ${why}`;
    };
    over.addEventListener('abort', () => {
      for (const one of waiting) unknown(one, 'Temporal does not answer');
    });
    await inParallel(open, async (one) => {
      if (over.aborted) return;
      try {
        const state = silent === undefined ? await control?.state(one.submission.id) : undefined;
        if (silent === undefined && !over.aborted) {
          this.#silentSince = undefined;
          one.unknown = undefined;
          one.state = state?.state ?? 'submitted';
          one.startedAt = state?.startedAt;
          one.endedAt = state?.endedAt;
        }
      } catch (thrown) {
        // Whoever refuses one connection refuses the next.
        silent ??= asTimelineError(thrown).message;
      }
      if (silent !== undefined && !over.aborted) unknown(one, silent);
      waiting.delete(one);
    });
  }

  async #tasks(one: Known, over: AbortSignal): Promise<void> {
    const { store } = this.options;
    const { id, stages } = one.submission;
    const committed = await store.committed(id);
    one.committed = new Map([...committed].map(([stage, tasks]) => [stage, tasks.length]));
    const last = stages.at(-1)?.id;
    const unread = [...committed].flatMap(([stage, tasks]) =>
      tasks.flatMap((task) => (one.tasks.has(`${stage}.${task}`) ? [] : [{ stage, task }])),
    );
    await inParallel(unread, async ({ stage, task }) => {
      if (over.aborted) return;
      const manifest = await store.manifest(id, stage, task);
      if (manifest !== undefined)
        one.tasks.set(`${stage}.${task}`, { rows: stage === last ? manifest.rows : 0, bytes: manifest.bytesRead });
    });
  }

  #show(known: Known, all: readonly Known[]): SubmittedReplay {
    const { submission, end } = known;
    const startedAt = known.startedAt ?? submission.submittedAt;
    return {
      submission,
      end,
      state: end?.state ?? known.state,
      unknown: end === undefined ? known.unknown : undefined,
      startedAt,
      endedAt: end?.endedAt ?? known.endedAt,
      progress: submission.kind === 'backfill' ? ofChildren(known, all, startedAt) : ofTasks(known, startedAt),
    };
  }

  #keepBounded(): void {
    for (const [id, { end }] of this.#known) {
      if (this.#known.size <= KEPT) return;
      if (end !== undefined) this.#known.delete(id);
    }
  }

  #count(all: readonly SubmittedReplay[]): void {
    const states = new Map<string, number>();
    for (const { state } of all) states.set(state, (states.get(state) ?? 0) + 1);
    // A backfill's are those of its intervals.
    const own = all.filter(({ submission }) => submission.kind !== 'backfill');
    const open = own.filter(({ end }) => end === undefined);
    const counts: ReplayCounts = {
      states,
      tasksDone: open.reduce((sum, { progress }) => sum + progress.tasksDone, 0),
      tasks: open.reduce((sum, { progress }) => sum + progress.tasks, 0),
      bytesRead: own.reduce((sum, { progress }) => sum + progress.bytesRead, 0),
    };
    this.#counts = { at: Date.now(), counts };
  }
}

/** What a client is told of a replay that it waits for. */
export function submittedLine({ submission, state, unknown, progress }: SubmittedReplay): string {
  if (state === 'unknown') return `replay "${submission.id}": ${unknown ?? state}`;
  const unit = submission.kind === 'backfill' ? 'interval' : 'task';
  return `replay "${submission.id}" ${state}, ${progressLine(progress, unit)}`;
}

function ofTasks({ submission, end, tasks, committed, state }: Known, startedAt: number): Progress {
  const { stages } = submission;
  const all = stages.reduce((sum, stage) => sum + stage.tasks, 0);
  if (end?.figures !== undefined) {
    const done = end.figures.stages.reduce((sum, stage) => sum + stage.tasks, 0);
    return { ...finished(stages.length, all), tasksDone: done, rows: end.rows, bytesRead: end.figures.bytesRead };
  }
  // It was told to stop too late: its rows were in their place.
  if (end?.state === 'completed') return { ...finished(stages.length, all), rows: end.rows };
  const done = Math.min(
    all,
    [...committed.values()].reduce((sum, count) => sum + count, 0),
  );
  const begun = stages.findLastIndex(({ id }) => (committed.get(id) ?? 0) > 0);
  const sums = [...tasks.values()].reduce((sum, one) => ({ rows: sum.rows + one.rows, bytes: sum.bytes + one.bytes }), {
    rows: 0,
    bytes: 0,
  });
  const left =
    state === 'running' && end === undefined
      ? secondsLeft({ tasksDone: done, tasks: all, milliseconds: Date.now() - startedAt })
      : undefined;
  return {
    stage: Math.max(1, begun + 1),
    stages: Math.max(1, stages.length),
    tasksDone: done,
    tasks: all,
    rows: end?.rows ?? sums.rows,
    bytesRead: sums.bytes,
    secondsLeft: left,
  };
}

/** Of a backfill: its intervals. */
function ofChildren({ submission, end, state }: Known, all: readonly Known[], startedAt: number): Progress {
  const children = all.filter((one) => one.submission.parent === submission.id);
  const tasks = submission.stages.reduce((sum, stage) => sum + stage.tasks, 0);
  const ends = children.flatMap((one) => (one.end === undefined ? [] : [one.end]));
  const done = end?.state === 'completed' ? tasks : Math.min(tasks, ends.length);
  return {
    ...finished(1, tasks),
    tasksDone: done,
    rows: ends.reduce((sum, one) => sum + one.rows, 0),
    bytesRead: ends.reduce((sum, one) => sum + (one.figures?.bytesRead ?? 0), 0),
    secondsLeft:
      state === 'running' && end === undefined ? secondsLeft({ tasksDone: done, tasks, milliseconds: Date.now() - startedAt }) : undefined,
  };
}

function finished(stages: number, tasks: number): Progress {
  const count = Math.max(1, stages);
  return { stage: count, stages: count, tasksDone: tasks, tasks, rows: 0, bytesRead: 0, secondsLeft: undefined };
}
