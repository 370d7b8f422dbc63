import { asTimelineError } from '../../../sql/errors.js';
import type { ConnectorSplit, SplitPlan, SplitWish } from '../../connector.js';
import type { LogsClient } from '../client/logs-client.js';
import type { LogsTable } from '../discover/logs-table.js';
import type { LogsHandle, LogsSplit, LogsWindow } from '../handle.js';
import type { LogsFilter } from '../logsql/syntax.js';
import { filterOf } from '../pushdown/push-filters.js';
import { both, isEmpty, timeBounds } from '../pushdown/time-bounds.js';
import { planWindows, WINDOW_ROWS } from './plan-windows.js';

/** Of a line, about: braces and `_time`; and of each column. */
const LINE_BYTES = 45;
const COLUMN_BYTES = 25;
/** Of a window, however small splits should be. */
const LEAST_ROWS = 100;
/** Counting what passes the filters must not take longer than reading it might. */
const COUNT_MS = 5_000;

export interface PlanRequest {
  readonly client: Pick<LogsClient, 'hits'>;
  readonly handle: LogsHandle;
  readonly table: LogsTable;
  readonly wish: SplitWish;
  readonly signal: AbortSignal;
}

/** Splits of whole windows. What is small is together; with a limit everything is, as one task stops when it has enough. */
export async function planSplits(request: PlanRequest): Promise<SplitPlan> {
  const { handle, table, wish } = request;
  if (handle.limit === 0) return { splits: [], pruning: [] };
  const filter = filterOf(table, handle.filters);
  const bounds = both(timeBounds(filter), { from: 0n, to: BigInt(handle.until) });
  const [from, to] = [roundDown(bounds.from ?? 0n), roundUp(bounds.to ?? 0n)];
  if (isEmpty(bounds) || from >= to) return { splits: [], pruning: [windowsStep([])] };
  const rowBytes = LINE_BYTES + COLUMN_BYTES * handle.width;
  // A window of wide rows is no more than a split should be.
  const rows = wish.bytes === undefined || wish.bytes === 0 ? WINDOW_ROWS : Math.floor(wish.bytes / rowBytes);
  const windows = await windowsOf(request, filter, { from, to, rows: Math.max(LEAST_ROWS, Math.min(WINDOW_ROWS, rows)) });
  const most = handle.limit === undefined ? (wish.bytes ?? 0) : Number.POSITIVE_INFINITY;
  const splits: (ConnectorSplit & { readonly data: LogsSplit })[] = [];
  for (const window of windows) {
    const bytes = window[2] * rowBytes;
    const last = splits.at(-1);
    const joined = last !== undefined && last.bytes + bytes <= most ? splits.pop() : undefined;
    splits.push({
      data: { windows: [...(joined?.data.windows ?? []), window] },
      bytes: (joined?.bytes ?? 0) + bytes,
      rows: (joined?.rows ?? 0) + window[2],
    });
  }
  return { splits, pruning: [windowsStep(windows)] };
}

async function windowsOf(
  { client, handle, table, signal }: PlanRequest,
  filter: LogsFilter,
  range: { readonly from: bigint; readonly to: bigint; readonly rows: number },
): Promise<readonly LogsWindow[]> {
  if (handle.filters.length > 0) {
    try {
      return await planWindows({ ...range, count: (part) => client.hits({ ...part, filter }, { signal, timeout: COUNT_MS }) });
    } catch (error) {
      signal.throwIfAborted();
      if (asTimelineError(error).sqlstate !== '57014') throw error;
    }
  }
  return planWindows({ ...range, count: (part) => client.hits({ ...part, filter: table.filter }, { signal }) });
}

export function windowsStep(windows: readonly LogsWindow[]): SplitPlan['pruning'][number] {
  const rows = windows.reduce((sum, [, , count]) => sum + count, 0);
  const note = `${windows.length} of _time, about ${rows} entries`;
  return { step: 'windows', before: windows.length, after: windows.length, note };
}

/** To whole microseconds, not before 1970. */
export function roundDown(nanos: bigint): bigint {
  return (nanos < 0n ? 0n : nanos) - (nanos < 0n ? 0n : nanos % 1_000n);
}

export function roundUp(nanos: bigint): bigint {
  return nanos < 0n ? 0n : ((nanos + 999n) / 1_000n) * 1_000n;
}
