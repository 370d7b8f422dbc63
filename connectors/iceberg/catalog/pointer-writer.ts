import { setTimeout as sleep } from 'node:timers/promises';
import { TimelineError } from '../../../sql/errors.js';
import type { TableName } from '../../connector.js';
import type { FileIo } from '../read/file-io.js';
import { applyChange } from '../write/updates.js';
import type { CatalogWriter, TableChange } from './catalog.js';
import { readMetadataText, writeNumberedMetadata } from './metadata-files.js';

/** A database that holds a pointer to each table's metadata file, changed by compare and set. */
export interface PointerStore {
  current(table: TableName, signal: AbortSignal): Promise<string | undefined>;
  /** False: the table is there already. */
  insert(table: TableName, location: string, signal: AbortSignal): Promise<boolean>;
  /** False: the pointer is no longer `from`. Throws 08007 when an answer was lost. */
  swap(table: TableName, move: { readonly from: string; readonly to: string }, signal: AbortSignal): Promise<boolean>;
  /** False: there is no such table. */
  remove(table: TableName, signal: AbortSignal): Promise<boolean>;
  createNamespace(namespace: string, signal: AbortSignal): Promise<void>;
}

const ATTEMPTS = 6;

/** Commits of SQL catalogs: the metadata file first, then the pointer. */
export class PointerWriter implements CatalogWriter {
  readonly #io: FileIo;
  readonly #store: PointerStore;

  constructor(options: { readonly io: FileIo; readonly store: PointerStore }) {
    this.#io = options.io;
    this.#store = options.store;
  }

  async commit(table: TableName, change: TableChange, signal: AbortSignal): Promise<{ readonly kind: 'committed' | 'conflict' }> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      signal.throwIfAborted();
      const from = await this.#store.current(table, signal);
      const text = from === undefined ? undefined : await readMetadataText(this.#io, from, signal);
      const applied = applyChange(text, change, { previousLocation: from, nowMs: Date.now() });
      if (applied.kind === 'conflict') return { kind: 'conflict' };
      const to = await writeNumberedMetadata(this.#io, applied, { previous: from, signal });
      const moved = from === undefined ? await this.#store.insert(table, to, signal) : await this.#store.swap(table, { from, to }, signal);
      if (moved) return { kind: 'committed' };
      // Nobody refers to it; should it stay, it is an orphan file like others.
      await this.#io.delete(to, { signal }).catch(() => undefined);
      // The change may still fit what the others made of the table: its requirements decide.
      await sleep(Math.random() * 10 * 2 ** attempt, undefined, { signal });
    }
    return { kind: 'conflict' };
  }

  async locationOf(table: TableName): Promise<string> {
    const { warehouse } = this.#io;
    if (warehouse === undefined) {
      throw new TimelineError({
        kind: 'semantic',
        sqlstate: '42501',
        message: `no place is configured for the files of new table ${table.schema}.${table.table}`,
        hint: 'Set catalog.warehouse.',
      });
    }
    return [warehouse, ...levelsOf(table)].join('/');
  }

  async createNamespace(namespace: string, signal: AbortSignal): Promise<void> {
    await this.#store.createNamespace(namespace, signal);
  }

  dropTable(table: TableName, signal: AbortSignal): Promise<boolean> {
    return this.#store.remove(table, signal);
  }
}

/** Folder names of a new table. Throws 42602 for names that cannot be one. */
export function levelsOf(table: TableName): readonly string[] {
  const levels = [...table.schema.split('.'), table.table];
  const bad = levels.find((level) => level === '' || level === '.' || level === '..' || /[/\\\0]/.test(level) || level.length > 255);
  if (bad === undefined) return levels;
  throw new TimelineError({ kind: 'semantic', sqlstate: '42602', message: `"${bad}" cannot be the name of an Iceberg namespace or table` });
}
