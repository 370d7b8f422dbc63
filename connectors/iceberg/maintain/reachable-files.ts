import type { TableName } from '../../connector.js';
import type { ManifestListEntry } from '../format/manifest.js';
import type { Snapshot } from '../format/metadata.js';
import { ManifestSource } from '../prune/manifest-source.js';
import { fullName } from '../table-name.js';
import type { MaintainHost } from './maintain-host.js';

/** The manifests of some snapshots, each once, and the lists that name them. Paths are as FileIo.place gives them. */
export interface ReachableManifests {
  readonly lists: ReadonlySet<string>;
  readonly manifests: ReadonlyMap<string, ManifestListEntry>;
}

export async function manifestsOf(
  host: MaintainHost,
  table: TableName,
  snapshots: readonly Snapshot[],
  signal: AbortSignal,
): Promise<ReachableManifests> {
  const source = sourceOf(host, table, signal);
  const lists = new Set<string>();
  const manifests = new Map<string, ManifestListEntry>();
  for (const snapshot of snapshots) {
    if (snapshot.manifestList !== undefined) {
      const place = host.io.place(snapshot.manifestList);
      if (lists.has(place)) continue;
      lists.add(place);
    }
    for (const manifest of await source.list(snapshot)) manifests.set(host.io.place(manifest.path), manifest);
  }
  return { lists, manifests };
}

/** Hands every live file of the manifests to `found`; what it gives back ends the work early when true. */
export async function eachFile(
  host: MaintainHost,
  table: TableName,
  manifests: Iterable<ManifestListEntry>,
  found: (place: string, bytes: number) => boolean,
  signal: AbortSignal,
): Promise<void> {
  const source = sourceOf(host, table, signal);
  for (const manifest of manifests) {
    signal.throwIfAborted();
    for await (const file of await source.scan(manifest, { columns: new Set() })) {
      if (found(host.io.place(file.path), file.bytes)) return;
    }
  }
}

function sourceOf(host: MaintainHost, table: TableName, signal: AbortSignal): ManifestSource {
  return new ManifestSource({ io: host.io, cache: host.manifests, table: fullName(table), signal });
}
