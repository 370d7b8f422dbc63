import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, stat, statfs, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Config, S3Config } from '../config.js';
import type { ObjectStore } from '../object-store/object-store.js';
import { openStore } from '../object-store/open-store.js';
import { type Check, type Finding, fail, ok, size, warn } from './finding.js';

const TIMEOUT = 20_000;
const CLEANUP = 5000;
const FREE_LEAST = 256 << 20;
const FREE_WANTED = 4 * 2 ** 30;
/** Writers that create one object at once: exactly one may succeed. */
const RACERS = 8;
/** S3 refuses requests of clocks that are a quarter of an hour off; retention and sweeps go by the store's times. */
const SKEW_MOST = 5000;
const SKEW_FATAL = 300_000;

/** State, caches and spilled rows. */
export function homeCheck(config: Config): Check {
  return {
    name: 'home folder',
    timeout: TIMEOUT,
    run: async () => {
      const { home } = config;
      const folder = await existing(home);
      let probe: string | undefined;
      try {
        probe = await mkdtemp(join(folder, '.timeline-doctor-'));
        await writeFile(join(probe, 'file'), Buffer.alloc(64 << 10));
      } catch (error) {
        const code = codeOf(error);
        if (code === 'ENOSPC' || code === 'EDQUOT')
          return [fail(`no space left on the disk of ${home}`, 'Free some, or set home (TIMELINE_HOME) to a folder on a larger disk.')];
        return [fail(`${folder} cannot be written: ${code}`, 'Set home (TIMELINE_HOME) to a folder that can be written.')];
      } finally {
        if (probe !== undefined) await rm(probe, { recursive: true, force: true });
      }
      const { bavail, bsize } = await statfs(folder);
      const free = bavail * bsize;
      const where = folder === home ? home : `${home} (will be made)`;
      const room = 'Caches (limits.cache_bytes) and spilled rows (limits.temp_bytes) need room there.';
      if (free < FREE_LEAST) return [fail(`${where}: only ${size(free)} are free`, room)];
      if (free < FREE_WANTED) return [warn(`${where}: only ${size(free)} are free`, room)];
      return [ok(`${where}, ${size(free)} free`)];
    },
  };
}

/** Where gateways and workers meet: stage files, manifests, records of replays. */
export function stagesCheck(config: Config): Check {
  const { location, s3 } = config.stages;
  return {
    name: 'stage store',
    timeout: TIMEOUT,
    run: (signal) =>
      withPlace({ location, s3, signal }, async (store, path) => [
        ...(await readAndWrite(store, path, location, signal)),
        await conditionalCreate(store, path, signal),
        await clock(store, path, signal),
        ...(location.startsWith('file://') && config.temporal.mode === 'address'
          ? [
              warn(
                'it is a folder: only workers that see the same folder can take tasks',
                'Set stages.location (TIMELINE_STAGES_LOCATION) to s3://bucket/prefix for workers on other machines.',
              ),
            ]
          : []),
      ]),
  };
}

/** Where files of results go. */
export function resultsCheck(config: Config): Check {
  const location = config.replays.results;
  return {
    name: 'results',
    timeout: TIMEOUT,
    run: (signal) => withPlace({ location, s3: config.stages.s3, signal }, (store, path) => readAndWrite(store, path, location, signal)),
  };
}

/** A prefix of the doctor's own, of which nothing is left. */
async function withPlace(
  place: { readonly location: string; readonly s3: S3Config | undefined; readonly signal: AbortSignal },
  work: (store: ObjectStore, path: string) => Promise<readonly Omit<Finding, 'check'>[]>,
): Promise<readonly Omit<Finding, 'check'>[]> {
  const own = `doctor-${randomUUID()}`;
  // A folder that is not there yet is not made: its parent tells whether it can be.
  const folder = place.location.startsWith('file://') ? await existing(place.location.slice('file://'.length)) : undefined;
  const s3 = place.s3 === undefined ? undefined : { ...place.s3, attempts: 2, totalMs: 6000, stallMs: 3000 };
  const store = openStore(folder ?? place.location, { s3 });
  try {
    return await work(store, own);
  } finally {
    if (folder !== undefined) await rm(join(folder, own), { recursive: true, force: true });
    else await removeAll(store, `${own}/`);
    store.close();
  }
}

async function removeAll(store: ObjectStore, prefix: string): Promise<void> {
  try {
    const signal = AbortSignal.timeout(CLEANUP);
    for await (const { path } of store.list(prefix, { signal })) await store.delete(path, { signal });
  } catch {
    // A store that refuses is a finding already.
  }
}

async function readAndWrite(
  store: ObjectStore,
  own: string,
  location: string,
  signal: AbortSignal,
): Promise<readonly Omit<Finding, 'check'>[]> {
  const path = `${own}/written`;
  const bytes = Buffer.from(randomUUID());
  await store.put(path, bytes, { signal });
  if (!Buffer.from(await store.read(path, { signal })).equals(bytes))
    return [fail(`${location} gives other bytes than were written`, 'Is there a cache or a proxy between?')];
  if (!(await names(store, own, signal)).includes(path))
    return [
      fail(
        `${location} does not list what was just written`,
        'Stage files and replays are found by listing: the store must be strongly consistent.',
      ),
    ];
  await store.delete(path, { signal });
  if ((await store.head(path, { signal })) !== undefined)
    return [fail(`${location} still has what was deleted`, 'Is versioning or a retention lock on?')];
  return [ok(`${location}: put, get, list and delete work`)];
}

async function conditionalCreate(store: ObjectStore, own: string, signal: AbortSignal): Promise<Omit<Finding, 'check'>> {
  const hint =
    'Without it two workers could both commit one task. Use a store that honours If-None-Match: * on PUT (AWS S3, MinIO, Ceph, versitygw, R2).';
  const path = `${own}/once`;
  const [first, second] = [
    await store.putIfAbsent(path, Buffer.from('first'), { signal }),
    await store.putIfAbsent(path, Buffer.from('second'), { signal }),
  ];
  if (!first) return fail('a conditional create of a new object is refused', hint);
  if (second) return fail('a second create of the same key is not refused: the store ignores If-None-Match', hint);
  if (Buffer.from(await store.read(path, { signal })).toString() !== 'first')
    return fail('a second create of the same key is refused and overwrites the object all the same', hint);
  const raced = `${own}/raced`;
  const winners = await Promise.all(Array.from({ length: RACERS }, (_, n) => store.putIfAbsent(raced, Buffer.from(String(n)), { signal })));
  const won = winners.filter((one) => one).length;
  if (won !== 1) return fail(`of ${RACERS} creates of one key at the same time ${won} succeeded`, hint);
  return ok('conditional create: of many writers one succeeds');
}

async function clock(store: ObjectStore, own: string, signal: AbortSignal): Promise<Omit<Finding, 'check'>> {
  const path = `${own}/clock`;
  const before = Date.now();
  await store.put(path, Buffer.from('tick'), { signal });
  const after = Date.now();
  for await (const object of store.list(`${own}/`, { signal })) {
    if (object.path === path) return skewFinding('the store', object.modifiedMs, before, after, 1000);
  }
  return warn("the store's clock cannot be read: it does not list what was just written", 'Stage files are removed by their age.');
}

/** `theirs` was between `before` and `after` there, and may be cut to `resolution` milliseconds. */
export function skewFinding(whose: string, theirs: number, before: number, after: number, resolution: number): Omit<Finding, 'check'> {
  const skew = theirs > after ? theirs - after : theirs + resolution < before ? theirs + resolution - before : 0;
  const hint = 'Run a time service (chrony, systemd-timesyncd) on both machines.';
  const message = `the clock of ${whose} is ${Math.abs(skew / 1000).toFixed(1)} s ${skew < 0 ? 'behind' : 'ahead'}`;
  if (Math.abs(skew) > SKEW_FATAL) return fail(message, hint);
  if (Math.abs(skew) > SKEW_MOST) return warn(message, hint);
  return ok(`clock of ${whose}: no skew to speak of (${(skew / 1000).toFixed(1)} s)`);
}

async function names(store: ObjectStore, own: string, signal: AbortSignal): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const { path } of store.list(`${own}/`, { signal })) found.push(path);
  return found;
}

/** The folder, or the nearest above it that exists. Throws where that is no folder. */
async function existing(path: string): Promise<string> {
  try {
    if ((await stat(path === '' ? '/' : path)).isDirectory()) return path === '' ? '/' : path;
  } catch (error) {
    if (codeOf(error) === 'ENOENT' && path !== '' && path !== '/') return existing(dirname(path));
    throw error;
  }
  throw new Error(`${path} is not a folder`);
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : String(error);
}
