import { TimelineError, unsupported } from '../../../sql/errors.js';
import type { Connector, TableName } from '../../connector.js';
import type { CatalogWriter } from '../catalog/catalog.js';
import type { TableMetadata } from '../format/metadata.js';
import type { ManifestCache } from '../prune/manifest-source.js';
import type { FileIo } from '../read/file-io.js';
import { fullName } from '../table-name.js';

/** What maintenance needs of its connector. */
export interface MaintainHost {
  readonly io: FileIo;
  readonly writer: CatalogWriter;
  readonly manifests: ManifestCache;
  /** Reads rows, with deletes applied. */
  readonly reader: Pick<Connector, 'pin' | 'splits' | 'read'>;
  /** The table as it is now, and where its metadata file lies; undefined: there is none. */
  readonly load: (
    table: TableName,
    signal: AbortSignal,
  ) => Promise<{ readonly metadata: TableMetadata; readonly location: string } | undefined>;
  /** Told of each step before the next one begins: where a test lets the process die. */
  readonly onStep: (step: MaintainStep) => void | Promise<void>;
}

export type MaintainStep = 'snapshots expired' | 'file deleted' | 'files written' | 'files replaced';

export type Args = Readonly<Record<string, string | null>>;
export type ResultRows = readonly (readonly (string | null)[])[];

export function invalidArgument(message: string, hint?: string): TimelineError {
  return new TimelineError({ kind: 'semantic', sqlstate: '22023', message, ...(hint === undefined ? {} : { hint }) });
}

/** That we know all rules of. */
export const NEWEST_FORMAT = 3;

/** 55000: the table says that its files are not ours to delete. 0A000: of a newer format nobody here knows what it refers to. */
export function checkCollectable(metadata: TableMetadata, table: TableName): void {
  if (metadata.formatVersion > NEWEST_FORMAT)
    throw unsupported(`deleting files of Iceberg table ${fullName(table)} of format version ${metadata.formatVersion}`);
  if (metadata.properties['gc.enabled']?.toLowerCase() !== 'false') return;
  const message = `files of table ${fullName(table)} must not be deleted: its property gc.enabled is false`;
  throw new TimelineError({ kind: 'semantic', sqlstate: '55000', message, hint: 'Other tables may use the same files.' });
}

const AT_ONCE = 16;

/** Deletes files, some at a time. What cannot be deleted stays: it is given back. */
export async function deleteFiles(host: MaintainHost, paths: readonly string[], signal: AbortSignal): Promise<readonly string[]> {
  const left: string[] = [];
  const queue = paths.values();
  const worker = async (): Promise<void> => {
    for (const path of queue) {
      signal.throwIfAborted();
      try {
        await host.io.delete(path, { signal });
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof TimelineError)) throw error;
        left.push(path);
        continue;
      }
      await host.onStep('file deleted');
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return left;
}
