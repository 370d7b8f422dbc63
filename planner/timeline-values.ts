import { internal, TimelineError, unsupported } from '../sql/errors.js';
import type { Call, Constant } from '../sql/expression.js';
import { isInfinite } from '../sql/functions/timestamp-arithmetic.js';
import type { QueryExpr, QueryLeaf } from '../sql/query.js';
import { timeZone } from '../sql/time-zone.js';
import type { TimelineMarker } from '../sql/timeline-marker.js';
import { OPS } from '../sql/timeline-marker.js';
import { Oid } from '../sql/types.js';
import { type Interval, TIMESTAMP_NEGATIVE_INFINITY } from '../sql/value.js';
import { parseArrayText } from '../sql/value-array.js';
import { parseInterval, parseTimestampTz } from '../sql/value-time.js';
import { levelsRead } from './correlated-instants.js';
import { isVolatile, truth } from './expression.js';
import type { TimelineSpec } from './timeline-spec.js';

/** Options of a call with their values; instants and lengths in microseconds. */
export interface TimelineValues {
  readonly since: bigint | undefined;
  readonly until: bigint | undefined;
  readonly at: readonly bigint[] | undefined;
  /** `at` where it is no constant: an instant or an array of them, over columns of queries round the call or a query of its own. */
  readonly openAt: QueryExpr | undefined;
  readonly every: TimelineSpec['every'];
  readonly origin: bigint | undefined;
  readonly timeZone: string;
  /** Events before this are not read. */
  readonly readFrom: bigint | undefined;
  readonly idle: bigint | undefined;
  readonly fill: boolean;
}

const DAY = 86_400_000_000n;
/** PostgreSQL's first timestamp, 4714-11-24 BC: what is read from an earlier time on is all. */
const LEAST = -210_866_803_200_000_000n;
/** More instants than this in one `at` are refused (54000). */
const MAX_INSTANTS = 500_000;

/** Reads the marker's arguments in their order. Throws the value errors of the specification's section 2. */
export function timelineValues(call: Call<QueryLeaf>, marker: TimelineMarker, sessionZone: string): TimelineValues {
  const fail = (name: string, message: string, sqlstate = '22023'): TimelineError => {
    const position = marker.positions[name];
    return new TimelineError({ kind: 'semantic', sqlstate, message, ...(position === undefined ? {} : { position }) });
  };
  const constant = (index: number, name: string): string | undefined => {
    const arg = call.args[index];
    if (arg === undefined) throw internal(`timeline marker without argument ${index}`);
    if (arg.kind !== 'constant') throw notConstant(name, marker, arg);
    return (arg as Constant).value ?? undefined;
  };
  const instant = (index: number, name: string): bigint | undefined => {
    const text = constant(index, name);
    return text === undefined ? undefined : parseTimestampTz(text, 'UTC');
  };
  const finite = (value: bigint | undefined, name: string): bigint | undefined => {
    if (value === undefined) return undefined;
    if (isInfinite(value)) throw fail(name, `"${name}" must be a finite time`, '22008');
    if (BigInt(Number(value)) !== value) throw fail(name, `"${name}" is too far from 1970 to be kept to the microsecond`, '22008');
    return value;
  };
  const length = (index: number, name: string): bigint | undefined => {
    const text = constant(index, name);
    return text === undefined ? undefined : elapsed(parseInterval(text), name, marker);
  };

  const sinceGiven = instant(1, 'since');
  const untilGiven = instant(2, 'until');
  // an unbounded side is what infinity says, where there is one; the other infinity leaves no time at all
  const since = sinceGiven === TIMESTAMP_NEGATIVE_INFINITY ? undefined : finite(sinceGiven, 'since');
  const until = finite(untilGiven, 'until');
  const open = openInstants(call.args[3], marker);
  const at = open === undefined ? instants(call.args[3], marker)?.map((value) => finite(value, 'at') ?? 0n) : undefined;
  const everyText = constant(4, 'every');
  const every = everyText === undefined ? undefined : parseInterval(everyText);
  if (since !== undefined && until !== undefined && since > until) throw fail('since', '"since" must not be later than "until"');
  if (every !== undefined) {
    const parts = [every.months, every.days, Number(every.micros)].filter((part) => part !== 0);
    if (parts.length === 0 || parts.every((part) => part < 0)) throw fail('every', '"every" must be greater than 0');
    if (parts.length > 1) throw unsupported('an interval of "every" that mixes months, days and time', { ...placeOf(marker, 'every') });
    if (since === undefined || until === undefined) throw fail('every', 'the option "every" needs "since" and "until"', '42601');
  }
  const idle = length(8, 'idle');
  if (idle !== undefined && idle <= 0n) throw fail('idle', '"idle" must be greater than 0');
  const zone = constant(6, 'timezone') ?? sessionZone;
  try {
    timeZone(zone);
  } catch {
    throw fail('timezone', `time zone "${zone.slice(0, 64)}" not recognized`);
  }
  const fillText = call.args[9];
  if (fillText?.kind !== 'constant') throw notConstant('fill', marker, fillText);
  const fill = truth(fillText as Constant) === true;
  if (fill && since === undefined) throw fail('fill', 'the option "fill" needs "since"', '42601');

  const lookback = marker.noLookback ? 0n : length(7, 'lookback');
  if (lookback !== undefined && lookback < 0n) throw fail('lookback', '"lookback" must not be negative');
  if (open !== undefined && fill) throw besideOpenInstants('fill', marker);
  if (open !== undefined && lookback !== undefined && since === undefined) throw besideOpenInstants('lookback', marker);
  const earliest =
    since ?? at?.reduce<bigint | undefined>((least, value) => (least === undefined || value < least ? value : least), undefined);
  return {
    since,
    until,
    at,
    openAt: open,
    every: every === undefined ? undefined : { months: every.months, days: every.days, micros: every.micros.toString() },
    origin: finite(instant(5, 'origin'), 'origin'),
    timeZone: zone,
    readFrom: lookback === undefined || earliest === undefined || earliest - lookback < LEAST ? undefined : earliest - lookback,
    idle,
    fill,
  };
}

/** A constant length: days are 24 hours of elapsed time; months have none. */
export function elapsed(interval: Interval, name: string, marker: Pick<TimelineMarker, 'positions'>): bigint {
  if (interval.months !== 0) throw unsupported(`months in "${name}"`, { ...placeOf(marker, name) });
  return BigInt(interval.days) * DAY + interval.micros;
}

/** Distinct and ascending; NULLs count for nothing. Undefined: the option is absent. */
function instants(arg: QueryExpr | undefined, marker: TimelineMarker): readonly bigint[] | undefined {
  if (arg === undefined) throw internal('timeline marker without "at"');
  const given = arg.kind === 'call' && arg.fn.startsWith(`${OPS}instants(`) ? arg.args[0] : arg;
  if (given?.kind !== 'constant') throw notConstant('at', marker);
  const { type, value } = given as Constant;
  // a NULL under instants() is a call with `at`, of which nothing counts
  if (value === null) return given === arg ? undefined : [];
  // a timestamp in an array has at most 40 characters with its quotes and comma: longer texts are not even read
  const tooMany = (): TimelineError =>
    new TimelineError({
      kind: 'limit',
      sqlstate: '54000',
      message: `"at" has more than ${MAX_INSTANTS} instants`,
      ...placeOf(marker, 'at'),
    });
  if (value.length > MAX_INSTANTS * 40) throw tooMany();
  const texts = type.oid === Oid.timestamptz ? [value] : parseArrayText(value);
  if (texts.length > MAX_INSTANTS) throw tooMany();
  const found = new Set(texts.filter((text) => text !== null).map((text) => parseTimestampTz(text, 'UTC')));
  return [...found].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}

/** `at` over columns of the queries round the call, or over a query of its own. Throws 42703 where it names a column of the events. */
function openInstants(arg: QueryExpr | undefined, marker: TimelineMarker): QueryExpr | undefined {
  if (arg?.kind !== 'call' || !arg.fn.startsWith(`${OPS}instants(`)) return undefined;
  const [given] = arg.args;
  if (given === undefined || given.kind === 'constant') return undefined;
  if (isVolatile<QueryLeaf>(given)) throw unsupported('the option "at" with a volatile function', { ...placeOf(marker, 'at') });
  if (levelsRead(given).has(0)) throw eventColumn('at', marker);
  return given;
}

function eventColumn(name: string, marker: TimelineMarker): TimelineError {
  return new TimelineError({
    kind: 'semantic',
    sqlstate: '42703',
    message: `the option "${name}" reads a column of the events`,
    hint: 'An option has one value for the whole call. A column of the query round timeline() needs the name of its table before it.',
    ...placeOf(marker, name),
  });
}

function notConstant(name: string, marker: TimelineMarker, arg?: QueryExpr): TimelineError {
  if (arg !== undefined && levelsRead(arg).has(0)) return eventColumn(name, marker);
  return unsupported(`the option "${name}" that is not constant (LATERAL or a subquery)`, {
    ...placeOf(marker, name),
    hint: 'Only "at" may differ from row to row or come from a query; give others as a constant or a parameter.',
  });
}

function besideOpenInstants(name: string, marker: TimelineMarker): TimelineError {
  return unsupported(`the option "${name}" beside an "at" that is not constant`, {
    ...placeOf(marker, name),
    ...(name === 'lookback' ? { hint: 'Give "since", too: then "lookback" counts from there.' } : {}),
  });
}

function placeOf(marker: Pick<TimelineMarker, 'positions'>, name: string): { readonly position?: number } {
  const position = marker.positions[name];
  return position === undefined ? {} : { position };
}
