import type { Handle } from '../connectors/connector.js';
import { mapSubplans, operatorsIn, rewrite } from './logical-plan.js';
import type { Operator, TimelineOperator } from './physical-plan.js';
import { count } from './units.js';

/** Scans whose rows from `since` on are asked for, by ScanOperator.scan, with the handle to ask by (rules/timeline-window). */
export function windowsOf(plan: Operator): ReadonlyMap<string, Handle> {
  const windows = new Map<string, Handle>();
  for (const op of operatorsIn(plan)) {
    const window = op.kind === 'timeline' && op.reading?.lookback?.kind === 'unbounded' ? op.reading.lookback.window : undefined;
    if (window !== undefined) windows.set(window.scan, window.handle as Handle);
  }
  return windows;
}

export interface WindowRows {
  /** Rows of the scan's splits. */
  readonly all: number;
  /** Of those that may hold rows from `since` on. */
  readonly since: number;
}

/** The plan with numbers of rows in place of handles. `remark` is called for each call that reads more rows before `since` than after. */
export function settleWindows(plan: Operator, rows: (scan: string) => WindowRows | undefined, remark: (text: string) => void): Operator {
  return rewrite(plan, (op) => {
    if (op.kind !== 'timeline') return mapSubplans(op, (inner) => settleWindows(inner, rows, remark));
    return settled(op, rows, remark);
  });
}

function settled(op: TimelineOperator, rows: (scan: string) => WindowRows | undefined, remark: (text: string) => void): TimelineOperator {
  const lookback = op.reading?.lookback;
  if (lookback?.kind !== 'unbounded' || lookback.window === undefined) return op;
  const { window, ...rest } = lookback;
  const found = rows(window.scan);
  if (found === undefined) return { ...op, reading: { ...op.reading, lookback: rest } };
  const before = Math.max(0, found.all - found.since);
  if (before > found.since) {
    remark(
      `timeline: the state at "since" comes from all earlier events, about ${count(before, 'row')} for ${count(found.since, 'row')} from then on; ` +
        'a "lookback" would bound what is read, and may change the answer',
    );
  }
  return { ...op, reading: { ...op.reading, lookback: { ...rest, rows: { before, since: found.since } } } };
}
