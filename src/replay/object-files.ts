import { randomBytes } from 'node:crypto';
import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { TimelineError } from '../../sql/errors.js';
import type { ObjectStore } from '../object-store/object-store.js';
import { codeOf, diskError, type StageFiles } from './stage-files.js';

/** Stage files in an object store, for workers on several machines; what is read is kept below `cacheFolder`. */
export function createObjectFiles(options: { readonly objects: ObjectStore; readonly cacheFolder: string }): StageFiles {
  const { objects, cacheFolder } = options;
  return {
    moveIn: (localPath, key) => objects.put(key, { file: localPath }),
    putIfAbsent: (key, bytes) => objects.putIfAbsent(key, bytes),
    async read(key) {
      try {
        return await objects.read(key);
      } catch (error) {
        if (error instanceof TimelineError && error.sqlstate === '58P01') return undefined;
        throw error;
      }
    },
    async *list(folder) {
      for await (const { path } of objects.list(folder === '' ? '' : `${folder}/`)) yield { key: path, modified: undefined };
    },
    async removeFolder(folder) {
      for await (const { path } of objects.list(`${folder}/`)) await objects.delete(path);
      await rm(join(cacheFolder, folder), { recursive: true, force: true });
    },
    async toLocalFile(key) {
      const local = objects.localPath(key);
      if (local !== undefined) return local;
      const target = join(cacheFolder, ...key.split('/'));
      const draft = `${target}.${randomBytes(6).toString('hex')}.tmp`;
      try {
        await mkdir(dirname(target), { recursive: true });
        await objects.download(key, draft);
        await rename(draft, target);
      } catch (error) {
        await rm(draft, { force: true });
        if (codeOf(error) === undefined && !(error instanceof TimelineError && error.sqlstate === '53100')) throw error;
        throw diskError(error, cacheFolder);
      }
      return target;
    },
  };
}
