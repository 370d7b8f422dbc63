import { corrupt, unsupportedFeature } from '../format/corrupt.js';
import {
  MAX_LIST_BYTES,
  MAX_MANIFEST_BYTES,
  type ManifestFileEntry,
  type ManifestListEntry,
  type ManifestScan,
  NO_COUNTS,
  readManifestList,
  scanManifest,
} from '../format/manifest.js';
import type { Snapshot } from '../format/metadata.js';
import { Lru } from '../lru.js';
import type { FileIo } from '../read/file-io.js';

const LIST_ENTRIES_KEPT = 20_000;
const MANIFEST_BYTES_KEPT = 32 << 20;
/** One large manifest must not push all others out. */
const MOST_BYTES_OF_ONE = 4 << 20;

/** Lists and manifests by location: they never change. Manifests are kept as they lie in storage: entries take many times the room. */
export interface ManifestCache {
  readonly lists: Lru<readonly ManifestListEntry[]>;
  readonly manifests: Lru<Uint8Array>;
}

export function manifestCache(): ManifestCache {
  return { lists: new Lru(LIST_ENTRIES_KEPT), manifests: new Lru(MANIFEST_BYTES_KEPT) };
}

/** A snapshot's manifests and what is in them. */
export class ManifestSource {
  readonly #io: FileIo;
  readonly #cache: ManifestCache;
  readonly #signal: AbortSignal;
  /** For errors. */
  readonly table: string;

  constructor(options: { readonly io: FileIo; readonly cache: ManifestCache; readonly table: string; readonly signal: AbortSignal }) {
    this.#io = options.io;
    this.#cache = options.cache;
    this.#signal = options.signal;
    this.table = options.table;
  }

  async list(snapshot: Snapshot): Promise<readonly ManifestListEntry[]> {
    const location = snapshot.manifestList;
    if (location === undefined) return snapshot.manifests.map((path) => unlisted(path, snapshot.id));
    const known = this.#cache.lists.get(location);
    if (known !== undefined) return known;
    const bytes = await this.#io.read(location, { signal: this.#signal, maxBytes: MAX_LIST_BYTES });
    const list = await readManifestList(bytes, this.#io.display(location));
    this.#cache.lists.set(location, list, list.length + 1);
    return list;
  }

  /** The manifest's entries as the iteration asks for them. */
  async scan(manifest: ManifestListEntry, scan: ManifestScan): Promise<AsyncIterable<ManifestFileEntry>> {
    this.#signal.throwIfAborted();
    if (manifest.encrypted) throw unsupportedFeature('reading encrypted manifests', this.table);
    const file = this.#io.display(manifest.path);
    const bytes = await this.#bytes(manifest.path);
    const { manifests } = this.#cache;
    try {
      // Avro that is cut off between two blocks looks whole.
      if (manifest.length !== undefined && bytes.length !== manifest.length)
        throw corrupt(file, `it has ${bytes.length} bytes, its manifest list says ${manifest.length}`);
      return forgetting(await scanManifest(bytes, file, manifest, scan), () => manifests.delete(manifest.path));
    } catch (error) {
      manifests.delete(manifest.path);
      throw error;
    }
  }

  /** Hands each manifest to `work`, a few at a time; stops with the first error. */
  async each(manifests: readonly ManifestListEntry[], work: (manifest: ManifestListEntry, index: number) => Promise<void>): Promise<void> {
    const queue = manifests.entries();
    let failed = false;
    const worker = async (): Promise<void> => {
      for (const [index, manifest] of queue) {
        if (failed) return;
        try {
          await work(manifest, index);
        } catch (error) {
          failed = true;
          throw error;
        }
      }
    };
    await Promise.all(Array.from({ length: PARALLEL_READS }, worker));
  }

  async #bytes(path: string): Promise<Uint8Array> {
    const known = this.#cache.manifests.get(path);
    if (known !== undefined) return known;
    const bytes = await this.#io.read(path, { signal: this.#signal, maxBytes: MAX_MANIFEST_BYTES });
    if (bytes.length <= MOST_BYTES_OF_ONE) this.#cache.manifests.set(path, bytes, bytes.length);
    return bytes;
  }
}

const PARALLEL_READS = 8;

/** What turns out to be damaged is not kept: the file may have been put right when it is asked for again. */
async function* forgetting<T>(entries: AsyncIterable<T>, forget: () => void): AsyncIterable<T> {
  try {
    yield* entries;
  } catch (error) {
    forget();
    throw error;
  }
}

/** Of a v1 table without a manifest list. */
function unlisted(path: string, snapshot: string): ManifestListEntry {
  return {
    path,
    length: undefined,
    specId: 0,
    content: 'data',
    sequence: 0,
    minSequence: 0,
    addedSnapshot: snapshot,
    firstRowId: undefined,
    counts: NO_COUNTS,
    encrypted: false,
    liveFiles: undefined,
    partitions: undefined,
  };
}
