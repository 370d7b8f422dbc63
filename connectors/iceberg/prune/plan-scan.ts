import { TimelineError, unsupported } from '../../../sql/errors.js';
import type { PruningStep, SplitPlan } from '../../connector.js';
import type { ScanPage, ScanPlanner } from '../catalog/catalog.js';
import { isJsonObject, type Json, type JsonObject } from '../format/exact-json.js';
import type { ManifestFileEntry } from '../format/manifest.js';
import type { Schema } from '../format/schema.js';
import type { DeleteFile } from '../handle.js';
import { conditionOfHandle } from '../pushdown.js';
import { deleteFile, refuseDeletes } from './delete-index.js';
import { columnTypes } from './partition-values.js';
import { appliedDeletes, enoughFor, type PlanRequest, planFiles, refuseFile, SPLIT_BYTES } from './plan-files.js';
import { type Condition, columnsOf } from './predicate.js';
import { partitionMayMatch, statisticsMayMatch } from './prune.js';
import { type ServerName, scanFilter } from './scan-filter.js';
import { contentFile, naturalsOf } from './scan-task.js';
import { boundsOf, columnIds } from './split-bounds.js';
import { splitFile } from './split-file.js';
import { type PlannedFile, splitsOf } from './splits.js';

const MOST_FILES = 2_000_000;
const MOST_NOTE = 300;

/** As planFiles, but where the catalog's server is to say which files a scan reads, it is asked. What it cannot do is done from manifests, and shown. */
export async function planScan(request: PlanRequest, planner: ScanPlanner | undefined): Promise<SplitPlan> {
  const { handle, signal, snapshot } = request;
  if (planner === undefined || snapshot === undefined) return planFiles(request);
  const choice = await planner.choice(handle, signal);
  if (choice.kind === 'manifests') return withNote(await planFiles(request), choice.why);
  try {
    return await planByServer(request, planner, snapshot.id);
  } catch (error) {
    signal.throwIfAborted();
    // Who may not scan the table by the server's word does not get around it.
    const isDenied = error instanceof TimelineError && error.sqlstate === '42501';
    if (choice.must || isDenied || !(error instanceof TimelineError)) throw error;
    return withNote(await planFiles(request), error.message);
  }
}

function withNote(plan: SplitPlan, why: string | undefined): SplitPlan {
  if (why === undefined) return plan;
  const note = `from manifests, since ${why.length > MOST_NOTE ? `${why.slice(0, MOST_NOTE)}…` : why}`;
  return { ...plan, pruning: [{ step: 'Scan planning', before: 0, after: 0, note }, ...plan.pruning] };
}

async function planByServer(request: PlanRequest, planner: ScanPlanner, snapshot: string): Promise<SplitPlan> {
  const { handle, schema, wish, signal } = request;
  const table = `${handle.schema}.${handle.table}`;
  if (handle.rows === true) throw unsupported(`row numbers and row ids in scans that the catalog's server plans (table ${table})`);
  const condition = conditionOfHandle(handle, schema);
  const name = serverNames(request);
  const filter = scanFilter(condition, name);
  const bounded = columnIds(schema, wish.bounded ?? []);
  const wanted = new Set([...columnsOf(condition), ...bounded]);
  const stats = schema.fields.filter(({ id }) => wanted.has(id)).flatMap((field) => name(field) ?? []);
  const tasks = new ServerTasks(request, condition, bounded);
  // A filter that no row passes needs no files.
  if (condition.kind !== 'never') {
    const body: JsonObject = {
      'snapshot-id': BigInt(snapshot),
      'case-sensitive': true,
      'use-snapshot-schema': true,
      ...(filter === undefined ? {} : { filter }),
      ...(stats.length === 0 ? {} : { 'stats-fields': stats }),
    };
    await planner.plan(handle, body, (page) => tasks.add(page), signal);
    if (filter === undefined) tasks.checkWhole();
  }
  return tasks.plan();
}

/**
 * The server binds names in the snapshot's schema, which never changes, or in today's: a column must be the same one in both and in the handle's. One
 * with a default for old files is not named, since libraries forget the default when they compare; nor is one whose name may be a path.
 */
function serverNames({ metadata, schema, snapshot }: PlanRequest): ServerName {
  const written = snapshot?.schemaId === undefined ? undefined : metadata.schemas.get(snapshot.schemaId);
  const current = metadata.schemas.get(metadata.currentSchemaId);
  const find = (of: Schema, id: number) => of.fields.find((field) => field.id === id);
  return ({ id }) => {
    if (written === undefined || current === undefined) return undefined;
    const all = [schema, written, current].map((of) => find(of, id));
    const [own, ...others] = all;
    if (own === undefined || own.name.includes('.') || own.initialDefault !== undefined) return undefined;
    const type = JSON.stringify(own.type);
    const same = others.every(
      (field) => field?.name === own.name && field.initialDefault === undefined && JSON.stringify(field.type) === type,
    );
    return same ? own.name : undefined;
  };
}

/** Delete files of one answer, and of those the vectors by the place of their data file. */
interface Deletes {
  readonly entries: readonly ManifestFileEntry[];
  readonly vectors: ReadonlyMap<string, readonly ManifestFileEntry[]>;
}

/** The server's tasks as they come, pruned again by what they say of their files. */
class ServerTasks {
  readonly #request: PlanRequest;
  readonly #condition: Condition;
  readonly #bounded: readonly number[];
  readonly #types: ReturnType<typeof columnTypes>;
  readonly #seen = new Set<string>();
  readonly #files: PlannedFile[] = [];
  readonly #deletes = new Set<string>();
  readonly #listed = { files: 0, bytes: 0 };
  readonly #inPartition = { files: 0, bytes: 0 };

  constructor(request: PlanRequest, condition: Condition, bounded: readonly number[]) {
    this.#request = request;
    this.#condition = condition;
    this.#bounded = bounded;
    this.#types = columnTypes(request.metadata);
  }

  /** 58030: not what the protocol says; 0A000: what cannot be read. */
  add({ tasks, deleteFiles }: ScanPage): void {
    const entries = this.#checked(() => deleteFiles.map((json) => this.#contentFile(json)));
    const vectors = new Map<string, ManifestFileEntry[]>();
    for (const entry of entries) {
      this.#checkDeletes(entry);
      this.#deletes.add(deleteKey(deleteFile(entry)));
      if (entry.format !== 'PUFFIN') continue;
      const place = this.#request.io.place(entry.referencedDataFile ?? '');
      vectors.set(place, [...(vectors.get(place) ?? []), entry]);
    }
    for (const task of tasks) this.#addTask(task, { entries, vectors });
  }

  #checkDeletes(entry: ManifestFileEntry): void {
    const file = `delete file "${this.#display(entry.path)}"`;
    if (entry.content === 'data') throw this.#bad(`${file} has the content of a data file`);
    refuseDeletes(entry, { table: this.#table, display: this.#display });
    if (entry.content === 'equality deletes' && entry.equalityIds.length === 0)
      throw this.#bad(`${file} does not say which columns it compares`);
    if (entry.format === 'PUFFIN' && (entry.blob === undefined || entry.referencedDataFile === undefined))
      throw this.#bad(`${file} does not say where a deletion vector lies, or of which data file it is`);
  }

  #addTask(task: Json, deletes: Deletes): void {
    const { metadata, io, handle } = this.#request;
    const { file, references } = this.#checked(() => {
      if (!isJsonObject(task)) throw new Error('a task is not an object');
      const data = task['data-file'];
      if (data === undefined) throw new Error('a task has no data file');
      return { file: this.#contentFile(data), references: naturalsOf(task['delete-file-references'], 'delete-file-references') };
    });
    if (file.content !== 'data') throw this.#bad('a task reads a delete file');
    const place = io.place(file.path);
    // Read twice, its rows would be there twice.
    if (this.#seen.has(place)) throw this.#bad(`it lists data file "${this.#display(file.path)}" twice`);
    if (this.#seen.size >= MOST_FILES) throw this.#bad(`it lists more than ${MOST_FILES} data files`);
    this.#seen.add(place);
    const applied = this.#deletesOf(file.path, references, deletes);
    count(this.#listed, file);
    const spec = metadata.specs.get(file.specId);
    if (!partitionMayMatch(this.#condition, file, spec)) return;
    count(this.#inPartition, file);
    if (!statisticsMayMatch(this.#condition, file)) return;
    refuseFile(file, `${handle.schema}.${handle.table}`);
    this.#files.push({
      file: splitFile(file, { display: this.#display, spec, types: this.#types, deletes: { deletesOf: () => applied } }),
      bounds: this.#bounded.length === 0 ? undefined : boundsOf(file, this.#bounded),
      offsets: file.splitOffsets,
    });
  }

  /**
   * A deletion vector is of the data file that it names. Iceberg 1.11's own server refers to some vector of the right Puffin file (it looks them up by
   * path), so the right one is found by that name.
   */
  #deletesOf(path: string, references: readonly number[], deletes: Deletes): readonly DeleteFile[] {
    const place = this.#request.io.place(path);
    const own = deletes.vectors.get(place) ?? [];
    const referred = [...new Set(references)].map((index) => {
      const entry = deletes.entries[index];
      if (entry === undefined) throw this.#bad('a task refers to a delete file that is not there');
      return entry;
    });
    const isVector = ({ format }: ManifestFileEntry): boolean => format === 'PUFFIN';
    const puffins = new Set(referred.filter(isVector).map((entry) => entry.path));
    const [vector] = own;
    if (own.length > 1) throw this.#bad(`data file "${this.#display(path)}" has two deletion vectors`);
    if (puffins.size > 1 || (vector === undefined ? puffins.size > 0 : !puffins.has(vector.path)))
      throw this.#bad(`it is not clear which deletion vector is of data file "${this.#display(path)}"`);
    return [...referred.filter((entry) => !isVector(entry)), ...own].map(deleteFile);
  }

  /** Without a filter all files of the snapshot must be there, as far as its summary counts them. */
  checkWhole(): void {
    const said = this.#total;
    if (said !== undefined && said !== this.#listed.files)
      throw this.#bad(`it lists ${this.#listed.files} data files of the snapshot, which has ${said}`);
  }

  get #total(): number | undefined {
    const text = this.#request.snapshot?.summary['total-data-files'];
    return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
  }

  plan(): SplitPlan {
    const { handle, wish } = this.#request;
    const files = this.#files;
    const [listed, inPartition] = [this.#listed, this.#inPartition];
    const limited = enoughFor(handle.limit, files);
    const splits = splitsOf(limited, wish.bytes ?? SPLIT_BYTES);
    const bytes = (some: readonly PlannedFile[]): number => some.reduce((sum, { file }) => sum + file.bytes, 0);
    const [bytesLeft, bytesRead] = [bytes(files), bytes(limited)];
    const step = (name: string, before: number, after: number, bytesBefore: number, bytesAfter: number): PruningStep => ({
      step: name,
      before,
      after,
      bytesBefore,
      bytesAfter,
    });
    const pruning: PruningStep[] = [
      { step: "files by the catalog's server", before: Math.max(this.#total ?? 0, listed.files), after: listed.files },
      step('files by partition', listed.files, inPartition.files, listed.bytes, inPartition.bytes),
      step('files by statistics', inPartition.files, files.length, inPartition.bytes, bytesLeft),
      ...(limited.length < files.length ? [step('files by limit', files.length, limited.length, bytesLeft, bytesRead)] : []),
      ...(this.#deletes.size > 0 ? [{ step: 'deletes', before: this.#deletes.size, after: appliedDeletes(limited) }] : []),
      { step: 'splits', before: limited.length, after: splits.length },
    ];
    return { splits, pruning };
  }

  #contentFile(json: Json): ManifestFileEntry {
    return contentFile(json, { specs: this.#request.metadata.specs, types: this.#types });
  }

  get #table(): string {
    return `${this.#request.handle.schema}.${this.#request.handle.table}`;
  }

  readonly #display = (location: string): string => this.#request.io.display(location);

  #checked<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw error instanceof TimelineError ? error : this.#bad(error instanceof Error ? error.message : String(error));
    }
  }

  #bad(why: string): TimelineError {
    const message = `the catalog's plan for a scan of table ${this.#table} cannot be used: ${why}`;
    return new TimelineError({
      kind: 'connector',
      sqlstate: '58030',
      message,
      hint: 'With scan_planning: off manifests are read instead.',
    });
  }
}

function deleteKey(file: DeleteFile): string {
  return file.kind === 'vector' ? `${file.path}\n${file.offset}` : file.path;
}

function count(counted: { files: number; bytes: number }, file: ManifestFileEntry): void {
  counted.files++;
  counted.bytes += file.bytes;
}
