import { closeSync, fstatSync, openSync } from 'node:fs';
import type { ColumnVector } from '../../../sql/column-vector.js';
import { internal, TimelineError, unsupported } from '../../../sql/errors.js';
import { type Type, typeName } from '../../../sql/types.js';
import { prepareCodecs, readsCodec } from './codec.js';
import { decodeChunk } from './column-chunk.js';
import { planColumn } from './column-plan.js';
import { beyondMeasure, Damage, damageOf, unreadable } from './damage.js';
import { FileBytes, readBytes } from './file-bytes.js';
import { type Footer, type FooterGroup, parseFooter } from './footer.js';
import type { KnownTexts } from './known-texts.js';
import { leafBounds } from './leaf-bounds.js';

/** A column to decode: its place among the leaves of the file's schema (null: the file has none, all rows are NULL) and the type wanted. */
export interface ParquetColumn {
  readonly leaf: number | null;
  readonly type: Type;
  /** Of a text: what vectors share their dictionary through, and grow. */
  readonly known?: KnownTexts;
}

/** What the footer says of a leaf's values in a row group; instants in microseconds. It is the writer's word: who builds on it checks the rows. */
export interface LeafBounds {
  /** Of the values that are not NULL. */
  readonly min: number;
  readonly max: number;
  /** Undefined: not said. */
  readonly nulls: number | undefined;
}

export interface ParquetRowGroup {
  readonly rows: number;
  /** Compressed, of all columns. */
  readonly bytes: number;
  /** Least and greatest value of a timestamp(tz) leaf; undefined: none are said, or they are doubtful. */
  bounds(leaf: number): LeafBounds | undefined;
}

/** A local Parquet file, read synchronously. */
export interface ParquetFile {
  readonly rowGroups: readonly ParquetRowGroup[];
  /** Can `read` decode the column as the type? (What pages hold may still be of a kind that it refuses.) */
  reads(column: ParquetColumn): boolean;
  /**
   * All rows of the columns in a row group; memory is that of the result and of one page. Errors: XX001 naming location and column for
   * damage, 58030 where the file cannot be read, 0A000 for what it cannot decode, 54000 for row groups and pages beyond all measure.
   */
  read(group: number, columns: readonly ParquetColumn[]): ColumnVector[];
  close(): void;
}

const MAGIC = 'PAR1';
const ENCRYPTED_MAGIC = 'PARE';
const TAIL_BYTES = 32 << 10;
const MAX_FOOTER_BYTES = 64 << 20;
const MAX_ROWS = 1 << 27;

/** Opens a file and reads its footer. Errors: 58030, XX001 naming `location`. */
export async function openParquet(file: { readonly path: string; readonly location: string }): Promise<ParquetFile> {
  await prepareCodecs();
  const { location } = file;
  let descriptor: number;
  try {
    descriptor = openSync(file.path, 'r');
  } catch (error) {
    throw unreadable(location, error);
  }
  try {
    return new LocalParquetFile(
      descriptor,
      location,
      naming(location, undefined, () => readFooter(descriptor, location)),
    );
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}

function readFooter(descriptor: number, location: string): Footer {
  const { size } = fstatSync(descriptor);
  if (size < 12) throw new Damage(`it is not a Parquet file (${size} bytes)`);
  const tail = readBytes(descriptor, location, Math.max(0, size - TAIL_BYTES), Math.min(size, TAIL_BYTES));
  const magic = Buffer.from(tail.subarray(-4)).toString('latin1');
  if (magic === ENCRYPTED_MAGIC) throw unsupported(`reading encrypted Parquet files (file "${location}")`);
  if (magic !== MAGIC) throw new Damage('it does not end as a Parquet file does (cut off, or not Parquet)');
  const length = new DataView(tail.buffer, tail.byteOffset, tail.length).getUint32(tail.length - 8, true);
  if (length > size - 12 || length > MAX_FOOTER_BYTES) throw new Damage(`its footer says that it has ${length} bytes`);
  const start = size - 8 - length;
  const bytes = length + 8 <= tail.length ? tail.subarray(tail.length - 8 - length, -8) : readBytes(descriptor, location, start, length);
  return parseFooter(bytes, start);
}

class LocalParquetFile implements ParquetFile {
  readonly rowGroups: readonly ParquetRowGroup[];
  readonly #descriptor: number;
  readonly #location: string;
  readonly #footer: Footer;
  #isOpen = true;

  constructor(descriptor: number, location: string, footer: Footer) {
    this.#descriptor = descriptor;
    this.#location = location;
    this.#footer = footer;
    this.rowGroups = footer.groups.map((group) => ({
      rows: group.rows,
      bytes: group.bytes,
      bounds: (index) => {
        const leaf = footer.leaves[index];
        return leaf?.flat === true ? naming(location, leaf.path, () => leafBounds(leaf, group.chunk(index))) : undefined;
      },
    }));
  }

  reads({ leaf: index, type }: ParquetColumn): boolean {
    if (index === null) return true;
    const leaf = this.#footer.leaves[index];
    if (leaf === undefined || planColumn(leaf, type) === undefined) return false;
    return naming(this.#location, leaf.path, () => this.#footer.groups.every((group) => readsCodec(group.chunk(index).codec)));
  }

  read(index: number, columns: readonly ParquetColumn[]): ColumnVector[] {
    const group = this.#footer.groups[index];
    if (group === undefined || !this.#isOpen) throw internal(`no row group ${index} of file "${this.#location}", or it is closed`);
    const { rows } = group;
    if (rows > MAX_ROWS) throw beyondMeasure(`a row group of ${rows} rows (file "${this.#location}")`);
    return columns.map((column) => this.#column(group, column));
  }

  close(): void {
    if (this.#isOpen) closeSync(this.#descriptor);
    this.#isOpen = false;
  }

  #column(group: FooterGroup, { leaf: index, type, known }: ParquetColumn): ColumnVector {
    const { rows } = group;
    if (index === null) return { kind: 'codes', codes: new Uint8Array(rows), dictionary: [null], valid: new Uint8Array(rows) };
    const leaf = this.#footer.leaves[index];
    if (leaf === undefined) throw internal(`no leaf ${index} in file "${this.#location}"`);
    const plan = planColumn(leaf, type);
    if (plan === undefined) throw unsupported(`decoding of column "${leaf.path}" as ${typeName(type)} (file "${this.#location}")`);
    return naming(this.#location, leaf.path, () => {
      const chunk = group.chunk(index);
      return decodeChunk({ file: new FileBytes(this.#descriptor, this.#location, chunk.end), chunk, leaf, rows }, plan, known);
    });
  }
}

/** Errors of what `work` reads name the file, and the column. */
function naming<T>(location: string, column: string | undefined, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof Damage) throw damageOf(location, column, error);
    if (!(error instanceof TimelineError) || error.message.includes(`"${location}"`)) throw error;
    const where = column === undefined ? `file "${location}"` : `column "${column}" of file "${location}"`;
    throw new TimelineError({ ...error.toJSON(), message: `${error.message} (${where})`, cause: error });
  }
}
