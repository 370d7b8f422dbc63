import type { CursorDeclaration, CursorFetch } from '../sql/cursor-statement.js';
import { TimelineError } from '../sql/errors.js';
import type { ResultColumn } from '../sql/result.js';
import { Cursor } from './cursor.js';
import { commandExecution } from './execution.js';
import { SpillBudget } from './row-spill.js';
import type { Execution, Notice } from './statement.js';

/** One client cannot fill the memory with names. */
const MOST = 1000;

interface Entry {
  readonly cursor: Cursor;
  /** Made in the open transaction, below so many savepoints; undefined: held from one before. */
  depth: number | undefined;
}

/** A session's cursors: they end with their transaction, except for those WITH HOLD. */
export class SessionCursors {
  readonly #byName = new Map<string, Entry>();
  readonly #budget: SpillBudget;

  constructor(options: { readonly folder: string; readonly mostBytes: number }) {
    this.#budget = new SpillBudget(options.folder, options.mostBytes);
  }

  columns(name: string): readonly ResultColumn[] | undefined {
    return this.#byName.get(name)?.cursor.options.columns;
  }

  isBinary(name: string): boolean {
    return this.#byName.get(name)?.cursor.options.binary === true;
  }

  checkFree(name: string): void {
    if (name === '') throw new TimelineError({ kind: 'semantic', sqlstate: '34000', message: 'invalid cursor name: must not be empty' });
    if (this.#byName.has(name))
      throw new TimelineError({ kind: 'semantic', sqlstate: '42P03', message: `cursor "${name}" already exists` });
    if (this.#byName.size >= MOST)
      throw new TimelineError({ kind: 'limit', sqlstate: '54000', message: `too many cursors in one session (the limit is ${MOST})` });
  }

  /** Opens a cursor over a query that `start` begins; the query lives until the cursor is closed. */
  async declare(
    declaration: CursorDeclaration,
    options: { readonly depth: number; readonly signal: AbortSignal; readonly start: (signal: AbortSignal) => Promise<Execution> },
  ): Promise<Execution> {
    const { name, binary, scroll, hold } = declaration;
    const abort = new AbortController();
    const unlink = link(options.signal, abort);
    try {
      const execution = await options.start(abort.signal);
      const { columns = [] } = execution;
      const cursor = new Cursor({ name, columns, binary, scroll: scroll === true, hold, execution, abort, budget: this.#budget });
      this.#byName.set(name, { cursor, depth: options.depth });
      return commandExecution('DECLARE CURSOR', execution.notices);
    } finally {
      unlink();
    }
  }

  fetch(fetch: CursorFetch, signal: AbortSignal): Execution {
    const { cursor } = this.#entry(fetch.cursor);
    let moved = 0;
    const before = cursor.notices.length;
    const notices: Notice[] = [];
    async function* rows() {
      const unlink = link(signal, cursor.options.abort);
      try {
        yield* cursor.fetch(fetch, (count) => {
          moved = count;
        });
        notices.push(...cursor.notices.slice(before));
      } catch (error) {
        throw signal.aborted ? signal.reason : error;
      } finally {
        unlink();
      }
    }
    return {
      columns: fetch.move ? undefined : cursor.options.columns,
      batches: rows(),
      tag: (count) => (fetch.move ? `MOVE ${moved}` : `FETCH ${count}`),
      notices,
    };
  }

  async close(name: string | undefined): Promise<Execution> {
    if (name === undefined) {
      await this.closeAll();
      return commandExecution('CLOSE CURSOR ALL');
    }
    const { cursor } = this.#entry(name);
    this.#byName.delete(name);
    await cursor.close();
    return commandExecution('CLOSE CURSOR');
  }

  async closeAll(): Promise<void> {
    await this.#closeWhere(() => true);
  }

  /** Before COMMIT: held cursors get their rows now, and errors of that fail the commit. The others end. */
  async commit(signal?: AbortSignal): Promise<void> {
    for (const entry of this.#byName.values()) {
      if (entry.depth === undefined || !entry.cursor.options.hold) continue;
      const unlink = signal === undefined ? undefined : link(signal, entry.cursor.options.abort);
      try {
        await entry.cursor.persist();
      } catch (error) {
        throw signal?.aborted === true ? signal.reason : error;
      } finally {
        unlink?.();
      }
    }
    await this.#closeWhere(({ cursor }) => !cursor.options.hold);
    for (const entry of this.#byName.values()) entry.depth = undefined;
  }

  /** All that was made in the transaction ends. */
  async rollback(): Promise<void> {
    await this.#closeWhere(({ depth }) => depth !== undefined);
  }

  /** ROLLBACK TO the savepoint of this number, from 0: cursors made after it end. */
  async rollbackTo(savepoint: number): Promise<void> {
    await this.#closeWhere(({ depth }) => depth !== undefined && depth > savepoint);
  }

  /** RELEASE: what was made after the savepoint belongs to what is around it. */
  release(savepoint: number): void {
    for (const entry of this.#byName.values()) if (entry.depth !== undefined) entry.depth = Math.min(entry.depth, savepoint);
  }

  #entry(name: string): Entry {
    const entry = this.#byName.get(name);
    if (entry === undefined) throw new TimelineError({ kind: 'semantic', sqlstate: '34000', message: `cursor "${name}" does not exist` });
    return entry;
  }

  async #closeWhere(condition: (entry: Entry) => boolean): Promise<void> {
    for (const [name, entry] of [...this.#byName]) {
      if (!condition(entry)) continue;
      this.#byName.delete(name);
      await entry.cursor.close();
    }
  }
}

/** While a statement works on a cursor, what stops the statement stops the cursor's query. */
function link(signal: AbortSignal, abort: AbortController): () => void {
  const stop = (): void => abort.abort(signal.reason);
  if (signal.aborted) stop();
  signal.addEventListener('abort', stop, { once: true });
  return () => signal.removeEventListener('abort', stop);
}
