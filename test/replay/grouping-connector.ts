import type {
  AggregateRequest,
  ColumnDescription,
  Connector,
  ConnectorAggregate,
  PushdownAnswer,
  TableDescription,
  TablePredicate,
} from '../../connectors/connector.js';
import { Oid, type } from '../../sql/types.js';
import { formatTimestampTz, parseTimestampTz } from '../../sql/value-time.js';

/** Values in PostgreSQL's text form, column by column as in COLUMNS. */
export type Row = Readonly<Record<string, string | null>>;

export const COLUMNS: readonly ColumnDescription[] = (
  [
    ['ts', Oid.timestamptz],
    ['level', Oid.text],
    ['host', Oid.text],
    ['status', Oid.int4],
    ['bytes', Oid.int8],
    ['ok', Oid.bool],
  ] as const
).map(([name, oid]) => ({ name, type: type(oid), nullable: true, comment: undefined }));

interface Handle {
  readonly filters: readonly TablePredicate[];
  readonly aggregate?: AggregateRequest;
}

/**
 * A table `o.logs` in memory, in windows that are its splits. It knows predicates on status, level and bytes exactly, those on host not at all,
 * and computes groups by itself, window by window, in plain JavaScript: what the engine makes of them is compared with what it makes of rows.
 */
export class GroupingConnector implements Connector {
  readonly name = 'o';
  readonly readableFolders: readonly string[] = [];
  /** Reads of groups. */
  grouped = 0;

  constructor(private readonly windows: readonly (readonly Row[])[]) {}

  async tables() {
    return [{ schema: 'o', table: 'logs' }];
  }

  async describe(): Promise<TableDescription> {
    return { schema: 'o', table: 'logs', columns: COLUMNS, comment: undefined, properties: {}, rowEstimate: undefined, schemaVersion: '1' };
  }

  async pin() {
    return { handle: { filters: [] } satisfies Handle, snapshot: '1' };
  }

  pushdown(_: unknown, { filters }: { readonly filters: readonly TablePredicate[] }): PushdownAnswer {
    const answers = filters.map((filter) => (known(filter) ? ('exact' as const) : ('unsupported' as const)));
    return { handle: { filters: filters.filter(known) } satisfies Handle, answers, limitDone: false };
  }

  aggregate(handle: unknown, request: AggregateRequest) {
    const filters = request.aggregates.flatMap(({ filter }) => filter ?? []);
    const isHost = [...request.keys, ...request.aggregates].some(({ column }) => column === 'host');
    if (isHost || !filters.every(known)) return undefined;
    const typeOf = (column: string | undefined) => COLUMNS.find(({ name }) => name === column)?.type ?? type(Oid.int8);
    const columns = [
      ...request.keys.map((key, n) => ({ name: `k${n}`, type: typeOf(key.column) })),
      ...request.aggregates.map(({ fn, column }, n) => ({
        name: `a${n}`,
        type: fn === 'count' ? type(Oid.int8) : fn === 'sum' ? type(Oid.numeric, (38 << 16) + 4) : typeOf(column),
      })),
    ];
    return {
      handle: { ...(handle as Handle), aggregate: request },
      columns: columns.map((column) => ({ ...column, nullable: true, comment: undefined })),
    };
  }

  async statistics() {
    return { rows: undefined, bytes: undefined };
  }

  async splits() {
    return { splits: this.windows.map((rows, window) => ({ data: window, bytes: 1000, rows: rows.length })), pruning: [] };
  }

  async read(handle: unknown, splits: readonly unknown[], { columns }: { readonly columns: readonly { readonly name: string }[] }) {
    const { filters, aggregate } = handle as Handle;
    const windows = splits.map((window) => (this.windows[Number(window)] ?? []).filter((row) => filters.every((one) => holds(one, row))));
    if (aggregate !== undefined) this.grouped += 1;
    const rows = aggregate === undefined ? windows.flat() : windows.flatMap((window) => groups(window, aggregate));
    return { kind: 'rows' as const, rows: rows.map((row) => columns.map(({ name }) => row[name] ?? null)) };
  }

  async close() {}
}

/** Some groups come as two lines, one with NULLs where the other has states: that must not matter. */
function groups(rows: readonly Row[], { keys, aggregates }: AggregateRequest): readonly Row[] {
  const found = new Map<string, { readonly key: Row; readonly rows: Row[] }>();
  for (const row of rows) {
    const values = keys.map((key) => (key.kind === 'column' ? row[key.column] : truncated(row[key.column] ?? null, key.unit, key.offset)));
    const at = JSON.stringify(values);
    const key = Object.fromEntries(values.map((value, n) => [`k${n}`, value ?? null]));
    found.set(at, found.get(at) ?? { key, rows: [] });
    found.get(at)?.rows.push(row);
  }
  return [...found.values()].flatMap(({ key, rows: own }) => {
    const states = aggregates.map((aggregate, n): [string, string | null] => [`a${n}`, state(aggregate, own)]);
    const half = Math.ceil(states.length / 2);
    return own.length % 2 === 0
      ? [{ ...key, ...Object.fromEntries(states) }]
      : [
          { ...key, ...Object.fromEntries(states.slice(0, half)) },
          { ...key, ...Object.fromEntries(states.slice(half)) },
        ];
  });
}

function state({ fn, column, filter }: ConnectorAggregate, all: readonly Row[]): string | null {
  const rows = filter === undefined ? all : all.filter((row) => holds(filter, row));
  if (column === undefined) return String(rows.length);
  const values = rows.map((row) => row[column] ?? null).filter((value) => value !== null);
  if (fn === 'count') return String(values.length);
  if (values.length === 0) return null;
  if (fn === 'sum') return String(values.reduce((sum, value) => sum + BigInt(value), 0n));
  const { oid } = COLUMNS.find(({ name }) => name === column)?.type ?? type(Oid.text);
  const order = (value: string): bigint | string =>
    oid === Oid.text ? value : oid === Oid.timestamptz ? parseTimestampTz(value, 'UTC') : BigInt(value);
  return values.reduce((best, value) => ((fn === 'min' ? order(value) < order(best) : order(value) > order(best)) ? value : best));
}

function truncated(value: string | null, unit: string, offset: number): string | null {
  if (value === null) return null;
  const local = new Date(Number(parseTimestampTz(value, 'UTC') / 1000n) + offset * 1000);
  const [year, month, day, hour, minute] = [
    local.getUTCFullYear(),
    local.getUTCMonth(),
    local.getUTCDate(),
    local.getUTCHours(),
    local.getUTCMinutes(),
  ];
  const start = {
    minute: Date.UTC(year, month, day, hour, minute),
    hour: Date.UTC(year, month, day, hour),
    day: Date.UTC(year, month, day),
    week: Date.UTC(year, month, day - ((local.getUTCDay() + 6) % 7)),
    month: Date.UTC(year, month, 1),
    year: Date.UTC(year, 0, 1),
  }[unit];
  if (start === undefined) throw new Error(`date_trunc by ${unit}`);
  return formatTimestampTz(BigInt(start - offset * 1000) * 1000n, 'UTC');
}

const COMPARISONS: Readonly<Record<string, (a: bigint | string, b: bigint | string) => boolean>> = {
  '=': (a, b) => a === b,
  '<>': (a, b) => a !== b,
  '<': (a, b) => a < b,
  '>': (a, b) => a > b,
};

function known(predicate: TablePredicate): boolean {
  if (predicate.kind === 'is_null') return predicate.arg.kind === 'table_column' && predicate.arg.name !== 'host';
  if (predicate.kind !== 'call' || COMPARISONS[predicate.operator ?? ''] === undefined) return false;
  const [left, right] = predicate.args;
  return left?.kind === 'table_column' && ['status', 'level', 'bytes'].includes(left.name) && right?.kind === 'constant';
}

function holds(predicate: TablePredicate, row: Row): boolean {
  if (predicate.kind === 'is_null' && predicate.arg.kind === 'table_column')
    return ((row[predicate.arg.name] ?? null) === null) !== predicate.negated;
  if (predicate.kind !== 'call') throw new Error(`a predicate ${predicate.kind}`);
  const [left, right] = predicate.args;
  if (left?.kind !== 'table_column' || right?.kind !== 'constant') throw new Error('a comparison of something else');
  const [a, b] = [row[left.name] ?? null, right.value];
  if (a === null || b === null) return false;
  const compare = COMPARISONS[predicate.operator ?? ''];
  if (compare === undefined) throw new Error(`the operator ${predicate.operator}`);
  return left.type.oid === Oid.text ? compare(a, b) : compare(BigInt(a), BigInt(b));
}
