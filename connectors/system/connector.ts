import type { Type } from '../../sql/types.js';
import type {
  ColumnDescription,
  Connector,
  Handle,
  PushdownAnswer,
  PushdownRequest,
  Readable,
  ReadRequest,
  SplitPlan,
  TableDescription,
  TableName,
  TableStatistics,
} from '../connector.js';

/** A table of the engine's own facts. `rows` are in column order, in PostgreSQL's text form (UTC). */
export interface SystemTable {
  readonly name: string;
  readonly comment: string;
  readonly columns: readonly { readonly name: string; readonly type: Type }[];
  rows(): readonly (readonly (string | null)[])[] | Promise<readonly (readonly (string | null)[])[]>;
}

interface SystemHandle {
  readonly table: string;
}

interface SystemSplit {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | null)[])[];
}

/**
 * Schema `timeline`: the engine's history and catalogue as tables. Its splits carry their rows, read when the plan is
 * made, since a worker in another process can't see this process's memory.
 */
export class SystemConnector implements Connector {
  readonly name = 'system';
  readonly splitsHoldRows = true;
  private readonly byName: ReadonlyMap<string, SystemTable>;

  constructor(tables: readonly SystemTable[]) {
    this.byName = new Map(tables.map((table) => [table.name, table]));
  }

  async tables(): Promise<readonly TableName[]> {
    return [...this.byName.keys()].map((table) => ({ schema: 'timeline', table }));
  }

  async describe({ schema, table }: TableName): Promise<TableDescription | undefined> {
    const found = schema === 'timeline' ? this.byName.get(table) : undefined;
    if (found === undefined) return undefined;
    const columns = found.columns.map((column): ColumnDescription => ({ ...column, nullable: true, comment: undefined }));
    return { schema, table, columns, comment: found.comment, properties: {}, rowEstimate: undefined, schemaVersion: '1' };
  }

  async pin({ table }: TableName): Promise<{ handle: Handle; snapshot: string | null }> {
    const handle: SystemHandle = { table };
    return { handle, snapshot: null };
  }

  pushdown(handle: Handle, request: PushdownRequest): PushdownAnswer {
    return { handle, answers: request.filters.map(() => 'unsupported'), limitDone: false };
  }

  async statistics(): Promise<TableStatistics> {
    return { rows: undefined, bytes: undefined };
  }

  async splits(handle: Handle, signal: AbortSignal): Promise<SplitPlan> {
    signal.throwIfAborted();
    const table = this.byName.get((handle as SystemHandle).table);
    if (table === undefined) return { splits: [], pruning: [] };
    const rows = await table.rows();
    const data: SystemSplit = { columns: table.columns.map((column) => column.name), rows };
    return { splits: [{ data, bytes: 0, rows: rows.length }], pruning: [] };
  }

  async read(_handle: Handle, splits: readonly unknown[], request: ReadRequest): Promise<Readable> {
    request.signal.throwIfAborted();
    const rows = (splits as readonly SystemSplit[]).flatMap((split) => {
      const positions = request.columns.map((column) => split.columns.indexOf(column.name));
      return split.rows.map((row) => positions.map((position) => row[position] ?? null));
    });
    return { kind: 'rows', rows };
  }

  async close(): Promise<void> {}
}
