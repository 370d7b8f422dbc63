import { internal, unsupported } from '../../sql/errors.js';
import type {
  AggregateRequest,
  ColumnDescription,
  Connector,
  ConnectorSplit,
  Handle,
  NarrowedSplits,
  OrderedParts,
  PinnedTable,
  PushdownAnswer,
  PushdownRequest,
  Readable,
  ReadRequest,
  ScanOrder,
  SplitPlan,
  SplitWish,
  TableDescription,
  TableName,
  TablePredicate,
  TableStatistics,
} from '../connector.js';
import { groupColumns, planGroups } from './aggregate/group-plan.js';
import { planGroupSplits } from './aggregate/group-splits.js';
import { groupsRelation, writeGroups } from './aggregate/read-groups.js';
import type { LogsClient } from './client/logs-client.js';
import type { VictoriaLogsConfig } from './config.js';
import { describeAllLogs, describeDeclared } from './discover/describe-table.js';
import { type DiscoveredFields, FieldNames } from './discover/field-names.js';
import { ALL_LOGS, allLogs, declaredTable, type LogsTable, MARK_FIELD, TIME } from './discover/logs-table.js';
import { asHandle, asSplit, type LogsHandle } from './handle.js';
import type { IndexRecords } from './index/certificate-store.js';
import { LogsTableIndex } from './index/table-index.js';
import { requireRawFilter } from './logsql/raw-filter.js';
import { pinUntil } from './pin-until.js';
import { filterOf, pushFilters } from './pushdown/push-filters.js';
import { rawTableName, rawTableOf } from './raw-table.js';
import { lineTexts } from './read/line-texts.js';
import { writeLines } from './read/lines-file.js';
import { type BoundColumn, relationOf } from './read/relation.js';
import { LogsRecentRows } from './recent/recent-rows.js';
import { fullName, noTable } from './table-name.js';
import { narrowWindows } from './windows/narrow-windows.js';
import { OrderedWindows } from './windows/ordered-windows.js';
import { planSplits } from './windows/plan-splits.js';
import { windowSequence } from './windows/window-sequence.js';

const NEVER = new AbortController().signal;

export interface VictoriaLogsOptions {
  /** The schema is called so, too. */
  readonly name: string;
  readonly config: VictoriaLogsConfig;
  /** Local folder for answers that are being read. */
  readonly scratchFolder: string;
  /** Closed with the connector. */
  readonly client: LogsClient;
  /** Where certificates of indexes lie; absent: it keeps no index. */
  readonly records?: IndexRecords;
  /** Of LogsTableIndexOptions; for tests. */
  readonly settle?: number;
}

/** Log entries of one VictoriaLogs as tables: `logs` has all of them, others are declared in the configuration. */
export class VictoriaLogsConnector implements Connector {
  readonly name: string;
  readonly readableFolders: readonly string[];
  readonly unwritable: string = 'Log entries are sent to VictoriaLogs itself; its tables here are read only.';
  readonly index?: LogsTableIndex;
  readonly recent?: LogsRecentRows;
  readonly #config: VictoriaLogsConfig;
  readonly #client: LogsClient;
  readonly #scratch: string;
  readonly #fields: FieldNames;
  /** When the tables were listed last. */
  #discovered: DiscoveredFields | undefined;
  readonly #tables: ReadonlyMap<string, LogsTable>;

  private constructor({ name, config, scratchFolder, client, records, settle }: VictoriaLogsOptions) {
    this.name = name;
    this.#config = config;
    this.#client = client;
    this.#scratch = scratchFolder;
    this.readableFolders = [scratchFolder];
    if (records !== undefined && config.indexes.length > 0) {
      const place = JSON.stringify([config.url, config.tenant ?? null]);
      this.index = new LogsTableIndex({
        name,
        place,
        client,
        records,
        indexes: config.indexes,
        timeout: config.limits.indexTimeout,
        ...(settle === undefined ? {} : { settle }),
      });
    }
    if (config.recent.length > 0) this.recent = new LogsRecentRows({ name, client, scratchFolder, tables: config.recent });
    this.#fields = new FieldNames(client);
    this.#tables = new Map([[ALL_LOGS, allLogs], ...config.tables.map((table): [string, LogsTable] => [table.name, declaredTable(table)])]);
  }

  /** Nothing is asked of the server yet: one that is away shows at its first use. */
  static async open(options: VictoriaLogsOptions): Promise<VictoriaLogsConnector> {
    return new VictoriaLogsConnector(options);
  }

  /** Asks the server: where it is away, so are its tables. */
  async tables(signal: AbortSignal = NEVER): Promise<readonly TableName[]> {
    this.#discovered = await this.#fields.look(signal);
    return [...this.#tables.keys()].map((table) => ({ schema: this.name, table }));
  }

  async describe(name: TableName, signal: AbortSignal = NEVER, asOf?: string): Promise<TableDescription | undefined> {
    const raw = rawTableOf(name.table);
    if (raw !== undefined) {
      requireRawFilter(raw.filter);
      return this.describe({ schema: name.schema, table: raw.table }, signal, asOf);
    }
    if (this.#table(name) === undefined) return undefined;
    refuseTimeTravel(name, asOf);
    const declared = this.#config.tables.find(({ name: table }) => table === name.table);
    return declared === undefined
      ? describeAllLogs(name, this.#discovered ?? (await this.#fields.look(signal)))
      : describeDeclared(name, declared);
  }

  async pin(name: TableName, asOf?: string, signal: AbortSignal = NEVER): Promise<PinnedTable> {
    const raw = rawTableOf(name.table);
    const base = raw === undefined ? name : { schema: name.schema, table: raw.table };
    const table = this.#table(base);
    if (table === undefined) throw noTable(base);
    refuseTimeTravel(base, asOf);
    if (raw !== undefined) requireRawFilter(raw.filter);
    const handle = { version: 1, ...base, ...(raw === undefined ? {} : { raw: raw.filter }), until: '0', filters: [], width: 1 } as const;
    const until = await pinUntil(this.#client, this.#tableOf(handle).filter, signal);
    return { handle: { ...handle, until: String(until) } satisfies LogsHandle, snapshot: null };
  }

  filtered(table: TableName, filter: string): TableName {
    requireRawFilter(filter);
    return rawTableName(table, filter);
  }

  pushdown(handle: Handle, request: PushdownRequest): PushdownAnswer {
    const pinned = asHandle(handle);
    return pushFilters(pinned, this.#tableOf(pinned), request);
  }

  aggregate(handle: Handle, request: AggregateRequest): ReturnType<NonNullable<Connector['aggregate']>> {
    const pinned = asHandle(handle);
    const table = this.#tableOf(pinned);
    if (pinned.limit !== undefined || planGroups(request, table) === undefined) return undefined;
    return { handle: { ...pinned, aggregate: request } satisfies LogsHandle, columns: groupColumns(request, table) };
  }

  async statistics(): Promise<TableStatistics> {
    return { rows: undefined, bytes: undefined };
  }

  async splits(handle: Handle, signal: AbortSignal, wish: SplitWish = {}): Promise<SplitPlan> {
    signal.throwIfAborted();
    const pinned = asHandle(handle);
    const plan = pinned.aggregate === undefined ? planSplits : planGroupSplits;
    return plan({ client: this.#client, handle: pinned, table: this.#tableOf(pinned), wish, signal });
  }

  async narrow(
    handle: Handle,
    splits: readonly Pick<ConnectorSplit, 'data' | 'bounds' | 'rows'>[],
    filters: readonly TablePredicate[],
    signal: AbortSignal,
  ): Promise<NarrowedSplits> {
    signal.throwIfAborted();
    const pinned = asHandle(handle);
    // Filters over groups say nothing of entries.
    if (pinned.aggregate !== undefined) return { splits: splits.map(({ data }) => data), skipped: { files: 0, rows: 0 } };
    return narrowWindows(this.#tableOf(pinned), splits, filters);
  }

  async ordered(
    handle: Handle,
    splits: readonly Pick<ConnectorSplit, 'data' | 'bounds'>[],
    order: ScanOrder,
    request: Pick<ReadRequest, 'meter' | 'signal'>,
  ): Promise<OrderedParts | undefined> {
    request.signal.throwIfAborted();
    const column = this.#tableOf(asHandle(handle)).column(order.column);
    return column?.encoding === 'time'
      ? new OrderedWindows(
          splits.map(({ data }) => asSplit(data)),
          order.descending,
        )
      : undefined;
  }

  async sequence(
    handle: Handle,
    splits: readonly Pick<ConnectorSplit, 'data' | 'bounds'>[],
    order: ScanOrder,
    signal: AbortSignal,
  ): Promise<readonly (readonly number[])[]> {
    signal.throwIfAborted();
    const column = this.#tableOf(asHandle(handle)).column(order.column);
    if (column?.encoding !== 'time') return [splits.map((_, index) => index)];
    return windowSequence(
      splits.map(({ data }) => asSplit(data)),
      order.descending,
    );
  }

  async read(handle: Handle, splits: readonly unknown[], request: ReadRequest): Promise<Readable> {
    request.signal.throwIfAborted();
    const pinned = asHandle(handle);
    const table = this.#tableOf(pinned);
    if (pinned.aggregate !== undefined) return this.#readGroups(pinned, pinned.aggregate, splits, request);
    const columns = bindColumns(pinned, table, request.columns);
    const parts = splits.map(asSplit).filter(({ windows }) => windows.length > 0);
    const [first] = parts;
    if (first === undefined) return { kind: 'sql', relation: relationOf(columns, undefined), release: async () => undefined };
    const file = await writeLines({
      client: this.#client,
      folder: this.#scratch,
      parts: parts.map(({ windows, filters = [] }) => ({ windows, filter: filterOf(table, [...pinned.filters, ...filters]) })),
      // An entry without any of the fields asked for would be left out.
      fields: [...new Set([TIME, ...columns.map(({ column }) => column.field), ...(table.own ? [MARK_FIELD] : [])])],
      texts: lineTexts(columns, { complete: table.own }),
      limit: pinned.limit,
      options: { signal: request.signal, meter: request.meter },
    });
    try {
      return { kind: 'sql', relation: relationOf(columns, file), release: file.release };
    } catch (error) {
      await file.release();
      throw error;
    }
  }

  async #readGroups(handle: LogsHandle, aggregate: AggregateRequest, splits: readonly unknown[], request: ReadRequest): Promise<Readable> {
    const table = this.#tableOf(handle);
    const plan = planGroups(aggregate, table);
    if (plan === undefined) throw internal(`what was asked of table ${fullName(handle)} is not exact any more`);
    const parts = splits.map(asSplit).filter(({ windows }) => windows.length > 0);
    if (parts.length === 0) return { kind: 'sql', relation: groupsRelation(request.columns, undefined), release: async () => undefined };
    const { path, release } = await writeGroups({
      client: this.#client,
      folder: this.#scratch,
      plan,
      parts: parts.map(({ windows, filters = [] }) => ({ windows, filter: filterOf(table, [...handle.filters, ...filters]) })),
      options: { signal: request.signal, meter: request.meter },
    });
    return { kind: 'sql', relation: groupsRelation(request.columns, path), release };
  }

  async close(): Promise<void> {
    await this.index?.close();
    await this.#client.close();
  }

  #table({ schema, table }: TableName): LogsTable | undefined {
    return schema === this.name ? this.#tables.get(table) : undefined;
  }

  #tableOf(handle: LogsHandle): LogsTable {
    const table = this.#table(handle);
    if (table === undefined) throw noTable(handle);
    if (handle.raw === undefined) return table;
    return { ...table, filter: { kind: 'and', args: [table.filter, { kind: 'raw', text: handle.raw }] } };
  }
}

function bindColumns(handle: LogsHandle, table: LogsTable, columns: readonly ColumnDescription[]): readonly BoundColumn[] {
  return columns.map(({ name }) => {
    const column = table.column(name);
    if (column === undefined) throw internal(`table ${fullName(handle)} has no column "${name}"`);
    return { name, column };
  });
}

function refuseTimeTravel(table: TableName, asOf: string | undefined): void {
  if (asOf !== undefined) throw unsupported(`time travel of table "${fullName(table)}"`);
}
