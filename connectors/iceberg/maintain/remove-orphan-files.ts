import { internal, TimelineError, unsupported } from '../../../sql/errors.js';
import type { TableName } from '../../connector.js';
import { MAX_METADATA_BYTES, metadataJson, type TableMetadata } from '../format/metadata.js';
import { asObject } from '../format/schema.js';
import { timestampMicros } from '../prune/constant.js';
import { fullName, noTable } from '../table-name.js';
import { metadataFolder } from '../write/snapshot-commit.js';
import { type Args, checkCollectable, deleteFiles, invalidArgument, type MaintainHost, type ResultRows } from './maintain-host.js';
import { eachFile, manifestsOf } from './reachable-files.js';

const DAY_MS = 86_400_000;
const DEFAULT_AGE_MS = 3 * DAY_MS;
/** A commit under way has files that nothing refers to yet. */
const LEAST_AGE_MS = DAY_MS;
/** Paths held at once. */
const MOST_FILES = 5_000_000;

/**
 * Deletes files in the table's folder that none of its snapshots, and no metadata, refer to, and that are old enough to be no write's under
 * way. Metadata files, version hints and names that begin with `_` or `.` stay. One row a file. Errors: 22023 for less than a day without
 * `force`, 0A000 where another table lies in the folder.
 */
export async function removeOrphanFiles(host: MaintainHost, table: TableName, args: Args, signal: AbortSignal): Promise<ResultRows> {
  const olderThanMs = threshold(args);
  const dry = flag(args, 'dry_run');
  const before = await host.load(table, signal);
  if (before === undefined) throw noTable(table);
  checkCollectable(before.metadata, table);
  const orphans = await oldFiles(host, table, before.metadata, olderThanMs, signal);
  // Loaded after listing: what was committed meanwhile is referred to.
  const now = await host.load(table, signal);
  if (now === undefined || now.metadata.uuid !== before.metadata.uuid) throw noTable(table);
  if (orphans.size > 0) await keepReferred(host, table, now, orphans, signal);
  const found = [...orphans].sort(([a], [b]) => (a < b ? -1 : 1));
  if (dry) return found.map(([path, bytes]) => [path, String(bytes)]);
  const left = new Set(
    await deleteFiles(
      host,
      found.map(([path]) => path),
      signal,
    ),
  );
  return found.filter(([path]) => !left.has(path)).map(([path, bytes]) => [path, String(bytes)]);
}

/** A text that is neither true nor false must not pass for either: one of them deletes. */
function flag(args: Args, name: string): boolean {
  const text = args[name] ?? 'false';
  if (['true', 't', 'on'].includes(text)) return true;
  if (['false', 'f', 'off'].includes(text)) return false;
  throw invalidArgument(`"${name}" must be true or false, not "${text}"`);
}

function threshold(args: Args): number {
  const now = Date.now();
  const text = args['older_than'] ?? null;
  if (text === null) return now - DEFAULT_AGE_MS;
  const micros = timestampMicros(text);
  if (micros === undefined) throw invalidArgument(`"older_than" must be an instant, not "${text}"`);
  const ms = Number(micros / 1000n);
  if (ms > now - LEAST_AGE_MS && !flag(args, 'force'))
    throw invalidArgument(
      '"older_than" must be at least 24 hours ago: younger files may belong to a write under way',
      'With force => true nobody may be writing to the table.',
    );
  return ms;
}

async function oldFiles(
  host: MaintainHost,
  table: TableName,
  metadata: TableMetadata,
  olderThanMs: number,
  signal: AbortSignal,
): Promise<Map<string, number>> {
  const { io } = host;
  const root = io.place(metadata.location);
  if (metadata.location === '' || (io.warehouse !== undefined && io.place(io.warehouse) === root))
    throw unsupported(`removing orphan files of table ${fullName(table)}, which has no folder of its own,`);
  const own = io.place(metadataFolder(metadata));
  const current = metadata.snapshots.find((snapshot) => snapshot.id === metadata.currentSnapshotId)?.manifestList;
  const witness = current === undefined ? undefined : io.place(current);
  let seen = witness?.startsWith(`${root}/`) !== true;
  const found = new Map<string, number>();
  for await (const object of io.list(metadata.location, { signal })) {
    const place = io.place(object.path);
    if (place === witness) seen = true;
    const rest = place.slice(root.length + 1);
    const name = rest.slice(rest.lastIndexOf('/') + 1);
    if (/\.metadata\.json(\.gz)?$/.test(name) || name.startsWith('version-hint')) {
      if (place !== `${own}/${name}`)
        throw unsupported(
          `removing orphan files of table ${fullName(table)}, in whose folder another table lies ("${io.display(place)}"),`,
        );
      continue;
    }
    if (object.modifiedMs >= olderThanMs || rest.split('/').some((part) => /^[._]/.test(part) && !part.includes('='))) continue;
    found.set(place, object.size);
    if (found.size > MOST_FILES) {
      const message = `the folder of table ${fullName(table)} has more than ${MOST_FILES} old files`;
      throw new TimelineError({ kind: 'limit', sqlstate: '54000', message });
    }
  }
  // Whatever the reason, names that do not meet must not make everything an orphan.
  if (!seen) throw internal(`listing the folder of table ${fullName(table)} does not show its current snapshot's manifest list`);
  return found;
}

/** Takes out what the table's metadata and snapshots name. */
async function keepReferred(
  host: MaintainHost,
  table: TableName,
  now: { readonly metadata: TableMetadata; readonly location: string },
  orphans: Map<string, number>,
  signal: AbortSignal,
): Promise<void> {
  const { io } = host;
  const bytes = await io.read(now.location, { maxBytes: MAX_METADATA_BYTES, signal });
  for (const path of namedIn(metadataJson(bytes, io.display(now.location)))) orphans.delete(io.place(path));
  const { lists, manifests } = await manifestsOf(host, table, now.metadata.snapshots, signal);
  for (const list of lists) orphans.delete(list);
  for (const manifest of manifests.keys()) orphans.delete(manifest);
  await eachFile(host, table, manifests.values(), (place) => orphans.delete(place) && orphans.size === 0, signal);
}

/** Every text of the metadata that looks like a location: statistics, logs, manifest lists. */
function namedIn(json: unknown): readonly string[] {
  const found: string[] = [];
  const visit = (value: unknown): void => {
    if (typeof value === 'string' && value.includes('/')) found.push(value);
    else if (Array.isArray(value)) value.forEach(visit);
    else if (typeof value === 'object' && value !== null) Object.values(value).forEach(visit);
  };
  visit(asObject(json, 'table metadata'));
  return found;
}
