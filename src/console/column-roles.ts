import { TimelineError } from '../../sql/errors.js';
import { nearestName } from '../../sql/nearest-name.js';
import type { ResultColumn } from '../../sql/result.js';
import { Oid, typeName } from '../../sql/types.js';

/** What each column of a result is in a picture; columns by their place, from 0. */
export interface ColumnRoles {
  readonly times:
    | { readonly kind: 'spans'; readonly start: number; readonly end: number; readonly open: number | undefined }
    | { readonly kind: 'points' | 'events'; readonly at: number };
  /** False: the times are timestamps without zone. */
  readonly zoned: boolean;
  /** Rows with the same values in these stand together. */
  readonly keys: readonly number[];
  readonly buckets: readonly [start: number, end: number] | undefined;
  /** Drawn, a lane each. */
  readonly signals: readonly number[];
  /** Told of an event beside its signals. */
  readonly details: readonly number[];
}

/** Columns that `timeline()` itself gives to spans, beside keys and signals. */
const SPAN_COLUMNS = ['started_at', 'ended_at', 'duration', 'seconds', 'is_open', 'bucket_start', 'bucket_end'];
const BUCKET_COLUMNS = ['bucket_start', 'bucket_end'];
const EVENT_COLUMNS = ['stream_id', 'version', 'event_time', 'event_id'];

/**
 * Finds the columns by the names that `timeline()` and the replay functions give. Keys are those that `by` names, else what
 * stands before the first column of time (of events: stream_id). Throws 42703 when columns are missing, 42804 when a time is none.
 */
export function columnRoles(columns: readonly ResultColumn[], by: readonly string[] | undefined): ColumnRoles {
  const names = columns.map((column) => column.name);
  const place = (name: string): number | undefined => (names.includes(name) ? names.indexOf(name) : undefined);
  const times = timesOf(names, place);
  const zoned = checkTimes(columns, times.kind === 'spans' ? [times.start, times.end] : [times.at]);
  const [bucketStart, bucketEnd] = BUCKET_COLUMNS.map(place);
  const buckets = bucketStart === undefined || bucketEnd === undefined ? undefined : ([bucketStart, bucketEnd] as const);
  if (buckets !== undefined && checkTimes(columns, buckets) !== zoned) throw badTime(columns, buckets[0]);
  const keys = by === undefined ? usualKeys(times, place) : by.map((name) => place(name) ?? missingKey(name, names));
  const own = times.kind === 'spans' ? SPAN_COLUMNS : times.kind === 'points' ? [...BUCKET_COLUMNS, 'evaluated_at'] : EVENT_COLUMNS;
  const others = names.flatMap((name, at) => (own.includes(name) || keys.includes(at) ? [] : [at]));
  const eventType = times.kind === 'events' ? place('event_type') : undefined;
  const signals = eventType === undefined ? others : [eventType];
  const details = times.kind === 'events' ? names.flatMap((_, at) => (at === times.at || signals.includes(at) ? [] : [at])) : [];
  return { times, zoned, keys, buckets, signals, details };
}

function timesOf(names: readonly string[], place: (name: string) => number | undefined): ColumnRoles['times'] {
  const [start, end, evaluated, event] = ['started_at', 'ended_at', 'evaluated_at', 'event_time'].map(place);
  if (start !== undefined && end !== undefined) return { kind: 'spans', start, end, open: place('is_open') };
  if (evaluated !== undefined) return { kind: 'points', at: evaluated };
  if (event !== undefined) return { kind: 'events', at: event };
  const given = names.length === 0 ? 'no columns' : names.slice(0, 20).join(', ') + (names.length > 20 ? ', …' : '');
  throw new TimelineError({
    kind: 'semantic',
    sqlstate: '42703',
    message: `a picture needs columns started_at and ended_at (spans), evaluated_at (points) or event_time (events); the query gives ${given}`,
    hint: 'Name them so in the select list, e.g. SELECT session_id, ts AS event_time, event_type FROM …',
  });
}

function checkTimes(columns: readonly ResultColumn[], places: readonly number[]): boolean {
  const oids = places.map((at) => columns[at]?.type.oid);
  if (oids.every((oid) => oid === Oid.timestamptz)) return true;
  if (oids.every((oid) => oid === Oid.timestamp)) return false;
  throw badTime(columns, places.find((at) => columns[at]?.type.oid !== Oid.timestamptz) ?? 0);
}

function badTime(columns: readonly ResultColumn[], at: number): TimelineError {
  const column = columns[at];
  const message = `column "${column?.name}" of a picture must be timestamp with time zone, not ${typeName(column?.type.oid ?? 0)}`;
  return new TimelineError({
    kind: 'semantic',
    sqlstate: '42804',
    message,
    hint: 'Timestamps without zone are taken too, if all times are.',
  });
}

/** `timeline()` writes keys, then times, then signals. */
function usualKeys(times: ColumnRoles['times'], place: (name: string) => number | undefined): readonly number[] {
  const stream = times.kind === 'events' ? place('stream_id') : undefined;
  if (stream !== undefined) return [stream];
  const firstTime = times.kind === 'spans' ? Math.min(times.start, times.end) : times.at;
  const first = Math.min(firstTime, ...SPAN_COLUMNS.map((name) => place(name) ?? firstTime));
  return Array.from({ length: first }, (_, at) => at);
}

function missingKey(name: string, names: readonly string[]): never {
  const nearest = nearestName(name, names);
  throw new TimelineError({
    kind: 'semantic',
    sqlstate: '42703',
    message: `the query gives no column "${name}" to group a picture by`,
    ...(nearest === undefined ? {} : { hint: `Did you mean "${nearest}"?` }),
  });
}
