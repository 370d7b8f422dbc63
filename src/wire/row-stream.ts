import type { Batch, ResultColumn } from '../../sql/result.js';
import type { Execution } from '../statement.js';
import { rowCount } from './encode.js';

/** One running statement: its rows, and the switch that stops it. */
export class RowStream {
  readonly execution: Execution;
  readonly #controller: AbortController;
  readonly #iterator: AsyncIterator<Batch>;
  #done = false;
  #noticesTaken = 0;
  batch: Batch | undefined;
  /** The next row of `batch`. */
  row = 0;

  constructor(execution: Execution, controller: AbortController) {
    this.execution = execution;
    this.#controller = controller;
    this.#iterator = execution.batches[Symbol.asyncIterator]();
  }

  get columns(): readonly ResultColumn[] | undefined {
    return this.execution.columns;
  }

  get done(): boolean {
    return this.#done;
  }

  /** Rows of the current batch that are still to be sent. */
  get available(): number {
    return this.batch === undefined ? 0 : rowCount(this.batch) - this.row;
  }

  /** Fetches the next batch that has rows; false at the end. Ends at once, with the signal's reason, when aborted. */
  async pull(): Promise<boolean> {
    while (!this.#done) {
      const result = await untilAborted(this.#iterator.next(), this.#controller.signal);
      if (result.done === true) {
        this.#done = true;
        this.batch = undefined;
        break;
      }
      this.batch = result.value;
      this.row = 0;
      if (rowCount(this.batch) > 0) return true;
    }
    return false;
  }

  /** Notices that have come since the last call. */
  takeNotices(): Execution['notices'] {
    const fresh = this.execution.notices.slice(this.#noticesTaken);
    this.#noticesTaken += fresh.length;
    return fresh;
  }

  abort(reason: unknown): void {
    this.#controller.abort(reason);
  }

  /** Gives up what is left. Does not wait: a source that hangs must not hang the connection. */
  close(): void {
    if (this.#done) return;
    this.#done = true;
    this.batch = undefined;
    this.#iterator.return?.().then(undefined, () => undefined);
  }
}

/** The promise's outcome, or the signal's reason as soon as it is aborted. */
export function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    if (signal.aborted) {
      promise.then(undefined, () => undefined);
      abort();
      return;
    }
    signal.addEventListener('abort', abort, { once: true });
    promise
      // A source that was aborted fails in its own words; the reason says why.
      .then(resolve, (error: unknown) => reject(signal.aborted ? signal.reason : error))
      .finally(() => signal.removeEventListener('abort', abort));
  });
}
