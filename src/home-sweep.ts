import { lstat, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isAlive, OWNED_FOLDER, ownerOf } from './process-folder.js';

type Owner = 'alive' | 'dead' | 'unknown';

/** What processes leave in the home folder when they die, by folder: names that are of their giving, and what those say of their owner. */
const LEFTOVERS: readonly { readonly folder: string; readonly name: RegExp; readonly owner: (match: RegExpExecArray) => Owner }[] = [
  { folder: 'scratch', name: /^task-\w{6}$/, owner: () => 'unknown' },
  { folder: 'scratch', name: /^(?:groups|logs|recent)-[0-9a-f]{16}\.ndjson$/, owner: () => 'unknown' },
  // Its number may be that of another machine's process, or an earlier one's.
  { folder: 'spill', name: /^kernel-(\d+)-\d+$/, owner: ([, pid]) => (isAlive(Number(pid)) ? 'alive' : 'unknown') },
  { folder: 'spill', name: /^cursor-[0-9a-f-]{36}$/, owner: () => 'unknown' },
  { folder: 'cache/stages', name: OWNED_FOLDER, owner: ownerOf },
];

/**
 * Removes what dead processes have left in the home folder, and in a folder for results: at once what is known to be a dead one's, else when
 * nothing in it has changed for `age` milliseconds; gives how many. Names that are not of our giving stay.
 */
export async function sweepHome(options: {
  readonly home: string;
  /** A local folder; undefined: results are elsewhere. */
  readonly results?: string | undefined;
  readonly age: number;
  readonly now?: number;
}): Promise<number> {
  const { home, results, age, now = Date.now() } = options;
  const places = LEFTOVERS.map(({ folder, ...rest }) => ({ path: join(home, folder), ...rest }));
  if (results !== undefined) places.push({ path: results, name: /^\..+\.[0-9a-f]{16}\.tmp$/, owner: () => 'unknown' });
  let removed = 0;
  for (const { path, name, owner } of places) {
    for (const entry of await readdir(path).catch(() => [])) {
      const match = name.exec(entry);
      const whose = match === null ? 'alive' : owner(match);
      if (whose === 'alive') continue;
      const full = join(path, entry);
      if (whose === 'unknown' && now - (await newest(full)) <= age) continue;
      await rm(full, { recursive: true, force: true });
      removed++;
    }
  }
  return removed;
}

/** When something below the path, or itself, was changed last; links are not followed. What is going just now is new. */
async function newest(path: string): Promise<number> {
  try {
    const stats = await lstat(path);
    let time = stats.mtimeMs;
    if (stats.isDirectory()) for (const entry of await readdir(path)) time = Math.max(time, await newest(join(path, entry)));
    return time;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
