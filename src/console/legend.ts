import type { LaneGroup } from './lanes.js';
import { type Paint, paints } from './palette.js';

/** What the values of one signal look like. */
export interface LegendEntry {
  readonly signal: string;
  readonly values: readonly {
    readonly text: string;
    readonly paint: Paint;
    /** Microseconds that it holds in what is drawn; of points and events their number. */
    readonly share: number;
  }[];
}

/** Signals of text, by name, over all groups; NULL is no value of theirs. Values that hold longest first. */
export function legendOf(groups: readonly LaneGroup[]): readonly LegendEntry[] {
  const signals = new Map<string, Map<string, number>>();
  for (const { lanes } of groups) {
    for (const { kind, name, segments } of lanes) {
      if (kind !== 'text') continue;
      const shares = signals.get(name) ?? new Map<string, number>();
      signals.set(name, shares);
      for (const { value, text, from, to } of segments) {
        if (value !== null) shares.set(text, (shares.get(text) ?? 0) + (from === to ? 1 : Number(to - from)));
      }
    }
  }
  return [...signals].map(([signal, shares]) => {
    const painted = paints(shares.keys());
    const values = [...shares]
      .sort(([, a], [, b]) => b - a)
      .flatMap(([text, share]) => {
        const paint = painted.get(text);
        return paint === undefined ? [] : [{ text, paint, share }];
      });
    return { signal, values };
  });
}
