import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { PhysicalPlan, Stage } from '../../planner/physical-plan.js';
import { type ErrorDetails, internal } from '../../sql/errors.js';
import { inParallel } from '../in-parallel.js';
import type { ReplayEnd, ReplaySubmission, ResultPlace } from './replay-record.js';
import type { ReplayRegistry } from './replay-registry.js';
import { resultMetadata, uniqueNames } from './result-columns.js';
import type { ResultFiles } from './result-files.js';
import type { RunFigures } from './stage-clock.js';
import { diskError } from './stage-files.js';
import type { Manifest } from './stage-store.js';
import type { TaskContext } from './task-runner.js';

export interface ReplayEndContext extends TaskContext {
  readonly registry: ReplayRegistry;
  /** Where many inline rows are made into a file; absent: they stay in the stage store, however many. */
  readonly results?: ResultFiles;
}

/** How a submitted replay's run ended. */
export interface ReplayOutcome {
  readonly query: string;
  readonly state: ReplayEnd['state'];
  /** Of a completed one. */
  readonly figures?: RunFigures;
  readonly error?: ErrorDetails;
}

/**
 * Ends a submitted replay: makes its rows what its submission asks for, writes the end record, then removes stage files that nobody reads any
 * more. Gives the record that counts, the first. Runs again after a failure at any point, to the same end.
 */
export async function endReplay(context: ReplayEndContext, outcome: ReplayOutcome, signal: AbortSignal): Promise<ReplayEnd> {
  signal.throwIfAborted();
  const { registry } = context;
  const { query, state, figures, error } = outcome;
  const submission = await registry.submission(query);
  if (submission === undefined) throw internal(`there is no record of the submission of replay "${query}"`);
  let end = await registry.ended(query);
  if (end === undefined) {
    const told = { version: 1, id: query, state, endedAt: Date.now(), ...(figures === undefined ? {} : { figures }) } as const;
    const late = state === 'completed' || submission.kind === 'backfill' ? undefined : await settledAlready(context, submission, signal);
    if (late !== undefined) {
      end = await registry.end({ ...told, state: 'completed', ...late });
    } else if (state !== 'completed') {
      await discardUncommitted(context, query, signal);
      end = await registry.end({ ...told, rows: 0, ...(error === undefined ? {} : { error }) });
    } else if (submission.kind === 'backfill') {
      end = await registry.end({ ...told, rows: figures?.rows ?? 0 });
    } else {
      try {
        const { rows, place } = await placed(context, submission, signal);
        end = await registry.end({ ...told, rows, place });
      } catch (error) {
        // Another attempt was faster, and has removed what this one was reading.
        end = await registry.ended(query);
        if (end === undefined) throw diskError(error, context.scratchFolder);
      }
    }
  }
  if (submission.kind !== 'backfill') await removeStages(context, end);
  return end;
}

/**
 * Where the rows of a run are that was cancelled, or lost its worker, when they were in their place already: it has completed, whatever else it
 * was told. If it were asked for again as one that has not, a table would have its rows twice.
 */
async function settledAlready(
  context: ReplayEndContext,
  submission: ReplaySubmission,
  signal: AbortSignal,
): Promise<{ readonly rows: number; readonly place: ResultPlace } | undefined> {
  const { store, connectors } = context;
  const { id } = submission;
  try {
    const last = (await store.readPlan(`${id}/plan.json`)).stages.at(-1);
    if (last?.sink?.kind !== 'commit' && last?.sink?.kind !== 'publish') return undefined;
    if ((await store.manifest(id, last.id, 0)) !== undefined) return await placed(context, submission, signal);
    if (last.sink.kind === 'publish') return undefined;
    const { connector, handle, schema, table } = last.sink.table;
    const within = AbortSignal.any([signal, AbortSignal.timeout(TABLE_MOST)]);
    const seen = await connectors.get(connector)?.writer?.committed?.(handle, id, within);
    if (seen === undefined) return undefined;
    return { rows: seen.rows, place: { kind: 'table', schema, table, snapshot: seen.snapshot, repeated: seen.repeated } };
  } catch {
    // Nobody can tell: then it is what the run says.
    signal.throwIfAborted();
    return undefined;
  }
}

/** Where a completed replay's rows are. */
async function placed(
  context: ReplayEndContext,
  submission: ReplaySubmission,
  signal: AbortSignal,
): Promise<{ readonly rows: number; readonly place: ResultPlace }> {
  const { store } = context;
  const { id } = submission;
  const plan = await store.readPlan(store.planRef(id));
  const last = plan.stages.at(-1);
  if (last === undefined) throw internal(`the plan of replay "${id}" has no stage`);
  const manifests = await manifestsOf(context, id, last, signal);
  switch (last.sink?.kind) {
    case undefined: {
      const rows = manifests.reduce((sum, one) => sum + one.rows, 0);
      const { results } = context;
      const bytes = manifests.flatMap(({ files }) => files).reduce((sum, file) => sum + file.bytes, 0);
      // Such rows are for sessions, and read by the version that wrote them.
      if (manifests.some(({ inline, files }) => inline !== undefined || files.some(({ key }) => !key.endsWith('.parquet'))))
        throw internal(`the rows of replay "${id}" are in a form that does not last`);
      if (results === undefined || bytes <= results.inlineBytes) return { rows, place: { kind: 'inline', bytes } };
      return { rows, place: await asFile({ ...context, results }, submission, plan, signal) };
    }
    case 'commit': {
      const { schema, table } = last.sink.table;
      const [rows, snapshot, repeated] = await settledRow(context, plan, manifests, signal);
      return { rows: Number(rows ?? 0), place: { kind: 'table', schema, table, snapshot: text(snapshot), repeated: repeated === true } };
    }
    case 'publish': {
      const { location } = last.sink.file;
      const [rows] = await settledRow(context, plan, manifests, signal);
      // The stage that made it may have been removed. A file that has gone already has no bytes.
      const bytes = (await context.results?.size(location)) ?? 0;
      return { rows: Number(rows ?? 0), place: { kind: 'file', location, bytes } };
    }
    default:
      throw internal(`the plan of replay "${id}" ends with a stage that does not end it`);
  }
}

function manifestsOf({ store }: ReplayEndContext, id: string, stage: Stage, signal: AbortSignal): Promise<readonly Manifest[]> {
  return inParallel(
    [...stage.tasks.keys()],
    async (task) => {
      const manifest = await store.manifest(id, stage.id, task);
      if (manifest === undefined) throw internal(`the result of task ${stage.id}/${task} of replay "${id}" is gone from the stage store`);
      return manifest;
    },
    { signal },
  );
}

function text(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

/** The only row of a plan that writes: rows, snapshot, whether it had been there before. */
async function settledRow(
  { store, kernel }: ReplayEndContext,
  plan: PhysicalPlan,
  manifests: readonly Manifest[],
  signal: AbortSignal,
): Promise<readonly unknown[]> {
  const release = store.hold();
  try {
    const paths = await Promise.all(manifests.flatMap(({ files }) => files).map(({ key }) => store.toLocalFile(key)));
    for await (const batch of kernel.read(paths, plan.output, signal)) {
      if (batch.kind === 'columns' && batch.rowCount > 0) return batch.columns.map((column) => column[0]);
    }
  } finally {
    release();
  }
  throw internal('a stage that writes has no row');
}

/** Makes one Parquet file of the last stage's rows, in their order. */
async function asFile(
  context: ReplayEndContext & { readonly results: ResultFiles },
  submission: ReplaySubmission,
  plan: PhysicalPlan,
  signal: AbortSignal,
): Promise<ResultPlace> {
  const { store, kernel, results, scratchFolder } = context;
  const { id, sql, snapshots } = submission;
  const location = results.locationOf(id);
  const last = plan.stages.at(-1) as Stage;
  const manifests = await manifestsOf(context, id, last, signal);
  const names = uniqueNames(
    submission.columns.map(({ name }) => name),
    { file: true },
  );
  const columns = plan.output.map((field, n) => ({ id: field.id, name: names[n] ?? field.name, type: field.type }));
  await mkdir(scratchFolder, { recursive: true });
  const folder = await mkdtemp(join(scratchFolder, 'task-'));
  const release = store.hold();
  try {
    const files = manifests.flatMap((manifest) => manifest.files);
    const paths = await inParallel(files, ({ key }) => store.toLocalFile(key), { signal });
    const output = await kernel.run(
      {
        root: { kind: 'exchange_read', stage: last.id, fields: plan.output },
        session: plan.session,
        scans: {},
        inputs: { [String(last.id)]: paths },
        outputFolder: folder,
        exchange: undefined,
        named: { columns, compression: 'zstd', relation: '', metadata: resultMetadata({ id, sql, snapshots }) },
        readableFolders: [...(context.readableFolders ?? []), store.localFolder, scratchFolder],
      },
      signal,
    );
    const rows = manifests.reduce((sum, one) => sum + one.rows, 0);
    const [file] = output.files;
    if (file === undefined || output.rows !== rows) throw internal(`the file of replay "${id}" has ${output.rows} rows, not ${rows}`);
    return { kind: 'file', location, bytes: await results.publish(location, join(folder, file.name), signal) };
  } finally {
    release();
    await rm(folder, { recursive: true, force: true });
  }
}

/** How long a table may take to say what it remembers, milliseconds. */
const TABLE_MOST = 10_000;
/** How long the removal of a table's files may take, milliseconds; what stays is for remove_orphan_files. */
const DISCARD_MOST = 10_000;

/**
 * Deletes what tasks have written for a table, where no commit can name it: a commit begins when all of them are done, so one must not be. Only
 * before there is an end record, as stage files go after it, and one that has gone looks like one that never was.
 */
async function discardUncommitted(context: ReplayEndContext, id: string, signal: AbortSignal): Promise<void> {
  const { store, registry, connectors } = context;
  try {
    const plan = await store.readPlan(store.planRef(id));
    const stage = plan.stages.find(({ sink }) => sink?.kind === 'write');
    const last = plan.stages.at(-1);
    if (stage?.sink?.kind !== 'write' || last === undefined) return;
    // Stages whose rows have been taken are removed while the run goes on: this one when the table has them.
    if ((await store.manifest(id, last.id, 0)) !== undefined) return;
    const { table } = stage.sink;
    const writer = connectors.get(table.connector)?.writer;
    if (writer?.discard === undefined) return;
    const manifests = await inParallel([...stage.tasks.keys()], (task) => store.manifest(id, stage.id, task), { signal });
    if (manifests.every((manifest) => manifest !== undefined) || (await registry.ended(id)) !== undefined) return;
    const written = manifests.flatMap((manifest) => manifest?.written ?? []);
    if (written.length > 0) await writer.discard(table.handle, written, AbortSignal.any([signal, AbortSignal.timeout(DISCARD_MOST)]));
  } catch {
    // The replay has failed already, and its end says why.
    signal.throwIfAborted();
  }
}

/** Of an inline result the last stage's files stay, of any other none. The plan stays: it says what the rows are. */
async function removeStages({ store }: ReplayEndContext, end: ReplayEnd): Promise<void> {
  let plan: PhysicalPlan;
  try {
    plan = await store.readPlan(store.planRef(end.id));
  } catch (error) {
    // Perhaps it failed for its plan: what there is of it goes with its folder.
    if (end.state !== 'completed') return;
    throw error;
  }
  const kept = end.place?.kind === 'inline' ? plan.stages.at(-1)?.id : undefined;
  for (const { id } of plan.stages) if (id !== kept) await store.removeStage(end.id, id);
}
