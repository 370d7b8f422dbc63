import type { WorkflowState } from './replay-control.js';
import type { ReplaySubmission } from './replay-record.js';
import { REGISTRY, type ReplayRegistry, UnreadableRecord } from './replay-registry.js';
import type { ResultFiles } from './result-files.js';
import type { StageFiles } from './stage-files.js';
import { CARRIES } from './stage-store.js';

export interface SweepOptions {
  readonly files: StageFiles;
  readonly registry: ReplayRegistry;
  readonly results: ResultFiles;
  /** Milliseconds after its last change, or a replay's end, that nobody misses what nobody owns. */
  readonly age: number;
  /** Milliseconds after its end that a replay's result and records are kept; undefined: for ever. */
  readonly retention: number | undefined;
  /** Is this query at work in this process? */
  readonly busy?: (query: string) => boolean;
  /** What Temporal knows of a workflow (ReplayControl.state). Absent, or it throws: it may be at work. */
  readonly workflow?: ((id: string) => Promise<WorkflowState | undefined>) | undefined;
}

/** What a sweep has removed. */
export interface SweepReport {
  readonly queries: number;
  readonly replays: number;
  /** States of TIMELINE. */
  readonly carries: number;
  /** Files that somebody began to write, and died. */
  readonly drafts: number;
  /** Replays whose end it has recorded, as there is nobody else to do it. */
  readonly ended: number;
}

export interface Sweeper {
  sweep(options?: Partial<Pick<SweepOptions, 'workflow' | 'busy'>> & { readonly now?: number }): Promise<SweepReport>;
}

/** TIMELINE's states are kept for so long at least. */
const CARRY_MOST_MS = 14 * 86_400_000;

interface Folder {
  newest: number;
  /** All that is in it has a name that stage stores give. */
  ours: boolean;
}

/**
 * Removes what is old and nobody's from where stage files lie. A folder of a query goes when nothing in it has changed for `age` and no
 * submitted replay owns it: one without an end, or one that completed within `retention`. A replay that has no end goes on, unless Temporal
 * says that its workflow is gone, or over for long: then its end is recorded first. Whatever has a name that is not of our giving stays.
 */
export function createSweeper(options: SweepOptions): Sweeper {
  const { files, registry, results, age, retention } = options;
  /** When replays ended: there are many, and most are not old yet. Nothing is removed on its word alone, as an id may come again. */
  const ends = new Map<string, number>();

  async function hasExpired(id: string, now: number): Promise<boolean> {
    if (retention === undefined || now - (ends.get(id) ?? 0) <= retention) return false;
    const end = await registry.ended(id);
    if (end === undefined) return false;
    ends.set(id, end.endedAt);
    return now - end.endedAt > retention;
  }

  async function stateOf(id: string, workflow: SweepOptions['workflow']): Promise<WorkflowState | 'gone' | 'unknown'> {
    if (workflow === undefined) return 'unknown';
    try {
      return (await workflow(id)) ?? 'gone';
    } catch {
      return 'unknown';
    }
  }

  /** Records the end of a replay that nobody else will; true: it has done so. */
  async function close(submission: ReplaySubmission, workflow: SweepOptions['workflow'], now: number): Promise<boolean> {
    const { id } = submission;
    // Its workflow may be about to be started.
    if (now - submission.submittedAt <= age) return false;
    const state = await stateOf(id, workflow);
    if (state === 'unknown') return false;
    if (state !== 'gone' && (state.endedAt === undefined || now - state.endedAt <= age)) return false;
    const cancelled = state !== 'gone' && state.state === 'cancelled';
    const message = state === 'gone' ? 'its workflow is gone' : 'its workflow ended without a record of its end';
    await registry.end({
      version: 1,
      id,
      state: cancelled ? 'cancelled' : 'failed',
      endedAt: now,
      rows: 0,
      error: { kind: cancelled ? 'cancelled' : 'connector', sqlstate: cancelled ? '57014' : '58000', message },
    });
    return true;
  }

  async function look(): Promise<{ readonly folders: Map<string, Folder>; readonly drafts: readonly (readonly [string, number])[] }> {
    const folders = new Map<string, Folder>();
    const drafts: [string, number][] = [];
    for await (const { key, modified } of files.list('')) {
      // Where the storage does not tell, it is not known to be old.
      const time = modified ?? Number.POSITIVE_INFINITY;
      if (/^\.tmp-[0-9a-f]{16}$/.test(key)) drafts.push([key, time]);
      const [first = '', second = ''] = key.split('/');
      if (!key.includes('/') || first === REGISTRY) continue;
      const name = first === CARRIES ? `${first}/${second}` : first;
      const folder = folders.get(name) ?? { newest: 0, ours: true };
      folder.newest = Math.max(folder.newest, time);
      folder.ours &&= first === CARRIES ? CARRY.test(key) : STAGE_FILE.test(key);
      folders.set(name, folder);
    }
    return { folders, drafts };
  }

  return {
    async sweep({ workflow = options.workflow, busy = options.busy, now = Date.now() } = {}) {
      const gone = { queries: 0, replays: 0, carries: 0, drafts: 0, ended: 0 };
      // Files before records: what is submitted in between has files that are newer than this.
      const { folders, drafts } = await look();
      const records = new Map((await registry.list()).map(({ id, ended }) => [id, ended]));
      for (const [key, time] of drafts) {
        if (now - time <= age) continue;
        await files.remove(key);
        gone.drafts++;
      }
      for (const [id, ended] of records) {
        try {
          if (!ended) {
            const submission = await registry.submission(id);
            if (submission !== undefined && (await close(submission, workflow, now))) gone.ended++;
            continue;
          }
          if (!(await hasExpired(id, now))) continue;
        } catch (thrown) {
          // Nobody can tell whether it is old: it stays, and keeps no other one.
          if (!(thrown instanceof UnreadableRecord)) throw thrown;
          continue;
        }
        // Rows before records: who finds a record finds them, or hears that they are no longer kept.
        await results.remove(id);
        if (folders.get(id)?.ours === true) await files.removeFolder(id);
        await registry.remove(id);
        ends.delete(id);
        folders.delete(id);
        records.delete(id);
        gone.replays++;
      }
      for (const [name, { newest, ours }] of folders) {
        const carry = name.startsWith(`${CARRIES}/`);
        if (!ours || now - newest <= (carry ? Math.max(age, CARRY_MOST_MS) : age)) continue;
        if (!carry && (busy?.(name) === true || (await owned(name, workflow, now).catch(ofUnreadable)))) continue;
        await files.removeFolder(name);
        gone[carry ? 'carries' : 'queries']++;
      }
      return gone;
    },
  };

  /** Asked of the records as they are now. */
  async function owned(id: string, workflow: SweepOptions['workflow'], now: number): Promise<boolean> {
    const end = await registry.ended(id);
    if (end !== undefined) return end.state === 'completed' || now - end.endedAt <= age;
    if ((await registry.submission(id)) !== undefined) return true;
    const state = await stateOf(id, workflow);
    return typeof state === 'object' && state.endedAt === undefined;
  }
}

/** What belongs to a replay of which nothing can be told stays. */
function ofUnreadable(thrown: unknown): true {
  if (thrown instanceof UnreadableRecord) return true;
  throw thrown;
}

const STAGE_FILE = /^[^/]+\/(?:plan\.json|cancel\.json|\d+\/\d+\.manifest\.json|\d+\/\d+\/\d+-[0-9a-f]{12}[\w.-]*)$/;
const CARRY = /^[^/]+\/[0-9a-f]{64}\/state$/;
