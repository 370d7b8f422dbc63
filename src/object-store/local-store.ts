import { randomBytes } from 'node:crypto';
import type { Stats } from 'node:fs';
import { constants, copyFile, link, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type {
  ListedObject,
  ObjectBody,
  ObjectInfo,
  ObjectPart,
  ObjectStore,
  PartOptions,
  ReadOptions,
  RequestOptions,
} from './object-store.js';
import { changed, errorCode, fileError, notAllowed, notFound, throwIfAborted, tooLarge } from './store-error.js';

/** Objects as files below a folder. */
export class LocalStore implements ObjectStore {
  readonly root: string;
  readonly #folder: string;

  /** `folder`: absolute path; '' is the root of the file system. */
  constructor(folder: string) {
    this.#folder = folder;
    this.root = `file://${folder}`;
  }

  async read(path: string, options: ReadOptions = {}): Promise<Uint8Array> {
    throwIfAborted(options.signal);
    const name = this.#resolve(path);
    return this.#guard(path, async () => {
      const file = await open(name, 'r');
      try {
        const size = plainFile(name, await file.stat()).size;
        const start = Math.min(options.start ?? 0, size);
        const end = Math.max(start, Math.min(options.end ?? size, size));
        if (options.maxBytes !== undefined && end - start > options.maxBytes) throw tooLarge(path, end - start, options.maxBytes);
        options.meter?.charge(end - start, 1);
        const bytes = new Uint8Array(end - start);
        let filled = 0;
        while (filled < bytes.length) {
          throwIfAborted(options.signal);
          const length = Math.min(bytes.length - filled, 16 << 20);
          const { bytesRead } = await file.read(bytes, filled, length, start + filled);
          if (bytesRead === 0) break;
          filled += bytesRead;
        }
        return filled === bytes.length ? bytes : bytes.slice(0, filled);
      } finally {
        await file.close();
      }
    });
  }

  async readPart(path: string, options: PartOptions): Promise<ObjectPart> {
    const found = await this.head(path, options);
    if (found === undefined) throw notFound(`${this.root}/${path}`);
    if (options.etag !== undefined && options.etag !== found.etag) throw changed(path);
    return { bytes: await this.read(path, options), ...found };
  }

  async head(path: string, options: RequestOptions = {}): Promise<ObjectInfo | undefined> {
    throwIfAborted(options.signal);
    const name = this.#resolve(path);
    try {
      return info(plainFile(name, await stat(name)));
    } catch (error) {
      if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return undefined;
      throw fileError(path, error);
    }
  }

  async *list(prefix: string, options: RequestOptions = {}): AsyncIterable<ListedObject> {
    const cut = prefix.lastIndexOf('/');
    yield* this.#walk(cut < 0 ? '' : prefix.slice(0, cut), prefix, options.signal);
  }

  async *#walk(folder: string, prefix: string, signal: AbortSignal | undefined): AsyncIterable<ListedObject> {
    throwIfAborted(signal);
    for (const entry of await this.#entries(folder)) {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory()) {
        if (path.startsWith(prefix) || prefix.startsWith(`${path}/`)) yield* this.#walk(path, prefix, signal);
      } else if (path.startsWith(prefix) && !isTemporary(entry.name)) {
        const found = await this.#listed(path);
        if (found !== undefined) yield found;
      }
    }
  }

  /** Undefined: it has gone meanwhile. */
  async #listed(path: string): Promise<ListedObject | undefined> {
    const name = this.#resolve(path);
    try {
      const stats = plainFile(name, await stat(name));
      return { path, ...info(stats), modifiedMs: stats.mtimeMs };
    } catch (error) {
      if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return undefined;
      throw fileError(path, error);
    }
  }

  async folders(folder: string, options: RequestOptions = {}): Promise<readonly string[]> {
    throwIfAborted(options.signal);
    return (await this.#entries(folder)).filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  }

  async #entries(folder: string): Promise<import('node:fs').Dirent[]> {
    try {
      return await readdir(folder === '' ? this.#folder || '/' : this.#resolve(folder), { withFileTypes: true });
    } catch (error) {
      if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return [];
      throw fileError(folder, error);
    }
  }

  /** `link` is the file system's own conditional create, and unlike `wx` it shows the file only when it is whole. */
  async putIfAbsent(path: string, body: ObjectBody, options: RequestOptions = {}): Promise<boolean> {
    return this.#write(path, body, options, async (temporary, name) => {
      try {
        await link(temporary, name);
        return true;
      } catch (error) {
        if (errorCode(error) === 'EEXIST') return false;
        throw error;
      } finally {
        await rm(temporary, { force: true });
      }
    });
  }

  async put(path: string, body: ObjectBody, options: RequestOptions = {}): Promise<void> {
    await this.#write(path, body, options, rename);
  }

  async #write<T>(
    path: string,
    body: ObjectBody,
    options: RequestOptions,
    finish: (temporary: string, name: string) => Promise<T>,
  ): Promise<T> {
    throwIfAborted(options.signal);
    const name = this.#resolve(path);
    return this.#guard(path, async () => {
      options.meter?.charge(0, 1);
      await mkdir(dirname(name), { recursive: true });
      const temporary = join(dirname(name), `.${basename(name)}.${randomBytes(8).toString('hex')}.tmp`);
      try {
        await copyInto(body, temporary);
        throwIfAborted(options.signal);
        return await finish(temporary, name);
      } catch (error) {
        await rm(temporary, { force: true });
        throw error;
      }
    });
  }

  async delete(path: string, options: RequestOptions = {}): Promise<void> {
    throwIfAborted(options.signal);
    const name = this.#resolve(path);
    await this.#guard(path, () => rm(name, { force: true }));
  }

  async download(path: string, target: string, options: RequestOptions = {}): Promise<void> {
    throwIfAborted(options.signal);
    const name = this.#resolve(path);
    await this.#guard(path, async () => {
      options.meter?.charge((await stat(name)).size, 1);
      await copyFile(name, target, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    });
  }

  localPath(path: string): string {
    return this.#resolve(path);
  }

  close(): void {}

  #resolve(path: string): string {
    if (
      path === '' ||
      path.startsWith('/') ||
      path.includes('\0') ||
      path.split('/').some((part) => part === '' || part === '.' || part === '..')
    ) {
      throw notAllowed(`"${path}" is not a path below ${this.root}`);
    }
    return `${this.#folder}/${path}`;
  }

  /** Aborts and meters pass through; what the file system says is put in words. */
  async #guard<T>(path: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw errorCode(error) === undefined || (error instanceof Error && error.name === 'AbortError') ? error : fileError(path, error);
    }
  }
}

async function copyInto(body: ObjectBody, temporary: string): Promise<void> {
  if (!(body instanceof Uint8Array)) await copyFile(body.file, temporary, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
  const file = await open(temporary, body instanceof Uint8Array ? 'wx' : 'r+');
  try {
    if (body instanceof Uint8Array) await file.writeFile(body);
    // A committed object must survive a power cut: rename or link may reach the disk before the data does.
    await file.sync();
  } finally {
    await file.close();
  }
}

function plainFile(name: string, stats: Stats): Stats {
  if (stats.isFile()) return stats;
  throw Object.assign(new Error(`${name} is not a file`), { code: 'ENOENT' });
}

function info(stats: Stats): ObjectInfo {
  return { size: stats.size, etag: `${stats.size}-${stats.mtimeMs}-${stats.ino}` };
}

function isTemporary(name: string): boolean {
  return name.startsWith('.') && name.endsWith('.tmp');
}
