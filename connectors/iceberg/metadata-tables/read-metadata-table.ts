import { internal, TimelineError } from '../../../sql/errors.js';
import type { ColumnDescription, ConnectorSplit, Readable, ReadRequest, SplitPlan } from '../../connector.js';
import type { ManifestListEntry } from '../format/manifest.js';
import type { ManifestSource } from '../prune/manifest-source.js';
import { filesTable, needsStatistics } from './files.js';
import { historyTable } from './history.js';
import { manifestsTable } from './manifests.js';
import type { AboutVersion, MetadataTable, Row } from './metadata-table.js';
import { partitionsTable } from './partitions.js';
import { refsTable } from './refs.js';
import { snapshotsTable } from './snapshots.js';

const TABLES: ReadonlyMap<string, MetadataTable> = new Map(
  [snapshotsTable, historyTable, refsTable, manifestsTable, filesTable, partitionsTable].map((table) => [table.suffix, table]),
);

/** Files whose rows one split may hold in memory. */
const FILES_A_SPLIT = 10_000;
/** Partitions that one table of them may hold in memory. */
const MOST_PARTITIONS = 2_000_000;

/** Of a plan: the manifests of a task by their place in the list, of the last of them perhaps a part. */
interface AboutSplit {
  readonly manifests: readonly { readonly index: number; readonly from: number; readonly to: number | null }[];
}

/** The table about a table that a suffix (without `$`) names. */
export function metadataTable(suffix: string): MetadataTable | undefined {
  return TABLES.get(suffix);
}

export interface AboutRequest {
  readonly about: string;
  readonly version: AboutVersion;
  readonly source: ManifestSource;
}

/** Tables of files are cut by manifests and parts of them, so that no task holds a large table's files; all others are one split. */
export async function aboutSplits({ about, version, source }: AboutRequest): Promise<SplitPlan> {
  const table = tableOf(about);
  if (table.kind !== 'files') return { splits: [{ data: { manifests: [] }, bytes: 0, rows: 0 }], pruning: [] };
  const splits: ConnectorSplit[] = [];
  let open: AboutSplit['manifests'][number][] = [];
  let room = FILES_A_SPLIT;
  const close = (): void => {
    if (open.length > 0) splits.push({ data: { manifests: open }, bytes: 0, rows: FILES_A_SPLIT - room });
    open = [];
    room = FILES_A_SPLIT;
  };
  const manifests = version.snapshot === undefined ? [] : await source.list(version.snapshot);
  manifests.forEach((manifest, index) => {
    const { liveFiles } = manifest;
    if (liveFiles === undefined || liveFiles > FILES_A_SPLIT) {
      close();
      // Of how many files is not known: one split with all of them.
      const parts = Math.max(1, Math.ceil((liveFiles ?? 0) / FILES_A_SPLIT));
      for (let part = 0; part < parts; part++) {
        const to = part === parts - 1 ? null : (part + 1) * FILES_A_SPLIT;
        open = [{ index, from: part * FILES_A_SPLIT, to }];
        room = 0;
        close();
      }
      return;
    }
    if (liveFiles > room) close();
    open.push({ index, from: 0, to: null });
    room -= liveFiles;
  });
  close();
  return { splits, pruning: [] };
}

export async function readAbout(
  request: AboutRequest & { readonly splits: readonly unknown[]; readonly read: ReadRequest },
): Promise<Readable> {
  const { version, source, read } = request;
  const table = tableOf(request.about);
  const wanted = read.columns.map((column) => placeOf(table.columns, column.name));
  const chosen = (row: Row): Row => wanted.map((place) => row[place] ?? null);
  const manifests = table.kind === 'metadata' || version.snapshot === undefined ? [] : await source.list(version.snapshot);
  const rows: Row[] = [];
  switch (table.kind) {
    case 'metadata':
      rows.push(...request.splits.flatMap(() => table.rows(version).map(chosen)));
      break;
    case 'manifests':
      for (const manifest of request.splits.flatMap(() => manifests)) rows.push(chosen(table.row(manifest, version)));
      break;
    case 'files':
      for (const { manifests: parts } of request.splits as readonly AboutSplit[]) {
        for (const { index, from, to } of parts) {
          const files = await scan(source, manifests[index], needsStatistics(read.columns.map((column) => column.name)));
          let n = 0;
          for await (const file of files) {
            if (n % 1000 === 0) read.signal.throwIfAborted();
            if (to !== null && n >= to) break;
            if (n++ >= from) rows.push(table.row(file, version, wanted));
          }
        }
      }
      break;
    case 'totals':
      for (let n = 0; n < request.splits.length; n++) {
        const totals = table.totals(version);
        for (const manifest of manifests) {
          for await (const file of await scan(source, manifest, false)) totals.add(file);
          read.signal.throwIfAborted();
        }
        const all = totals.rows();
        if (all.length > MOST_PARTITIONS) throw tooMany(source.table);
        for (const row of all) rows.push(chosen(row));
      }
  }
  return { kind: 'rows', rows };
}

async function scan(source: ManifestSource, manifest: ManifestListEntry | undefined, statistics: boolean) {
  if (manifest === undefined) throw internal('a split names a manifest that the snapshot does not have');
  return source.scan(manifest, statistics ? { sizes: true } : { columns: new Set() });
}

function placeOf(columns: readonly ColumnDescription[], name: string): number {
  const place = columns.findIndex((column) => column.name === name);
  if (place < 0) throw internal(`no column ${name} in a table about a table`);
  return place;
}

function tableOf(about: string): MetadataTable {
  const table = TABLES.get(about);
  if (table === undefined) throw internal(`no table ${about} about a table`);
  return table;
}

function tooMany(table: string): TimelineError {
  const message = `table ${table} has more than ${MOST_PARTITIONS} partitions`;
  return new TimelineError({ kind: 'limit', sqlstate: '54000', message, hint: 'Group the rows of its $files instead.' });
}
