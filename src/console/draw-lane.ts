import { formatInterval, formatTimestamp, formatTimestampTz } from '../../sql/value-time.js';
import type { Block } from './blocks.js';
import { type Lane, numberOf, type Segment } from './lanes.js';
import { GREY, type Paint } from './palette.js';
import { coordinate, escapeXml, fitText } from './svg-text.js';
import { durationLabel } from './time-axis.js';

export interface LanePlace {
  readonly lane: Lane;
  readonly blocks: readonly Block[];
  readonly paint: ReadonlyMap<string, Paint>;
  /** Least and greatest number of all lanes of this signal. */
  readonly range: readonly [number, number] | undefined;
  readonly top: number;
  readonly height: number;
  readonly times: TimeText;
}

/** How times are written; `zone` undefined: they have none. */
export interface TimeText {
  readonly zone: string | undefined;
}

const LABEL_SIZE = 11;
/** An instant's mark, pixels. */
const MARK = 3;

/** A lane's blocks as SVG elements. */
export function drawLane(place: LanePlace): string {
  const { blocks, lane } = place;
  const parts: string[] = [];
  if (lane.kind === 'number') parts.push(stepLine(place));
  for (const [at, block] of blocks.entries()) {
    const next = blocks[at + 1];
    parts.push(`<g><title>${escapeXml(tooltip(place, block))}</title>${shape(place, block, next?.left)}</g>`);
  }
  return parts.join('');
}

export function instantText(instant: bigint, { zone }: TimeText): string {
  return zone === undefined ? formatTimestamp(instant) : formatTimestampTz(instant, zone);
}

function shape(place: LanePlace, block: Block, next: number | undefined): string {
  const { lane, top, height } = place;
  const isMark = block.kind === 'one' ? block.segment.from === block.segment.to : block.instants;
  const left = isMark ? block.left - MARK / 2 : block.left;
  const width = isMark ? MARK : Math.max(block.right - block.left, 1);
  // Neighbours are kept apart by a hair, unless they are hairs themselves.
  const gap = width > 4 ? 0.6 : 0;
  const box = `x="${coordinate(left)}" y="${top}" width="${coordinate(width - gap)}" height="${height}"`;
  const open = block.kind === 'one' && block.segment.open ? openMark(block.right, top, height) : '';
  const value = block.kind === 'one' ? block.segment.value : block.value;
  const mixed = block.kind === 'many' && block.longest.length > 1 ? `<rect class="cover" ${box} fill="url(#tl-mixed)"/>` : '';
  if (value === null) return `<rect class="track" ${box}/><rect class="cover" ${box} fill="url(#tl-null)"/>${mixed}${open}`;
  switch (lane.kind) {
    case 'number':
      return `<rect class="hit" ${box}/>${numberShape(place, block, isMark)}${open}`;
    case 'rows':
      return `<rect class="rows" ${box}/>${mixed}${open}`;
    case 'boolean': {
      if (value === true) return `<rect class="true" ${box}/>${mixed}${open}`;
      const y = coordinate(top + height - 2);
      const line = `<line class="false" x1="${coordinate(left)}" x2="${coordinate(left + width)}" y1="${y}" y2="${y}"/>`;
      return `<rect class="hit" ${box}/>${line}${mixed}${open}`;
    }
    case 'text': {
      const text = block.kind === 'one' ? block.segment.text : (block.longest[0]?.[0] ?? '');
      const paint = place.paint.get(text) ?? GREY;
      const cover = paint.pattern === '' ? '' : `<rect class="cover" ${box} fill="url(#${paint.pattern})"/>`;
      // A mark's label stands beside it, as far as the next mark.
      const room = isMark ? (next ?? block.left) - block.left - 2 * MARK : width - 6;
      const label = block.kind === 'one' && !isMark && room > 12 ? fitText(text, room, LABEL_SIZE) : '';
      const written =
        label === '' ? '' : `<text class="label" x="${coordinate(left + 3)}" y="${top + height / 2 + 4}">${escapeXml(label)}</text>`;
      const beside = isMark && block.kind === 'one' && room > 12 ? fitText(text, room, LABEL_SIZE) : '';
      const besideText =
        beside === '' ? '' : `<text x="${coordinate(left + MARK + 2)}" y="${top + height / 2 + 4}">${escapeXml(beside)}</text>`;
      return `<rect class="${paintClass(paint)}" ${box}/>${cover}${mixed}${written}${besideText}${open}`;
    }
  }
}

export function paintClass({ colour }: Paint): string {
  return colour === undefined ? 'other' : `c${colour}`;
}

/** The value goes on after this: a small arrow out of the lane. */
function openMark(right: number, top: number, height: number): string {
  const x = coordinate(right + 1);
  const middle = top + height / 2;
  return `<path class="open" d="M${x} ${middle - 4}L${coordinate(right + 6)} ${middle}L${x} ${middle + 4}Z"/>`;
}

function numberShape(place: LanePlace, block: Block, isMark: boolean): string {
  if (block.kind === 'many') {
    if (block.range === undefined) return '';
    const [low, high] = block.range.map((number) => height(place, number));
    const y = coordinate(high ?? 0);
    return `<rect class="dot" x="${coordinate(block.left)}" y="${y}" width="${coordinate(Math.max(block.right - block.left, 1))}" height="${coordinate(Math.max((low ?? 0) - (high ?? 0), 1))}"/>`;
  }
  const number = numberOf(block.segment.value);
  if (number === undefined)
    return `<text class="small middle" x="${coordinate((block.left + block.right) / 2)}" y="${place.top + place.height / 2 + 3}">${escapeXml(block.segment.text)}</text>`;
  return isMark ? `<circle class="dot" cx="${coordinate(block.left)}" cy="${coordinate(height(place, number))}" r="2.5"/>` : '';
}

/** One line through the numbers, broken where there is none; narrow blocks are boxes of their own. */
function stepLine(place: LanePlace): string {
  let path = '';
  let end: number | undefined;
  for (const block of place.blocks) {
    const number = block.kind === 'one' ? numberOf(block.segment.value) : undefined;
    if (number === undefined || block.right <= block.left) {
      end = undefined;
      continue;
    }
    const y = coordinate(height(place, number));
    const joins = end !== undefined && Math.abs(block.left - end) < 0.01;
    path += joins ? `V${y}H${coordinate(block.right)}` : `M${coordinate(block.left)} ${y}H${coordinate(block.right)}`;
    end = block.right;
  }
  return path === '' ? '' : `<path class="line" d="${path}"/>`;
}

function height({ range, top, height }: LanePlace, number: number): number {
  const [low, high] = range ?? [number, number];
  // Halves, since the difference of two large numbers may not be a number.
  const share = high > low ? (number / 2 - low / 2) / (high / 2 - low / 2) : 0.5;
  return top + height - 3 - share * (height - 6);
}

function tooltip({ lane, times }: LanePlace, block: Block): string {
  const name = lane.name === '' ? '' : `${lane.name}: `;
  if (block.kind === 'one') {
    const { segment } = block;
    return [`${name}${segment.text}`, ...timeLines(segment, times), ...segment.details].join('\n');
  }
  const shares = block.longest.map(
    ([text, share]) => `${lane.name === '' ? 'rows' : text}: ${block.instants ? share : durationLabel(share)}`,
  );
  const what = `${lane.name === '' ? '' : `${lane.name}, `}${block.count} too close to be told apart:`;
  return [what, ...shares, `${instantText(block.from, times)} – ${instantText(block.to, times)}`].join('\n');
}

function timeLines({ from, to, open }: Segment, times: TimeText): string[] {
  if (from === to) return [instantText(from, times)];
  const length = to - from;
  const exact = formatInterval({ months: 0, days: 0, micros: length });
  return [`${instantText(from, times)} – ${instantText(to, times)}`, `${durationLabel(Number(length))} (${exact})${open ? ', open' : ''}`];
}
