import assert from 'node:assert/strict';
import type {
  Candidates,
  DataFile,
  IndexBuildRequest,
  IndexedTable,
  RowRuns,
  TableIdentity,
  TablePredicate,
} from '../../connectors/connector.js';
import type { IndexRecords } from '../../connectors/victorialogs/index/certificate-store.js';
import type { Type } from '../../sql/types.js';
import type { LogsTestRow } from './logs-documents.js';
import { OWN_COLUMNS } from './logs-predicates.js';

export const INDEXED = ['t', 'v', 'i2', 'i4', 'i8', 'b', 'u', 'd', 'f8', 'ts', 'tz'];

/** Rows in data files, as an index sees a table of another connector. */
export class IndexTestTable {
  readonly table = { schema: 'lake', table: 'events' };
  readonly files: DataFile[] = [];
  readonly #rows = new Map<string, readonly LogsTestRow[]>();
  /** Files read so far, for builds that should not read them again. */
  readonly read: string[] = [];

  constructor(
    readonly identity: TableIdentity,
    readonly columns: ReadonlyMap<string, Type> = OWN_COLUMNS,
  ) {}

  static of(uuid: string, columns: ReadonlyMap<string, Type> = OWN_COLUMNS): IndexTestTable {
    return new IndexTestTable({ table: uuid, columns: new Map([...columns.keys()].map((name, id) => [name, String(id + 1)])) }, columns);
  }

  /** The same files, read with other columns. */
  with(identity: TableIdentity, columns: ReadonlyMap<string, Type>): IndexTestTable {
    const other = new IndexTestTable(identity, columns);
    for (const file of this.files) {
      other.files.push(file);
      other.#rows.set(file.path, this.rowsOf(file.path));
    }
    return other;
  }

  add(path: string, rows: readonly LogsTestRow[], bytes = 1000 + rows.length): this {
    this.files.push({ path, bytes, rows: rows.length });
    this.#rows.set(path, rows);
    return this;
  }

  rowsOf(path: string): readonly LogsTestRow[] {
    return this.#rows.get(path) ?? [];
  }

  indexed(): IndexedTable {
    return {
      table: this.table,
      identity: this.identity,
      columns: [...this.columns].map(([name, type]) => ({ name, type, nullable: true, comment: undefined })),
      properties: {},
      files: this.files,
      signal: new AbortController().signal,
    };
  }

  buildRequest(signal = new AbortController().signal): IndexBuildRequest {
    const table = this;
    return {
      ...this.indexed(),
      signal,
      onProgress: () => undefined,
      async *rows(file, columns) {
        table.read.push(file.path);
        const all = table.rowsOf(file.path).map((row, n) => [String(n), ...columns.map((name) => row[name] ?? null)]);
        for (let at = 0; at < all.length; at += 100) {
          signal.throwIfAborted();
          yield all.slice(at, at + 100);
        }
      },
    };
  }

  /** Of a search with these filters. */
  request(filters: readonly TablePredicate[], more: { readonly always?: boolean; readonly bytes?: number } = {}) {
    return {
      table: this.table,
      identity: this.identity,
      files: this.files,
      filters,
      bytes: more.bytes ?? 2 ** 30,
      always: more.always ?? true,
      signal: new AbortController().signal,
    };
  }

  /** No row that passes (by id) may be left out. Gives how many rows are left to be read. */
  check(found: Candidates, passing: ReadonlySet<number>, what: () => string): number {
    let left = 0;
    for (const { path } of this.files) {
      const runs = found.kind === 'narrowed' ? found.only.get(path) : undefined;
      const rows = this.rowsOf(path);
      if (runs === undefined) {
        left += rows.length;
        continue;
      }
      checkRuns(runs, rows.length);
      left += runs.reduce((sum, [, count]) => sum + count, 0);
      for (const [n, row] of rows.entries())
        if (passing.has(Number(row['id'])))
          assert.ok(
            runs.some(([first, count]) => n >= first && n < first + count),
            `row ${n} of ${path} is lost: ${what()}`,
          );
    }
    return left;
  }
}

function checkRuns(runs: RowRuns, rows: number): void {
  let end = -1;
  for (const [first, count] of runs) {
    assert.ok(first > end && count > 0 && first + count <= rows, `runs ${JSON.stringify(runs.slice(0, 20))} of ${rows} rows`);
    end = first + count - 1;
  }
}

/** Certificates in memory. */
export class MemoryRecords implements IndexRecords {
  readonly objects = new Map<string, Uint8Array>();

  async putIfAbsent(key: string, bytes: Uint8Array): Promise<boolean> {
    assert.match(key, /^[\w.-]+(?:\/[\w.-]+)*$/);
    if (this.objects.has(key)) return false;
    this.objects.set(key, bytes);
    return true;
  }

  async read(key: string): Promise<Uint8Array | undefined> {
    return this.objects.get(key);
  }

  async *list(folder: string): AsyncIterable<{ readonly key: string }> {
    for (const key of this.objects.keys()) if (key.startsWith(`${folder}/`)) yield { key };
  }

  async remove(key: string): Promise<void> {
    this.objects.delete(key);
  }
}
