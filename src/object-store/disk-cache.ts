import { createHash, randomBytes } from 'node:crypto';
import { link, mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isAlive } from '../process-folder.js';
import { fileError, throwIfAborted } from './store-error.js';

export interface CachedFile {
  /** Stays readable until release(). */
  readonly path: string;
  readonly release: () => Promise<void>;
}

export interface CacheRequest {
  /** Stands for location and content: location + etag, or + size. */
  readonly key: string;
  /** Expected bytes; room is made for them first. */
  readonly size: number;
  /** Writes the content into a new file. Its signal is aborted when nobody waits any longer. */
  readonly fetch: (target: string, signal: AbortSignal) => Promise<void>;
  readonly signal?: AbortSignal | undefined;
}

/** Hears of entries as they come and go, by their names. */
export interface CacheWatcher {
  added(name: string): void;
  gone(name: string): void;
}

interface Entry {
  readonly size: number;
  leases: number;
  used: number;
}

interface Download {
  readonly promise: Promise<void>;
  readonly abort: AbortController;
  waiting: number;
}

/** The folder is looked through each time that so large a part of its bound was written. */
const SCANS = 16;

/**
 * Whole objects as local files, and small entries, least recently used out first. The bound holds for all files but those in use: a lease is a hard link
 * in a folder of this process's own, so that another process on the same folder may evict the entry and the reader keeps its file.
 */
export class DiskCache {
  readonly folder: string;
  readonly #maxBytes: number;
  readonly #leases: string;
  readonly #entries = new Map<string, Entry>();
  readonly #downloads = new Map<string, Download>();
  readonly #watchers: CacheWatcher[] = [];
  #total = 0;
  #reserved = 0;
  /** Bytes written since the folder was looked through. */
  #written = 0;
  #scanning: Promise<void> | undefined;
  #clock = 0;

  private constructor(folder: string, maxBytes: number, leases: string) {
    this.folder = folder;
    this.#maxBytes = maxBytes;
    this.#leases = leases;
  }

  /** Takes over what earlier processes left in the folder. */
  static async open(options: { readonly folder: string; readonly maxBytes: number }): Promise<DiskCache> {
    const leases = join(options.folder, 'leases', `${process.pid}-${randomBytes(4).toString('hex')}`);
    try {
      await mkdir(join(options.folder, 'files'), { recursive: true });
      await removeDeadLeases(join(options.folder, 'leases'));
      await mkdir(leases, { recursive: true });
      const cache = new DiskCache(options.folder, options.maxBytes, leases);
      await cache.#scan();
      await cache.#evict();
      return cache;
    } catch (error) {
      throw fileError(`cache folder ${options.folder}`, error);
    }
  }

  /** Bytes of complete files. */
  get bytes(): number {
    return this.#total;
  }

  async get(request: CacheRequest): Promise<CachedFile> {
    throwIfAborted(request.signal);
    const name = `${createHash('sha256').update(request.key).digest('hex')}.parquet`;
    for (let attempt = 0; ; attempt++) {
      if (!this.#entries.has(name)) await this.#wait(name, request);
      const leased = await this.#lease(name);
      if (leased !== undefined) return leased;
      // Another process evicted it between the two steps.
      if (attempt === 3) throw fileError(`cache folder ${this.folder}`, new Error('files vanish as fast as they are fetched'));
    }
  }

  /** Hears at once of what there is. */
  watch(watcher: CacheWatcher): void {
    this.#watchers.push(watcher);
    for (const name of this.#entries.keys()) watcher.added(name);
  }

  /** Keeps a small entry. Never fails: without room on the disk there is just less in the cache. */
  async keep(name: string, bytes: Uint8Array): Promise<void> {
    if (bytes.length > this.#maxBytes || this.#entries.has(name)) return;
    this.#reserved += bytes.length;
    const temporary = this.scratch('part');
    try {
      await this.#evict();
      await writeFile(temporary, bytes, { flag: 'wx' });
      await rename(temporary, join(this.folder, 'files', name));
      this.#add(name, bytes.length);
    } catch {
      await rm(temporary, { force: true }).catch(() => undefined);
    } finally {
      this.#reserved -= bytes.length;
    }
    await this.#look();
  }

  /** Undefined: it is gone. */
  async load(name: string): Promise<Uint8Array | undefined> {
    const entry = this.#entries.get(name);
    if (entry === undefined) return undefined;
    entry.used = ++this.#clock;
    const path = join(this.folder, 'files', name);
    try {
      const bytes = await readFile(path);
      const now = new Date();
      await utimes(path, now, now).catch(() => undefined);
      return bytes;
    } catch {
      this.#forget(name, entry);
      return undefined;
    }
  }

  async drop(name: string): Promise<void> {
    const entry = this.#entries.get(name);
    if (entry !== undefined) this.#forget(name, entry);
    await rm(join(this.folder, 'files', name), { force: true }).catch(() => undefined);
  }

  /** A path for a file of this process's own, in the cache's folder; it goes with close(), or when the process is dead. */
  scratch(extension: string): string {
    return join(this.#leases, `${randomBytes(6).toString('hex')}.${extension}`);
  }

  async close(): Promise<void> {
    for (const download of this.#downloads.values()) download.abort.abort(new Error('the cache was closed'));
    await rm(this.#leases, { recursive: true, force: true });
  }

  async #lease(name: string): Promise<CachedFile | undefined> {
    const entry = this.#entries.get(name);
    if (entry === undefined) return undefined;
    entry.leases++;
    entry.used = ++this.#clock;
    const source = join(this.folder, 'files', name);
    const path = join(this.#leases, `${randomBytes(6).toString('hex')}-${name}`);
    try {
      await link(source, path);
      const now = new Date();
      // The time of last use is for the next process that scans the folder.
      await utimes(source, now, now).catch(() => undefined);
    } catch (error) {
      entry.leases--;
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
        this.#forget(name, entry);
        return undefined;
      }
      throw fileError(`cache folder ${this.folder}`, error);
    }
    let released = false;
    return {
      path,
      release: async () => {
        if (released) return;
        released = true;
        entry.leases--;
        await rm(path, { force: true });
        await this.#evict();
      },
    };
  }

  /** Joins or starts the download; an abort of one waiter leaves the others their file. */
  async #wait(name: string, request: CacheRequest): Promise<void> {
    let download = this.#downloads.get(name);
    if (download === undefined) {
      const abort = new AbortController();
      const promise = this.#fetch(name, request, abort.signal).finally(() => this.#downloads.delete(name));
      promise.catch(() => undefined);
      download = { promise, abort, waiting: 0 };
      this.#downloads.set(name, download);
    }
    download.waiting++;
    const { signal } = request;
    let onAbort: (() => void) | undefined;
    try {
      const aborted = new Promise<never>((_, reject) => {
        onAbort = () => reject(signal?.reason);
        signal?.addEventListener('abort', onAbort, { once: true });
      });
      await Promise.race([download.promise, aborted]);
    } finally {
      if (onAbort !== undefined) signal?.removeEventListener('abort', onAbort);
      download.waiting--;
      if (download.waiting === 0 && signal?.aborted) download.abort.abort(signal.reason);
    }
  }

  async #fetch(name: string, request: CacheRequest, signal: AbortSignal): Promise<void> {
    await this.#look();
    this.#reserved += request.size;
    const temporary = this.scratch('part');
    try {
      await this.#evict();
      await request.fetch(temporary, signal);
      const { size } = await stat(temporary);
      await rename(temporary, join(this.folder, 'files', name));
      const known = this.#entries.get(name);
      if (known !== undefined) this.#forget(name, known);
      this.#add(name, size);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    } finally {
      this.#reserved -= request.size;
    }
  }

  #add(name: string, size: number): void {
    this.#entries.set(name, { size, leases: 0, used: ++this.#clock });
    this.#total += size;
    this.#written += size;
    for (const watcher of this.#watchers) watcher.added(name);
  }

  /** Other processes write into the folder too: it is looked through again now and then, so that one bound holds for all. */
  async #look(): Promise<void> {
    if (this.#written < this.#maxBytes / SCANS) return;
    this.#written = 0;
    this.#scanning ??= this.#scan()
      .then(() => this.#evict())
      .catch(() => undefined)
      .finally(() => {
        this.#scanning = undefined;
      });
    await this.#scanning;
  }

  async #evict(): Promise<void> {
    if (this.#total + this.#reserved <= this.#maxBytes) return;
    const idle = [...this.#entries].filter(([, entry]) => entry.leases === 0).sort(([, a], [, b]) => a.used - b.used);
    for (const [name, entry] of idle) {
      if (this.#total + this.#reserved <= this.#maxBytes) break;
      // Leases may have been taken while an earlier file was removed.
      if (entry.leases > 0 || this.#entries.get(name) !== entry) continue;
      this.#forget(name, entry);
      await rm(join(this.folder, 'files', name), { force: true });
    }
  }

  #forget(name: string, entry: Entry): void {
    if (this.#entries.get(name) !== entry) return;
    this.#entries.delete(name);
    this.#total -= entry.size;
    for (const watcher of this.#watchers) watcher.gone(name);
  }

  async #scan(): Promise<void> {
    const began = this.#clock;
    const found: { name: string; size: number; time: number }[] = [];
    for (const name of await readdir(join(this.folder, 'files'))) {
      const stats = await stat(join(this.folder, 'files', name)).catch(() => undefined);
      if (stats?.isFile()) found.push({ name, size: stats.size, time: stats.mtimeMs });
    }
    const there = new Set(found.map(({ name }) => name));
    for (const [name, entry] of this.#entries) {
      // What was added while the folder was read is younger than the list.
      if (entry.used <= began && !there.has(name)) this.#forget(name, entry);
    }
    for (const { name, size } of found.sort((a, b) => a.time - b.time)) {
      if (this.#entries.has(name)) continue;
      this.#add(name, size);
    }
    this.#written = 0;
  }
}

async function removeDeadLeases(folder: string): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  for (const name of names) {
    const pid = Number(name.split('-')[0]);
    if (Number.isInteger(pid) && pid > 0 && !isAlive(pid)) await rm(join(folder, name), { recursive: true, force: true });
  }
}
