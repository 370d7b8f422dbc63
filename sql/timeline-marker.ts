/** JSON argument of `timeline_ops.call`: what the rewriting of a TIMELINE() call tells the planner. */
export interface TimelineMarker {
  readonly emit: 'spans' | 'points';
  /** Output columns that are the key. */
  readonly keys: number;
  /** Names of the signals, in order: the last output columns. */
  readonly signals: readonly string[];
  /** How many subselects lie between the marked one and the source: they hold signals that others use, as columns `~g0`, `~g1`, …. */
  readonly levels: number;
  readonly ties: 'apply' | 'error';
  /** `lookback => 'none'`. */
  readonly noLookback: boolean;
  /** 1-based positions of option values in the user's text, for errors. */
  readonly positions: Readonly<Record<string, number>>;
}

/** Schema of the marker and operator functions in analysed trees: `timeline_ops.latest(anyelement)`. */
export const OPS = 'timeline_ops.';

/** Column of a nested subselect that holds signal n. */
export function signalColumn(n: number): string {
  return `~g${n}`;
}

export function signalOfColumn(name: string): number | undefined {
  const found = /^~g(\d+)$/.exec(name);
  return found === null ? undefined : Number(found[1]);
}
