import { earlier, later } from '../instant.js';
import type { LogsFilter } from '../logsql/syntax.js';

/** Nanoseconds since 1970: from (inclusive), to (exclusive). Absent: open. */
export interface TimeBounds {
  readonly from?: bigint;
  readonly to?: bigint;
}

const NEVER: TimeBounds = { from: 0n, to: 0n };

/** Outside of these no entry passes the filter. */
export function timeBounds(filter: LogsFilter): TimeBounds {
  switch (filter.kind) {
    case 'time':
      return bounds(filter.from, filter.to);
    case 'nothing':
      return NEVER;
    case 'and':
      return filter.args.map(timeBounds).reduce(both, {});
    case 'or':
      return filter.args.length === 0 ? NEVER : filter.args.map(timeBounds).reduce(either);
    default:
      return {};
  }
}

export function isEmpty({ from, to }: TimeBounds): boolean {
  return from !== undefined && to !== undefined && from >= to;
}

export function both(a: TimeBounds, b: TimeBounds): TimeBounds {
  return bounds(
    a.from === undefined || (b.from !== undefined && b.from > a.from) ? b.from : a.from,
    a.to === undefined || (b.to !== undefined && b.to < a.to) ? b.to : a.to,
  );
}

function either(a: TimeBounds, b: TimeBounds): TimeBounds {
  if (isEmpty(a)) return b;
  if (isEmpty(b)) return a;
  const from = a.from === undefined || b.from === undefined ? undefined : earlier(a.from, b.from);
  const to = a.to === undefined || b.to === undefined ? undefined : later(a.to, b.to);
  return bounds(from, to);
}

function bounds(from: bigint | undefined, to: bigint | undefined): TimeBounds {
  return { ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) };
}
