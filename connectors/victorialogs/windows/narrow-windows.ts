import type { ConnectorSplit, NarrowedSplits, TablePredicate } from '../../connector.js';
import type { LogsTable } from '../discover/logs-table.js';
import { asSplit, type LogsSplit } from '../handle.js';
import { translatedFor } from '../pushdown/push-filters.js';
import { both, isEmpty, timeBounds } from '../pushdown/time-bounds.js';

/** Leaves out windows whose time the filters exclude. What else the filters say the server is asked for when the rest is read. */
export function narrowWindows(
  table: LogsTable,
  splits: readonly Pick<ConnectorSplit, 'data' | 'rows'>[],
  filters: readonly TablePredicate[],
): NarrowedSplits {
  const pushed = filters.flatMap((filter) => {
    const translated = isNever(filter) ? { filter: { kind: 'nothing' } as const } : translatedFor(filter, table);
    return translated === undefined ? [] : [{ filter, bounds: timeBounds(translated.filter) }];
  });
  const bounds = pushed.map((one) => one.bounds).reduce(both, {});
  let skipped = { files: 0, rows: 0 };
  const left: LogsSplit[] = [];
  for (const { data } of splits) {
    const split = asSplit(data);
    const windows = split.windows.filter(([from, to]) => !isEmpty(both(bounds, { from: BigInt(from), to: BigInt(to) })));
    for (const window of split.windows) {
      if (!windows.includes(window)) skipped = { files: skipped.files + 1, rows: skipped.rows + window[2] };
    }
    if (windows.length === 0 || isEmpty(bounds)) continue;
    const further = [...(split.filters ?? []), ...pushed.map((one) => one.filter)];
    left.push({ windows, ...(further.length === 0 ? {} : { filters: further }) });
  }
  return { splits: left, skipped };
}

function isNever(filter: TablePredicate): boolean {
  return filter.kind === 'constant' && filter.value !== 't';
}
