import type { Batch, ResultColumn } from '../../sql/result.js';
import { Oid } from '../../sql/types.js';
import { drawPicture, type PictureOptions } from '../../src/console/draw-picture.js';
import { readPictureRows } from '../../src/console/picture-rows.js';
import { type Element, parseXml, select } from '../support/xml.js';

/** A column by name and type, `started_at timestamptz`. */
export function columns(...specs: readonly string[]): readonly ResultColumn[] {
  return specs.map((spec) => {
    const [name = '', typeName = 'text'] = spec.split(' ');
    const oid = Oid[typeName as keyof typeof Oid] ?? Number(typeName);
    return { name, type: { oid, typmod: -1 }, tableOid: 0, columnNumber: 0 };
  });
}

/** Draws rows of PostgreSQL's texts, and reads the picture back. */
export async function picture(
  given: readonly ResultColumn[],
  rows: readonly (readonly (string | null)[])[],
  options: Partial<PictureOptions> & { readonly mostRows?: number } = {},
): Promise<{ readonly svg: string; readonly root: Element }> {
  const batches = batchesOf([{ kind: 'text', rows }]);
  const timeZone = options.timeZone ?? 'UTC';
  const read = await readPictureRows({
    columns: given,
    batches,
    timeZone,
    ...(options.mostRows === undefined ? {} : { mostRows: options.mostRows }),
  });
  const svg = drawPicture(read, { width: 1174, only: [], notices: [], ...options, timeZone });
  return { svg, root: parseXml(svg) };
}

export interface SeenSegment {
  /** First line of the tooltip. */
  readonly told: string;
  readonly tooltip: string;
  readonly x: number;
  readonly width: number;
  readonly classes: readonly string[];
}

/** Lanes of a picture, each with its segments; a lane's track comes first in it. */
export function lanesOf(root: Element): readonly { readonly name: string; readonly segments: readonly SeenSegment[] }[] {
  return select(root, ({ attributes }) => attributes['class'] === 'lane').map((lane) => ({
    name: lane.children.find(({ name }) => name === 'text')?.text ?? '',
    segments: lane.children
      .filter(({ name }) => name === 'g')
      .map(({ children }) => {
        const tooltip = children[0]?.text ?? '';
        const box = children[1]?.attributes ?? {};
        return {
          told: tooltip.split('\n')[0] ?? '',
          tooltip,
          x: Number(box['x']),
          width: Number(box['width']),
          classes: children.slice(1).map(({ attributes }) => attributes['class'] ?? attributes['fill'] ?? ''),
        };
      }),
  }));
}

/** All text that is written in the picture, tooltips apart. */
export function written(root: Element): readonly string[] {
  return select(root, ({ name }) => name === 'text').map(({ text }) => text);
}

async function* batchesOf(batches: readonly Batch[]): AsyncIterable<Batch> {
  yield* batches;
}
