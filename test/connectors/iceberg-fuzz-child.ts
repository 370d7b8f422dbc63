import { createHash } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { TableName } from '../../connectors/connector.js';
import type { IcebergConfig } from '../../connectors/iceberg/config.js';
import { IcebergConnector } from '../../connectors/iceberg/connector.js';
import { readManifestList } from '../../connectors/iceberg/format/manifest.js';
import { parseMetadata } from '../../connectors/iceberg/format/metadata.js';
import type { IcebergSplit } from '../../connectors/iceberg/handle.js';
import { FileIo } from '../../connectors/iceberg/read/file-io.js';
import { TimelineError } from '../../sql/errors.js';
import { SIGNAL } from './iceberg-lake.js';
import { dice, mutate } from './mutations.js';
import { rowsOf } from './table-rows.js';

/**
 * A process of its own, since damage may end it: reads tables while one of their files is damaged. Prints a JSON line before each case and one after
 * it; the last line says `done`.
 */
export interface FuzzJob {
  readonly config: IcebergConfig;
  /** Holds all files of the tables, and may be changed. */
  readonly folder: string;
  readonly tables: readonly TableName[];
  readonly seed: number;
  /** Cases for each kind of file of each table. */
  readonly cases: number;
}

export type FileKind = 'metadata' | 'manifest list' | 'manifest' | 'data' | 'deletes' | 'hint';

export type FuzzLine =
  | { readonly kind: 'case'; readonly table: string; readonly file: string; readonly fileKind: FileKind; readonly what: string }
  | { readonly kind: 'outcome'; readonly outcome: 'same rows' | 'refused'; readonly sqlstate?: string; readonly message?: string }
  | { readonly kind: 'outcome'; readonly outcome: 'wrong'; readonly message: string }
  | { readonly kind: 'done'; readonly maxRss: number };

const job = JSON.parse(process.argv[2] ?? '') as FuzzJob;
const cacheFolder = join(tmpdir(), `timeline-fuzz-cache-${process.pid}`);
const say = (line: FuzzLine): void => void process.stdout.write(`${JSON.stringify(line)}\n`);

/** New for each case: what was read once is not read again. */
async function withConnector<T>(work: (connector: IcebergConnector) => Promise<T>): Promise<T> {
  const connector = await IcebergConnector.open({ name: 'fuzz', config: job.config, cacheFolder, cacheBytes: 1 << 28 });
  try {
    return await work(connector);
  } finally {
    await connector.close();
  }
}

async function read(table: TableName): Promise<string> {
  const rows = await withConnector((connector) => rowsOf(connector, table));
  return createHash('sha256').update(JSON.stringify(rows)).digest('hex');
}

/** Files that the table's current rows are made of. */
async function liveFiles(table: TableName): Promise<ReadonlyMap<FileKind, readonly string[]>> {
  const io = new FileIo({
    locations: job.config.locations,
    warehouse: job.config.catalog.type === 'rest' ? undefined : job.config.catalog.warehouse,
    s3: undefined,
    cache: { folder: cacheFolder, maxBytes: 0 },
  });
  const path = (location: string): string => io.place(location).replace(/^file:\/\//, '');
  return withConnector(async (connector) => {
    const { handle } = await connector.pin(table);
    const { metadata, snapshot } = handle as { readonly metadata: string; readonly snapshot: string };
    const parsed = parseMetadata(readFileSync(path(metadata)), 'metadata');
    const list = parsed.snapshots.find((one) => one.id === snapshot)?.manifestList;
    if (list === undefined) return new Map([['metadata', [path(metadata)]]]);
    const manifests = await readManifestList(readFileSync(path(list)), 'list');
    const { splits } = await connector.splits(handle, SIGNAL);
    const files = splits.flatMap((split) => (split.data as IcebergSplit).files);
    const hint = path(metadata).replace(/[^/]*$/, 'version-hint.text');
    return new Map<FileKind, readonly string[]>([
      ['metadata', [path(metadata)]],
      ['manifest list', [path(list)]],
      ['manifest', manifests.map((one) => path(one.path))],
      ['data', files.map((file) => path(file.path))],
      ['deletes', [...new Set(files.flatMap((file) => (file.deletes ?? []).map((one) => path(one.path))))]],
      ['hint', job.config.catalog.type === 'filesystem' ? [hint] : []],
    ]);
  });
}

const FINE = new Set(['XX001', '58P01', '42501', '0A000', '54000']);

async function outcome(table: TableName, rows: string): Promise<FuzzLine> {
  try {
    if ((await read(table)) === rows) return { kind: 'outcome', outcome: 'same rows' };
    return { kind: 'outcome', outcome: 'wrong', message: 'other rows' };
  } catch (error) {
    if (!(error instanceof TimelineError)) return { kind: 'outcome', outcome: 'wrong', message: `not an error of ours: ${String(error)}` };
    const { sqlstate, message } = error;
    const wrong = (why: string): FuzzLine => ({ kind: 'outcome', outcome: 'wrong', message: `${why}: ${sqlstate} ${message}` });
    if (!FINE.has(sqlstate)) return wrong('no error of files');
    if (message.includes(job.folder)) return wrong('a path of this machine');
    if (!message.includes(`${table.schema}.${table.table}`)) return wrong('names no table');
    return { kind: 'outcome', outcome: 'refused', sqlstate, message };
  }
}

for (const table of job.tables) {
  const rows = await read(table);
  const kinds = await liveFiles(table);
  const roll = dice(job.seed + table.table.length * 7919);
  for (const [fileKind, files] of kinds) {
    if (files.length === 0) continue;
    const contents = files.map((file) => readFileSync(file));
    for (let index = 0; index < job.cases; index++) {
      const chosen = roll(files.length);
      const [file, whole] = [files[chosen] ?? '', contents[chosen] ?? Buffer.alloc(0)];
      const isZipped = whole[0] === 0x1f && whole[1] === 0x8b && roll(2) === 0;
      const isText = fileKind === 'metadata';
      const { what, bytes } = mutate(isZipped ? gunzipSync(whole) : whole, roll, contents, isText);
      say({ kind: 'case', table: `${table.schema}.${table.table}`, file: relative(job.folder, file), fileKind, what });
      writeFileSync(file, bytes);
      try {
        say(await outcome(table, rows));
      } finally {
        writeFileSync(file, whole);
      }
    }
  }
}
rmSync(cacheFolder, { recursive: true, force: true });
say({ kind: 'done', maxRss: process.resourceUsage().maxRSS * 1024 });
