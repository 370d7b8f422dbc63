import { unsupported } from '../../sql/errors.js';
import {
  addInterval,
  checkTimestamp,
  divideInterval,
  fromLocal,
  intervalField,
  intervalPart,
  multiplyInterval,
  timestampFromSeconds,
  toLocal,
} from '../../sql/functions/timestamp-arithmetic.js';
import { Oid } from '../../sql/types.js';
import { type Interval, type TextSettings, TIMESTAMP_INFINITY, TIMESTAMP_NEGATIVE_INFINITY } from '../../sql/value.js';
import type { ScalarDefinition } from './scalar-definition.js';

/** The exact calendar, for what src/kernel/time-macros.ts doesn't leave to DuckDB. */
export function calendarScalars(settings: TextSettings): readonly ScalarDefinition[] {
  const instant = (name: string, from: number, to: number, compute: (micros: bigint) => bigint): ScalarDefinition => ({
    name,
    parameters: [from],
    result: to,
    compute: ([micros]) => compute(micros as bigint),
  });
  const add = (name: string, oid: number, zoned: boolean): ScalarDefinition => ({
    name,
    parameters: [oid, Oid.interval],
    result: oid,
    compute: ([micros, interval]) => addInterval(micros as bigint, interval as Interval, zoned ? settings.timeZone : undefined),
  });
  const scaled = (name: string, compute: (interval: Interval, by: number) => Interval): ScalarDefinition => ({
    name,
    parameters: [Oid.interval, Oid.float8],
    result: Oid.interval,
    compute: ([interval, by]) => compute(interval as Interval, by as number),
  });
  return [
    scaled('tl_interval_mul', multiplyInterval),
    scaled('tl_interval_div', divideInterval),
    instant('tl_js_timestamptz_timestamp', Oid.timestamptz, Oid.timestamp, (micros) => toLocal(micros, settings.timeZone)),
    instant('tl_js_timestamp_timestamptz', Oid.timestamp, Oid.timestamptz, (micros) => fromLocal(micros, settings.timeZone)),
    {
      name: 'tl_js_date_timestamptz',
      parameters: [Oid.date],
      result: Oid.timestamptz,
      compute: ([days]) => dateToInstant(days as number, settings.timeZone),
    },
    {
      name: 'tl_js_timestamptz_at',
      parameters: [Oid.text, Oid.timestamptz],
      result: Oid.timestamp,
      compute: ([zone, micros]) => toLocal(micros as bigint, zone as string),
    },
    {
      name: 'tl_js_timestamp_at',
      parameters: [Oid.text, Oid.timestamp],
      result: Oid.timestamptz,
      compute: ([zone, micros]) => fromLocal(micros as bigint, zone as string),
    },
    add('tl_js_timestamp_add', Oid.timestamp, false),
    add('tl_js_timestamptz_add', Oid.timestamptz, true),
    {
      name: 'tl_to_timestamp',
      parameters: [Oid.float8],
      result: Oid.timestamptz,
      compute: ([seconds]) => timestampFromSeconds(seconds as number),
    },
    {
      name: 'tl_interval_part',
      parameters: [Oid.text, Oid.interval],
      result: Oid.float8,
      compute: ([field, interval]) => {
        const value = intervalPart(interval as Interval, (field as string).toLowerCase());
        if (value === undefined) throw unsupported(`date_part of ${field as string} from an interval`);
        return value;
      },
    },
    {
      name: 'tl_interval_extract',
      parameters: [Oid.text, Oid.interval],
      result: Oid.numeric,
      compute: ([field, interval]) => {
        const text = intervalField(interval as Interval, (field as string).toLowerCase());
        if (text === undefined) throw unsupported(`extract of ${field as string} from an interval`);
        return text;
      },
    },
  ];
}

function dateToInstant(days: number, timeZone: string): bigint {
  if (!Number.isFinite(days)) return days > 0 ? TIMESTAMP_INFINITY : TIMESTAMP_NEGATIVE_INFINITY;
  return fromLocal(checkTimestamp(BigInt(days) * 86_400_000_000n), timeZone);
}
