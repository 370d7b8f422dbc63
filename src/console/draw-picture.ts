import { TimelineError } from '../../sql/errors.js';
import { type Block, makeBlocks, type Scale } from './blocks.js';
import { columnRoles } from './column-roles.js';
import { drawLane, instantText, paintClass, type TimeText } from './draw-lane.js';
import { count, type Lane, type Lanes, makeLanes, numberOf } from './lanes.js';
import { type LegendEntry, legendOf } from './legend.js';
import type { Paint } from './palette.js';
import type { PictureRows } from './picture-rows.js';
import { PICTURE_STYLE } from './picture-style.js';
import { coordinate, escapeXml, fitText, oneLine, textWidth } from './svg-text.js';
import { durationLabel, type Tick, timeTicks } from './time-axis.js';

export interface PictureOptions {
  /** Pixels. */
  readonly width: number;
  /** The session's: times are written in it. */
  readonly timeZone: string;
  /** Default: what is drawn, and from when to when. */
  readonly title?: string | undefined;
  /** Columns whose values make a group; default: those before the times. */
  readonly by?: readonly string[] | undefined;
  /** Values of keys; empty: all keys. */
  readonly only: readonly string[];
  /** What the query said beside its rows. */
  readonly notices: readonly string[];
}

export const LEAST_WIDTH = 320;
export const MOST_WIDTH = 8000;
const LEFT = 150;
const RIGHT = 24;
const TITLE_HEIGHT = 30;
const LEGEND_LINE = 18;
const GROUP_TITLE = 20;
const LANE_GAP = 5;
const GROUP_GAP = 10;
const AXIS_HEIGHT = 34;
const NOTE_LINE = 15;
/** A picture higher than this has its axis at the top, too. */
const ONE_AXIS = 500;
const MOST_LEGEND = 12;
const MOST_NOTICES = 5;
const MOST_NOTE = 300;
/** Characters of a title and of a tooltip that tells a whole text. */
const MOST_TITLE = 500;

/** Draws a result as lanes over time: SVG. Throws 42703, 42804 for columns, 22023 for options that make no picture. */
export function drawPicture(rows: PictureRows, options: PictureOptions): string {
  const { width, timeZone } = options;
  if (!Number.isInteger(width) || width < LEAST_WIDTH || width > MOST_WIDTH) {
    const message = `the width of a picture must be ${LEAST_WIDTH} to ${MOST_WIDTH} pixels`;
    throw new TimelineError({ kind: 'semantic', sqlstate: '22023', message });
  }
  const roles = columnRoles(rows.columns, options.by);
  const lanes = makeLanes(rows, roles, options);
  const times = { zone: roles.zoned ? timeZone : undefined };
  const legend = legendOf(lanes.groups);
  const notices = options.notices.slice(0, MOST_NOTICES);
  if (notices.length < options.notices.length)
    notices.push(`${count(options.notices.length - notices.length, 'further notice')} left out.`);
  return new Picture({
    width,
    lanes,
    legend,
    times,
    title: options.title,
    notes: [...lanes.notes, ...notices],
    isSpans: roles.times.kind === 'spans',
  }).svg();
}

interface PictureParts {
  readonly width: number;
  readonly lanes: Lanes;
  readonly legend: readonly LegendEntry[];
  readonly times: TimeText;
  readonly title: string | undefined;
  readonly notes: readonly string[];
  readonly isSpans: boolean;
}

/** Parts are put one below the other; `top` is where the next one goes. */
class Picture {
  private readonly out: string[] = [];
  private readonly paint: ReadonlyMap<string, ReadonlyMap<string, Paint>>;
  private top = 0;

  constructor(private readonly parts: PictureParts) {
    this.paint = new Map(parts.legend.map(({ signal, values }) => [signal, new Map(values.map(({ text, paint }) => [text, paint]))]));
  }

  svg(): string {
    const { width, lanes } = this.parts;
    const title = (this.parts.title ?? defaultTitle(this.parts)).slice(0, MOST_TITLE);
    this.text(12, 20, fitText(title, width - 24, 16), 'title', title);
    this.top = TITLE_HEIGHT;
    for (const entry of this.parts.legend) this.legendLine(entry);
    if (lanes.domain === undefined) this.note('There are no rows to draw.');
    else this.plot(lanes.domain);
    this.conventions();
    for (const note of this.parts.notes) this.note(note);
    const height = Math.ceil(this.top + 10);
    return [
      `<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-labelledby="tl-title tl-desc" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">`,
      `<title id="tl-title">${escapeXml(oneLine(title))}</title><desc id="tl-desc">${escapeXml(description(this.parts))}</desc>`,
      `<style>${PICTURE_STYLE}</style>${DEFINITIONS}<rect class="paper" width="${width}" height="${height}"/>`,
      ...this.out,
      '</svg>\n',
    ].join('\n');
  }

  private plot(domain: { readonly from: bigint; readonly to: bigint }): void {
    const { width, lanes, times, isSpans } = this.parts;
    const right = width - RIGHT;
    // Marks at the ends are seen whole.
    const length = Number(domain.to - domain.from) || 2_000_000;
    const margin = isSpans && domain.to > domain.from ? 0 : length * 0.02;
    const start = domain.from - BigInt(Math.ceil(margin));
    const end = domain.to + BigInt(Math.ceil(margin));
    const perMicro = (right - LEFT) / Number(end - start);
    const scale: Scale = (instant) => LEFT + Number(instant - start) * perMicro;
    const most = Math.max(2, Math.floor((right - LEFT) / 90));
    const ticks = timeTicks({ from: start, to: end, zone: times.zone ?? 'UTC', most });
    const blocks = makeBlocks(lanes.groups, scale);
    const height = lanes.groups.reduce(
      (sum, group) => sum + GROUP_TITLE + GROUP_GAP + group.lanes.reduce((all, lane) => all + laneHeight(lane) + LANE_GAP, 0),
      0,
    );
    if (height > ONE_AXIS) this.axis(ticks, scale, right);
    const verticals = (instants: readonly bigint[], top: number): string =>
      instants.map((instant) => `M${coordinate(scale(instant))} ${top}V${coordinate(this.top)}`).join('');
    const grid = ticks.map(({ at }) => at);
    const edges = lanes.edges.filter((edge) => edge >= start && edge <= end);
    const ranges = numberRanges(lanes.groups.flatMap((group) => group.lanes));
    for (const [at, group] of lanes.groups.entries()) {
      this.out.push(
        `<g class="key"><title>${escapeXml(`${group.title === '' ? 'all rows' : group.title.slice(0, MOST_TITLE)} (${count(group.rows, 'row')})`)}</title>`,
      );
      // The title says it already.
      const isTold = group.title === '' || (lanes.groups.length === 1 && this.parts.title === undefined);
      if (!isTold) this.text(12, this.top + 14, fitText(group.title, width - 24, 12.5), 'group', group.title);
      this.top += isTold ? 4 : GROUP_TITLE;
      const { top } = this;
      const under = this.out.push('') - 1;
      for (const [i, lane] of group.lanes.entries()) this.lane(lane, blocks[at]?.[i] ?? [], ranges.get(lane.name), right);
      this.out[under] = `<path class="grid" d="${verticals(grid, top)}"/>`;
      // Edges lie over the lanes.
      if (edges.length > 0) this.out.push(`<path class="edge" d="${verticals(edges, top)}"/>`);
      this.out.push('</g>');
      this.top += GROUP_GAP;
    }
    this.axis(ticks, scale, right);
  }

  private lane(lane: Lane, blocks: readonly Block[], range: readonly [number, number] | undefined, right: number): void {
    const height = laneHeight(lane);
    const { top } = this;
    this.out.push(`<g class="lane"><rect class="track" x="${LEFT}" y="${top}" width="${right - LEFT}" height="${height}"/>`);
    const numbers =
      lane.kind === 'number' && range !== undefined
        ? range.map((number) => (lane.isDuration ? signedDuration(number) : shortNumber(number)))
        : [];
    const room = LEFT - 32 - Math.max(0, ...numbers.map((number) => textWidth(number, 9.5)));
    this.text(18, top + height / 2 + 4, fitText(lane.name, room, 11), 'faint', lane.name);
    const [low, high] = numbers;
    if (low !== undefined && high !== undefined && low !== high) {
      this.text(LEFT - 6, top + 9, high, 'small end faint');
      this.text(LEFT - 6, top + height - 2, low, 'small end faint');
    } else if (low !== undefined) this.text(LEFT - 6, top + height / 2 + 3, low, 'small end faint');
    const paint = this.paint.get(lane.name) ?? new Map<string, Paint>();
    this.out.push(drawLane({ lane, blocks, paint, range, top, height, times: this.parts.times }), '</g>');
    this.top += height + LANE_GAP;
  }

  private axis(ticks: readonly Tick[], scale: Scale, right: number): void {
    const { top } = this;
    this.out.push(`<line class="axis" x1="${LEFT}" x2="${right}" y1="${top}" y2="${top}"/>`);
    for (const { at, label, date } of ticks) {
      const x = scale(at);
      this.out.push(`<line class="axis" x1="${coordinate(x)}" x2="${coordinate(x)}" y1="${top}" y2="${top + 4}"/>`);
      // Labels at the ends stay inside of the picture.
      const inside = Math.min(Math.max(x, LEFT - 100), this.parts.width - textWidth(label, 11) / 2 - 2);
      this.text(inside, top + 15, label, 'middle');
      if (date !== undefined) this.text(Math.min(x, this.parts.width - 36), top + 28, date, 'middle faint');
    }
    this.text(12, top + 15, fitText(this.parts.times.zone ?? 'no time zone', LEFT - 50, 11), 'faint');
    this.top += AXIS_HEIGHT;
  }

  private legendLine({ signal, values }: LegendEntry): void {
    if (values.length === 0) return;
    const { width, isSpans } = this.parts;
    let x = LEFT;
    this.text(18, this.top + 12, fitText(signal, LEFT - 30, 11), 'faint');
    const shown = values.slice(0, MOST_LEGEND);
    for (const { text, paint, share } of shown) {
      const label = `${fitText(text, 160, 11)} · ${isSpans ? durationLabel(share) : share}`;
      const needed = 18 + textWidth(label, 11) + 14;
      if (x + needed > width - 12 && x > LEFT) {
        x = LEFT;
        this.top += LEGEND_LINE;
      }
      const box = `x="${coordinate(x)}" y="${this.top + 3}" width="12" height="12"`;
      const cover = paint.pattern === '' ? '' : `<rect ${box} fill="url(#${paint.pattern})"/>`;
      this.out.push(`<rect class="${paintClass(paint)}" ${box}/>${cover}`);
      this.text(x + 17, this.top + 13, label, '', text);
      x += needed;
    }
    this.top += LEGEND_LINE;
    if (shown.length < values.length) this.noteAt(LEFT, `and ${count(values.length - shown.length, 'further value')} of ${signal}`);
  }

  /** What the marks in this picture mean. */
  private conventions(): void {
    const { lanes, isSpans } = this.parts;
    const all = lanes.groups.flatMap((group) => group.lanes);
    const segments = (test: (lane: Lane) => boolean, value: boolean | null | undefined): boolean =>
      all.some((lane) => test(lane) && lane.segments.some((segment) => value === undefined || segment.value === value));
    const isBoolean = (lane: Lane): boolean => lane.kind === 'boolean';
    const square =
      (fill: string): ((x: number, y: number) => string) =>
      (x, y) =>
        `<rect ${fill} x="${x}" y="${y}" width="12" height="12"/>`;
    const entries: [boolean, (x: number, y: number) => string, string][] = [
      [segments(isBoolean, true), square('class="true"'), 'TRUE'],
      [segments(isBoolean, false), (x, y) => `<line class="false" x1="${x}" x2="${x + 12}" y1="${y + 10}" y2="${y + 10}"/>`, 'FALSE'],
      [segments(() => true, null), square('fill="url(#tl-null)"'), 'NULL'],
      [isSpans && all.length > 0, square('class="track"'), 'no row'],
      [
        all.some((lane) => lane.segments.some(({ open }) => open)),
        (x, y) => `<path class="open" d="M${x + 3} ${y + 2}L${x + 8} ${y + 6}L${x + 3} ${y + 10}Z"/>`,
        'open: goes on',
      ],
      [lanes.edges.length > 0, (x, y) => `<line class="edge" x1="${x + 6}" x2="${x + 6}" y1="${y}" y2="${y + 12}"/>`, 'bucket edge'],
      [this.out.some((part) => part.includes('url(#tl-mixed)')), square('fill="url(#tl-mixed)"'), 'several too close to be told apart'],
    ];
    let x = LEFT;
    const shown = entries.filter(([isThere]) => isThere);
    for (const [, draw, label] of shown) {
      this.out.push(draw(x, this.top));
      this.text(x + 17, this.top + 10, label, 'faint');
      x = Math.round(x + 17 + textWidth(label, 11) + 14);
    }
    if (shown.length > 0) this.top += LEGEND_LINE;
  }

  private note(text: string): void {
    this.noteAt(12, text);
  }

  private noteAt(x: number, text: string): void {
    const fitting = fitText(text.slice(0, MOST_NOTE), this.parts.width - x - 12, 11);
    this.text(x, this.top + 11, fitting, 'faint', text.slice(0, MOST_NOTE));
    this.top += NOTE_LINE;
  }

  /** `whole`: told by a tooltip where the text had to be cut. */
  private text(x: number, y: number, text: string, className: string, whole = text): void {
    if (text === '') return;
    const title = whole === text ? '' : `<title>${escapeXml(whole.slice(0, MOST_TITLE))}</title>`;
    this.out.push(
      `<text${className === '' ? '' : ` class="${className}"`} x="${coordinate(x)}" y="${coordinate(y)}">${title}${escapeXml(text)}</text>`,
    );
  }
}

const DEFINITIONS = [
  '<defs>',
  '<pattern id="tl-null" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><line class="null" x1="0" y1="0" x2="0" y2="6"/></pattern>',
  '<pattern id="tl-stripes" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(-45)"><line class="cut" x1="0" y1="0" x2="0" y2="6"/></pattern>',
  '<pattern id="tl-dots" width="6" height="6" patternUnits="userSpaceOnUse"><circle class="spot" cx="3" cy="3" r="1.4"/></pattern>',
  '<pattern id="tl-mixed" width="4" height="4" patternUnits="userSpaceOnUse"><line class="cut" x1="0" y1="1" x2="4" y2="1"/></pattern>',
  '</defs>',
].join('');

function laneHeight({ kind }: Lane): number {
  return kind === 'number' ? 38 : kind === 'text' ? 22 : 16;
}

function numberRanges(lanes: readonly Lane[]): ReadonlyMap<string, readonly [number, number]> {
  const ranges = new Map<string, readonly [number, number]>();
  for (const { kind, name, segments } of lanes) {
    if (kind !== 'number') continue;
    for (const { value } of segments) {
      const number = numberOf(value);
      if (number === undefined) continue;
      const [low, high] = ranges.get(name) ?? [number, number];
      ranges.set(name, [Math.min(low, number), Math.max(high, number)]);
    }
  }
  return ranges;
}

function signedDuration(seconds: number): string {
  return `${seconds < 0 ? '-' : ''}${durationLabel(Math.round(Math.abs(seconds) * 1e6))}`;
}

function shortNumber(number: number): string {
  const text =
    Math.abs(number) >= 1e7 || (number !== 0 && Math.abs(number) < 1e-3)
      ? number.toExponential(2)
      : String(Math.round(number * 1000) / 1000);
  return text;
}

function defaultTitle({ lanes: { groups, domain }, times, isSpans }: PictureParts): string {
  if (domain === undefined) return 'No rows';
  const [only] = groups;
  const what = groups.length === 1 && only !== undefined && only.title !== '' ? only.title : count(groups.length, 'key');
  const length = domain.to > domain.from ? `, ${durationLabel(Number(domain.to - domain.from))}` : '';
  return `${what} · ${instantText(domain.from, times)} – ${instantText(domain.to, times)}${isSpans ? length : ''}`;
}

/** For who cannot see the picture: how much there is of each value. */
function description({ lanes: { groups, domain }, legend, times, notes, isSpans }: PictureParts): string {
  if (domain === undefined) return ['No rows.', ...notes].join(' ');
  const share = (value: number): string => (isSpans ? durationLabel(value) : String(value));
  const values = legend.map(
    ({ signal, values: all }) =>
      `${signal}: ${all
        .slice(0, MOST_LEGEND)
        .map(({ text, share: part }) => `${text.slice(0, 60)} ${share(part)}`)
        .join(', ')}.`,
  );
  const lanes = groups[0]?.lanes.map((lane) => lane.name).filter((name) => name !== '') ?? [];
  return [
    `${count(groups.length, 'key')} from ${instantText(domain.from, times)} to ${instantText(domain.to, times)}${times.zone === undefined ? '' : ` (${times.zone})`}.`,
    ...(lanes.length > 0 ? [`Lanes: ${lanes.join(', ')}.`] : []),
    ...values,
    ...notes,
  ].join(' ');
}
