import { copyFile, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ColumnDescription, Connector, ConnectorWriter, TableName } from '../../connectors/connector.js';
import { duckdbType } from '../../sql/duckdb-type.js';
import { TimelineError } from '../../sql/errors.js';

interface StoredTable {
  readonly columns: readonly ColumnDescription[];
  readonly options: Readonly<Record<string, string>>;
  readonly batches: readonly { readonly id: string; readonly files: readonly string[]; readonly rows: number; readonly user: string }[];
}

interface Handle {
  readonly table: TableName;
  readonly create: Pick<StoredTable, 'columns' | 'options'> | undefined;
}

interface Written {
  readonly file: string;
  readonly rows: number;
}

export interface WritableOptions {
  readonly folder: string;
  /** Called at each step; may throw. */
  readonly onStep?: (step: 'write' | 'before commit' | 'after commit') => void | Promise<void>;
  /** Bytes that each split claims to have. */
  readonly splitBytes?: number;
}

/** Tables as folders of Parquet files with a list of batches; schemas `results` may be written. For tests of SQL that writes. */
export function createWritableConnector(options: WritableOptions): Connector & { files(): Promise<number> } {
  const { folder } = options;
  const stateOf = (table: TableName): string => join(folder, `${table.schema}.${table.table}.json`);
  const load = async (table: TableName): Promise<StoredTable | undefined> => {
    try {
      return JSON.parse(await readFile(stateOf(table), 'utf8')) as StoredTable;
    } catch {
      return undefined;
    }
  };
  let turn: Promise<unknown> = Promise.resolve();
  const alone = <T>(work: () => Promise<T>): Promise<T> => {
    const done = turn.then(work, work);
    turn = done.catch(() => undefined);
    return done;
  };
  const problem = (sqlstate: string, message: string): TimelineError => new TimelineError({ kind: 'semantic', sqlstate, message });

  const writer: ConnectorWriter = {
    allows: (schema) => schema === 'results',
    async begin({ table, create }) {
      const now = await load(table);
      if (create === undefined && now === undefined) throw problem('42P01', `relation "${table.table}" does not exist`);
      if (create !== undefined && now !== undefined) throw problem('42P07', `relation "${table.table}" already exists`);
      const columns = create?.columns ?? now?.columns ?? [];
      const handle: Handle = { table, create: create === undefined ? undefined : { columns, options: create.options ?? {} } };
      return { handle, columns };
    },
    async write(handle, { files, rows, task, attempt }) {
      await options.onStep?.('write');
      const { table } = handle as Handle;
      const written: Written[] = [];
      for (const [n, file] of files.entries()) {
        const target = join(folder, `${table.table}-${task}-${attempt}-${n}.parquet`);
        await copyFile(file, target);
        written.push({ file: target, rows });
      }
      return written;
    },
    async commit(handle, { written, batch, summary }) {
      return alone(async () => {
        await options.onStep?.('before commit');
        const { table, create } = handle as Handle;
        const now = await load(table);
        const known = now?.batches.find((one) => one.id === batch);
        if (known !== undefined) return { rows: known.rows, snapshot: String(now?.batches.indexOf(known)), repeated: true };
        if (create !== undefined && now !== undefined) throw problem('42P07', `relation "${table.table}" already exists`);
        const base = now ?? { columns: create?.columns ?? [], options: create?.options ?? {}, batches: [] };
        const parts = written as readonly Written[];
        const rows = parts.reduce((sum, part) => sum + part.rows, 0);
        const next = {
          ...base,
          batches: [...base.batches, { id: batch, files: parts.map((part) => part.file), rows, user: summary['user'] ?? '' }],
        };
        await writeFile(stateOf(table), JSON.stringify(next));
        await options.onStep?.('after commit');
        return { rows, snapshot: String(base.batches.length), repeated: false };
      });
    },
    async dropTable(table) {
      await rm(stateOf(table));
    },
    async maintain(procedure, table, args) {
      const text = { oid: 25, typmod: -1 };
      return {
        columns: ['rows', 'snapshot', 'path'].map((name) => ({ name, type: text, nullable: true, comment: undefined })),
        rows: [['7', `${procedure} ${table.schema}.${table.table}`, JSON.stringify(args)]],
      };
    },
  };

  return {
    name: 'own',
    readableFolders: [folder],
    writer,
    files: async () => (await readdir(folder)).filter((name) => name.endsWith('.parquet')).length,
    async tables() {
      await mkdir(folder, { recursive: true });
      const names = (await readdir(folder)).filter((name) => name.endsWith('.json'));
      return names.map((name) => ({ schema: name.split('.')[0] ?? '', table: name.split('.').slice(1, -1).join('.') }));
    },
    async describe(table) {
      const now = await load(table);
      if (now === undefined) return undefined;
      const { columns } = now;
      return {
        ...table,
        columns,
        comment: undefined,
        properties: now.options,
        rowEstimate: undefined,
        schemaVersion: JSON.stringify(columns),
      };
    },
    async pin(table) {
      const now = await load(table);
      const files = (now?.batches ?? []).flatMap((batch) => batch.files);
      return { handle: { files }, snapshot: String((now?.batches.length ?? 0) - 1) };
    },
    pushdown: (handle, request) => ({ handle, answers: request.filters.map(() => 'unsupported' as const), limitDone: false }),
    statistics: async () => ({ rows: undefined, bytes: undefined }),
    async splits(handle) {
      const { files } = handle as { files: readonly string[] };
      const bytes = options.splitBytes ?? 1000;
      return { splits: files.map((file) => ({ data: file, bytes, rows: 1000 })), pruning: [] };
    },
    async read(_handle, splits, { columns }) {
      const files = splits.map((split) => `'${String(split)}'`).join(', ');
      const nulls = columns.map(({ name, type }) => `NULL::${duckdbType(type)} AS "${name}"`).join(', ');
      const relation = splits.length === 0 ? `(SELECT ${nulls === '' ? '1' : nulls} WHERE false)` : `read_parquet([${files}])`;
      return { kind: 'sql', relation, release: async () => undefined };
    },
    close: () => sleep(0),
  };
}
