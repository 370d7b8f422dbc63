import { TimelineError } from '../../sql/errors.js';
import type { Snapshot, TableMetadata } from './format/metadata.js';
import type { Schema } from './format/schema.js';
import { timestampMicros } from './prune/constant.js';

export interface PinnedVersion {
  /** Undefined: the table has no snapshot yet. */
  readonly snapshot: Snapshot | undefined;
  readonly schema: Schema;
}

/**
 * The current snapshot with the table's schema, or with `asOf` (a snapshot id, a branch or tag, or an instant in timestamptz's text form)
 * that one with its own schema; a branch's head has the table's current one, as Iceberg's own readers do it. Errors: 22023 for one that does not exist.
 */
export function findVersion(metadata: TableMetadata, table: string, asOf: string | undefined): PinnedVersion {
  const id = asOf === undefined ? metadata.currentSnapshotId : findSnapshotId(metadata, table, asOf);
  const snapshot = metadata.snapshots.find((one) => one.id === id);
  if (id !== null && snapshot === undefined) throw unknown(`snapshot ${id} of table ${table} is no longer in its metadata`);
  const current = asOf === undefined || (asOf !== id && metadata.refs.get(asOf)?.type === 'branch');
  const schemaId = current ? metadata.currentSchemaId : (snapshot?.schemaId ?? metadata.currentSchemaId);
  const schema = metadata.schemas.get(schemaId);
  if (schema === undefined) throw unknown(`schema ${schemaId} of table ${table} is missing`);
  return { snapshot, schema };
}

function findSnapshotId(metadata: TableMetadata, table: string, asOf: string): string {
  if (metadata.snapshots.some((one) => one.id === asOf)) return asOf;
  const ref = metadata.refs.get(asOf);
  if (ref !== undefined) return ref.snapshotId;
  // Without a zone it is no instant: whoever knows the session's zone has to tell it.
  const micros = /(?:Z|[+-]\d{2}(?::?\d{2}(?::\d{2})?)?)\s*$/i.test(asOf.slice(10)) ? timestampMicros(asOf) : undefined;
  if (micros === undefined) throw unknown(`table ${table} has no snapshot, branch or tag "${asOf}"`);
  // The log tells which snapshot was current; without it (it is optional) the times of the snapshots must do.
  const log =
    metadata.log.length > 0 ? metadata.log : metadata.snapshots.map((one) => ({ snapshotId: one.id, timestampMs: one.timestampMs }));
  let best: { readonly snapshotId: string; readonly timestampMs: number } | undefined;
  for (const entry of log) {
    if (BigInt(entry.timestampMs) * 1000n <= micros && (best === undefined || entry.timestampMs >= best.timestampMs)) best = entry;
  }
  if (best === undefined) throw unknown(`table ${table} has no snapshot as old as ${asOf}`);
  return best.snapshotId;
}

function unknown(message: string): TimelineError {
  return new TimelineError({ kind: 'semantic', sqlstate: '22023', message });
}
