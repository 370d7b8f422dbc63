import { mkdir, readdir, readFile, rmdir, stat, unlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HOST, isAlive } from '../../process-folder.js';
import { isReplayId } from '../replay-record.js';

/** Which runs a process waits for, in files: who comes after a process that was killed ends them. */
export interface OpenRuns {
  add(id: string): Promise<void>;
  remove(id: string): Promise<void>;
}

const TOUCH = 20_000;
/** A process of another machine (or container) that has not been seen for so long is gone, milliseconds. */
const GONE_AFTER = 90_000;

/** The markers of this process: `{folder}/{host}~{pid}~{start}/{id}`. */
export async function keepOpenRuns(folder: string): Promise<OpenRuns & { close(): Promise<void> }> {
  const own = join(folder, ownName(await startOf(process.pid)));
  await mkdir(own, { recursive: true });
  const timer = setInterval(() => {
    const now = new Date();
    utimes(own, now, now).catch(() => undefined);
  }, TOUCH).unref();
  return {
    async add(id) {
      if (!isReplayId(id)) throw new RangeError(`not a run's id: ${JSON.stringify(id)}`);
      await writeFile(join(own, id), '');
    },
    async remove(id) {
      await unlink(join(own, id)).catch(() => undefined);
    },
    async close() {
      clearInterval(timer);
      // Those that are still open are for whoever comes next.
      await rmdir(own).catch(() => undefined);
    },
  };
}

/** Ids of runs whose process is gone, and how to forget each. */
export async function orphanedRuns(folder: string): Promise<readonly { readonly id: string; forget(): Promise<void> }[]> {
  const found: { id: string; forget(): Promise<void> }[] = [];
  for (const name of await readdir(folder).catch(() => [])) {
    const path = join(folder, name);
    if (!(await isGone(name, path))) continue;
    const ids = (await readdir(path).catch(() => [])).filter(isReplayId);
    if (ids.length === 0) await rmdir(path).catch(() => undefined);
    for (const id of ids) {
      found.push({
        id,
        async forget() {
          await unlink(join(path, id)).catch(() => undefined);
          await rmdir(path).catch(() => undefined);
        },
      });
    }
  }
  return found;
}

async function isGone(name: string, path: string): Promise<boolean> {
  const [host, pid, start] = name.split('~');
  if (host === undefined || start === undefined || !/^\d{1,10}$/.test(pid ?? '')) return false;
  if (host === HOST) return (await startOf(Number(pid))) !== start;
  try {
    return Date.now() - (await stat(path)).mtimeMs > GONE_AFTER;
  } catch {
    return false;
  }
}

function ownName(start: string | undefined): string {
  return `${HOST}~${process.pid}~${start ?? '0'}`;
}

/** When a process began, in its system's own measure; `0`: not known; undefined: there is none of this number. */
async function startOf(pid: number): Promise<string | undefined> {
  if (!isAlive(pid)) return undefined;
  try {
    const text = await readFile(`/proc/${pid}/stat`, 'utf8');
    // The second field is a name in parentheses, which may hold anything; the 22nd is the start.
    return text.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? '0';
  } catch {
    return '0';
  }
}
