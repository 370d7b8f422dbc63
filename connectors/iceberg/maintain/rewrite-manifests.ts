import type { TableName } from '../../connector.js';
import type { ManifestListEntry } from '../format/manifest.js';
import type { Snapshot, TableMetadata } from '../format/metadata.js';
import { ManifestSource } from '../prune/manifest-source.js';
import { fullName, noTable } from '../table-name.js';
import { mergeManifests } from '../write/manifest-merge.js';
import { noStep } from '../write/on-step.js';
import { type CommitHost, commitSnapshot, discard, metadataFolder, newSnapshotId, type SnapshotContent } from '../write/snapshot-commit.js';
import type { Args, MaintainHost, ResultRows } from './maintain-host.js';

/** Thrown inside of a commit that would change nothing. */
class NothingToDo extends Error {
  constructor(readonly snapshot: string | null) {
    super('nothing to do');
  }
}

interface Counted {
  readonly before: number;
  readonly after: number;
}

/**
 * Puts small manifests of data files together, by partition spec, with their files in the order of partitions. Data, sequence numbers and row
 * ids stay as they are; so do manifests of deletes. Errors: 40001 when others were first again and again, 08007 when the outcome is not known.
 */
export async function rewriteManifests(host: MaintainHost, table: TableName, _args: Args, signal: AbortSignal): Promise<ResultRows> {
  const snapshotId = newSnapshotId();
  const source = new ManifestSource({ io: host.io, cache: host.manifests, table: fullName(table), signal });
  const written: string[] = [];
  let inUse: ReadonlySet<string> = new Set();
  let counted: Counted = { before: 0, after: 0 };
  const commitHost: CommitHost = {
    io: host.io,
    writer: host.writer,
    onStep: noStep,
    current: async (name, until) => (await host.load(name, until))?.metadata,
  };
  const prepare = async (base: TableMetadata | undefined, sequence: number): Promise<SnapshotContent> => {
    if (base === undefined) throw noTable(table);
    const current = base.snapshots.find((one) => one.id === base.currentSnapshotId);
    const before = current === undefined ? [] : await source.list(current);
    const onWritten = (path: string): void => void written.push(path);
    const folder = metadataFolder(base);
    const request = { io: host.io, metadata: base, folder, snapshotId, sequence, manifests: before, onWritten, signal };
    const manifests = await mergeManifests({ ...request, always: true });
    const made = manifests.filter((one) => !before.includes(one));
    const gone = before.filter((one) => !manifests.includes(one));
    if (current === undefined || made.length === 0) throw new NothingToDo(current?.id ?? null);
    counted = { before: gone.length, after: made.length };
    inUse = new Set(made.map((one) => one.path));
    await host.onStep('files written');
    return { manifests, summary: summaryOf(current, { made, gone, kept: manifests.length - made.length }) };
  };
  try {
    await commitSnapshot<true>(commitHost, { table, snapshotId, settled: () => undefined, prepare, committed: () => true, signal });
  } catch (error) {
    // With an unknown outcome they may be in use.
    if ((error as { sqlstate?: string }).sqlstate !== '08007') await discard(host.io, written);
    if (error instanceof NothingToDo) return [['0', '0', error.snapshot]];
    throw error;
  }
  await host.onStep('files replaced');
  await discard(
    host.io,
    written.filter((path) => !inUse.has(path)),
  );
  return [[String(counted.before), String(counted.after), String(snapshotId)]];
}

interface Rewritten {
  readonly made: readonly ManifestListEntry[];
  readonly gone: readonly ManifestListEntry[];
  readonly kept: number;
}

function summaryOf(current: Snapshot, { made, gone, kept }: Rewritten): Record<string, string> {
  const totals = Object.entries(current.summary).filter(([key]) => key.startsWith('total-'));
  return {
    ...Object.fromEntries(totals),
    operation: 'replace',
    'manifests-created': String(made.length),
    'manifests-replaced': String(gone.length),
    'manifests-kept': String(kept),
    'entries-processed': String(made.reduce((sum, one) => sum + (one.liveFiles ?? 0), 0)),
  };
}
