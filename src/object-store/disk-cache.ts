import { createHash, randomBytes } from 'node:crypto';
import { link, mkdir, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
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

/**
 * Whole objects as local files, least recently used out first. The bound holds for all files but those in use: a lease is a hard link
 * in a folder of this process's own, so that another process on the same folder may evict the entry and the reader keeps its file.
 */
export class DiskCache {
  readonly folder: string;
  readonly #maxBytes: number;
  readonly #leases: string;
  readonly #entries = new Map<string, Entry>();
  readonly #downloads = new Map<string, Download>();
  #total = 0;
  #reserved = 0;
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
    this.#reserved += request.size;
    const temporary = join(this.#leases, `${randomBytes(6).toString('hex')}.part`);
    try {
      await this.#evict();
      await request.fetch(temporary, signal);
      const { size } = await stat(temporary);
      await rename(temporary, join(this.folder, 'files', name));
      const known = this.#entries.get(name);
      if (known !== undefined) this.#forget(name, known);
      this.#entries.set(name, { size, leases: 0, used: ++this.#clock });
      this.#total += size;
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    } finally {
      this.#reserved -= request.size;
    }
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
  }

  async #scan(): Promise<void> {
    const found: { name: string; size: number; time: number }[] = [];
    for (const name of await readdir(join(this.folder, 'files'))) {
      const stats = await stat(join(this.folder, 'files', name)).catch(() => undefined);
      if (stats?.isFile()) found.push({ name, size: stats.size, time: stats.mtimeMs });
    }
    for (const { name, size } of found.sort((a, b) => a.time - b.time)) {
      this.#entries.set(name, { size, leases: 0, used: ++this.#clock });
      this.#total += size;
    }
  }
}

async function removeDeadLeases(folder: string): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  for (const name of names) {
    const pid = Number(name.split('-')[0]);
    if (Number.isInteger(pid) && pid > 0 && !isAlive(pid)) await rm(join(folder, name), { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
