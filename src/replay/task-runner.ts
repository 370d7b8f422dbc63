import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Connector, ConnectorSplit, Readable, ReadColumn, TableColumn, TablePredicate } from '../../connectors/connector.js';
import { operatorsIn } from '../../planner/logical-plan.js';
import type { Operator, PhysicalPlan, PruningStep, ScanOperator, Stage, Task } from '../../planner/physical-plan.js';
import { sinkResult } from '../../planner/sink.js';
import { asTimelineError, internal, TimelineError } from '../../sql/errors.js';
import { Oid } from '../../sql/types.js';
import { inParallel } from '../in-parallel.js';
import type { Kernel } from '../kernel/kernel.js';
import type { Budget } from './budget.js';
import { carriesOf, earlierEvents, keepStates, laterEvents } from './carried-states.js';
import { readInParts } from './first-rows.js';
import { fieldOf, type KeyFilter, matchesNothing, predicates, readKeyFilters, withKeyFilters } from './key-filters.js';
import { addSteps } from './pruned.js';
import { type FilePlaces, formatRows, namedOutput, settle, writeRows } from './sink-task.js';
import { codeOf, diskError } from './stage-files.js';
import type { Manifest, StageStore } from './stage-store.js';

/** What tasks need of the process that runs them. */
export interface TaskContext {
  readonly connectors: ReadonlyMap<string, Connector>;
  readonly kernel: Kernel;
  readonly store: StageStore;
  /** Local folder for attempts' output; best on the stage store's own disk, where files are moved, not copied. */
  readonly scratchFolder: string;
  /** Absent: this process writes no files. */
  readonly places?: FilePlaces;
  /** Folders that the kernel may read besides those of the connectors and of the stage store. */
  readonly readableFolders?: readonly string[];
}

export interface RunTaskOptions extends TaskContext {
  readonly query: string;
  readonly plan: PhysicalPlan;
  readonly stageId: number;
  /** Position in Stage.tasks. */
  readonly taskId: number;
  /** 1 for the first. */
  readonly attempt: number;
  readonly budget: Budget;
  /** Of a last stage whose rows a session reads: they are blocks, not Parquet, and come without a file up to so many bytes (TaskRequest.inlineBytes). */
  readonly inlineBytes?: number;
  /** This process is the only reader: rows without a file are not written down at all. */
  readonly soleReader?: boolean;
  readonly signal: AbortSignal;
}

/** Runs one task to its committed manifest. A task that has one already is not run again. Rejects with TimelineErrors. */
export async function runTask(options: RunTaskOptions): Promise<Manifest> {
  const { plan, query, stageId, taskId, store, signal } = options;
  signal.throwIfAborted();
  const before = await store.manifest(query, stageId, taskId);
  if (before !== undefined) return before;
  const stage = plan.stages.find((one) => one.id === stageId);
  const task = stage?.tasks[taskId];
  if (stage === undefined || task === undefined) throw internal(`the plan has no task ${stageId}/${taskId}`);
  try {
    return await runAttempt(options, stage, task);
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    throw taskError(error, options.scratchFolder);
  }
}

async function runAttempt(options: RunTaskOptions, stage: Stage, task: Task): Promise<Manifest> {
  const { query, plan, store, kernel, scratchFolder, signal } = options;
  await mkdir(scratchFolder, { recursive: true });
  const folder = await mkdtemp(join(scratchFolder, 'task-'));
  const meter = options.budget.meter();
  const opened: Readable[] = [];
  const release = store.hold();
  try {
    const scans: Record<string, Readable> = {};
    const filters = await readKeyFilters({ store, query, plan, stage });
    let pruned: readonly PruningStep[] | undefined;
    let skipped: { readonly files: number; readonly rows: number } | undefined;
    const carries = await carriesOf(stage.root, store);
    const report = (step: PruningStep): void => {
      pruned = addSteps(pruned ?? [], [step]);
    };
    const filtered = (op: Operator): Operator => (filters.size === 0 ? op : withKeyFilters(op, filters));
    const readableFolders = (): readonly string[] => {
      // Asked after reading: what a connector fetched may lie in a folder of its own.
      const sources = scansOf(stage.root).flatMap((scan) => options.connectors.get(scan.connector)?.readableFolders ?? []);
      // The whole folders of stages and scratch: were they those of this task, each task would need a DuckDB of its own.
      return [...new Set([...(options.readableFolders ?? []), ...sources, store.localFolder, scratchFolder])];
    };
    const { root: tree, inputs: firstRows } = await readInParts(stage.root, {
      parts: async (scan, order) => {
        const chosen = await chosenSplits(options, scan, task, filters.get(scan.scan) ?? [], undefined);
        const parts = await connectorOf(options, scan).ordered?.(scan.handle, chosen.splits, order, { meter, signal });
        if (parts !== undefined && chosen.skipped !== undefined) skipped = sum(skipped, chosen.skipped);
        return parts;
      },
      open: (scan, splits) => openScan(options, scan, splits, meter, report),
      explained: (error, readable) => explained(error, [readable], signal),
      filtered,
      kernel,
      session: plan.session,
      folder,
      readableFolders,
      report,
      signal,
    });
    for (const scan of scansOf(tree)) {
      const begin = carries?.begin[scan.scan];
      const later = begin === undefined ? undefined : laterEvents(stage.root, scan.scan, begin);
      const chosen = await chosenSplits(options, scan, task, filters.get(scan.scan) ?? [], later);
      if (begin !== undefined && chosen.skipped !== undefined) pruned = addSteps(pruned ?? [], [earlierEvents(begin, chosen.skipped)]);
      else if (chosen.skipped !== undefined) skipped = sum(skipped, chosen.skipped);
      const readable = await openScan(
        options,
        scan,
        chosen.splits.map(({ data }) => data),
        meter,
        report,
      );
      opened.push(readable);
      scans[scan.scan] = readable;
    }
    const inputs = await gatherInputs(options, stage, task);
    signal.throwIfAborted();
    const { sink } = stage;
    // What has been committed or published stays so: from here on nobody asks the signal.
    const settled = sink?.kind === 'commit' || sink?.kind === 'publish' ? await settle(options, sink) : undefined;
    if (sink?.kind === 'format' && sink.file.format.kind !== 'parquet') {
      const output = await formatRows(options, stage, Object.values(inputs).flat(), folder);
      const { attempt, taskId } = options;
      return await store.commit({ query, stage: stage.id, task: taskId, attempt, folder, output, bytesRead: meter.bytes });
    }
    const named = namedOutput(sink);
    const root = settled === undefined ? tree : sinkResult(tree, settled);
    const running = kernel.run(
      {
        root: filtered(root),
        session: plan.session,
        scans,
        inputs: { ...inputs, ...firstRows },
        outputFolder: folder,
        exchange: stage.exchange,
        ...(carries === undefined ? {} : { carries }),
        ...(stage.keys === undefined ? {} : { keys: stage.keys }),
        ...(named === undefined ? {} : { named }),
        ...(options.inlineBytes === undefined ? {} : { inlineBytes: options.inlineBytes }),
        readableFolders: readableFolders(),
      },
      settled === undefined ? signal : new AbortController().signal,
    );
    const output = await running.catch(async (error: unknown) => {
      throw await explained(error, opened, signal);
    });
    if (settled === undefined) signal.throwIfAborted();
    const written = sink?.kind === 'write' ? await writeRows(options, sink, output, { folder, meter }) : undefined;
    const { inline, rows } = output;
    if (output.steps !== undefined) pruned = addSteps(pruned ?? [], output.steps);
    const notices = [...output.notices, ...(carries?.remarks ?? []), ...(await keepStates(output, folder, store))];
    const unread = { ...(skipped === undefined ? {} : { skipped }), ...(pruned === undefined ? {} : { pruned }) };
    // This process takes them with the task's success or not at all.
    if (inline !== undefined && options.soleReader === true) {
      const { attempt } = options;
      return { version: 1, attempt, rows, bytesRead: meter.bytes, files: [], notices, ...unread, inline, at: Date.now() };
    }
    return await store.commit({
      query,
      stage: stage.id,
      task: options.taskId,
      attempt: options.attempt,
      folder,
      output: { ...output, notices, ...(written === undefined ? {} : { files: [] }) },
      bytesRead: meter.bytes,
      ...unread,
      written,
    });
  } finally {
    release();
    for (const readable of opened) if (readable.kind === 'sql') await readable.release();
    await rm(folder, { recursive: true, force: true });
  }
}

/** The kernel knows local files only: what one of them is, its connector knows. */
async function explained(error: unknown, opened: readonly Readable[], signal: AbortSignal): Promise<unknown> {
  if (!(error instanceof TimelineError) || signal.aborted) return error;
  for (const readable of opened) {
    const better = readable.kind === 'sql' ? await readable.explain?.(error) : undefined;
    if (better !== undefined) return better;
  }
  return error;
}

/** A task's splits without what dynamic filters exclude. */
async function chosenSplits(
  options: RunTaskOptions,
  scan: ScanOperator,
  task: Task,
  filters: readonly KeyFilter[],
  /** One more, of a connector that narrows. */
  later: TablePredicate | undefined,
): Promise<{
  readonly splits: readonly Pick<ConnectorSplit, 'data' | 'bounds'>[];
  readonly skipped?: { readonly files: number; readonly rows: number };
}> {
  const splits = task.splits[scan.scan] ?? [];
  if (filters.length === 0 && later === undefined) return { splits };
  const connector = connectorOf(options, scan);
  if (connector.narrow === undefined) {
    if (!matchesNothing(filters)) return { splits };
    return { splits: [], skipped: { files: splits.length, rows: splits.reduce((rows, split) => rows + split.rows, 0) } };
  }
  const never: TablePredicate = { kind: 'constant', type: { oid: Oid.bool, typmod: -1 }, value: 'f' };
  const leaf = (id: number): TableColumn => {
    const field = fieldOf(scan, id);
    return { kind: 'table_column', name: field.name, type: field.type };
  };
  const wanted = matchesNothing(filters) ? [never] : predicates(filters, leaf, () => true);
  const narrowed = await connector.narrow(scan.handle, splits, later === undefined ? wanted : [...wanted, later], options.signal);
  return { splits: narrowed.splits.map((data) => ({ data })), skipped: narrowed.skipped };
}

function sum(
  a: { readonly files: number; readonly rows: number } | undefined,
  b: { readonly files: number; readonly rows: number },
): { readonly files: number; readonly rows: number } {
  return { files: (a?.files ?? 0) + b.files, rows: (a?.rows ?? 0) + b.rows };
}

async function openScan(
  options: RunTaskOptions,
  scan: ScanOperator,
  splits: readonly unknown[],
  meter: ReturnType<Budget['meter']>,
  report: (step: PruningStep) => void,
): Promise<Readable> {
  const columns = scan.fields.map(({ name, type, path }): ReadColumn => {
    return { name, type, nullable: true, comment: undefined, ...(path === undefined ? {} : { path }) };
  });
  return connectorOf(options, scan).read(scan.handle, splits, {
    columns,
    meter,
    signal: options.signal,
    report,
    ...(options.plan.session.skipping === undefined ? {} : { skipping: options.plan.session.skipping }),
  });
}

function connectorOf(options: RunTaskOptions, scan: ScanOperator): Connector {
  const connector = options.connectors.get(scan.connector);
  if (connector === undefined) {
    throw new TimelineError({
      kind: 'connector',
      sqlstate: '08001',
      message: `catalog "${scan.connector}" is not configured in this process`,
      hint: "Give every worker the catalogs of the gateway's configuration.",
    });
  }
  return connector;
}

/** Files of earlier stages by stage id. A partitioned stage is read by partition where the task has one. */
async function gatherInputs(options: RunTaskOptions, stage: Stage, task: Task): Promise<Record<string, string[]>> {
  const { plan, store, query } = options;
  const inputs: Record<string, string[]> = {};
  const read = new Set([...operatorsIn(stage.root)].flatMap((op) => (op.kind === 'exchange_read' ? [op.stage] : [])));
  // Of other stages only the keys are read.
  for (const dep of stage.deps.filter((one) => read.has(one))) {
    const source = plan.stages.find((one) => one.id === dep);
    if (source === undefined) throw internal(`stage ${stage.id} reads stage ${dep}, which the plan does not have`);
    const partition = source.exchange === undefined ? undefined : task.partition;
    const paths = await inParallel(
      [...source.tasks.keys()],
      async (from) => {
        const manifest = await store.manifest(query, dep, from);
        if (manifest === undefined) throw internal(`the result of task ${dep}/${from} is gone from the stage store`);
        const files = manifest.files.filter((file) => partition === undefined || file.partition === partition);
        return Promise.all(files.map((file) => store.toLocalFile(file.key)));
      },
      { signal: options.signal },
    );
    inputs[String(dep)] = paths.flat();
  }
  return inputs;
}

function scansOf(root: Operator): readonly ScanOperator[] {
  return [...operatorsIn(root)].filter((op) => op.kind === 'scan');
}

const TRANSIENT: ReadonlySet<string> = new Set([
  'ECONNRESET',
  'ECONNREFUSED',
  'EPIPE',
  'ETIMEDOUT',
  'EAI_AGAIN',
  'EMFILE',
  'ENFILE',
  'EBUSY',
  'EAGAIN',
]);

/** What the kernel cannot write it cannot write in this process's own folders. */
function taskError(error: unknown, folder: string): unknown {
  const told = diskError(error, folder);
  if (told instanceof TimelineError) return told;
  const code = codeOf(told);
  const message = told instanceof Error ? told.message : String(told);
  if (code !== undefined && TRANSIENT.has(code)) {
    return new TimelineError({ kind: 'connector', sqlstate: '58030', message, retryable: true, cause: told });
  }
  return asTimelineError(told);
}
