import type { TimelineSpec } from '../../planner/timeline-spec.js';
import { internal } from '../../sql/errors.js';
import { firstAtOrAfter } from './ascending.js';
import { bucketEdges } from './calendar.js';
import { instantOf } from './clock.js';

/** When output is looked at, by a spec's options: microseconds, ascending. */
export interface Cuts {
  readonly since: number;
  /** Spans end here and see no event from here on; points see events up to and at this instant. */
  readonly end: number;
  /** since and bucket edges; the instants of points. */
  readonly instants: Float64Array;
  readonly edges: Float64Array | undefined;
  /** There can be no row. */
  readonly nothing: boolean;
}

export function cutsOf(spec: TimelineSpec, horizon: bigint | undefined): Cuts {
  const since = spec.since === undefined ? -Infinity : Number(spec.since);
  const until =
    spec.until.kind === 'at'
      ? Number(spec.until.instant)
      : spec.until.kind === 'horizon' && horizon !== undefined
        ? instantOf(horizon)
        : undefined;
  if (spec.probe !== undefined) {
    if (spec.emit !== 'points' || spec.at !== undefined || spec.every !== undefined || spec.fill)
      throw internal('timeline: probes beside other instants, or fill');
    return { since, end: Infinity, instants: new Float64Array(), edges: undefined, nothing: false };
  }
  const edges = spec.every === undefined ? undefined : edgesOf(spec, since, until);
  const instants = instantsOf({ spec, since, until, edges });
  if (spec.emit === 'points') {
    const last = instants.at(-1);
    return { since, end: last ?? -Infinity, instants, edges, nothing: last === undefined };
  }
  return { since, end: until ?? -Infinity, instants, edges, nothing: until === undefined || since >= until };
}

/** A stretch of a call's time: its events are those of [from, to), microseconds. The first begins at -Infinity, the last ends at Infinity. */
export interface Chunk {
  readonly from: number;
  readonly to: number;
}

/** What of a call's cuts is in a chunk. `continues`: a span that only the chunk's beginning cuts is not cut there. */
export function cutsInChunk(
  cuts: Cuts,
  { from, to }: Chunk,
  { points, continues }: { readonly points: boolean; readonly continues: boolean },
): Cuts {
  const inside = cuts.instants.filter((instant) => instant >= from && instant < to);
  const since = Math.max(cuts.since, from);
  if (points) return { ...cuts, since, end: inside.at(-1) ?? -Infinity, instants: inside, nothing: cuts.nothing || inside.length === 0 };
  const end = Math.min(cuts.end, to);
  const instants = from <= cuts.since || inside[0] === from || continues ? inside : Float64Array.from([from, ...inside]);
  return { ...cuts, since, end, instants, nothing: cuts.nothing || since >= end };
}

/** Those of a kernel that shows nothing before `to`, and only sums up. */
export function cutsAfter(to: number): Cuts {
  return { since: to, end: Infinity, instants: new Float64Array(), edges: undefined, nothing: false };
}

function edgesOf(spec: TimelineSpec, since: number, until: number | undefined): Float64Array {
  const { every } = spec;
  if (every === undefined || until === undefined || since === -Infinity) throw internal('timeline: every without since and until');
  if (since >= until) return new Float64Array();
  return bucketEdges({
    every: { months: every.months, days: every.days, micros: Number(every.micros) },
    origin: spec.origin === undefined ? undefined : Number(spec.origin),
    timeZone: spec.timeZone,
    since,
    until,
  });
}

function instantsOf(options: {
  readonly spec: TimelineSpec;
  readonly since: number;
  readonly until: number | undefined;
  readonly edges: Float64Array | undefined;
}): Float64Array {
  const { spec, since, until = Infinity, edges } = options;
  if (spec.at !== undefined) return Float64Array.from(spec.at.map(Number)).filter((instant) => instant >= since);
  if (spec.emit === 'points') {
    if (edges === undefined) throw internal('timeline: points without instants');
    return edges.filter((edge) => edge > since && edge <= until);
  }
  const inside = edges?.filter((edge) => edge > since && edge < until) ?? new Float64Array();
  return since === -Infinity ? inside : Float64Array.from([since, ...inside]);
}

/** Index of the edge at which an instant's bucket begins. */
export function bucketAt(edges: Float64Array, instant: number): number {
  const index = firstAtOrAfter(edges, instant);
  return (edges[index] ?? Infinity) > instant ? index - 1 : index;
}
