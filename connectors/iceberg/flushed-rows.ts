import type { FlushedRows } from '../connector.js';
import type { TableMetadata } from './format/metadata.js';

/** `flushed_seq.<writer>` in a snapshot's summary: up to which number the writer's rows are in the table. */
const PREFIX = 'flushed_seq.';

const known = new WeakMap<Pick<TableMetadata, 'snapshots'>, Map<string, FlushedRows>>();

/**
 * What the snapshot's summary, and those of the ones it came from, tell of writers: not every commit has to do with all of them. Where snapshots
 * before it have expired, what they said is not known any more.
 */
export function flushedRows(metadata: Pick<TableMetadata, 'snapshots'>, snapshot: string | null): FlushedRows {
  if (snapshot === null) return { upTo: {}, complete: true };
  const found = known.get(metadata)?.get(snapshot);
  if (found !== undefined) return found;
  const rows = collect(new Map(metadata.snapshots.map((one) => [one.id, one])), snapshot);
  const all = known.get(metadata) ?? new Map<string, FlushedRows>();
  known.set(metadata, all.set(snapshot, rows));
  return rows;
}

function collect(left: Map<string, TableMetadata['snapshots'][number]>, snapshot: string): FlushedRows {
  const upTo = new Map<string, string>();
  for (let at: string | null = snapshot; at !== null; ) {
    const one = left.get(at);
    if (one === undefined) return { upTo: Object.fromEntries(upTo), complete: false };
    for (const [key, value] of Object.entries(one.summary))
      if (key.startsWith(PREFIX) && !upTo.has(key.slice(PREFIX.length))) upTo.set(key.slice(PREFIX.length), value);
    left.delete(at);
    at = one.parentId;
  }
  return { upTo: Object.fromEntries(upTo), complete: true };
}

/** What the current snapshot tells of writers, for the next one: snapshots expire. */
export function carriedFlushed(metadata: Pick<TableMetadata, 'snapshots' | 'currentSnapshotId'>): Readonly<Record<string, string>> {
  const { upTo } = flushedRows(metadata, metadata.currentSnapshotId);
  return Object.fromEntries(Object.entries(upTo).map(([writer, number]) => [PREFIX + writer, number]));
}
