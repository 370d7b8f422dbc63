import { Oid, type Type, type } from '../../../sql/types.js';
import type { AggregateRequest, ColumnDescription, ConnectorAggregate, TablePredicate } from '../../connector.js';
import type { LogsRow } from '../client/logs-client.js';
import { type LogsTable, MARK_FIELD, TIME } from '../discover/logs-table.js';
import { decoder, type LogsColumn } from '../encoding.js';
import { canFilter } from '../logsql/print.js';
import type { LogsFilter, LogsGroup, LogsStat } from '../logsql/syntax.js';
import { translatedFor } from '../pushdown/push-filters.js';
import { timeGroup, truncated } from './time-groups.js';

/** How the server is asked for groups: one query for counts, one more for each nullable column whose values are compared or added. */
export interface GroupPlan {
  readonly by: readonly LogsGroup[];
  /** Fields that the keys are read from. */
  readonly fields: readonly string[];
  /** Values of the keys, from a line of an answer or from an entry. */
  readonly keys: readonly ((row: LogsRow) => string | null)[];
  readonly queries: readonly GroupQuery[];
  /** Of the names of what is computed: no field's name begins so. */
  readonly prefix: string;
}

export interface GroupQuery {
  /**
   * `groups`: with their states. `distinct`: only which there are, as the server finds faster, but for the one without any value: that is `absent`.
   * `incomplete`: no groups, but an error for a row of which a value could not be written.
   */
  readonly kind: 'groups' | 'distinct' | 'absent' | 'incomplete';
  /** Besides the scan's own. */
  readonly filters: readonly LogsFilter[];
  readonly calls: readonly LogsStat[];
  /** Of whose values the extremes and sums are: only entries that have it are counted. Undefined: counts, and extremes of `_time`. */
  readonly of: LogsColumn | undefined;
  /** A value that is compared or added, as PostgreSQL's text. */
  readonly decode: (text: string | undefined) => string | null;
  /** Whether sums are asked for. */
  readonly sums: boolean;
  /** Which aggregate of the request is in which answer. */
  readonly states: readonly { readonly aggregate: number; readonly fn: LogsStat['fn']; readonly as: string }[];
}

/**
 * Undefined where the server would not give exactly what PostgreSQL gives: it alters foreign values that look like numbers, adds in floating point,
 * and takes the least of numbers and times only.
 */
export function planGroups(request: AggregateRequest, table: LogsTable): GroupPlan | undefined {
  const keys = planKeys(request, table);
  if (keys === undefined) return undefined;
  let prefix = 'of_';
  while (keys.fields.some((field) => field.startsWith(prefix))) prefix = `x${prefix}`;
  const onlyFields = request.aggregates.length === 0 && keys.by.every(({ kind }) => kind === 'field');
  const queries = onlyFields ? distinctOf(keys.fields) : queriesOf(request, table, prefix);
  return queries === undefined ? undefined : { ...keys, queries: table.own ? [INCOMPLETE, ...queries] : queries, prefix };
}

/** `k<n>` and `a<n>`. */
export function groupColumns({ keys, aggregates }: AggregateRequest, table: LogsTable): readonly ColumnDescription[] {
  const columns: [string, Type][] = [
    ...keys.map((key, n): [string, Type] => [`k${n}`, table.column(key.column)?.type ?? type(Oid.timestamptz)]),
    ...aggregates.map((aggregate, n): [string, Type] => [`a${n}`, stateType(aggregate, table)]),
  ];
  return columns.map(([name, of]) => ({ name, type: of, nullable: true, comment: undefined }));
}

function stateType({ fn, column }: ConnectorAggregate, table: LogsTable): Type {
  if (fn === 'count') return type(Oid.int8);
  return fn === 'sum' ? type(Oid.numeric, (38 << 16) + 4) : (table.column(column ?? '')?.type ?? type(Oid.int8));
}

/** Types of which two values that are equal look the same. */
const KEY_TYPES: ReadonlySet<number> = new Set([Oid.text, Oid.varchar, Oid.bool, Oid.int2, Oid.int4, Oid.int8, Oid.uuid, Oid.date]);
const INTEGERS: ReadonlySet<number> = new Set([Oid.int2, Oid.int4, Oid.int8]);

function planKeys({ keys }: AggregateRequest, table: LogsTable): Pick<GroupPlan, 'by' | 'fields' | 'keys'> | undefined {
  const truncs = keys.flatMap((key) => (key.kind === 'trunc' ? [key] : []));
  const time = timeGroup(truncs);
  if (truncs.some(({ column }) => table.column(column)?.encoding !== 'time') || (truncs.length > 0 && time === undefined)) return undefined;
  const fields = new Set<string>();
  const read: ((row: LogsRow) => string | null)[] = [];
  for (const key of keys) {
    if (key.kind === 'trunc') {
      read.push((row) => truncated(row[TIME], key));
      continue;
    }
    const column = table.column(key.column);
    if (column?.encoding !== 'own' || !KEY_TYPES.has(column.type.oid) || !canFilter(column.field)) return undefined;
    fields.add(column.field);
    const decode = decoder(column);
    read.push((row) => decode(row[column.field]));
  }
  const by = [...fields].map((field): LogsGroup => ({ kind: 'field', field }));
  return {
    by: time === undefined ? by : [...by, time],
    fields: time === undefined ? [...fields] : [...fields, TIME],
    keys: read,
  };
}

const PLAIN = { calls: [{ fn: 'count', as: 'rows' }], of: undefined, decode: () => null, sums: false, states: [] } as const;
/** As where rows are read. */
const INCOMPLETE: GroupQuery = { ...PLAIN, kind: 'incomplete', filters: [{ kind: 'present', field: MARK_FIELD }] };

function distinctOf(fields: readonly string[]): readonly GroupQuery[] {
  const none = fields.map((field): LogsFilter => ({ kind: 'equals', field, value: '' }));
  return [
    { ...PLAIN, kind: 'distinct', filters: [] },
    { ...PLAIN, kind: 'absent', filters: none },
  ];
}

function queriesOf(request: AggregateRequest, table: LogsTable, prefix: string): readonly GroupQuery[] | undefined {
  const byFilter = new Map<string, { readonly filter: TablePredicate | undefined; readonly parts: Part[] }>();
  // Groups none of whose rows pass a filter, or have a value, are groups, too.
  if (request.keys.length > 0) byFilter.set('', { filter: undefined, parts: [] });
  for (const [aggregate, call] of request.aggregates.entries()) {
    const at = call.filter === undefined ? '' : JSON.stringify(call.filter);
    const own = byFilter.get(at) ?? { filter: call.filter, parts: [] };
    const column = call.column === undefined ? undefined : table.column(call.column);
    if (call.column !== undefined && (column === undefined || !isExact(call.fn, column))) return undefined;
    own.parts.push({ aggregate, fn: call.fn, column });
    byFilter.set(at, own);
  }
  const queries: GroupQuery[] = [];
  for (const { filter, parts } of byFilter.values()) {
    const translated = filter === undefined ? undefined : translatedFor(filter, table);
    if (filter !== undefined && translated?.verdict !== 'exact') return undefined;
    const filters = translated === undefined ? [] : [translated.filter];
    const apart = new Map<string, Part[]>();
    const together: Part[] = [];
    for (const part of parts) if (isApart(part)) apart.set(part.column?.field ?? '', []);
    for (const part of parts) (apart.get(part.column?.field ?? '') ?? together).push(part);
    if (together.length > 0 || (filter === undefined && request.keys.length > 0)) queries.push(countsOf(together, filters, prefix));
    for (const own of apart.values()) queries.push(valuesOf(own, filters, prefix));
  }
  return queries;
}

interface Part {
  readonly aggregate: number;
  readonly fn: ConnectorAggregate['fn'];
  readonly column: LogsColumn | undefined;
}

/** `_time` is never absent; of other columns extremes and sums are right only where no entry is without a value. */
function isApart({ fn, column }: Part): boolean {
  return fn !== 'count' && column !== undefined && column.encoding !== 'time';
}

function isExact(fn: ConnectorAggregate['fn'], { encoding, field, type: { oid } }: LogsColumn): boolean {
  if (encoding === 'time') return fn !== 'sum' && oid === Oid.timestamptz;
  if (!canFilter(field)) return false;
  // A foreign text that is no value of its type is an error where rows are read.
  if (fn === 'count') return encoding === 'own' || oid === Oid.text || oid === Oid.varchar;
  return encoding === 'own' && INTEGERS.has(oid);
}

const decodeTime = decoder({ field: TIME, type: type(Oid.timestamptz), encoding: 'time' });

function countsOf(parts: readonly Part[], filters: readonly LogsFilter[], prefix: string): GroupQuery {
  // Always there: an answer of empty values would be no line.
  const rows: LogsStat = { fn: 'count', as: `${prefix}rows` };
  const calls = new Map([[rows.as, rows]]);
  const states = parts.map(({ aggregate, fn, column }) => {
    if (fn === 'count' && (column === undefined || column.encoding === 'time')) return { aggregate, fn, as: rows.as };
    const as = fn === 'count' ? `${prefix}count${aggregate}` : prefix + fn;
    calls.set(as, { fn, field: column?.field ?? TIME, as });
    return { aggregate, fn, as };
  });
  return { kind: 'groups', filters, calls: [...calls.values()], of: undefined, decode: decodeTime, sums: false, states };
}

function valuesOf(parts: readonly Part[], filters: readonly LogsFilter[], prefix: string): GroupQuery {
  const of = parts[0]?.column as LogsColumn;
  const { field } = of;
  const sums = parts.some(({ fn }) => fn === 'sum');
  // Extremes tell whether a sum is exact.
  const extremes = (['min', 'max'] as const).filter((name) => sums || parts.some(({ fn }) => fn === name));
  const fns = sums ? ([...extremes, 'sum'] as const) : extremes;
  return {
    kind: 'groups',
    filters: [...filters, { kind: 'present', field }],
    calls: [{ fn: 'count', as: `${prefix}rows` }, ...fns.map((fn): LogsStat => ({ fn, field, as: prefix + fn }))],
    of,
    decode: decoder(of),
    sums,
    states: parts.map(({ aggregate, fn }) => ({ aggregate, fn, as: prefix + (fn === 'count' ? 'rows' : fn) })),
  };
}
