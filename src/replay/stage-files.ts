import { randomBytes } from 'node:crypto';
import { type Dirent, watch as watchFolder } from 'node:fs';
import { copyFile, link, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { TimelineError } from '../../sql/errors.js';

/** Where stage files live: what the stage store needs of a folder or a bucket. Keys use `/`. */
export interface StageFiles {
  /** Below it lies what toLocalFile gives. */
  readonly localFolder: string;
  /** Takes a finished local file; afterwards it may be gone from `localPath`. */
  moveIn(localPath: string, key: string): Promise<void>;
  /** Conditional create, all bytes or nothing; false: the key was there already. */
  putIfAbsent(key: string, bytes: Uint8Array): Promise<boolean>;
  /** Undefined: no such key. */
  read(key: string): Promise<Uint8Array | undefined>;
  /** Keys in a folder ('' for all), with their time of change in milliseconds where the storage tells it. */
  list(folder: string): AsyncIterable<{ readonly key: string; readonly modified: number | undefined }>;
  /** Removing what is not there is no error. */
  remove(key: string): Promise<void>;
  removeFolder(folder: string): Promise<void>;
  /** A local path with the key's bytes, good as long as somebody holds (or, in a folder, as there is the key). */
  toLocalFile(key: string): Promise<string>;
  /** Keeps what toLocalFile gives from now on, until the answer is called. */
  hold(): () => void;
  close(): Promise<void>;
  /** Tells of changes among the files of a folder, soon after them or (a busy system) not at all; gives a function that ends it. Absent: nobody tells. */
  watch?(folder: string, onChange: () => void): Promise<() => void>;
}

/** Stage files in a local folder, which all workers of one machine share. */
export function createFolderFiles(folder: string): StageFiles {
  const pathOf = (key: string): string => join(folder, ...checkedParts(key));
  const temporary = (): string => join(folder, `.tmp-${randomBytes(8).toString('hex')}`);

  async function making<T>(path: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw diskError(error, folder);
    }
    try {
      await mkdir(dirname(path), { recursive: true });
      return await work();
    } catch (error) {
      throw diskError(error, folder);
    }
  }

  async function guarded<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw diskError(error, folder);
    }
  }

  return {
    localFolder: folder,
    async moveIn(localPath, key) {
      const path = pathOf(key);
      await making(path, async () => {
        try {
          await rename(localPath, path);
        } catch (error) {
          if (codeOf(error) !== 'EXDEV') throw error;
          const copy = temporary();
          try {
            await copyFile(localPath, copy);
            await rename(copy, path);
          } catch (failure) {
            await rm(copy, { force: true });
            throw failure;
          }
        }
      });
    },
    async putIfAbsent(key, bytes) {
      const path = pathOf(key);
      const draft = temporary();
      try {
        // Records are promises: they outlive a power cut.
        await making(draft, () => writeFile(draft, bytes, { flush: key.startsWith('registry/') }));
        return await making(path, async () => {
          try {
            // A link appears with all its bytes or not at all, and fails where the name is taken.
            await link(draft, path);
            return true;
          } catch (error) {
            if (codeOf(error) === 'EEXIST') return false;
            throw error;
          }
        });
      } finally {
        await rm(draft, { force: true }).catch(() => undefined);
      }
    },
    async read(key) {
      try {
        return await readFile(pathOf(key));
      } catch (error) {
        if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return undefined;
        throw diskError(error, folder);
      }
    },
    async *list(prefix) {
      try {
        yield* walk(prefix === '' ? folder : pathOf(prefix), prefix);
      } catch (error) {
        throw diskError(error, folder);
      }
    },
    async remove(key) {
      await guarded(() => rm(pathOf(key), { force: true }));
    },
    async removeFolder(prefix) {
      await guarded(() => rm(pathOf(prefix), { recursive: true, force: true, maxRetries: 3 }));
    },
    async toLocalFile(key) {
      return pathOf(key);
    },
    hold: () => () => undefined,
    close: async () => undefined,
    async watch(prefix, onChange) {
      const path = pathOf(prefix);
      await mkdir(path, { recursive: true });
      const watcher = watchFolder(path, { persistent: false }, onChange);
      watcher.on('error', () => watcher.close());
      return () => watcher.close();
    },
  };
}

async function* walk(path: string, prefix: string): AsyncGenerator<{ key: string; modified: number }> {
  let entries: Dirent[];
  try {
    entries = await readdir(path, { withFileTypes: true });
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return;
    throw error;
  }
  for (const entry of entries) {
    const key = prefix === '' ? entry.name : `${prefix}/${entry.name}`;
    const full = join(path, entry.name);
    if (entry.isDirectory()) {
      yield* walk(full, key);
      continue;
    }
    try {
      yield { key, modified: (await stat(full)).mtimeMs };
    } catch (error) {
      // Others remove files while we look.
      if (codeOf(error) !== 'ENOENT') throw error;
    }
  }
}

function checkedParts(key: string): readonly string[] {
  const parts = key.split('/');
  if (parts.some((part) => !/^[\w.-]+$/.test(part) || /^\.+$/.test(part)))
    throw new RangeError(`not a stage file's name: ${JSON.stringify(key)}`);
  return parts;
}

export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

const LOST: ReadonlySet<string> = new Set(['EIO', 'ESTALE', 'ENXIO', 'ENODEV', 'EHOSTDOWN', 'ETIMEDOUT', 'ENOTCONN', 'EREMOTEIO']);

/**
 * What a folder's disk refuses as an error that names the folder: 53100 full, 42501 not allowed or read-only, 58030 (retryable) out of reach.
 * Anything else as it is.
 */
export function diskError(error: unknown, folder: string): unknown {
  // The kernel knows that a disk is full, not whose it is.
  const unnamed =
    error instanceof TimelineError && error.sqlstate === '53100' && error.kind === 'limit' && !error.message.startsWith(FULL_DISK);
  if (error instanceof TimelineError && !unnamed) return error;
  const code = codeOf(error) ?? '';
  const full =
    unnamed ||
    code === 'ENOSPC' ||
    code === 'EDQUOT' ||
    (error instanceof Error && /No space left on device|disk quota exceeded/i.test(error.message));
  if (full) {
    return new TimelineError({
      kind: 'limit',
      sqlstate: '53100',
      message: `${FULL_DISK} "${folder}"`,
      hint: 'Free some space there, or set "home" (TIMELINE_HOME), or "stages.location" where it is that, to a folder on a larger disk.',
      cause: error,
    });
  }
  const refused = code === 'EACCES' || code === 'EPERM' || code === 'EROFS';
  if (!refused && !LOST.has(code)) return error;
  return new TimelineError({
    kind: 'connector',
    sqlstate: refused ? '42501' : '58030',
    message: `the folder "${folder}" cannot be used: ${code}`,
    retryable: !refused,
    cause: error,
  });
}

const FULL_DISK = 'no space left on the disk of';
