import type { ResultColumn } from '../../sql/result.js';
import { Oid } from '../../sql/types.js';
import { TIMESTAMP_INFINITY, TIMESTAMP_NEGATIVE_INFINITY } from '../../sql/value.js';
import { isInterval } from '../../sql/value-text.js';
import type { ColumnRoles } from './column-roles.js';
import { type Cell, cellText, type PictureRows } from './picture-rows.js';

/** Time in which one value holds; of points and events `from` = `to`. Microseconds since 1970. */
export interface Segment {
  readonly from: bigint;
  readonly to: bigint;
  readonly value: Cell;
  /** The value as it is written. */
  readonly text: string;
  /** Does the value still hold at `to`, where the spans end? */
  readonly open: boolean;
  /** Further columns of an event, `name: value`. */
  readonly details: readonly string[];
}

export interface Lane {
  /** `rows`: there is no signal, only times. */
  readonly kind: 'text' | 'boolean' | 'number' | 'rows';
  readonly name: string;
  /** The numbers are intervals, in seconds. */
  readonly isDuration: boolean;
  /** In order of time. */
  readonly segments: readonly Segment[];
}

/** All lanes of one key. */
export interface LaneGroup {
  readonly title: string;
  readonly rows: number;
  readonly lanes: readonly Lane[];
}

export interface Lanes {
  /** The groups that are drawn, in the order of the result. */
  readonly groups: readonly LaneGroup[];
  /** Start and end of what is drawn; undefined: nothing is. */
  readonly domain: { readonly from: bigint; readonly to: bigint } | undefined;
  /** Edges of buckets, sorted. */
  readonly edges: readonly bigint[];
  /** What the picture leaves out or may mislead about, in sentences. */
  readonly notes: readonly string[];
}

const MOST_SIGNALS = 64;
const MOST_LANES = 300;
const MOST_GROUPS = 50;
const MOST_EDGES = 400;
const MOST_DETAILS = 12;
/** Characters of a value in a tooltip of several. */
const DETAIL_TEXT = 80;

interface TimedRow {
  readonly from: bigint;
  readonly to: bigint;
  readonly cells: readonly Cell[];
}

/** Sorts the rows into lanes. `only`: values of a key column; other keys are not drawn. */
export function makeLanes(
  { columns, rows, complete }: PictureRows,
  roles: ColumnRoles,
  options: { readonly timeZone: string; readonly only: readonly string[] },
): Lanes {
  const text = (at: number, cells: readonly Cell[]): string => {
    const column = columns[at];
    return column === undefined ? '' : cellText(column, cells[at] ?? null, options.timeZone);
  };
  const notes: string[] = [];
  if (!complete) notes.push(`The query gives more than ${count(rows.length, 'row')}; the rows after these are left out.`);
  const { timed, odd } = timedRows(rows, roles);
  if (odd > 0) notes.push(`${count(odd, 'row')} left out: a time is NULL or infinite, or the end is before the start.`);
  const byKey = new Map<string, TimedRow[]>();
  for (const row of timed) {
    const values = roles.keys.map((at) => text(at, row.cells));
    if (options.only.length > 0 && !values.some((value) => options.only.includes(value))) continue;
    const key = JSON.stringify(roles.keys.map((at, i) => (row.cells[at] === null ? null : values[i])));
    const known = byKey.get(key);
    if (known === undefined) byKey.set(key, [row]);
    else known.push(row);
  }
  const signals = roles.signals.slice(0, MOST_SIGNALS);
  if (signals.length < roles.signals.length)
    notes.push(`${count(roles.signals.length - signals.length, 'signal')} left out: a picture shows the first ${MOST_SIGNALS}.`);
  const most = Math.max(1, Math.min(MOST_GROUPS, Math.floor(MOST_LANES / Math.max(signals.length, 1))));
  const drawn = [...byKey.values()].slice(0, most);
  if (drawn.length < byKey.size)
    notes.push(`${count(byKey.size - drawn.length, 'key')} of ${byKey.size} left out: a picture shows the first ${drawn.length}.`);
  if (byKey.size === 0 && timed.length > 0) notes.push('No row has a key of that value.');
  let overlapping = 0;
  const groups = drawn.map((group): LaneGroup => {
    group.sort((a, b) => compare(a.from, b.from) || compare(a.to, b.to));
    overlapping += overlaps(group);
    const cells = group[0]?.cells ?? [];
    const title = roles.keys.map((at) => `${columns[at]?.name} = ${text(at, cells)}`).join(', ');
    return { title, rows: group.length, lanes: lanesOf(group, { columns, roles, signals, text }) };
  });
  if (overlapping > 0)
    notes.push(`${count(overlapping, 'row')} begin before another of the same key ends and hide parts of it: is a key column missing?`);
  const { edges, left } = bucketEdges(drawn, roles);
  if (left > 0) notes.push(`${count(left, 'bucket edge')} left out: they would lie too close.`);
  return { groups, domain: domainOf(drawn), edges, notes };
}

export function count(number: number, noun: string): string {
  const digits = String(number).replaceAll(/\B(?=(\d{3})+$)/g, ',');
  return `${digits} ${noun}${number === 1 ? '' : 's'}`;
}

function timedRows(rows: PictureRows['rows'], { times }: ColumnRoles): { readonly timed: readonly TimedRow[]; readonly odd: number } {
  const [start, end] = times.kind === 'spans' ? [times.start, times.end] : [times.at, times.at];
  const timed: TimedRow[] = [];
  for (const cells of rows) {
    const from = cells[start];
    const to = cells[end];
    if (isInstant(from) && isInstant(to) && from <= to) timed.push({ from, to, cells });
  }
  return { timed, odd: rows.length - timed.length };
}

function isInstant(cell: Cell | undefined): cell is bigint {
  return typeof cell === 'bigint' && cell !== TIMESTAMP_INFINITY && cell !== TIMESTAMP_NEGATIVE_INFINITY;
}

function lanesOf(
  rows: readonly TimedRow[],
  context: {
    readonly columns: readonly ResultColumn[];
    readonly roles: ColumnRoles;
    readonly signals: readonly number[];
    readonly text: (at: number, cells: readonly Cell[]) => string;
  },
): readonly Lane[] {
  const { columns, roles, signals, text } = context;
  const { times } = roles;
  const details = (cells: readonly Cell[]): readonly string[] =>
    roles.details.slice(0, MOST_DETAILS).map((at) => {
      const value = text(at, cells);
      return `${columns[at]?.name}: ${value.length > DETAIL_TEXT ? `${value.slice(0, DETAIL_TEXT)}…` : value}`;
    });
  const lane = (at: number | undefined): Lane => {
    const segments: Segment[] = [];
    for (const { from, to, cells } of rows) {
      const value = at === undefined ? true : (cells[at] ?? null);
      const segment = {
        from,
        to,
        value,
        text: at === undefined ? '' : text(at, cells),
        open: times.kind === 'spans' && times.open !== undefined && cells[times.open] === true,
        details: details(cells),
      };
      // Another signal's change, or the edge of a bucket, is none of this lane.
      const last = segments.at(-1);
      const goesOn = at !== undefined && times.kind === 'spans' && last?.to === from && last.text === segment.text && !last.open;
      if (goesOn && (last.value === null) === (value === null)) segments.splice(-1, 1, { ...segment, from: last.from });
      else segments.push(segment);
    }
    const column = at === undefined ? undefined : columns[at];
    return {
      kind: column === undefined ? 'rows' : laneKind(column),
      name: column?.name ?? '',
      isDuration: column?.type.oid === Oid.interval,
      segments,
    };
  };
  return signals.length === 0 ? [lane(undefined)] : signals.map(lane);
}

function laneKind({ type }: ResultColumn): Lane['kind'] {
  switch (type.oid) {
    case Oid.bool:
      return 'boolean';
    case Oid.int2:
    case Oid.int4:
    case Oid.int8:
    case Oid.float4:
    case Oid.float8:
    case Oid.numeric:
    case Oid.interval:
      return 'number';
    default:
      return 'text';
  }
}

/** For a step line; an interval counts in seconds, a month of it 30 days. Undefined: NULL, NaN or infinite. */
export function numberOf(value: Cell): number | undefined {
  if (value === null || typeof value === 'boolean') return undefined;
  const number =
    typeof value === 'object' && isInterval(value) ? (value.months * 30 + value.days) * 86_400 + Number(value.micros) / 1e6 : Number(value);
  return Number.isFinite(number) ? number : undefined;
}

function overlaps(sorted: readonly TimedRow[]): number {
  let found = 0;
  let end: bigint | undefined;
  for (const { from, to } of sorted) {
    if (end !== undefined && from < end) found += 1;
    if (end === undefined || to > end) end = to;
  }
  return found;
}

function bucketEdges(groups: readonly (readonly TimedRow[])[], { buckets }: ColumnRoles) {
  const edges = new Set<bigint>();
  for (const { cells } of buckets === undefined ? [] : groups.flat()) {
    for (const at of buckets ?? []) {
      const edge = cells[at];
      if (isInstant(edge)) edges.add(edge);
    }
  }
  const sorted = [...edges].sort(compare);
  return sorted.length > MOST_EDGES ? { edges: [], left: sorted.length } : { edges: sorted, left: 0 };
}

function domainOf(groups: readonly (readonly TimedRow[])[]): Lanes['domain'] {
  let domain: { from: bigint; to: bigint } | undefined;
  for (const group of groups) {
    for (const { from, to } of group) {
      if (domain === undefined) domain = { from, to };
      else {
        if (from < domain.from) domain.from = from;
        if (to > domain.to) domain.to = to;
      }
    }
  }
  return domain;
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
