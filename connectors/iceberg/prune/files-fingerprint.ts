import { createHash } from 'node:crypto';
import { asSplit, type IcebergHandle } from '../handle.js';

/**
 * Hash of the files of some splits, with all that decides the rows in them: what is deleted of them, values that stand in manifests only, and the
 * schema that they are read with. Data files never change. A file in parts counts as a whole one, however it was cut.
 */
export function filesFingerprint({ schema, table, schemaId, rows }: IcebergHandle, splits: readonly unknown[]): string {
  const files = new Set<string>();
  for (const split of splits) for (const { part: _part, ...file } of asSplit(split).files) files.add(JSON.stringify(file));
  const hash = createHash('sha256').update(JSON.stringify([1, schema, table, schemaId, rows ?? false]));
  for (const file of [...files].sort()) hash.update('\n').update(file);
  return hash.digest('hex');
}
