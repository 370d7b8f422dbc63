import type { Handle } from '../connectors/connector.js';
import { mapSubplans, operatorsIn, rewrite } from './logical-plan.js';
import type { Operator, Stage, TimelineOperator } from './physical-plan.js';
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

/** The plan with numbers of rows in place of handles. */
export function settleWindows(plan: Operator, rows: (scan: string) => WindowRows | undefined): Operator {
  return rewrite(plan, (op) => {
    if (op.kind !== 'timeline') return mapSubplans(op, (inner) => settleWindows(inner, rows));
    return settled(op, rows);
  });
}

function settled(op: TimelineOperator, rows: (scan: string) => WindowRows | undefined): TimelineOperator {
  const lookback = op.reading?.lookback;
  if (lookback?.kind !== 'unbounded' || lookback.window === undefined) return op;
  const { window, ...rest } = lookback;
  const found = rows(window.scan);
  if (found === undefined) return { ...op, reading: { ...op.reading, lookback: rest } };
  return {
    ...op,
    reading: { ...op.reading, lookback: { ...rest, rows: { before: Math.max(0, found.all - found.since), since: found.since } } },
  };
}

/** A remark for each call that reads more rows before its window than in it, and keeps no state for the next time. */
export function lookbackRemarks(stages: readonly Stage[]): readonly string[] {
  const remarks = new Set<string>();
  for (const op of stages.flatMap((stage) => [...operatorsIn(stage.root)])) {
    if (op.kind !== 'timeline' || op.carry !== undefined || op.reading?.lookback?.kind !== 'unbounded') continue;
    const { rows } = op.reading.lookback;
    if (rows === undefined || rows.before <= rows.since) continue;
    remarks.add(
      `timeline: the state at "since" comes from all earlier events, about ${count(rows.before, 'row')} for ${count(rows.since, 'row')} from then on; ` +
        '"lookback" would bound what is read, and may change the answer',
    );
  }
  return [...remarks];
}
