import { internal, unsupported } from '../../../sql/errors.js';
import type {
  Connector,
  Handle,
  PinnedTable,
  PushdownAnswer,
  PushdownRequest,
  Readable,
  ReadRequest,
  SplitPlan,
  TableDescription,
  TableName,
  TableStatistics,
} from '../../connector.js';
import type { LogsClient } from '../client/logs-client.js';
import { relationOf } from '../read/relation.js';
import { asRecentHandle } from './recent-handle.js';
import { writeRecentLines } from './recent-lines.js';

/** Of a row, about. */
const ROW_BYTES = 200;

/** Reads rows that are on their way into tables of other connectors. It lists no tables: handles come of LogsRecentRows.pin. */
export class RecentReader implements Connector {
  readonly readableFolders: readonly string[];

  constructor(
    readonly name: string,
    private readonly client: Pick<LogsClient, 'lines'>,
    private readonly folder: string,
  ) {
    this.readableFolders = [folder];
  }

  async tables(): Promise<readonly TableName[]> {
    return [];
  }

  async describe(): Promise<TableDescription | undefined> {
    return undefined;
  }

  async pin({ schema, table }: TableName): Promise<PinnedTable> {
    throw unsupported(`reading rows on their way into ${schema}.${table} by themselves`);
  }

  /** They are few, and all are counted when they are read: nothing is left out there. */
  pushdown(handle: Handle, request: PushdownRequest): PushdownAnswer {
    return { handle, answers: request.filters.map(() => 'unsupported'), limitDone: false };
  }

  async statistics(handle: Handle): Promise<TableStatistics> {
    const rows = rowsOf(handle);
    return { rows, bytes: rows * ROW_BYTES };
  }

  async splits(handle: Handle, signal: AbortSignal): Promise<SplitPlan> {
    signal.throwIfAborted();
    const rows = rowsOf(handle);
    return { splits: [{ data: 'all', rows, bytes: rows * ROW_BYTES }], pruning: [] };
  }

  async read(handle: Handle, splits: readonly unknown[], { columns, meter, signal }: ReadRequest): Promise<Readable> {
    signal.throwIfAborted();
    const bound = columns.map(({ name, type, path }) => {
      if (path !== undefined) throw internal('a member of a column of fresh rows');
      return { name, column: { field: name, type, encoding: 'own' as const } };
    });
    if (splits.length === 0) return { kind: 'sql', relation: relationOf(bound, undefined), release: async () => undefined };
    if (splits.length > 1) throw internal('rows on their way into a table are read at once');
    const fields = bound.map(({ column }) => column.field);
    const file = await writeRecentLines({
      client: this.client,
      folder: this.folder,
      handle: asRecentHandle(handle),
      fields,
      options: { signal, meter },
    });
    return { kind: 'sql', relation: relationOf(bound, { path: file.path, form: 'documents' }), release: () => file.release() };
  }

  /** The client is another's. */
  async close(): Promise<void> {}
}

function rowsOf(handle: Handle): number {
  return asRecentHandle(handle).writers.reduce((sum, { rows }) => sum + rows, 0);
}
