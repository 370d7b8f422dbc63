import type { ConnectorSplit, SplitPlan } from '../../connector.js';
import type { LogsSplit, LogsWindow } from '../handle.js';
import { filterOf } from '../pushdown/push-filters.js';
import { both, isEmpty, timeBounds } from '../pushdown/time-bounds.js';
import { type PlanRequest, roundDown, roundUp, windowsStep } from '../windows/plan-splits.js';
import { planWindows } from '../windows/plan-windows.js';

/** Entries that the server goes through for one answer: about a second's work. */
const WINDOW_ENTRIES = 20_000_000;
/** As above, where each of them may be a group of its own. */
const WINDOW_GROUPS = 1_000_000;
const LINE_BYTES = 60;

/**
 * Splits of an aggregate: few and large windows, as entries stay where they are. They are counted without the filters, which costs next to nothing;
 * what that makes too large is halved when it is read.
 */
export async function planGroupSplits({ client, handle, table, signal }: PlanRequest): Promise<SplitPlan> {
  const bounds = both(timeBounds(filterOf(table, handle.filters)), { from: 0n, to: BigInt(handle.until) });
  const [from, to] = [roundDown(bounds.from ?? 0n), roundUp(bounds.to ?? 0n)];
  if (isEmpty(bounds) || from >= to) return { splits: [], pruning: [windowsStep([])] };
  const byColumns = handle.aggregate?.keys.some(({ kind }) => kind === 'column') === true;
  const windows = await planWindows({
    from,
    to,
    rows: byColumns ? WINDOW_GROUPS : WINDOW_ENTRIES,
    count: (part) => client.hits({ ...part, filter: { kind: 'all' } }, { signal }),
  });
  const splits = windows.map((window): ConnectorSplit & { readonly data: LogsSplit } => {
    const groups = groupsOf(window, byColumns);
    return { data: { windows: [window] }, rows: groups, bytes: groups * LINE_BYTES };
  });
  return { splits, pruning: [windowsStep(windows)] };
}

function groupsOf([, , entries]: LogsWindow, byColumns: boolean): number {
  return byColumns ? Math.ceil(entries / 10) : 1;
}
