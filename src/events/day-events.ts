import { Random } from './random.js';
import type { SessionFacts } from './video-session.js';
import { drawSession, sessionEvents } from './video-session.js';

/** Columns of one day's events, not sorted; `session` counts the sessions of the whole lake, and indexes its facts by `sessions`. */
export interface DayEvents {
  /** Days since 1970-01-01. */
  readonly day: number;
  readonly count: number;
  readonly ts: Float64Array;
  readonly session: Int32Array;
  readonly type: Int32Array;
  readonly cdn: Int32Array;
  readonly bufferMs: Int32Array;
  readonly bitrate: Int32Array;
  readonly position: Int32Array;
  readonly extra: Int32Array;
  /** Random bits for the events' identifiers. */
  readonly random: readonly [Int32Array, Int32Array, Int32Array];
  /** Sessions that started on this day. */
  readonly sessions: readonly (SessionFacts & { readonly number: number })[];
}

export interface DayEventsOptions {
  readonly seed: number;
  /** At least so many events are made; more by what the last session of a day goes on to do. */
  readonly rows: number;
  readonly days: number;
  /** First day, in days since 1970-01-01. */
  readonly firstDay: number;
}

export const DAY_MICROS = 86_400_000_000;
const USERS_PER_ROW = 1 / 400;

/**
 * Day after day of events; what a session does after midnight goes into the next day, what it does after the last day
 * is dropped. Memory: the events of two days. The same options give the same events.
 */
export function* dayEvents({ seed, rows, days, firstDay }: DayEventsOptions): Generator<DayEvents> {
  const users = Math.max(10, Math.floor(rows * USERS_PER_ROW));
  let today = new Columns(1024);
  let emitted = 0;
  let number = 0;
  for (let index = 0; index < days; index++) {
    const midnight = (firstDay + index) * DAY_MICROS;
    const last = index === days - 1;
    const target = Math.ceil((rows - emitted) / (days - index));
    const tomorrow = new Columns(1024);
    const sessions: (SessionFacts & { readonly number: number })[] = [];
    while (today.count < target) {
      const random = new Random(seed, number);
      sessions.push({ ...drawSession(random, users), number });
      for (const event of sessionEvents(random, midnight + startOfSession(random))) {
        if (event.ts < midnight + DAY_MICROS) today.push(number, event, random);
        else if (!last) tomorrow.push(number, event, random);
        else break;
      }
      number++;
    }
    yield today.finish(firstDay + index, sessions);
    emitted += today.count;
    today = tomorrow;
  }
}

/** Microseconds after midnight: half of the sessions start in the evening (16 to 22 h UTC, most at 19 h), the others at any time. */
function startOfSession(random: Random): number {
  const hours = random.unit() < 0.5 ? 16 + 3 * (random.unit() + random.unit()) : 24 * random.unit();
  return Math.floor(hours * 3600 * 1_000_000);
}

class Columns {
  count = 0;
  private ts: Float64Array;
  private readonly codes: Int32Array[];

  constructor(private capacity: number) {
    this.ts = new Float64Array(capacity);
    this.codes = Array.from({ length: 10 }, () => new Int32Array(capacity));
  }

  push(
    session: number,
    event: { ts: number; type: number; cdn: number; bufferMs: number; bitrate: number; position: number; extra: number },
    random: Random,
  ): void {
    if (this.count === this.capacity) this.grow();
    const at = this.count++;
    this.ts[at] = event.ts;
    const values = [
      session,
      event.type,
      event.cdn,
      event.bufferMs,
      event.bitrate,
      event.position,
      event.extra,
      random.bits(),
      random.bits(),
      random.bits(),
    ];
    for (let i = 0; i < values.length; i++) (this.codes[i] as Int32Array)[at] = values[i] as number;
  }

  finish(day: number, sessions: DayEvents['sessions']): DayEvents {
    const [session, type, cdn, bufferMs, bitrate, position, extra, a, b, c] = this.codes.map((column) =>
      column.subarray(0, this.count),
    ) as [Int32Array, Int32Array, Int32Array, Int32Array, Int32Array, Int32Array, Int32Array, Int32Array, Int32Array, Int32Array];
    return {
      day,
      count: this.count,
      ts: this.ts.subarray(0, this.count),
      session,
      type,
      cdn,
      bufferMs,
      bitrate,
      position,
      extra,
      random: [a, b, c],
      sessions,
    };
  }

  private grow(): void {
    this.capacity *= 2;
    const wider = new Float64Array(this.capacity);
    wider.set(this.ts);
    this.ts = wider;
    for (const [at, column] of this.codes.entries()) {
      const grown = new Int32Array(this.capacity);
      grown.set(column);
      this.codes[at] = grown;
    }
  }
}
