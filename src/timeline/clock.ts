import { TimelineError } from '../../sql/errors.js';
import type { Value } from '../../sql/value.js';
import { TIMESTAMP_INFINITY, TIMESTAMP_NEGATIVE_INFINITY } from '../../sql/value.js';

/** The moment that is being looked at, shared by all nodes of one kernel. Microseconds since 1970 as numbers. */
export interface Clock {
  now: number;
  /** Another number at every moment of every entity. */
  moment: number;
  /** Is the entity at hand live from `now` on (until its next moment)? */
  live: boolean;
  /** Output lower bound; -Infinity: none. */
  readonly since: number;
}

/** An event's time. Exact, or 22008: a number holds microseconds exactly for 285 years round 1970, whole seconds for longer. */
export function instantOf(value: bigint): number {
  const instant = Number(value);
  if (Number.isSafeInteger(instant)) return instant;
  if (value === TIMESTAMP_INFINITY || value === TIMESTAMP_NEGATIVE_INFINITY) {
    throw new TimelineError({ kind: 'data', sqlstate: '22008', message: 'timeline: an event time is infinite' });
  }
  if (BigInt(instant) === value) return instant;
  throw new TimelineError({
    kind: 'data',
    sqlstate: '22008',
    message: 'timeline: an event time is too far from 1970 to be kept to the microsecond',
  });
}

/** The last instant before another: nothing happens in between. */
export function justBefore(instant: number): number {
  if (Number.isSafeInteger(instant)) return instant - 1;
  const bits = new DataView(new ArrayBuffer(8));
  bits.setFloat64(0, instant);
  bits.setBigInt64(0, bits.getBigInt64(0) + (instant > 0 ? -1n : 1n));
  return bits.getFloat64(0);
}

/** An elapsed time as an interval without months or days. */
export function intervalOf(micros: number): Value {
  return { months: 0, days: 0, micros: BigInt(micros) };
}
