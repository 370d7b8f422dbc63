import { MAX_LIST_BYTES, MAX_MANIFEST_BYTES, readManifest, readManifestList } from '../format/manifest.js';
import type { TableMetadata } from '../format/metadata.js';
import type { FileIo } from '../read/file-io.js';
import { discard, metadataFolder } from './snapshot-commit.js';

const AT_ONCE = 64;

/**
 * Finds what a table's snapshots refer to, while its metadata is there, and gives what deletes it once the catalog has forgotten the
 * table: data and delete files, manifests, lists, and what lies in its metadata folder. Files outside of the table's folder are another's, and stay;
 * so do data and delete files of a table with gc.enabled = false, which others may share.
 */
export async function purgeFiles(io: FileIo, metadata: TableMetadata, signal: AbortSignal): Promise<() => Promise<void>> {
  const own = new Set<string>();
  const shared = metadata.properties['gc.enabled']?.toLowerCase() === 'false';
  const roots = [metadata.location, metadataFolder(metadata), metadata.properties['write.data.path'] ?? metadata.location];
  const inside = (path: string): boolean => roots.some((root) => path.startsWith(`${root.replace(/\/+$/, '')}/`));
  for (const snapshot of metadata.snapshots) {
    const list = snapshot.manifestList;
    if (list === undefined || !inside(list) || own.has(list)) continue;
    own.add(list);
    for (const manifest of await readManifestList(await io.read(list, { maxBytes: MAX_LIST_BYTES, signal }), io.display(list))) {
      if (own.has(manifest.path) || !inside(manifest.path)) continue;
      own.add(manifest.path);
      if (shared) continue;
      const bytes = await io.read(manifest.path, { maxBytes: MAX_MANIFEST_BYTES, signal });
      for (const entry of await readManifest(bytes, io.display(manifest.path), manifest)) if (inside(entry.path)) own.add(entry.path);
    }
  }
  return async () => {
    const folder = metadataFolder(metadata);
    // Objects come by the store's own paths: the folder is flat, and names are all that is needed.
    for await (const { path } of io.list(folder)) own.add(`${folder}/${path.slice(path.lastIndexOf('/') + 1)}`);
    const paths = [...own];
    for (let at = 0; at < paths.length; at += AT_ONCE) await discard(io, paths.slice(at, at + AT_ONCE));
  };
}
