import type { TableMetadata } from '../format/metadata.js';

/** Which batches a table has seen: in its snapshots' summaries, and the latest in a property, since snapshots expire. */
export const BATCH_KEY = 'timeline.batch';
const RECENT_PROPERTY = 'timeline.recent-batches';
/** As many as a property of a few KB holds; a batch is tried again within minutes, not after two hundred others. */
const RECENT_KEPT = 200;
const MAX_BATCH_LENGTH = 200;

export interface SeenBatch {
  readonly snapshot: string;
  readonly rows: number;
}

export function findBatch(metadata: TableMetadata, batch: string): SeenBatch | undefined {
  const snapshot = metadata.snapshots.find((one) => one.summary[BATCH_KEY] === batch);
  if (snapshot !== undefined) return { snapshot: snapshot.id, rows: Number(snapshot.summary['added-records'] ?? 0) };
  const entry = recent(metadata).find((one) => one.startsWith(`${key(batch)}:`));
  const [, id, rows] = entry?.split(':') ?? [];
  return id === undefined ? undefined : { snapshot: id, rows: Number(rows) };
}

/** The property with this batch in it. */
export function rememberBatch(metadata: TableMetadata | undefined, batch: string, seen: SeenBatch): Readonly<Record<string, string>> {
  const before = metadata === undefined ? [] : recent(metadata);
  return { [RECENT_PROPERTY]: [...before, `${key(batch)}:${seen.snapshot}:${seen.rows}`].slice(-RECENT_KEPT).join(' ') };
}

function recent(metadata: TableMetadata): readonly string[] {
  return metadata.properties[RECENT_PROPERTY]?.split(' ').filter((entry) => entry !== '') ?? [];
}

function key(batch: string): string {
  return encodeURIComponent(batch).slice(0, MAX_BATCH_LENGTH);
}
