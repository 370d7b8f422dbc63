import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import type { CopyFile } from '../sql/copy-statement.js';
import { TimelineError } from '../sql/errors.js';
import type { CopyConfig, S3Config } from './config.js';
import { below, normalLocation } from './object-store/location.js';
import type { ObjectStore } from './object-store/object-store.js';
import { openStore } from './object-store/open-store.js';
import type { FilePlaces } from './replay/sink-task.js';

/** Files that COPY … TO makes, below the configuration's copy.locations; and those of submitted replays' results. */
export function createFilePlaces(
  config: CopyConfig,
  results?: { readonly location: string; readonly s3?: S3Config | undefined },
): FilePlaces {
  return {
    async publish({ location, overwrite }, localPath, signal) {
      const own = results !== undefined && (below(results.location, location) ?? '') !== '';
      const { store, path } = await openPlace(
        own ? { locations: [results.location], ...(results.s3 === undefined ? {} : { s3: results.s3 }) } : config,
        location,
      );
      try {
        const body = { file: localPath };
        if (overwrite) {
          await store.put(path, body, { signal });
          return { repeated: false };
        }
        if (await store.putIfAbsent(path, body, { signal })) return { repeated: false };
        // An attempt of this task that nobody heard of again may have put it there.
        if (await sameBytes(store, path, localPath, signal)) return { repeated: true };
        throw exists(location);
      } finally {
        store.close();
      }
    },
  };
}

/** The normal form of a file's location. Throws 42501 where it may not be written, 58P02 where something lies already. */
export async function checkPlace(config: CopyConfig, file: CopyFile): Promise<string> {
  const location = normalOf(file.location);
  const { store, path } = await openPlace(config, location);
  try {
    if (!file.overwrite && (await store.head(path)) !== undefined) throw exists(location);
  } finally {
    store.close();
  }
  return location;
}

function normalOf(written: string): string {
  try {
    return normalLocation(written);
  } catch (cause) {
    throw denied(written, cause);
  }
}

async function openPlace(config: CopyConfig, location: string): Promise<{ readonly store: ObjectStore; readonly path: string }> {
  for (const root of config.locations) {
    const path = below(root, location);
    if (path === undefined || path === '') continue;
    await requireInside(root, location);
    return { store: openStore(root, { s3: config.s3 }), path };
  }
  throw denied(location);
}

/** No symbolic link leads out of the configured folder. */
async function requireInside(root: string, location: string): Promise<void> {
  if (!root.startsWith('file://')) return;
  const folder = await existing(root.slice('file://'.length));
  const target = await existing(dirname(location.slice('file://'.length)));
  if (target !== folder && !target.startsWith(folder === '/' ? folder : `${folder}/`)) throw denied(location);
}

/** The real path of a folder, which may end in folders that do not exist yet. */
async function existing(path: string): Promise<string> {
  try {
    return await realpath(path === '' ? '/' : path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || path === '' || path === '/') throw error;
    return join(await existing(dirname(path)), basename(path));
  }
}

async function sameBytes(store: ObjectStore, path: string, localPath: string, signal: AbortSignal): Promise<boolean> {
  const folder = await mkdtemp(join(tmpdir(), 'timeline-copy-'));
  try {
    const there = join(folder, 'there');
    await store.download(path, there, { signal });
    return (await digest(there)) === (await digest(localPath));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function digest(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

function exists(location: string): TimelineError {
  return new TimelineError({
    kind: 'semantic',
    sqlstate: '58P02',
    message: `file "${location}" already exists`,
    hint: 'COPY … WITH (OVERWRITE) replaces it.',
  });
}

function denied(location: string, cause?: unknown): TimelineError {
  return new TimelineError({
    kind: 'semantic',
    sqlstate: '42501',
    message: 'permission denied to COPY to a file',
    detail: `"${location}" is in none of the configured places.`,
    hint: "copy.locations of the configuration lists the folders that may be written. Anyone can COPY to stdout; psql's \\copy writes files of its own.",
    cause,
  });
}
