import { access, open } from 'node:fs/promises';
import { basename } from 'node:path';
import type {
  ColumnDescription,
  Connector,
  ConnectorSplit,
  Handle,
  PinnedTable,
  PushdownAnswer,
  PushdownRequest,
  Readable,
  ReadRequest,
  SplitPlan,
  SplitWish,
  TableDescription,
  TableName,
  TableStatistics,
} from '../../connectors/connector.js';
import { internal, TimelineError, unsupported } from '../../sql/errors.js';
import { inParallel } from '../in-parallel.js';
import { sha256 } from '../sha256.js';
import { type CompletedReplay, findCompleted, noLongerKept, noSuchReplay, type ReplayRecords } from './completed-replay.js';
import { isReplayId } from './replay-record.js';
import { uniqueNames } from './result-columns.js';
import { fileRelation, type ResultColumn, stageRelation } from './result-relation.js';
import { codeOf } from './stage-files.js';

/** The schema of results' tables, which are named as their replays. */
export const RESULTS_SCHEMA = 'timeline_results';

interface ResultHandle {
  readonly version: 1;
  readonly id: string;
  readonly columns: readonly ResultColumn[];
  readonly rows: number;
  readonly from: { readonly kind: 'stage'; readonly stage: number; readonly tasks: number } | ResultFile;
}

interface ResultFile {
  readonly kind: 'file';
  readonly location: string;
  readonly bytes: number;
}

/** Stage files in the rows' order. */
interface StageSplit {
  readonly kind: 'stage';
  readonly keys: readonly string[];
  readonly bytes: number;
}

/**
 * Completed replays' rows as tables `timeline_results.{id}`; their columns have the names of the result's, though unique (uniqueNames).
 * Splits come in the rows' order, and each split's rows in their order: who reads them so has the order of the replay's query.
 * Errors of describe and pin: those of findCompleted; of pin 42704 where there is no such replay.
 */
export class ResultsConnector implements Connector {
  readonly name: string = 'results';
  readonly readableFolders: readonly string[];

  constructor(private readonly records: ReplayRecords) {
    this.readableFolders = [...new Set([records.store.localFolder, ...records.files.localFolders])];
  }

  /** Nobody looks for them in a catalogue: timeline.replays has them all. */
  async tables(): Promise<readonly TableName[]> {
    return [];
  }

  async describe({ schema, table }: TableName, signal?: AbortSignal): Promise<TableDescription | undefined> {
    signal?.throwIfAborted();
    if (schema !== RESULTS_SCHEMA || !isReplayId(table)) return undefined;
    const replay = await findCompleted(table, this.records);
    if (replay === undefined) return undefined;
    const columns = columnsOf(replay).map(({ name, type }): ColumnDescription => ({ name, type, nullable: true, comment: undefined }));
    return {
      schema,
      table,
      columns,
      comment: replay.submission.name ?? undefined,
      properties: {},
      rowEstimate: replay.end.rows,
      schemaVersion: sha256(JSON.stringify(columns)).slice(0, 16),
    };
  }

  async pin({ table }: TableName, asOf?: string, signal?: AbortSignal): Promise<PinnedTable> {
    signal?.throwIfAborted();
    if (asOf !== undefined) throw unsupported('time travel over a result');
    const replay = isReplayId(table) ? await findCompleted(table, this.records) : undefined;
    if (replay === undefined) throw noSuchReplay(table);
    const { id, plan, end, place } = replay;
    const last = plan.stages.at(-1);
    if (last === undefined) throw internal(`the plan of replay "${id}" has no stage`);
    const from: ResultHandle['from'] = place.kind === 'inline' ? { kind: 'stage', stage: last.id, tasks: last.tasks.length } : place;
    const handle: ResultHandle = { version: 1, id, columns: columnsOf(replay), rows: end.rows, from };
    // One id may stand for other rows when its records have gone: those of an interval that is asked for again.
    return { handle, snapshot: String(end.endedAt) };
  }

  pushdown(handle: Handle, { filters }: PushdownRequest): PushdownAnswer {
    return { handle, answers: filters.map(() => 'unsupported'), limitDone: false };
  }

  async statistics(handle: Handle): Promise<TableStatistics> {
    const { rows, from } = handle as ResultHandle;
    return { rows, bytes: from.kind === 'file' ? from.bytes : undefined };
  }

  async splits(handle: Handle, signal: AbortSignal, wish: SplitWish = {}): Promise<SplitPlan> {
    signal.throwIfAborted();
    const { id, from, rows } = handle as ResultHandle;
    if (from.kind === 'file') return { splits: [{ data: from, bytes: from.bytes, rows }], pruning: [] };
    const manifests = await inParallel(
      Array.from({ length: from.tasks }, (_, task) => task),
      (task) => this.records.store.manifest(id, from.stage, task),
      { signal },
    );
    const splits: (ConnectorSplit & { readonly data: StageSplit })[] = [];
    for (const manifest of manifests) {
      if (manifest === undefined) throw noLongerKept(id);
      for (const file of manifest.files.filter((one) => one.rows > 0)) {
        const last = splits.at(-1);
        const joined = last !== undefined && last.bytes + file.bytes <= (wish.bytes ?? 0) ? splits.pop() : undefined;
        const bytes = (joined?.bytes ?? 0) + file.bytes;
        const keys = [...(joined?.data.keys ?? []), file.key];
        splits.push({ data: { kind: 'stage', keys, bytes }, bytes, rows: (joined?.rows ?? 0) + file.rows });
      }
    }
    return { splits, pruning: [] };
  }

  async read(handle: Handle, splits: readonly unknown[], { columns: wanted, meter, signal }: ReadRequest): Promise<Readable> {
    signal.throwIfAborted();
    const { id, columns } = handle as ResultHandle;
    const read = wanted.map(({ name }): ResultColumn => {
      const column = columns.find((one) => one.name === name);
      if (column === undefined) throw internal(`the result of replay "${id}" has no column "${name}"`);
      return column;
    });
    const holds = [this.records.store.hold(), this.records.files.hold()];
    const release = async (): Promise<void> => {
      for (const hold of holds) hold();
    };
    try {
      const [first] = splits as readonly (StageSplit | ResultFile)[];
      for (const { bytes } of splits as readonly (StageSplit | ResultFile)[]) meter.charge(bytes, 1);
      if (first?.kind === 'file') {
        const path = await there(id, this.records.files.toLocalFile(first.location, first.bytes));
        return { kind: 'sql', relation: fileRelation(read, path, columns.length), release, explain: () => damage(id, [path]) };
      }
      const keys = (splits as readonly StageSplit[]).flatMap((split) => split.keys);
      const paths = await inParallel(keys, (key) => there(id, this.records.store.toLocalFile(key)), { signal });
      return { kind: 'sql', relation: stageRelation(read, paths), release, explain: () => damage(id, paths) };
    } catch (error) {
      await release();
      throw error;
    }
  }

  async close(): Promise<void> {}
}

function columnsOf({ id, submission, plan, place }: CompletedReplay): readonly ResultColumn[] {
  const names = uniqueNames(submission.columns.map(({ name }) => name));
  if (place.kind === 'inline' && plan.output.length !== names.length)
    throw internal(`the plan of replay "${id}" does not give the columns of its submission`);
  return submission.columns.map(({ oid, typmod }, position) => ({
    name: names[position] ?? '',
    type: { oid, typmod },
    field: plan.output[position]?.id ?? -1,
    position,
  }));
}

/** The local file, unless it went while we looked. */
async function there(id: string, local: Promise<string>): Promise<string> {
  try {
    const path = await local;
    await access(path);
    return path;
  } catch (error) {
    const missing = error instanceof TimelineError ? error.sqlstate === '58P01' : codeOf(error) === 'ENOENT';
    throw missing ? noLongerKept(id) : error;
  }
}

const MAGIC = 'PAR1';

/** The files' own fault, if one of them is not a whole Parquet file; undefined: the error has another cause. */
async function damage(id: string, paths: readonly string[]): Promise<TimelineError | undefined> {
  for (const path of paths) {
    const file = await open(path, 'r').catch(() => undefined);
    if (file === undefined) return noLongerKept(id);
    try {
      const { size } = await file.stat();
      const ends = await Promise.all([0, Math.max(0, size - 4)].map((at) => file.read(Buffer.alloc(4), 0, 4, at)));
      if (size >= 12 && ends.every(({ buffer }) => buffer.toString('latin1') === MAGIC)) continue;
      return new TimelineError({
        kind: 'connector',
        sqlstate: 'XX001',
        message: `the result of replay "${id}" is damaged: ${basename(path)} is not a whole Parquet file`,
        hint: 'Submit the query again.',
      });
    } finally {
      await file.close();
    }
  }
  return undefined;
}
