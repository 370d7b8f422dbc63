import type { CursorFetch } from '../sql/cursor-statement.js';
import { TimelineError } from '../sql/errors.js';
import type { Batch, ResultColumn } from '../sql/result.js';
import { batchRows, sliceBatch } from './batch-slice.js';
import { RowSpill, type SpillBudget } from './row-spill.js';
import type { Execution } from './statement.js';

export interface CursorOptions {
  readonly name: string;
  readonly columns: readonly ResultColumn[];
  readonly binary: boolean;
  /** Rows can be had backward; they are kept on disk for that. */
  readonly scroll: boolean;
  readonly hold: boolean;
  readonly execution: Execution;
  /** Ends the running query. */
  readonly abort: AbortController;
  readonly budget: SpillBudget;
}

/**
 * A cursor of SQL. `position` is 0 before the first row, n on row n, and one past the last row after the end. Rows come from the
 * running query; of a SCROLL cursor, and of a held one once its transaction has ended, they are in a file.
 */
export class Cursor {
  readonly #source: AsyncIterator<Batch>;
  #position = 0;
  #atEnd = false;
  /** The query has given its last row. */
  #exhausted = false;
  #batch: Batch | undefined;
  #next = 0;
  #spill: RowSpill | undefined;
  /** Rows before the first one in the file. */
  #dropped = 0;
  #closed = false;
  #busy = false;
  #failed = false;

  constructor(readonly options: CursorOptions) {
    this.#source = options.execution.batches[Symbol.asyncIterator]();
  }

  get notices(): Execution['notices'] {
    return this.options.execution.notices;
  }

  /** Rows of FETCH; of MOVE none, but its number is told to `moved`. */
  async *fetch(fetch: CursorFetch, moved: (rows: number) => void): AsyncGenerator<Batch> {
    if (this.#busy) {
      throw new TimelineError({
        kind: 'semantic',
        sqlstate: '55006',
        message: `cursor "${this.options.name}" cannot be used while another FETCH from it is not read to its end`,
      });
    }
    // After an error PostgreSQL does not run it again; a held one can meet that.
    if (this.#failed)
      throw new TimelineError({ kind: 'semantic', sqlstate: '55000', message: `portal "${this.options.name}" cannot be run` });
    this.#busy = true;
    let left = 0;
    const steps = this.#steps(fetch);
    try {
      for await (const batch of steps) {
        left += batchRows(batch);
        if (!fetch.move) yield batch;
      }
      moved(fetch.move && fetch.count === 0 && fetch.direction !== 'absolute' ? Number(this.#onRow()) : left);
    } catch (error) {
      this.#failed = true;
      throw error;
    } finally {
      this.#busy = false;
    }
  }

  /** The transaction ends: what is left (all, of a SCROLL cursor) goes to the file, and the query is over. */
  async persist(): Promise<void> {
    if (this.#exhausted && this.#spill !== undefined) return;
    if (this.#spill === undefined) {
      this.#spill = await RowSpill.create(this.options.budget);
      this.#dropped = this.#atEnd ? this.#position - 1 : this.#position;
    }
    await this.#fill(Infinity);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#batch = undefined;
    if (!this.#exhausted) {
      this.options.abort.abort(new TimelineError({ kind: 'cancelled', sqlstate: '57014', message: 'the cursor was closed' }));
      // Not waited for: a source that hangs must not hang the session.
      this.#source.return?.().then(undefined, () => undefined);
    }
    await this.#spill?.close();
  }

  #onRow(): boolean {
    return this.#position > 0 && !this.#atEnd;
  }

  async *#steps({ direction, count }: CursorFetch): AsyncGenerator<Batch> {
    switch (direction) {
      case 'forward':
        return yield* count > 0 ? this.#forward(count) : count < 0 ? this.#backward(-count) : this.#again();
      case 'backward':
        return yield* count > 0 ? this.#backward(count) : count < 0 ? this.#forward(-count) : this.#again();
      case 'relative':
        if (count === 0) return yield* this.#again();
        await this.#skip(count > 0 ? count - 1 : count + 1);
        return yield* count > 0 ? this.#forward(1) : this.#backward(1);
      case 'absolute':
        if (count > 0) {
          await this.#skip(count - 1 - this.#position);
          return yield* this.#forward(1);
        }
        if (count < 0) {
          this.#requireScroll();
          await this.#skip(Infinity);
          await this.#skip(count + 1);
          return yield* this.#backward(1);
        }
        if (this.#position > 0) await this.#skip(-Infinity);
        return;
    }
  }

  /** FETCH 0: the row it stands on once more. */
  async *#again(): AsyncGenerator<Batch> {
    if (!this.#onRow()) return;
    await this.#skip(-1);
    yield* this.#forward(1);
  }

  async #skip(count: number): Promise<void> {
    if (count === 0) return;
    for await (const batch of count > 0 ? this.#forward(count) : this.#backward(-count)) void batch;
  }

  async *#forward(count: number): AsyncGenerator<Batch> {
    let left = count;
    while (left > 0 && !this.#atEnd) {
      const batch = await this.#ahead(left);
      if (batch === undefined) {
        this.#atEnd = true;
        this.#position += 1;
        return;
      }
      const rows = batchRows(batch);
      left -= rows;
      this.#position += rows;
      yield batch;
    }
  }

  /** At most `most` of the rows after the position. */
  async #ahead(most: number): Promise<Batch | undefined> {
    if (this.options.scroll) this.#spill ??= await RowSpill.create(this.options.budget);
    if (this.#spill === undefined) {
      if (!(await this.#pull()) || this.#batch === undefined) return undefined;
      const to = Math.min(batchRows(this.#batch), this.#next + most);
      const slice = sliceBatch(this.#batch, this.#next, to);
      this.#next = to;
      return slice;
    }
    const row = this.#position - this.#dropped;
    await this.#fill(row + 1);
    if (row >= this.#spill.rows) return undefined;
    const { batch, first } = await this.#spill.read(row);
    return sliceBatch(batch, row - first, Math.min(batchRows(batch), row - first + most));
  }

  async *#backward(count: number): AsyncGenerator<Batch> {
    this.#requireScroll();
    let left = count;
    while (left > 0 && this.#position > 0) {
      // Row n has index n - 1; the one before the position has index position - 2.
      const row = this.#position - 2;
      if (row < 0 || this.#spill === undefined) {
        this.#position = 0;
        this.#atEnd = false;
        return;
      }
      const { batch, first } = await this.#spill.read(row);
      const to = row - first + 1;
      const from = Math.max(0, to - left);
      left -= to - from;
      this.#position -= to - from;
      this.#atEnd = false;
      yield sliceBatch(batch, from, to, true);
    }
  }

  /** Makes `batch` have a row at `next`; false at the query's end. */
  async #pull(): Promise<boolean> {
    while (!this.#exhausted) {
      if (this.#batch !== undefined && this.#next < batchRows(this.#batch)) return true;
      const result = await this.#source.next();
      this.#next = 0;
      this.#batch = result.done === true ? undefined : result.value;
      if (result.done === true) this.#exhausted = true;
    }
    return false;
  }

  /** Reads the query on until the file has so many rows, or all. */
  async #fill(rows: number): Promise<void> {
    const spill = this.#spill;
    while (spill !== undefined && spill.rows < rows && (await this.#pull()) && this.#batch !== undefined) {
      await spill.append(sliceBatch(this.#batch, this.#next, batchRows(this.#batch)));
      this.#batch = undefined;
    }
  }

  #requireScroll(): void {
    if (this.options.scroll) return;
    throw new TimelineError({
      kind: 'semantic',
      sqlstate: '55000',
      message: 'cursor can only scan forward',
      hint: 'Declare it with SCROLL option to enable backward scan.',
    });
  }
}
