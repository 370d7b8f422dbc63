import type { Candidates, ConnectorSplit, DataFile, SplitPlan, TablePredicate } from '../connectors/connector.js';
import { asTimelineError } from '../sql/errors.js';
import type { ScanIndex, ScanOperator } from './physical-plan.js';
import type { PlanContext, PlannedIndex, PlanningConnector } from './planning.js';
import { count } from './units.js';

/** For all searches of one statement: an index has a budget of its own for each of them, which this only bounds. */
const MILLISECONDS = { auto: 1000, on: 10_000 } as const;
/** Of what an index says, in plans. */
const MOST_TEXT = 600;

/** Splits of a scan, with what an index left of them. */
export interface IndexedSplits extends SplitPlan {
  /** Absent: the table has no index. */
  readonly index?: ScanIndex;
  /** Files of the scan that building the index would cover. */
  readonly unbuilt?: number;
}

type Found = Extract<Candidates, { kind: 'narrowed' }>;

/**
 * Asks indexes which rows of a scan's files may pass its filters. What a file holds never changes, so that an answer is right for as long as the
 * plan is. Whatever goes wrong means that all of the files are read: no error but an abort gets out of here.
 */
export class IndexSearches {
  readonly #context: PlanContext;
  readonly #asked: ReadonlyMap<string, readonly TablePredicate[]>;
  readonly #known = new Map<string, Candidates>();
  #spent = 0;

  /** `asked`: the conjuncts right above each scan, by ScanOperator.scan. */
  constructor(context: PlanContext, asked: ReadonlyMap<string, readonly TablePredicate[]>) {
    this.#context = context;
    this.#asked = asked;
  }

  async narrowed(scan: ScanOperator, connector: PlanningConnector, plan: SplitPlan): Promise<IndexedSplits> {
    const index = this.indexOf(scan);
    if (index === undefined) return plan;
    const { useIndex = 'auto', signal } = this.#context;
    const filters = this.#asked.get(scan.scan) ?? [];
    const unasked = (why: string): IndexedSplits => ({
      ...plan,
      index: { name: index.name, result: 'not asked', text: `not used: ${why}` },
    });
    if (useIndex === 'off') return unasked('timeline.use_index is off');
    if (connector.dataFiles === undefined) return unasked(`catalog ${connector.name} has no data files`);
    if (filters.length === 0) return unasked('no filter');
    if (plan.splits.length === 0) return unasked('no file is left to read');
    const data = plan.splits.map((split) => split.data);
    try {
      const identity = await connector.dataFiles.identity(scan.handle, signal);
      if (identity === undefined) return unasked('rows of this table are not known by their places');
      const files = connector.dataFiles.files(data);
      const key = JSON.stringify([connector.name, scan.schema, scan.table, scan.handle, filters]);
      const bytes = bytesOf(plan.splits);
      const found =
        this.#known.get(key) ??
        (await this.#search(index, { table: index.table, identity, files, filters, bytes, always: useIndex === 'on' }));
      this.#known.set(key, found);
      return found.kind === 'narrowed' ? restricted(plan, connector, { index, found, files }) : unused(plan, index, found);
    } catch (error) {
      signal.throwIfAborted();
      return unused(plan, index, { kind: 'scan', reason: asTimelineError(error).message });
    }
  }

  indexOf({ schema, table, groups }: ScanOperator): PlannedIndex | undefined {
    return groups === undefined ? this.#context.indexOf?.(schema, table) : undefined;
  }

  /** One search after the other, all within a time; an index that does not end when it is told to is left alone. */
  async #search({ name, index }: PlannedIndex, request: Omit<Parameters<typeof index.candidates>[0], 'signal'>): Promise<Candidates> {
    const { signal, useIndex, indexMilliseconds } = this.#context;
    const most = indexMilliseconds ?? MILLISECONDS[useIndex === 'on' ? 'on' : 'auto'];
    if (this.#spent >= most) return { kind: 'scan', reason: `searches for this statement took ${Math.round(this.#spent)} ms` };
    const began = performance.now();
    const stop = new AbortController();
    let timer: NodeJS.Timeout | undefined;
    const abort = (): void => stop.abort(signal.reason);
    const ended = new Promise<Candidates>((resolve, reject) => {
      signal.addEventListener('abort', abort, { once: true });
      stop.signal.addEventListener('abort', () => reject(stop.signal.reason), { once: true });
      timer = setTimeout(() => {
        resolve({ kind: 'scan', reason: `${name} gave no answer in time` });
        stop.abort(new Error('the time of an index search is over'));
      }, most - this.#spent);
    });
    try {
      signal.throwIfAborted();
      return await Promise.race([ended, index.candidates({ ...request, signal: stop.signal })]);
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
      this.#spent += performance.now() - began;
    }
  }
}

function restricted(
  plan: SplitPlan,
  connector: PlanningConnector,
  { index, found, files }: { readonly index: PlannedIndex; readonly found: Found; readonly files: readonly DataFile[] },
): IndexedSplits {
  const splits = connector.dataFiles?.restrict(plan.splits, found.only) ?? plan.splits;
  const left = connector.dataFiles?.files(splits.map((split) => split.data)) ?? files;
  const covered = files.filter(({ path }) => found.only.has(path)).length;
  const candidates = files.filter(({ path }) => (found.only.get(path)?.length ?? 0) > 0).length;
  const why = found.uncovered === undefined ? '' : ` (${found.uncovered})`;
  const text =
    `${count(found.hits, 'candidate row')} in ${count(candidates, 'file')} by ${found.used} (${found.form}); ` +
    `${covered} of ${count(files.length, 'file')} covered${why}`;
  const steps = [
    ...plan.pruning.filter(({ step }) => step !== 'splits'),
    {
      step: 'files by index',
      before: files.length,
      after: left.length,
      bytesBefore: bytesOf(plan.splits),
      bytesAfter: bytesOf(splits),
    },
    ...(plan.pruning.some(({ step }) => step === 'splits') ? [{ step: 'splits', before: left.length, after: splits.length }] : []),
  ];
  return {
    splits,
    pruning: steps,
    index: { name: index.name, result: 'narrowed', text: shortened(text) },
    ...(found.unbuilt === undefined ? {} : { unbuilt: found.unbuilt }),
  };
}

function unused(plan: SplitPlan, { name }: PlannedIndex, { reason, unbuilt }: Extract<Candidates, { kind: 'scan' }>): IndexedSplits {
  return {
    ...plan,
    index: { name, result: 'scan', text: shortened(`not used: ${reason}`) },
    ...(unbuilt === undefined ? {} : { unbuilt }),
  };
}

function bytesOf(splits: readonly ConnectorSplit[]): number {
  return splits.reduce((sum, { bytes }) => sum + bytes, 0);
}

function shortened(text: string): string {
  return text.length > MOST_TEXT ? `${text.slice(0, MOST_TEXT)}…` : text;
}
