import { setTimeout as sleep } from 'node:timers/promises';
import { TimelineError, unsupported } from '../../../sql/errors.js';
import type { TableName } from '../../connector.js';
import type { FileIo } from '../read/file-io.js';
import { applyChange } from '../write/updates.js';
import type { CatalogWriter, TableChange } from './catalog.js';
import { encodeMetadata, outcomeUnknown, readMetadataText } from './metadata-files.js';
import { levelsOf } from './pointer-writer.js';

const ATTEMPTS = 6;

/** Commits by creating `vN+1.metadata.json`, which only one can; the version hint follows, and may lag behind. */
export class FilesystemWriter implements CatalogWriter {
  readonly #io: FileIo;
  readonly #warehouse: string;
  readonly #current: (table: TableName, signal: AbortSignal) => Promise<string | undefined>;

  constructor(options: {
    readonly io: FileIo;
    readonly warehouse: string;
    readonly current: (table: TableName, signal: AbortSignal) => Promise<string | undefined>;
  }) {
    this.#io = options.io;
    this.#warehouse = options.warehouse;
    this.#current = options.current;
  }

  async commit(table: TableName, change: TableChange, signal: AbortSignal): Promise<{ readonly kind: 'committed' | 'conflict' }> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      signal.throwIfAborted();
      const from = await this.#current(table, signal);
      const version = from === undefined ? 0 : versionOf(from, table);
      const text = from === undefined ? undefined : await readMetadataText(this.#io, from, signal);
      const applied = applyChange(text, change, { previousLocation: from, nowMs: Date.now() });
      if (applied.kind === 'conflict') return { kind: 'conflict' };
      const { bytes, ending } = encodeMetadata(applied);
      if (await this.#create(table, `${this.#folder(table)}/v${version + 1}${ending}`, bytes, signal)) {
        await this.#hint(table, version + 1).catch(() => undefined);
        return { kind: 'committed' };
      }
      // The change may still fit what the others made of the table: its requirements decide.
      await sleep(Math.random() * 10 * 2 ** attempt, undefined, { signal });
    }
    return { kind: 'conflict' };
  }

  async locationOf(table: TableName): Promise<string> {
    return [this.#warehouse, ...levelsOf(table)].join('/');
  }

  /** A namespace is a folder, and comes with its first table. */
  async createNamespace(namespace: string): Promise<void> {
    levelsOf({ schema: namespace, table: 'any' });
  }

  /** Here a table is its folder: without its metadata nobody would find the rest again, so all of it goes, the newest metadata last of the metadata. */
  async dropTable(table: TableName, signal: AbortSignal): Promise<boolean> {
    if ((await this.#current(table, signal)) === undefined) return false;
    const folder = [this.#warehouse, ...levelsOf(table)].join('/');
    const names: string[] = [];
    const marker = `${levelsOf(table).join('/')}/`;
    for await (const { path } of this.#io.list(folder, { signal })) {
      const at = path.lastIndexOf(marker);
      if (at >= 0) names.push(path.slice(at + marker.length));
    }
    const metadata = names
      .filter((name) => /^metadata\/[^/]*\.metadata\.json(\.gz)?$/.test(name))
      .sort((a, b) => numberOf(a) - numberOf(b));
    const others = names.filter((name) => !metadata.includes(name) && name !== 'metadata/version-hint.text');
    // The hint would lead to the oldest version while it is there; listing finds the newest.
    for (const name of ['metadata/version-hint.text', ...metadata, ...others]) await this.#io.delete(`${folder}/${name}`, { signal });
    return true;
  }

  #folder(table: TableName): string {
    return [this.#warehouse, ...levelsOf(table), 'metadata'].join('/');
  }

  async #create(table: TableName, location: string, bytes: Uint8Array, signal: AbortSignal): Promise<boolean> {
    try {
      return await this.#io.create(location, bytes, { signal });
    } catch (error) {
      // 58030: the storage failed while it did this, or its answer was lost.
      throw error instanceof TimelineError && error.sqlstate !== '58030' && !signal.aborted ? error : outcomeUnknown(table, error);
    }
  }

  /** Never moves the hint back: readers look for later versions than it says, not for earlier ones. */
  async #hint(table: TableName, version: number): Promise<void> {
    const hint = `${this.#folder(table)}/version-hint.text`;
    const known = await this.#io.read(hint, { maxBytes: 4096 }).then(
      (bytes) => Number(new TextDecoder().decode(bytes).trim()),
      () => 0,
    );
    if (!(known >= version)) await this.#io.replace(hint, Buffer.from(String(version)));
  }
}

function versionOf(location: string, table: TableName): number {
  const match = /\/v(\d{1,15})(?:\.gz)?\.metadata\.json(?:\.gz)?$/.exec(location);
  if (match?.[1] !== undefined) return Number(match[1]);
  // Another catalog points to such files: a file more would not move its pointer.
  throw unsupported(`writing Iceberg table ${table.schema}.${table.table}, which belongs to another catalog than its folder`);
}

function numberOf(path: string): number {
  return Number(/\/metadata\/v(\d{1,15})(?:\.gz)?\.metadata\.json(?:\.gz)?$/.exec(path)?.[1] ?? -1);
}
