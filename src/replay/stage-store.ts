import { randomBytes } from 'node:crypto';
import { extname } from 'node:path';
import type { PhysicalPlan, StageFigures } from '../../planner/physical-plan.js';
import { type ErrorDetails, internal } from '../../sql/errors.js';
import { BLOCK_VERSION } from '../kernel/block-version.js';
import type { TaskOutput } from '../kernel/kernel.js';
import type { StageKeys } from '../kernel/stage-keys.js';
import { sha256 } from '../sha256.js';
import { createFolderFiles, type StageFiles } from './stage-files.js';

/** What a task did: written once, by its first attempt to finish. The files it names are complete. */
export interface Manifest {
  readonly version: 1;
  readonly attempt: number;
  readonly rows: number;
  readonly bytesRead: number;
  /** Keys in the store. */
  readonly files: readonly { readonly key: string; readonly partition: number | null; readonly rows: number; readonly bytes: number }[];
  readonly notices: readonly string[];
  /** Key in the store of the task's StageKeys, where its stage has to have them. */
  readonly keys?: string;
  /** What dynamic filters left unread. */
  readonly skipped?: StageFigures['skipped'];
  readonly pruned?: StageFigures['pruned'];
  /** Of a task that wrote for a table: ConnectorWriter.write's answer, for its commit. */
  readonly written?: readonly unknown[];
  /** Instead of files: few rows, as src/kernel/block-file.ts has them. Base64 in JSON, beside the version of the blocks' form. */
  readonly inline?: Uint8Array;
  /** When it was written, milliseconds since 1970. */
  readonly at: number;
}

export interface CommitOptions {
  readonly query: string;
  readonly stage: number;
  readonly task: number;
  readonly attempt: number;
  /** Local folder of output.files. */
  readonly folder: string;
  readonly output: TaskOutput;
  readonly bytesRead: number;
  readonly skipped?: StageFigures['skipped'];
  readonly pruned?: StageFigures['pruned'];
  readonly written?: readonly unknown[] | undefined;
}

/**
 * Files and manifests of queries' stages:
 * States that TIMELINE keeps from query to query: `carries/{key}/state`.
 * `{query}/{stage}/{task}/{attempt}-{nonce}[.pN].parquet` (`.rows`: a result for this process; `.keys.json`: StageKeys) and `{query}/{stage}/{task}.manifest.json`.
 */
export interface StageStore {
  /** For messages. */
  readonly name: string;
  /** Below it lies what toLocalFile gives. */
  readonly localFolder: string;
  manifest(query: string, stage: number, task: number): Promise<Manifest | undefined>;
  /** Puts the files, then the manifest; gives the manifest that won, which may be another attempt's. */
  commit(options: CommitOptions): Promise<Manifest>;
  toLocalFile(key: string): Promise<string>;
  /** Local files that toLocalFile gives from now on stay until the answer is called. */
  hold(): () => void;
  /** What a committed task wrote of its keys; it has no column where that was not asked for. */
  keys(query: string, stage: number, task: number): Promise<StageKeys>;
  /**
   * Calls when a task of the stage may have been committed, wherever it ran: a hint, which may be missing. Gives a function that ends it;
   * undefined: this store never tells.
   */
  watch(query: string, stage: number, onCommit: () => void): Promise<(() => void) | undefined>;
  /** Committed tasks of a query by stage, from one listing. */
  committed(query: string): Promise<ReadonlyMap<number, readonly number[]>>;
  writePlan(query: string, plan: Uint8Array): Promise<string>;
  /** What writePlan gives. */
  planRef(query: string): string;
  /** `hash`: SHA-256 that the plan's bytes must have, hexadecimal. */
  readPlan(planRef: string, hash?: string): Promise<PhysicalPlan>;
  /** Undefined: it is not there (any more). */
  findPlan(query: string): Promise<PhysicalPlan | undefined>;
  /** Leaves word for the query's tasks, wherever they run, that they should stop. */
  requestCancel(query: string, reason: ErrorDetails): Promise<void>;
  cancelRequest(query: string): Promise<ErrorDetails | undefined>;
  /** Keys of the states of TIMELINE that are kept (planner/timeline-carry.ts). */
  carries(): Promise<ReadonlySet<string>>;
  /** One of them as a local file. */
  carry(key: string): Promise<string>;
  /** Takes a local file. Whoever comes with the same key has the same state. */
  keepCarry(key: string, path: string): Promise<void>;
  remove(query: string): Promise<void>;
  removeStage(query: string, stage: number): Promise<void>;
}

export type StageStoreOptions =
  /** A local folder, for workers on this machine only. */
  | { readonly folder: string }
  /** See createObjectFiles; `name` is for messages. */
  | { readonly files: StageFiles; readonly name: string };

export function createStageStore(options: StageStoreOptions): StageStore {
  const files = 'folder' in options ? createFolderFiles(options.folder) : options.files;
  const name = 'folder' in options ? options.folder : options.name;
  const manifestKey = (query: string, stage: number, task: number): string => `${query}/${stage}/${task}.manifest.json`;

  const planRef = (query: string): string => `${query}/plan.json`;

  async function readManifest(query: string, stage: number, task: number): Promise<Manifest | undefined> {
    const key = manifestKey(query, stage, task);
    const bytes = await files.read(key);
    return bytes === undefined ? undefined : parseManifest(bytes, key, query);
  }

  return {
    name,
    localFolder: files.localFolder,
    manifest: readManifest,
    async commit({ query, stage, task, attempt, folder, output, bytesRead, skipped, pruned, written }) {
      const nonce = randomBytes(6).toString('hex');
      const placed = await Promise.all(
        output.files.map(async (file, n) => {
          const suffix = file.partition === undefined ? (output.files.length > 1 ? `.f${n}` : '') : `.p${file.partition}`;
          const key = `${query}/${stage}/${task}/${attempt}-${nonce}${suffix}${extname(file.name)}`;
          await files.moveIn(`${folder}/${file.name}`, key);
          return { key, partition: file.partition ?? null, rows: file.rows, bytes: file.bytes };
        }),
      );
      const keys = output.keys === undefined ? undefined : `${query}/${stage}/${task}/${attempt}-${nonce}.keys.json`;
      if (output.keys !== undefined && keys !== undefined) await files.moveIn(`${folder}/${output.keys}`, keys);
      const manifest: Manifest = {
        version: 1,
        attempt,
        rows: output.rows,
        bytesRead,
        files: placed,
        notices: output.notices,
        ...(keys === undefined ? {} : { keys }),
        ...(skipped === undefined ? {} : { skipped }),
        ...(pruned === undefined ? {} : { pruned }),
        ...(written === undefined ? {} : { written }),
        ...(output.inline === undefined ? {} : { inline: output.inline }),
        at: Date.now(),
      };
      if (await files.putIfAbsent(manifestKey(query, stage, task), encode(inJson(manifest)))) return manifest;
      const winner = await readManifest(query, stage, task);
      if (winner === undefined) throw internal(`the manifest of task ${stage}/${task} of ${query} was removed while it was written`);
      return winner;
    },
    toLocalFile: (key) => files.toLocalFile(key),
    hold: () => files.hold(),
    async keys(query, stage, task) {
      const manifest = await readManifest(query, stage, task);
      if (manifest === undefined) throw internal(`the result of task ${stage}/${task} is gone from the stage store`);
      if (manifest.keys === undefined) return {};
      const bytes = await files.read(manifest.keys);
      if (bytes === undefined) throw internal(`the keys of task ${stage}/${task} are gone from the stage store`);
      return parseKeys(bytes, manifest.keys);
    },
    async watch(query, stage, onCommit) {
      return files.watch?.(`${query}/${stage}`, onCommit);
    },
    async committed(query) {
      const found = new Map<number, number[]>();
      for await (const { key } of files.list(query)) {
        const match = /^[^/]+\/(\d+)\/(\d+)\.manifest\.json$/.exec(key);
        if (match === null) continue;
        const stage = Number(match[1]);
        found.set(stage, [...(found.get(stage) ?? []), Number(match[2])]);
      }
      return found;
    },
    planRef,
    async writePlan(query, plan) {
      const key = planRef(query);
      await files.putIfAbsent(key, plan);
      return key;
    },
    async readPlan(planRef, hash) {
      const bytes = await files.read(planRef);
      if (bytes === undefined) throw internal(`the plan ${planRef} is not in the stage store ${name}`);
      if (hash !== undefined && sha256(bytes) !== hash) throw internal(`the plan ${planRef} is not the one that was submitted`);
      return parsePlan(Buffer.from(bytes).toString('utf8'), planRef);
    },
    async findPlan(query) {
      const key = planRef(query);
      const bytes = await files.read(key);
      return bytes === undefined ? undefined : parsePlan(Buffer.from(bytes).toString('utf8'), key);
    },
    async requestCancel(query, reason) {
      await files.putIfAbsent(`${query}/cancel.json`, encode(reason));
    },
    async cancelRequest(query) {
      const bytes = await files.read(`${query}/cancel.json`);
      return bytes === undefined ? undefined : parseReason(bytes);
    },
    async carries() {
      const keys = new Set<string>();
      for await (const { key } of files.list(CARRIES)) keys.add(key.split('/')[1] ?? '');
      return keys;
    },
    carry: (key) => files.toLocalFile(carryKey(key)),
    keepCarry: (key, path) => files.moveIn(path, carryKey(key)),
    remove: (query) => files.removeFolder(query),
    removeStage: (query, stage) => files.removeFolder(`${query}/${stage}`),
  };
}

/** Reads a plan's JSON: its version is checked, the rest is ours. */
export function parsePlan(text: string, where: string): PhysicalPlan {
  let plan: unknown;
  try {
    plan = JSON.parse(text);
  } catch (error) {
    throw internal(`the plan ${where} is not readable JSON`, error);
  }
  if (!isRecord(plan) || plan['version'] !== 1 || !Array.isArray(plan['stages'])) {
    throw internal(`the plan ${where} has a version that this worker does not know`);
  }
  return plan as unknown as PhysicalPlan;
}

/** The folder of TIMELINE's states among those of queries. */
export const CARRIES = 'carries';

function carryKey(key: string): string {
  if (!/^[0-9a-f]{64}$/.test(key)) throw internal('the key of a kept state is malformed');
  return `${CARRIES}/${key}/state`;
}

function encode(value: object): Uint8Array {
  return Buffer.from(JSON.stringify(value), 'utf8');
}

function parseManifest(bytes: Uint8Array, key: string, query: string): Manifest {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch (error) {
    throw internal(`the manifest ${key} is not readable JSON`, error);
  }
  if (
    !isRecord(value) ||
    value['version'] !== 1 ||
    !Array.isArray(value['files']) ||
    !Array.isArray(value['notices']) ||
    typeof value['at'] !== 'number'
  ) {
    throw internal(`the manifest ${key} is malformed`);
  }
  if (value['written'] !== undefined && !Array.isArray(value['written'])) throw internal(`the manifest ${key} is malformed`);
  const { inline } = value;
  if (inline !== undefined && typeof inline !== 'string') throw internal(`the manifest ${key} is malformed`);
  const keys = value['keys'];
  if (keys !== undefined && (typeof keys !== 'string' || !keys.startsWith(`${query}/`))) throw internal(`the manifest ${key} is malformed`);
  for (const file of value['files'] as unknown[]) {
    if (!isRecord(file) || typeof file['key'] !== 'string' || !file['key'].startsWith(`${query}/`))
      throw internal(`the manifest ${key} is malformed`);
  }
  if (hasBlocks(value as unknown as Manifest) && value['blocks'] !== BLOCK_VERSION)
    throw internal(`the manifest ${key} has rows in a form of another version: gateway and workers must be of the same`);
  return { ...value, ...(inline === undefined ? {} : { inline: new Uint8Array(Buffer.from(inline, 'base64')) }) } as unknown as Manifest;
}

function inJson(manifest: Manifest): object {
  if (!hasBlocks(manifest)) return manifest;
  const { inline, ...rest } = manifest;
  return { ...rest, blocks: BLOCK_VERSION, ...(inline === undefined ? {} : { inline: Buffer.from(inline).toString('base64') }) };
}

function hasBlocks({ inline, files }: Manifest): boolean {
  return inline !== undefined || files.some((file) => file.key.endsWith('.rows'));
}

function parseKeys(bytes: Uint8Array, key: string): StageKeys {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch (error) {
    throw internal(`the keys ${key} are not readable JSON`, error);
  }
  if (!isRecord(value) || !Object.values(value).every((column) => isRecord(column) && 'range' in column))
    throw internal(`the keys ${key} are malformed`);
  return value as unknown as StageKeys;
}

function parseReason(bytes: Uint8Array): ErrorDetails {
  const fallback: ErrorDetails = { kind: 'cancelled', sqlstate: '57014', message: 'canceling statement due to user request' };
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'));
    return isRecord(value) && typeof value['message'] === 'string' && typeof value['sqlstate'] === 'string'
      ? (value as unknown as ErrorDetails)
      : fallback;
  } catch {
    return fallback;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
