import { setTimeout as sleep } from 'node:timers/promises';
import { TimelineError } from '../../../sql/errors.js';
import type { TableName } from '../../connector.js';
import type { ManifestListEntry } from '../format/manifest.js';
import type { Snapshot, TableMetadata } from '../format/metadata.js';
import { timestampMicros } from '../prune/constant.js';
import { fullName, noTable } from '../table-name.js';
import { type Args, checkCollectable, deleteFiles, invalidArgument, type MaintainHost, type ResultRows } from './maintain-host.js';
import { eachFile, manifestsOf } from './reachable-files.js';
import { type RetentionRules, retainedSnapshots } from './retained-snapshots.js';

const DEFAULT_AGE_MS = 5 * 86_400_000;
const ATTEMPTS = 20;
/** Paths held at once. */
const MOST_CANDIDATES = 1_000_000;

/**
 * Forgets old snapshots in one commit, then deletes the files that only they needed. A crash in between leaves files that nothing refers to,
 * for remove_orphan_files. Errors: 40001 when others changed the table again and again, 55000 where gc.enabled is false.
 */
export async function expireSnapshots(host: MaintainHost, table: TableName, args: Args, signal: AbortSignal): Promise<ResultRows> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const loaded = await host.load(table, signal);
    if (loaded === undefined) throw noTable(table);
    const { metadata } = loaded;
    checkCollectable(metadata, table);
    const retained = retainedSnapshots(metadata, rulesOf(metadata, args));
    const expired = metadata.snapshots.filter((snapshot) => !retained.snapshots.has(snapshot.id));
    if (expired.length === 0 && retained.expiredRefs.length === 0) return [['0', '0', '0']];
    if (await isCommitted(host, table, { metadata, expired, expiredRefs: retained.expiredRefs }, signal)) {
      await host.onStep('snapshots expired');
      const deleted = await deleteUnreachable(host, table, expired, signal);
      return [[String(expired.length), String(deleted.files), String(deleted.bytes)]];
    }
    await sleep(Math.random() * Math.min(1500, 20 * 2 ** attempt));
  }
  const message = `could not expire snapshots of ${fullName(table)}: other writers were first ${ATTEMPTS} times`;
  throw new TimelineError({ kind: 'connector', sqlstate: '40001', message, hint: 'Nothing was changed; try again.', retryable: true });
}

function rulesOf(metadata: TableMetadata, args: Args): RetentionRules {
  const { properties } = metadata;
  const nowMs = Date.now();
  const olderThan = args['older_than'] ?? null;
  const micros = olderThan === null ? undefined : timestampMicros(olderThan);
  if (olderThan !== null && micros === undefined) throw invalidArgument(`"older_than" must be an instant, not "${olderThan}"`);
  const age = wholeProperty(properties, 'history.expire.max-snapshot-age-ms') ?? DEFAULT_AGE_MS;
  const retainLast = Number(args['retain_last'] ?? wholeProperty(properties, 'history.expire.min-snapshots-to-keep') ?? 1);
  if (!Number.isInteger(retainLast) || retainLast < 1) throw invalidArgument('"retain_last" must be at least 1');
  return {
    nowMs,
    olderThanMs: micros === undefined ? nowMs - age : Number(micros / 1000n),
    retainLast,
    maxRefAgeMs: wholeProperty(properties, 'history.expire.max-ref-age-ms'),
  };
}

function wholeProperty(properties: Readonly<Record<string, string>>, name: string): number | undefined {
  const text = properties[name];
  if (text === undefined) return undefined;
  if (!/^\d{1,19}$/.test(text)) throw invalidArgument(`the table's property ${name} is no whole number: "${text}"`);
  return Number(text);
}

/** False: others were first. */
async function isCommitted(
  host: MaintainHost,
  table: TableName,
  change: { readonly metadata: TableMetadata; readonly expired: readonly Snapshot[]; readonly expiredRefs: readonly string[] },
  signal: AbortSignal,
): Promise<boolean> {
  const { metadata, expired, expiredRefs } = change;
  // A branch or tag that moved may need what is about to go.
  const requirements = [
    { type: 'assert-table-uuid', uuid: metadata.uuid },
    ...[...metadata.refs].map(([name, ref]) => ({ type: 'assert-ref-snapshot-id', ref: name, 'snapshot-id': BigInt(ref.snapshotId) })),
  ];
  const updates = [
    ...expiredRefs.map((name) => ({ action: 'remove-snapshot-ref', 'ref-name': name })),
    ...(expired.length === 0 ? [] : [{ action: 'remove-snapshots', 'snapshot-ids': expired.map((snapshot) => BigInt(snapshot.id)) }]),
  ];
  try {
    return (await host.writer.commit(table, { requirements, updates }, signal)).kind === 'committed';
  } catch (error) {
    if (!(error instanceof TimelineError) || error.sqlstate !== '08007') throw error;
    // Nobody knows: what is still there is expired by the next attempt, what is gone leaves its files to remove_orphan_files.
    const now = await host.load(table, signal);
    return now !== undefined && expired.every((one) => !now.metadata.snapshots.some((snapshot) => snapshot.id === one.id));
  }
}

/** Data files first, then manifests, then lists: whoever dies leaves what names the rest. */
async function deleteUnreachable(
  host: MaintainHost,
  table: TableName,
  expired: readonly Snapshot[],
  signal: AbortSignal,
): Promise<{ files: number; bytes: number }> {
  const now = await host.load(table, signal);
  if (now === undefined) throw noTable(table);
  const gone = await manifestsOf(host, table, expired, signal);
  const kept = await manifestsOf(host, table, now.metadata.snapshots, signal);
  const manifests = [...gone.manifests].filter(([place]) => !kept.manifests.has(place));
  const deleted = { files: 0, bytes: 0 };
  const remove = async (sizes: ReadonlyMap<string, number>): Promise<void> => {
    const left = new Set(await deleteFiles(host, [...sizes.keys()], signal));
    for (const [path, bytes] of sizes) {
      if (left.has(path)) continue;
      deleted.files += 1;
      deleted.bytes += bytes;
    }
  };
  let candidates = new Map<string, number>();
  const flush = async (): Promise<void> => {
    if (candidates.size === 0) return;
    await eachFile(host, table, kept.manifests.values(), (place) => candidates.delete(place) && candidates.size === 0, signal);
    await remove(candidates);
    candidates = new Map();
  };
  for (const [, manifest] of manifests) {
    await eachFile(host, table, [manifest], (place, bytes) => candidates.set(place, bytes) === undefined, signal);
    if (candidates.size >= MOST_CANDIDATES) await flush();
  }
  await flush();
  await remove(new Map(manifests.map(([place, manifest]): [string, number] => [place, sizeOf(manifest)])));
  await remove(new Map([...gone.lists].filter((place) => !kept.lists.has(place)).map((place) => [place, 0])));
  return deleted;
}

function sizeOf(manifest: ManifestListEntry): number {
  return manifest.length ?? 0;
}
