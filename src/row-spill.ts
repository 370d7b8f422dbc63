import { randomUUID } from 'node:crypto';
import { type FileHandle, mkdir, open, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { deserialize, serialize } from 'node:v8';
import { internal, TimelineError } from '../sql/errors.js';
import type { Batch } from '../sql/result.js';
import { batchRows } from './batch-slice.js';

/** The bytes that one session's cursors may keep on disk. */
export class SpillBudget {
  #used = 0;

  constructor(
    readonly folder: string,
    private readonly most: number,
  ) {}

  take(bytes: number): void {
    if (this.#used + bytes > this.most) {
      throw new TimelineError({
        kind: 'limit',
        sqlstate: '53100',
        message: `the rows of this session's SCROLL and WITH HOLD cursors are larger than ${this.most} bytes`,
        hint: 'Declare the cursor NO SCROLL and without HOLD, which keeps no rows, or narrow its query.',
      });
    }
    this.#used += bytes;
  }

  giveBack(bytes: number): void {
    this.#used -= bytes;
  }
}

interface Place {
  /** Number of the batch's first row, from 0. */
  readonly first: number;
  readonly rows: number;
  readonly offset: number;
  readonly length: number;
}

/** Rows kept in a file, batch by batch, to be read again from any row. The file has no name: it ends with its handle. */
export class RowSpill {
  readonly #places: Place[] = [];
  #bytes = 0;
  #rows = 0;
  /** The batch that was read last. */
  #recent: { readonly place: Place; readonly batch: Batch } | undefined;

  private constructor(
    private readonly file: FileHandle,
    private readonly budget: SpillBudget,
  ) {}

  static async create(budget: SpillBudget): Promise<RowSpill> {
    const path = join(budget.folder, `cursor-${randomUUID()}`);
    try {
      await mkdir(budget.folder, { recursive: true });
      const file = await open(path, 'wx+', 0o600);
      await unlink(path);
      return new RowSpill(file, budget);
    } catch (error) {
      throw fileError(error);
    }
  }

  get rows(): number {
    return this.#rows;
  }

  async append(batch: Batch): Promise<void> {
    // Its values only: a block of DuckDB's is a second form of them.
    const bytes = serialize(batch.kind === 'text' ? batch : { kind: batch.kind, rowCount: batch.rowCount, columns: batch.columns });
    this.budget.take(bytes.length);
    const place: Place = { first: this.#rows, rows: batchRows(batch), offset: this.#bytes, length: bytes.length };
    this.#bytes += bytes.length;
    try {
      for (let done = 0; done < bytes.length; ) {
        const { bytesWritten } = await this.file.write(bytes, done, bytes.length - done, place.offset + done);
        done += bytesWritten;
      }
    } catch (error) {
      throw fileError(error);
    }
    this.#places.push(place);
    this.#rows += place.rows;
  }

  /** The batch that holds a row, and the number of its first row. */
  async read(row: number): Promise<{ readonly batch: Batch; readonly first: number }> {
    const place = this.#placeOf(row);
    if (this.#recent?.place !== place) {
      const bytes = Buffer.alloc(place.length);
      const { bytesRead } = await this.file.read(bytes, 0, place.length, place.offset);
      if (bytesRead !== place.length) throw internal('a cursor lost its rows');
      this.#recent = { place, batch: deserialize(bytes) as Batch };
    }
    return { batch: this.#recent.batch, first: place.first };
  }

  async close(): Promise<void> {
    this.budget.giveBack(this.#bytes);
    this.#bytes = 0;
    await this.file.close().catch(() => undefined);
  }

  #placeOf(row: number): Place {
    let low = 0;
    let high = this.#places.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#places[middle]?.first ?? 0) <= row) low = middle;
      else high = middle - 1;
    }
    const place = this.#places[low];
    if (place === undefined || row >= place.first + place.rows) throw internal(`a cursor has no row ${row}`);
    return place;
  }
}

function fileError(cause: unknown): TimelineError {
  const code = (cause as NodeJS.ErrnoException).code ?? String(cause);
  const full = code === 'ENOSPC' || code === 'EDQUOT';
  return new TimelineError({
    kind: 'limit',
    sqlstate: full ? '53100' : '58030',
    message: full ? 'could not write temporary file: no space left on device' : `could not write temporary file: ${code}`,
    cause,
  });
}
