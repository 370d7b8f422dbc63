import { TimelineError } from '../../sql/errors.js';
import type { ObjectStore } from '../object-store/object-store.js';
import type { LocalCopies } from './local-copies.js';
import { codeOf, diskError, type StageFiles } from './stage-files.js';

/** Stage files in an object store, for workers on several machines; what is read as a file is copied. */
export function createObjectFiles(options: { readonly objects: ObjectStore; readonly copies: LocalCopies }): StageFiles {
  const { objects, copies } = options;
  return {
    localFolder: copies.folder,
    moveIn: (localPath, key) => objects.put(key, { file: localPath }),
    putIfAbsent: (key, bytes) => objects.putIfAbsent(key, bytes),
    async read(key) {
      try {
        return await objects.read(key, { maxBytes: MOST_READ_BYTES });
      } catch (error) {
        if (error instanceof TimelineError && error.sqlstate === '58P01' && !/^bucket /.test(error.message)) return undefined;
        throw error;
      }
    },
    async *list(folder) {
      for await (const { path, modifiedMs } of objects.list(folder === '' ? '' : `${folder}/`)) yield { key: path, modified: modifiedMs };
    },
    remove: (key) => objects.delete(key),
    async removeFolder(folder) {
      for await (const { path } of objects.list(`${folder}/`)) await objects.delete(path);
      await copies.forget(folder);
    },
    async toLocalFile(key) {
      try {
        return await copies.get(key, (target) => objects.download(key, target));
      } catch (error) {
        if (codeOf(error) === undefined && !(error instanceof TimelineError && error.sqlstate === '53100')) throw error;
        throw diskError(error, copies.folder);
      }
    },
    hold: () => copies.hold(),
    async close() {
      await copies.close();
      objects.close();
    },
  };
}

/** Plans, manifests, keys and records; rows are not read so. */
const MOST_READ_BYTES = 512 << 20;
