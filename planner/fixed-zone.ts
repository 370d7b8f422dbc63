import type { AggregateKey } from '../connectors/connector.js';
import { typeOf } from '../sql/expression-type.js';
import { timeZone } from '../sql/time-zone.js';
import { Oid } from '../sql/types.js';
import type { ColumnRef, PlanExpr, PlanLeaf } from './physical-plan.js';
import { textOf } from './time-clock.js';

type Trunc = Extract<AggregateKey, { readonly kind: 'trunc' }>;

const UNITS: Readonly<Record<string, Trunc['unit']>> = {
  minute: 'minute',
  hour: 'hour',
  day: 'day',
  week: 'week',
  month: 'month',
  year: 'year',
};

/** date_trunc of an instant on the wall clock of a zone whose offset never changes: it is the same for the instant as for its truncation. */
export interface FixedTrunc extends Pick<Trunc, 'unit' | 'offset'> {
  /** Of type timestamptz. */
  readonly column: number;
  /** The truncation as an instant, for people. */
  readonly plain: PlanExpr;
}

/** `date_trunc(unit, ts [, zone])`, `date_trunc(unit, ts AT TIME ZONE zone)`, and without the call where it is a cast of ts to a wall clock's day. */
export function fixedTrunc(expr: PlanExpr, sessionZone: string): FixedTrunc | undefined {
  if (expr.kind !== 'call') return undefined;
  const [first, second, third] = expr.args;
  switch (expr.fn) {
    case 'date_trunc(text,timestamptz)':
      return truncated(first, instant(second), sessionZone);
    case 'date_trunc(text,timestamptz,text)':
      return truncated(first, instant(second), textOf(third));
    case 'date_trunc(text,timestamp)': {
      const clock = wallClock(second, sessionZone);
      return clock === undefined ? undefined : truncated(first, clock.column, clock.zone);
    }
    case 'date(timestamptz)':
      return truncated({ kind: 'constant', type: { oid: Oid.text, typmod: -1 }, value: 'day' }, instant(first), sessionZone);
    case 'date(timestamp)': {
      const clock = wallClock(first, sessionZone);
      return clock === undefined
        ? undefined
        : truncated({ kind: 'constant', type: { oid: Oid.text, typmod: -1 }, value: 'day' }, clock.column, clock.zone);
    }
    default:
      return undefined;
  }
}

function instant(expr: PlanExpr | undefined): ColumnRef | undefined {
  return expr?.kind === 'column' && typeOf<PlanLeaf>(expr).oid === Oid.timestamptz ? expr : undefined;
}

/** An instant's wall clock in a zone: `ts AT TIME ZONE zone`, or the cast to timestamp. */
function wallClock(
  expr: PlanExpr | undefined,
  sessionZone: string,
): { readonly column: ColumnRef | undefined; readonly zone: string | undefined } | undefined {
  if (expr?.kind !== 'call') return undefined;
  const [first, second] = expr.args;
  if (expr.fn === 'timestamp(timestamptz)') return { column: instant(first), zone: sessionZone };
  if (expr.fn === 'timezone(text,timestamptz)') return { column: instant(second), zone: textOf(first) };
  return undefined;
}

function truncated(unitText: PlanExpr | undefined, column: ColumnRef | undefined, zone: string | undefined): FixedTrunc | undefined {
  const unit = UNITS[textOf(unitText)?.toLowerCase() ?? ''];
  const offset = zone === undefined ? undefined : fixedOffset(zone);
  if (unit === undefined || column === undefined || offset === undefined || zone === undefined) return undefined;
  const text = (value: string): PlanExpr => ({ kind: 'constant', type: { oid: Oid.text, typmod: -1 }, value });
  return {
    unit,
    offset,
    column: column.id,
    plain: {
      kind: 'call',
      fn: 'date_trunc(text,timestamptz,text)',
      args: [text(unit), column, text(zone)],
      type: { oid: Oid.timestamptz, typmod: -1 },
      volatility: 'stable',
    },
  };
}

/** Seconds east of UTC of a zone that has never had another offset; undefined: it has, or it is not known. */
function fixedOffset(zone: string): number | undefined {
  if (/^(utc|gmt|uct|zulu|etc\/(utc|gmt|uct|zulu|universal|greenwich))$/i.test(zone)) return 0;
  const named = /^etc\/gmt([+-])(\d{1,2})$/i.exec(zone);
  // the sign is west
  if (named !== null) return Number(named[2]) <= 14 ? (named[1] === '-' ? 1 : -1) * Number(named[2]) * 3600 : undefined;
  if (!/^(<[A-Za-z0-9+-]+>|[A-Za-z]{3})[+-]?\d{1,2}(:\d{2}){0,2}$/.test(zone)) return undefined;
  const offset = timeZone(zone).offsetAt(0);
  return Math.abs(offset) < 86_400 ? offset : undefined;
}
