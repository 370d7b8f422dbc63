import { TimelineError } from '../../../sql/errors.js';
import { type CachedFile, DiskCache } from '../../../src/object-store/disk-cache.js';
import { below, parseLocation, Relocation, spellingsOf } from '../../../src/object-store/location.js';
import type { ListedObject, ObjectBody, ObjectStore, RequestOptions, S3Options } from '../../../src/object-store/object-store.js';
import { openStore } from '../../../src/object-store/open-store.js';
import { RangeCache } from '../../../src/object-store/range-cache.js';
import { notAllowed, notFound } from '../../../src/object-store/store-error.js';
import type { VendedStorage } from '../catalog/catalog.js';
import { Lru } from '../lru.js';
import { REQUEST_SHAPE } from './byte-plan.js';
import type { ByteRequest, ByteSource } from './byte-source.js';
import { RemoteFile } from './remote-file.js';
import { StorageGrants } from './storage-grants.js';

/** Requests under way may still use a store whose access was renewed. */
const STORE_GRACE_MS = 600_000;
const VENDED_STORES = 256;

/** Remote files whose etags are known and whose requests are shared. */
const REMOTE_FILES = 4096;
const CACHE_MEMORY = 64 << 20;

export interface CacheOptions {
  readonly folder: string;
  /** Of files and ranges of files together; 0: nothing is kept. */
  readonly maxBytes: number;
  /** Of ranges in memory. */
  readonly memoryBytes?: number | undefined;
  /** False: remote data files are fetched whole. */
  readonly slices?: boolean | undefined;
}

/** A location as the table's metadata spells it, resolved to where it lies and may be read. */
interface Place {
  readonly store: ObjectStore;
  readonly path: string;
}

/**
 * All reading of a catalog's files: relocates, refuses what lies outside of the allowed roots, and names files in errors relative to the
 * warehouse (never by machine paths).
 */
export class FileIo {
  readonly #relocation: Relocation;
  readonly #warehouse: string | undefined;
  readonly #roots: Set<string>;
  readonly #fixedRoots: boolean;
  readonly #s3: S3Options | undefined;
  readonly #grants: StorageGrants;
  readonly #stores = new Map<string, ObjectStore>();
  readonly #vendedStores = new Map<string, ObjectStore>();
  readonly #cacheOptions: CacheOptions;
  readonly #remoteFiles = new Lru<RemoteFile>(REMOTE_FILES);
  #cache: Promise<DiskCache> | undefined;
  #ranges: Promise<RangeCache> | undefined;

  constructor(options: {
    readonly locations: Readonly<Record<string, string>>;
    readonly warehouse: string | undefined;
    readonly s3: S3Options | undefined;
    readonly cache: CacheOptions;
  }) {
    this.#relocation = new Relocation(options.locations);
    this.#warehouse = options.warehouse === undefined ? undefined : this.#relocation.apply(options.warehouse);
    this.#roots = new Set(this.#relocation.targets);
    if (this.#warehouse !== undefined) this.#roots.add(this.#warehouse);
    this.#fixedRoots = this.#roots.size > 0;
    this.#s3 = options.s3;
    this.#grants = new StorageGrants(options.s3);
    this.#cacheOptions = options.cache;
  }

  get warehouse(): string | undefined {
    return this.#warehouse;
  }

  /** Without a warehouse and relocations in the configuration, a table may read what lies in its own folder. */
  trustTableOf(metadataLocation: string): void {
    if (this.#fixedRoots) return;
    const normal = this.#relocation.apply(metadataLocation);
    const folder = normal.replace(/(\/metadata)?\/[^/]*$/, '');
    if (folder !== normal) this.#roots.add(folder);
  }

  /** Access that a catalog vends for what lies below a table's location; in place of what it vended before. */
  grant(tableLocation: string, storage: VendedStorage): void {
    this.#grants.grant(this.#relocation.apply(tableLocation), storage);
  }

  /** Local folders that hold what localFile() gives. */
  get localFolders(): readonly string[] {
    const roots = [...this.#roots].map((root) => parseLocation(root)).flatMap((root) => (root.kind === 'file' ? [root.path] : []));
    return [...roots, this.#cacheOptions.folder];
  }

  /** The location relative to the warehouse, or else to the longest root that holds it. */
  display(location: string): string {
    const normal = this.#relocation.apply(location);
    const rests = [...this.#roots].map((root) => below(root, normal)).filter((rest) => rest !== undefined);
    const inWarehouse = this.#warehouse === undefined ? undefined : below(this.#warehouse, normal);
    return inWarehouse ?? rests.sort((a, b) => a.length - b.length)[0] ?? location;
  }

  /** One text for all spellings of one place (`file:/x`, `file:///x`, `s3a://…`, before and after relocation). */
  place(location: string): string {
    return this.#relocation.apply(location);
  }

  /** The texts by which files written at any time may name the place: before and after relocation, with each scheme. */
  spellings(location: string): readonly string[] {
    const places = this.#relocation.sources(this.#relocation.apply(location));
    return [...new Set([location, ...places.flatMap((place) => spellingsOf(place)), ...spellingsOf(location)])];
  }

  /**
   * A local file made from an object's content; kept in the cache, whose bound holds for it too. `key` tells it from others of the object and
   * names the object's etag; `size` is a guess of its bytes.
   */
  async derived(
    location: string,
    options: {
      readonly key: string;
      readonly size: number;
      readonly signal: AbortSignal;
      readonly make: (target: string, signal: AbortSignal) => Promise<void>;
    },
  ): Promise<CachedFile> {
    const { store, path } = this.#place(location);
    const cache = await this.#diskCache();
    return cache.get({ key: `${store.root}/${path}\n${options.key}`, size: options.size, fetch: options.make, signal: options.signal });
  }

  async read(location: string, options: RequestOptions & { readonly maxBytes: number }): Promise<Uint8Array> {
    const { store, path } = this.#place(location);
    return this.#named(location, () => store.read(path, options));
  }

  async exists(location: string, options: RequestOptions = {}): Promise<boolean> {
    return (await this.etag(location, options)) !== undefined;
  }

  /** Another one when the bytes are others; undefined: there is no such object. */
  async etag(location: string, options: RequestOptions = {}): Promise<string | undefined> {
    const { store, path } = this.#place(location);
    return (await this.#named(location, () => store.head(path, options)))?.etag;
  }

  /** Objects directly or deeper below a folder, by location. */
  async *list(folder: string, options: RequestOptions = {}): AsyncIterable<ListedObject> {
    const { store, path } = this.#place(folder);
    for await (const object of store.list(path === '' ? '' : `${path}/`, options))
      yield { ...object, path: `${store.root}/${object.path}` };
  }

  async folders(folder: string, options: RequestOptions = {}): Promise<readonly string[]> {
    const { store, path } = this.#place(folder);
    return this.#named(folder, () => store.folders(path, options));
  }

  /**
   * The object as a local file: itself, or fetched into the cache (metered). `size` is checked against the file's.
   * `inPlace`: nothing has been read or charged yet. `etag` changes with the content.
   */
  async localFile(
    location: string,
    options: RequestOptions & { readonly size: number },
  ): Promise<CachedFile & { readonly inPlace: boolean; readonly etag: string }> {
    const { store, path } = this.#place(location);
    const info = await this.#named(location, () => store.head(path, options));
    if (info === undefined) throw notFound(`file "${this.display(location)}"`);
    if (info.size !== options.size) {
      const message = `file "${this.display(location)}" is corrupt: it has ${info.size} bytes, its manifest says ${options.size}`;
      throw new TimelineError({ kind: 'data', sqlstate: 'XX001', message });
    }
    const local = store.localPath(path);
    if (local !== undefined) return { path: local, inPlace: true, etag: info.etag, release: async () => undefined };
    const cache = await this.#diskCache();
    const cached = await this.#named(location, () =>
      cache.get({
        key: `${store.root}/${path}\n${info.etag}\n${info.size}`,
        size: info.size,
        fetch: (target, signal) => store.download(path, target, { signal, meter: options.meter }),
        signal: options.signal,
      }),
    );
    return { ...cached, inPlace: false, etag: info.etag };
  }

  /** Is of remote data files only fetched what is wanted? */
  get slices(): boolean {
    return this.#cacheOptions.slices ?? true;
  }

  /** Does it lie in this machine's file system? */
  isLocal(location: string): boolean {
    const { store, path } = this.#place(location);
    return store.localPath(path) !== undefined;
  }

  /** The object's bytes by range; undefined `size`: it is asked for. Remote ones are cached, and those of another size are refused (XX001). */
  async source(location: string, request: ByteRequest & { readonly size?: number }): Promise<ByteSource> {
    const { store, path } = this.#place(location);
    const name = this.display(location);
    if (store.localPath(path) === undefined && request.size !== undefined) return this.#remote(location, request.size, request);
    const info = await this.#named(location, () => store.head(path, request));
    if (info === undefined) throw notFound(`file "${name}"`);
    if (store.localPath(path) === undefined) return this.#remote(location, info.size, request);
    const read = (start: number, end: number): Promise<Uint8Array> =>
      this.#named(location, () => store.read(path, { ...request, start, end }));
    return { name, size: info.size, etag: info.etag, read, readOnce: read };
  }

  async #remote(location: string, size: number, request: ByteRequest): Promise<ByteSource> {
    const place = this.place(location);
    const key = `${place}\n${size}`;
    let file = this.#remoteFiles.get(key);
    if (file === undefined) {
      const { coalesceGap: gap = REQUEST_SHAPE.gap, maxRequestBytes: maxBytes = REQUEST_SHAPE.maxBytes } = this.#s3 ?? {};
      const cache = await this.#rangeCache();
      file =
        this.#remoteFiles.get(key) ??
        new RemoteFile({
          name: this.display(location),
          place,
          size,
          cache,
          shape: { gap, maxBytes },
          fetch: ({ start, end }, etag, { meter, signal }) =>
            this.#named(location, () => {
              // Looked up each time: access to the storage may have been renewed.
              const { store, path } = this.#place(location);
              return store.readPart(path, { start, end, etag, meter, signal });
            }),
        });
      this.#remoteFiles.set(key, file);
    }
    return file.open(request);
  }

  #rangeCache(): Promise<RangeCache> {
    const open = async (): Promise<RangeCache> => {
      const disk = this.#cacheOptions.maxBytes > 0 ? await this.#diskCache() : undefined;
      return new RangeCache({ disk, memoryBytes: this.#cacheOptions.memoryBytes ?? CACHE_MEMORY });
    };
    this.#ranges ??= open();
    return this.#ranges;
  }

  #diskCache(): Promise<DiskCache> {
    this.#cache ??= DiskCache.open(this.#cacheOptions);
    return this.#cache;
  }

  /** A path for a file that DuckDB is to read, below one of `localFolders`; whoever asks for it removes it. */
  async scratchFile(extension: string): Promise<string> {
    return (await this.#diskCache()).scratch(extension);
  }

  /** Creates the object, whole or not at all; false: there is one already. */
  async create(location: string, body: ObjectBody, options: RequestOptions = {}): Promise<boolean> {
    const { store, path } = this.#place(location);
    return this.#named(location, () => store.putIfAbsent(path, body, options));
  }

  async replace(location: string, body: ObjectBody, options: RequestOptions = {}): Promise<void> {
    const { store, path } = this.#place(location);
    await this.#named(location, () => store.put(path, body, options));
  }

  async delete(location: string, options: RequestOptions = {}): Promise<void> {
    const { store, path } = this.#place(location);
    await this.#named(location, () => store.delete(path, options));
  }

  async close(): Promise<void> {
    for (const store of [...this.#stores.values(), ...this.#vendedStores.values()]) store.close();
    this.#stores.clear();
    this.#vendedStores.clear();
    const cache = await this.#cache?.catch(() => undefined);
    await cache?.close();
  }

  #place(text: string): Place {
    const normal = this.#relocation.apply(text);
    if (!this.#isAllowed(normal)) {
      throw notAllowed(`location "${text}" lies outside of the catalog's warehouse and of its configured locations`);
    }
    const location = parseLocation(normal);
    const root = location.kind === 'file' ? '/' : `s3://${location.bucket}`;
    if (location.kind === 's3') {
      const store = this.#vendedStore(root, normal);
      if (store !== undefined) return { store, path: location.key };
    }
    let store = this.#stores.get(root);
    if (store === undefined) {
      store = openStore(root, { s3: this.#s3 });
      this.#stores.set(root, store);
    }
    return { store, path: location.kind === 'file' ? location.path.slice(1) : location.key };
  }

  /** From the location up: there may be a root for each of many tables. */
  #isAllowed(normal: string): boolean {
    for (let folder = normal; ; folder = folder.slice(0, folder.lastIndexOf('/'))) {
      if (this.#roots.has(folder)) return true;
      if (!/^(?:file:\/\/|s3:\/\/[^/]+)\/./.test(folder)) return this.#roots.has('file://') && folder.startsWith('file://');
    }
  }

  #vendedStore(root: string, normal: string): ObjectStore | undefined {
    const access = this.#grants.accessTo(normal);
    if (access === undefined) return undefined;
    const key = `${root}\n${access.key}`;
    const store = this.#vendedStores.get(key) ?? openStore(root, { s3: access.options });
    this.#vendedStores.delete(key);
    this.#vendedStores.set(key, store);
    const [oldest] = this.#vendedStores.keys();
    if (this.#vendedStores.size > VENDED_STORES && oldest !== undefined) {
      const old = this.#vendedStores.get(oldest);
      this.#vendedStores.delete(oldest);
      setTimeout(() => old?.close(), STORE_GRACE_MS).unref();
    }
    return store;
  }

  /** Storage errors say the store's path; here they get the name relative to the warehouse. */
  async #named<T>(location: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof TimelineError) || error.sqlstate === '53400') throw error;
      const file = `file "${this.display(location)}"`;
      if (error.sqlstate === '58P01') throw notFound(file, error);
      const { path, store } = this.#place(location);
      const message = error.message.replaceAll(`${store.root}/${path}`, file).replaceAll(path === '' ? '\0' : path, file);
      throw new TimelineError({ ...error.toJSON(), message: message.includes(file) ? message : `${file}: ${message}`, cause: error });
    }
  }
}
