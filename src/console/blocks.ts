import { type Lane, type LaneGroup, numberOf, type Segment } from './lanes.js';

/** Pixels of an instant. */
export type Scale = (instant: bigint) => number;

/** What is drawn of a lane: one segment, or several that are too narrow to be told apart. Left and right in pixels. */
export type Block =
  | { readonly kind: 'one'; readonly left: number; readonly right: number; readonly segment: Segment }
  | {
      readonly kind: 'many';
      readonly left: number;
      readonly right: number;
      readonly from: bigint;
      readonly to: bigint;
      readonly count: number;
      /** All of them are instants. */
      readonly instants: boolean;
      /** The values that hold longest (of instants: that are most), with their share in microseconds (instants: their number). */
      readonly longest: readonly (readonly [text: string, share: number])[];
      /** Of the longest one. */
      readonly value: Segment['value'];
      /** Least and greatest number. */
      readonly range: readonly [number, number] | undefined;
    };

const MOST_BLOCKS = 20_000;
const SHOWN_VALUES = 4;

/** Puts narrow segments together until the picture has a size that a browser likes. The blocks of each lane of each group. */
export function makeBlocks(groups: readonly LaneGroup[], scale: Scale): readonly (readonly (readonly Block[])[])[] {
  const placed = groups.map((group) => group.lanes.map((lane) => placeSegments(lane, scale)));
  let least = 0.75;
  // Counted before they are made: all the narrow ones would be put together anew for each width.
  while (least < 1000 && countBlocks(placed.flat(), least) > MOST_BLOCKS) least *= 2;
  return placed.map((lanes) => lanes.map((lane) => laneBlocks(lane, least)));
}

/** Segments of a lane with where they lie, pixels. */
interface Placed {
  readonly segments: readonly Segment[];
  readonly lefts: Float64Array;
  readonly rights: Float64Array;
}

function placeSegments({ segments }: Lane, scale: Scale): Placed {
  return {
    segments,
    lefts: Float64Array.from(segments, ({ from }) => scale(from)),
    rights: Float64Array.from(segments, ({ to }) => scale(to)),
  };
}

function countBlocks(lanes: readonly Placed[], least: number): number {
  let count = 0;
  for (const lane of lanes) eachRun(lane, least, () => count++);
  return count;
}

function laneBlocks(lane: Placed, least: number): readonly Block[] {
  const blocks: Block[] = [];
  eachRun(lane, least, (first, end) => {
    const [left, right] = [lane.lefts[first] ?? 0, lane.rights.subarray(first, end).reduce((most, x) => Math.max(most, x))];
    const [segment] = lane.segments.slice(first, first + 1);
    if (segment === undefined) return;
    blocks.push(end - first === 1 ? { kind: 'one', left, right, segment } : { ...many(lane.segments.slice(first, end)), left, right });
  });
  return blocks;
}

/** Calls with the bounds [first, end) of each run: a segment at least `least` pixels wide, or narrow ones that begin within so many. */
function eachRun({ segments, lefts, rights }: Placed, least: number, take: (first: number, end: number) => void): void {
  let first = 0;
  while (first < segments.length) {
    const left = lefts[first] ?? 0;
    let end = first + 1;
    if ((rights[first] ?? 0) - left < least) {
      while (end < segments.length && (lefts[end] ?? 0) - left < least && (rights[end] ?? 0) - (lefts[end] ?? 0) < least) end++;
    }
    take(first, end);
    first = end;
  }
}

function many(segments: readonly Segment[]): Omit<Extract<Block, { kind: 'many' }>, 'left' | 'right'> {
  const shares = new Map<string, { share: number; value: Segment['value'] }>();
  let [from, to] = [segments[0]?.from ?? 0n, segments[0]?.to ?? 0n];
  const instants = segments.every((segment) => segment.from === segment.to);
  let range: [number, number] | undefined;
  for (const segment of segments) {
    if (segment.from < from) from = segment.from;
    if (segment.to > to) to = segment.to;
    const share = instants ? 1 : Number(segment.to - segment.from);
    const known = shares.get(segment.text);
    if (known === undefined) shares.set(segment.text, { share, value: segment.value });
    else known.share += share;
    const number = numberOf(segment.value);
    if (number !== undefined) range = range === undefined ? [number, number] : [Math.min(range[0], number), Math.max(range[1], number)];
  }
  const sorted = [...shares].sort(([, a], [, b]) => b.share - a.share);
  const longest = sorted.slice(0, SHOWN_VALUES).map(([text, { share }]) => [text, share] as const);
  const value = sorted[0]?.[1].value ?? null;
  return { kind: 'many', from, to, count: segments.length, instants, longest, value, range };
}
