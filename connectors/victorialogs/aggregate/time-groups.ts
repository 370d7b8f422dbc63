import { internal } from '../../../sql/errors.js';
import { formatTimestampTz } from '../../../sql/value-time.js';
import type { AggregateKey } from '../../connector.js';
import { parseInstant } from '../instant.js';
import type { LogsGroup } from '../logsql/syntax.js';

export type Trunc = Extract<AggregateKey, { readonly kind: 'trunc' }>;
type Unit = Trunc['unit'];

const HOUR = 3600;
const FINEST: readonly Unit[] = ['minute', 'hour', 'day'];

/**
 * The buckets of time that the server groups by: an answer has one `_time` only, so several keys share buckets that are as fine as all of them.
 * Undefined: there are none.
 */
export function timeGroup(keys: readonly Trunc[]): LogsGroup | undefined {
  const [first] = keys;
  if (first === undefined) return undefined;
  const units = new Set(keys.map(({ unit }) => unit));
  const finest = FINEST.find((unit) => units.has(unit)) ?? 'day';
  if (keys.every(({ offset }) => offset === first.offset)) return bucket(units.size === 1 ? first.unit : finest, first.offset);
  if (keys.every(({ offset }) => offset % HOUR === 0)) return bucket(units.has('minute') ? 'minute' : 'hour', 0);
  return keys.every(({ offset }) => offset % 60 === 0) ? bucket('minute', 0) : undefined;
}

/** The server's sign is opposite to the zone's. */
function bucket(step: Unit, offset: number): LogsGroup {
  return offset === 0 ? { kind: 'time', step } : { kind: 'time', step, offset: -offset };
}

/** date_trunc of an entry's `_time`, or of its bucket's start, in PostgreSQL's text form. */
export function truncated(time: string | undefined, { unit, offset }: Trunc): string {
  const nanos = time === undefined ? undefined : parseInstant(time);
  if (nanos === undefined) throw internal(`log entries are grouped by the time ${JSON.stringify(time)}`);
  const local = new Date(Number(floor(nanos, 1_000_000n)) + offset * 1000);
  return formatTimestampTz((BigInt(start(local, unit)) - BigInt(offset) * 1000n) * 1000n, 'UTC');
}

function start(local: Date, unit: Unit): number {
  const [year, month, day] = [local.getUTCFullYear(), local.getUTCMonth(), local.getUTCDate()];
  switch (unit) {
    case 'minute':
      return Date.UTC(year, month, day, local.getUTCHours(), local.getUTCMinutes());
    case 'hour':
      return Date.UTC(year, month, day, local.getUTCHours());
    case 'day':
      return Date.UTC(year, month, day);
    case 'week':
      return Date.UTC(year, month, day - ((local.getUTCDay() + 6) % 7));
    case 'month':
      return Date.UTC(year, month, 1);
    case 'year':
      return Date.UTC(year, 0, 1);
  }
}

function floor(value: bigint, by: bigint): bigint {
  return (value - (((value % by) + by) % by)) / by;
}
