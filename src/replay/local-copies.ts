import { randomBytes } from 'node:crypto';
import { access, mkdir, rename, rm, rmdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { processFolder } from '../process-folder.js';

/** Local copies of objects that never change, bounded, for one process. What a holder was given stays until it lets go. */
export interface LocalCopies {
  /** Below it lies what `get` gives. */
  readonly folder: string;
  /** A local file with the object's bytes, which `fetch` writes where there is none. `key`: parts of a path, with `/`. */
  get(key: string, fetch: (target: string) => Promise<unknown>): Promise<string>;
  /** Nothing that is asked for from now on is removed before the answer is called. */
  hold(): () => void;
  /** Removes the copies of all keys below `folder`. */
  forget(folder: string): Promise<void>;
  close(): Promise<void>;
}

interface Copy {
  /** Of this copy only: who removes it can't hit the next one. */
  readonly target: string;
  readonly path: Promise<string>;
  bytes: number;
  /** When it was asked for last, by the count of calls. */
  used: number;
}

/** Caches of this process. */
let made = 0;

/** Folders of processes lie side by side: what a dead one has left is removed by sweepHome. */
export function createLocalCopies(options: { readonly folder: string; readonly maxBytes: number }): LocalCopies {
  const folder = join(options.folder, processFolder(), String(made++));
  const copies = new Map<string, Copy>();
  const holds = new Set<{ readonly since: number }>();
  let calls = 0;
  let total = 0;

  async function remove(key: string): Promise<void> {
    const copy = copies.get(key);
    if (copy === undefined) return;
    copies.delete(key);
    total -= copy.bytes;
    await copy.path.catch(() => undefined);
    await rm(copy.target, { force: true });
  }

  async function evict(): Promise<void> {
    if (total <= options.maxBytes) return;
    const needed = Math.min(calls, ...[...holds].map(({ since }) => since));
    // In the order of their use.
    for (const [key, copy] of copies) {
      if (total <= options.maxBytes || copy.used >= needed) return;
      if (copy.bytes > 0) await remove(key);
    }
  }

  async function make(target: string, fetch: (target: string) => Promise<unknown>): Promise<string> {
    const draft = `${target}.tmp`;
    try {
      await mkdir(dirname(target), { recursive: true });
      await fetch(draft);
      await rename(draft, target);
      return target;
    } catch (error) {
      await rm(draft, { force: true });
      throw error;
    }
  }

  return {
    folder,
    async get(key, fetch) {
      const used = ++calls;
      const known = copies.get(key);
      if (known !== undefined) {
        copies.delete(key);
        copies.set(key, known);
        known.used = used;
        const path = await known.path;
        if (await exists(path)) return path;
        // Somebody cleared the folder.
        if (copies.get(key) === known) await remove(key);
      }
      const place = join(folder, ...key.split('/'));
      const target = join(dirname(place), `${randomBytes(6).toString('hex')}-${basename(place)}`);
      const copy: Copy = { target, path: make(target, fetch), bytes: 0, used };
      copies.set(key, copy);
      try {
        const path = await copy.path;
        if (copies.get(key) === copy) {
          copy.bytes = (await stat(path)).size;
          total += copy.bytes;
        }
        await evict();
        return path;
      } catch (error) {
        if (copies.get(key) === copy) copies.delete(key);
        throw error;
      }
    },
    hold() {
      const hold = { since: calls + 1 };
      holds.add(hold);
      return () => void holds.delete(hold);
    },
    async forget(below) {
      for (const key of [...copies.keys()]) if (key.startsWith(`${below}/`)) await remove(key);
      await rm(join(folder, ...below.split('/')), { recursive: true, force: true });
    },
    async close() {
      copies.clear();
      await rm(folder, { recursive: true, force: true });
      // Other caches of this process may be there still.
      await rmdir(dirname(folder)).catch(() => undefined);
    },
  };
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
