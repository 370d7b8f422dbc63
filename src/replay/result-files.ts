import { internal, TimelineError } from '../../sql/errors.js';
import type { S3Config } from '../config.js';
import { below } from '../object-store/location.js';
import type { ObjectStore } from '../object-store/object-store.js';
import { openStore } from '../object-store/open-store.js';
import { sha256 } from '../sha256.js';
import type { LocalCopies } from './local-copies.js';

/** A root below which results lie, and how to reach it. */
export interface ResultRoot {
  /** Normal form. */
  readonly location: string;
  readonly s3?: S3Config | undefined;
}

/** Results that are files of their own: those made of many inline rows, and those that were asked for as files. */
export interface ResultFiles {
  /** An inline result with more bytes is made into a file. */
  readonly inlineBytes: number;
  /** Where the rows of a replay go that has no place of its own. */
  locationOf(id: string): string;
  /** Puts a local file there, whole or not at all, unless there is one; its bytes. */
  publish(location: string, localPath: string, signal: AbortSignal): Promise<number>;
  /** Bytes; undefined: it is not there (any more). */
  size(location: string): Promise<number | undefined>;
  toLocalFile(location: string, bytes: number): Promise<string>;
  /** Local files that toLocalFile gives from now on stay until the answer is called. */
  hold(): () => void;
  /** Below them lies what toLocalFile gives. */
  readonly localFolders: readonly string[];
  /** Removes the file where it is one that locationOf names; whatever a user named is the user's. */
  remove(id: string): Promise<void>;
}

/** `root`: of results without a place of their own; `others`: further ones that users may name. */
export function createResultFiles(options: {
  readonly root: ResultRoot;
  readonly others: readonly ResultRoot[];
  readonly copies: LocalCopies;
  readonly inlineBytes: number;
}): ResultFiles {
  const { root, copies, inlineBytes } = options;
  const roots = [root, ...options.others];

  async function at<T>(location: string, work: (store: ObjectStore, path: string) => Promise<T>): Promise<T | undefined> {
    for (const { location: place, s3 } of roots) {
      const path = below(place, location);
      if (path === undefined || path === '') continue;
      const store = openStore(place, { s3 });
      try {
        return await work(store, path);
      } catch (error) {
        throw named(error, path, place);
      } finally {
        store.close();
      }
    }
    return undefined;
  }

  const locationOf = (id: string): string => `${root.location}/${id}.parquet`;

  return {
    inlineBytes,
    locationOf,
    async publish(location, localPath, signal) {
      const bytes = await at(location, async (store, path) => {
        // An earlier attempt may have put it there: objects appear whole, and its rows are these.
        await store.putIfAbsent(path, { file: localPath }, { signal });
        return (await store.head(path, { signal }))?.size;
      });
      if (bytes === undefined) throw internal(`the file ${location} of a result has gone again`);
      return bytes;
    },
    size: (location) => at(location, async (store, path) => (await store.head(path))?.size),
    async toLocalFile(location, bytes) {
      const path = await at(location, async (store, path) => {
        const local = store.localPath(path);
        if (local !== undefined) return local;
        const name = sha256(location).slice(0, 32);
        return copies.get(`results/${name}-${bytes}.parquet`, (target) => store.download(path, target));
      });
      if (path === undefined) throw internal(`the file ${location} of a result is in none of the configured places`);
      return path;
    },
    hold: () => copies.hold(),
    localFolders: [
      ...roots.flatMap(({ location }) => (location.startsWith('file://') ? [location.slice('file://'.length)] : [])),
      copies.folder,
    ],
    async remove(id) {
      await at(locationOf(id), (store, path) => store.delete(path));
    },
  };
}

/** A folder's store names the file only. */
function named(error: unknown, path: string, place: string): unknown {
  if (!(error instanceof TimelineError) || !error.message.startsWith(path)) return error;
  return new TimelineError({ ...error.toJSON(), message: `${place}/${error.message}`, cause: error.cause });
}
