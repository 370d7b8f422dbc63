import type { ColumnVector } from '../../../sql/column-vector.js';
import { unsupported } from '../../../sql/errors.js';
import type { ColumnPlan } from './column-plan.js';
import { Damage } from './damage.js';
import { Encoding, isDictionary } from './encoding.js';
import type { FileBytes } from './file-bytes.js';
import type { Chunk, Leaf } from './footer.js';
import { decodeHybrid, viewOf } from './hybrid.js';
import type { KnownTexts } from './known-texts.js';
import { type Page, RLE, readPages } from './pages.js';
import { NotSafe, type Sink, spread } from './sink.js';

interface ChunkSource {
  readonly file: FileBytes;
  readonly chunk: Chunk;
  readonly leaf: Leaf;
  readonly rows: number;
}

/** All rows of a leaf in a row group. Throws Damage. */
export function decodeChunk(source: ChunkSource, plan: ColumnPlan, known: KnownTexts | undefined): ColumnVector {
  if (known !== undefined && plan.known !== undefined) return decodeInto(source, plan.known(source.rows, known));
  try {
    return decodeInto(source, plan.sink(source.rows));
  } catch (error) {
    if (!(error instanceof NotSafe) || plan.wide === undefined) throw error;
    return decodeInto(source, plan.wide(source.rows));
  }
}

type DataPage = Extract<Page, { kind: 'data' }>;

function decodeInto({ file, chunk, leaf, rows }: ChunkSource, sink: Sink): ColumnVector {
  const validity = new Validity(rows);
  let row = 0;
  let hasDictionary = false;
  // A chunk may have bytes behind its last page.
  if (rows > 0)
    for (const page of readPages(file, chunk)) {
      if (page.kind === 'dictionary') {
        if (hasDictionary || row > 0) throw new Damage('a dictionary is not at the beginning');
        if (page.encoding !== Encoding.plain && page.encoding !== Encoding.plainDictionary)
          throw unsupported(`decoding of Parquet dictionaries with encoding ${page.encoding}`);
        if (page.values > Math.max(page.data.length, rows)) throw new Damage(`a dictionary has ${page.values} entries`);
        sink.dictionary({ encoding: Encoding.plain, data: page.data, at: 0, count: page.values });
        hasDictionary = true;
        continue;
      }
      if (page.values > rows - row) throw new Damage('its pages have more values than the row group has rows');
      if (isDictionary(page.encoding) && !hasDictionary) throw new Damage('a page needs a dictionary that is not there');
      const { levels, at } = leaf.optional ? levelsOf(page) : { levels: undefined, at: 0 };
      const count = levels === undefined ? page.values : validity.read(levels, row, page.values);
      if (count > 0) sink.write({ encoding: page.encoding, data: page.data, at, count }, row);
      if (count < page.values) spread(sink.rows, row, { all: page.values, count, valid: validity.rows });
      row += page.values;
      if (row === rows) break;
    }
  if (row !== rows) throw new Damage(`its pages have ${row} values, the row group has ${rows} rows`);
  return sink.finish(validity.finish());
}

/** Definition levels, and where the values behind them begin. */
function levelsOf({ data, levels, levelEncoding }: DataPage): { readonly levels: Uint8Array; readonly at: number } {
  if (levelEncoding !== RLE) throw unsupported(`decoding of Parquet levels with encoding ${levelEncoding}`);
  if (levels !== undefined) return { levels, at: 0 };
  const length = data.length < 4 ? -1 : viewOf(data).getUint32(0, true);
  if (length < 0 || length > data.length - 4) throw new Damage('the levels of a page are longer than it is');
  return { levels: data.subarray(4, 4 + length), at: 4 + length };
}

/** Which rows are not NULL. */
class Validity {
  readonly #rowCount: number;
  #rows: Uint8Array | undefined;

  constructor(rowCount: number) {
    this.#rowCount = rowCount;
  }

  get rows(): Uint8Array {
    this.#rows ??= new Uint8Array(this.#rowCount).fill(1);
    return this.#rows;
  }

  /** Levels of the rows from `to`; the number of those that are not NULL. */
  read(levels: Uint8Array, to: number, count: number): number {
    if (isOneRun(levels, count)) return count;
    const rows = this.rows;
    decodeHybrid(levels, { at: 0, end: levels.length, width: 1, out: rows, to, count });
    let valid = 0;
    for (let row = to; row < to + count; row++) {
      const level = rows[row] as number;
      if (level > 1) throw new Damage('a level is neither 0 nor 1');
      valid += level;
    }
    return valid;
  }

  finish(): Uint8Array | undefined {
    return this.#rows?.includes(0) === true ? this.#rows : undefined;
  }
}

/** One run of ones that covers all, as most pages have. */
function isOneRun(levels: Uint8Array, count: number): boolean {
  let header = 0;
  for (let i = 0, factor = 1; i < Math.min(5, levels.length); i++, factor *= 128) {
    const byte = levels[i] as number;
    header += (byte & 127) * factor;
    if (byte < 128) return header % 2 === 0 && header / 2 >= count && levels[i + 1] === 1;
  }
  return false;
}
