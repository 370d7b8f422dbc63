import type {
  AggregateRequest,
  ConnectorSplit,
  PushdownAnswer,
  PushdownRequest,
  TableDescription,
  TablePredicate,
} from '../../connectors/connector.js';
import type { Field, Operator, PlanExpr, ScanOperator } from '../../planner/physical-plan.js';
import type { PlanContext, Planning, PlanningConnector } from '../../planner/planning.js';
import { TimelineError } from '../../sql/errors.js';
import type { Constant } from '../../sql/expression.js';
import { Oid, type Type, type } from '../../sql/types.js';

export const INT = type(Oid.int4);
export const BOOL = type(Oid.bool);

/** A table of the test connector: what its columns are, how it answers, what it would read. */
export interface TestTable {
  readonly columns: readonly (readonly [name: string, type: Type])[];
  /** By column: how conjuncts that read just this column are answered; default unsupported. */
  readonly answers?: Readonly<Record<string, 'exact' | 'inexact'>>;
  /** Columns of which members are read alone, but for those below the key `list`. */
  readonly paths?: readonly string[];
  readonly splits?: readonly { readonly bytes: number; readonly rows: number }[];
  /** Columns that the connector groups and aggregates by itself. */
  readonly aggregated?: readonly string[];
  /** Can states over it be kept: does the connector know its files? */
  readonly known?: true;
  /** Columns with a value of which bounds cannot tell where it is. */
  readonly scattered?: readonly string[];
}

/** The n-th split reads one data file. */
export function testFile(n: number): string {
  return `f${n}.parquet`;
}

export interface TestHandle {
  readonly table: string;
  readonly filters: readonly TablePredicate[];
  readonly columns: readonly string[];
  readonly limit: number | undefined;
  readonly aggregate?: AggregateRequest;
}

/** A connector that holds no rows: it answers predicates by its tables' declarations, and says what it was asked in its handles. */
export function testConnector(tables: Readonly<Record<string, TestTable>>): PlanningConnector {
  const fileOf = (split: unknown): number => (split as { readonly file: number }).file;
  return {
    name: 'test',
    dataFiles: {
      identity: async (handle) => {
        const { table } = handle as TestHandle;
        return { table, columns: new Map((tables[table]?.columns ?? []).map(([name], n) => [name, String(n + 1)])) };
      },
      files: (splits) => splits.map((split) => ({ path: testFile(fileOf(split)), bytes: 1000, rows: 100 })),
      restrict: (splits, only) =>
        splits.flatMap((split) => {
          const runs = only.get(testFile(fileOf(split.data)));
          if (runs === undefined) return [split];
          const rows = runs.reduce((sum, [, some]) => sum + some, 0);
          return rows === 0
            ? []
            : [{ data: { file: fileOf(split.data), only: runs }, rows, bytes: Math.round((split.bytes * rows) / split.rows) }];
        }),
      whole: (handle, splits) => ({ handle, splits: splits.map((data) => ({ data, bytes: 1000, rows: 100 })) }),
      scattered: async (handle, _, column) => tables[(handle as TestHandle).table]?.scattered?.includes(column) === true,
    },
    pushdown: (handle: unknown, request: PushdownRequest): PushdownAnswer => {
      const { table } = handle as TestHandle;
      const answers = request.filters.map((filter) => {
        const read = columnsRead(filter);
        return read.length === 1 ? (tables[table]?.answers?.[read[0] ?? ''] ?? 'unsupported') : 'unsupported';
      });
      const pushed: TestHandle = {
        table,
        filters: request.filters.filter((_, n) => answers[n] !== 'unsupported'),
        columns: request.columns,
        limit: request.limit,
      };
      return { handle: pushed, answers, limitDone: false };
    },
    aggregate: (handle, request) => {
      const pushed = handle as TestHandle;
      const table = tables[pushed.table];
      const typeOf = (column: string | undefined): Type => table?.columns.find(([name]) => name === column)?.[1] ?? type(Oid.int8);
      const read = [...request.keys, ...request.aggregates].flatMap(({ column }) => column ?? []);
      if (!read.every((column) => table?.aggregated?.includes(column)) || table?.aggregated === undefined) return undefined;
      const columns = [
        ...request.keys.map((key, n) => ({ name: `k${n}`, type: typeOf(key.column) })),
        ...request.aggregates.map(({ fn, column }, n) => ({
          name: `a${n}`,
          type: fn === 'count' ? type(Oid.int8) : fn === 'sum' ? type(Oid.numeric, (38 << 16) + 4) : typeOf(column),
        })),
      ];
      return {
        handle: { ...pushed, aggregate: request },
        columns: columns.map((column) => ({ ...column, nullable: true, comment: undefined })),
      };
    },
    readsPath: (handle, { column, keys, as }) => {
      const { table } = handle as TestHandle;
      return tables[table]?.paths?.includes(column) === true && !keys.includes('list') && (as === 'jsonb' || !keys.includes('number'));
    },
    narrow: async (_, splits) => ({ splits: splits.map(({ data }) => data), skipped: { files: 0, rows: 0 } }),
    fingerprint: (handle) => (tables[(handle as TestHandle).table]?.known === true ? 'files' : undefined),
    splits: async (handle: unknown) => {
      const { table, filters } = handle as TestHandle;
      const all = tables[table]?.splits ?? [];
      const splits: readonly ConnectorSplit[] = (filters.length > 0 ? all.slice(0, Math.ceil(all.length / 2)) : all).map((split, n) => ({
        ...split,
        data: { file: n },
      }));
      const bytes = (some: readonly { readonly bytes: number }[]): number => some.reduce((sum, split) => sum + split.bytes, 0);
      return {
        splits,
        pruning: [
          {
            step: 'files by column statistics',
            before: all.length,
            after: splits.length,
            bytesBefore: bytes(all),
            bytesAfter: bytes(splits),
          },
        ],
      };
    },
  };
}

function columnsRead(expr: unknown): string[] {
  const names = new Set<string>();
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    const node = value as { kind?: unknown; name?: unknown };
    if (node.kind === 'table_column') names.add(String(node.name));
    else for (const child of Object.values(value)) visit(child);
  };
  visit(expr);
  return [...names];
}

export function describe_(name: string, table: TestTable): TableDescription {
  return {
    schema: 'lake',
    table: name,
    comment: undefined,
    properties: {},
    rowEstimate: table.splits?.reduce((sum, split) => sum + split.rows, 0),
    schemaVersion: '1',
    columns: table.columns.map(([column, columnType]) => ({ name: column, type: columnType, nullable: true, comment: undefined })),
  };
}

export function testContext(tables: Readonly<Record<string, TestTable>>, overrides: Partial<PlanContext> = {}): PlanContext {
  const connector = testConnector(tables);
  return {
    session: { timeZone: 'UTC', now: '1741000000000000', memoryLimit: 2 ** 28 },
    connectorOf: (schema, name) => {
      const table = schema === 'lake' ? tables[name] : undefined;
      return table === undefined ? undefined : { connector, description: describe_(name, table) };
    },
    pin: async (_, { table }) => ({ handle: { table, filters: [], columns: [], limit: undefined }, snapshot: '7' }),
    evaluate: async () => {
      throw new TimelineError({ kind: 'internal', sqlstate: 'XX000', message: 'nothing to evaluate was expected' });
    },
    taskTargets: { splitsPerTask: 2, smallBytes: 1000, partitions: 3, broadcastBytes: 0 },
    signal: new AbortController().signal,
    ...overrides,
  };
}

/** Planning for tests of single rules: tables of the test connector under schema `lake`. */
export function testPlanning(tables: Readonly<Record<string, TestTable>>): Planning {
  let id = 0;
  let scans = 0;
  const connector = testConnector(tables);
  const planning: Planning = {
    session: testContext(tables).session,
    notices: [],
    shared: new Map(),
    newField: (name, fieldType): Field => {
      id += 1;
      return { id, name, type: fieldType };
    },
    table: (schema, name) => ({
      schema,
      table: name,
      connector,
      description: describe_(name, tables[name] ?? { columns: [] }),
      handle: { table: name, filters: [], columns: [], limit: undefined },
      snapshot: '7',
    }),
    systemTable: () => undefined,
    scan: (schema, name): ScanOperator => {
      scans += 1;
      const fields = (tables[name]?.columns ?? []).map(([column, columnType]) => planning.newField(column, columnType));
      return {
        kind: 'scan',
        scan: `s${scans}`,
        connector: 'test',
        schema,
        table: name,
        handle: { table: name },
        fields,
        pushed: [],
        pruning: [],
      };
    },
    rows: (schema, name) => planning.scan(schema, name),
    query: () => {
      throw new Error('no queries here');
    },
    from: () => {
      throw new Error('no queries here');
    },
  };
  return planning;
}

export function int(n: number | null): Constant {
  return { kind: 'constant', type: INT, value: n === null ? null : String(n) };
}

export function bool(value: boolean | null): Constant {
  return { kind: 'constant', type: BOOL, value: value === null ? null : value ? 'true' : 'false' };
}

export function column(field: Field | undefined): PlanExpr {
  if (field === undefined) throw new Error('no such field');
  return { kind: 'column', id: field.id, type: field.type };
}

const OPERATORS = { '=': ['int4eq', BOOL], '<': ['int4lt', BOOL], '+': ['int4pl', INT] } as const;

export function binary(
  operator: keyof typeof OPERATORS,
  a: PlanExpr,
  b: PlanExpr,
  volatility: 'immutable' | 'volatile' = 'immutable',
): PlanExpr {
  const [fn, result] = OPERATORS[operator];
  return { kind: 'call', fn: `${fn}(int4,int4)`, operator, args: [a, b], type: result, volatility };
}

export function filter(input: Operator, predicate: PlanExpr): Operator {
  return { kind: 'filter', input, predicate };
}
