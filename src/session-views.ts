import { quoteIdentifier } from '../sql/quote.js';
import type { ResultColumn } from '../sql/result.js';

/** A temporary view as PostgreSQL wrote its definition: names resolved, stars expanded. */
export interface TemporaryView {
  readonly name: string;
  readonly columns: readonly Pick<ResultColumn, 'name' | 'type'>[];
  readonly definition: string;
}

export type TemporaryViews = ReadonlyMap<string, TemporaryView>;

/** A session's temporary views, in the order in which they were made; a rollback undoes what was done to them. */
export class SessionViews {
  #current: TemporaryViews = new Map();
  #before: TemporaryViews | undefined;
  #savepoints: TemporaryViews[] = [];

  get current(): TemporaryViews {
    return this.#current;
  }

  /** Statements that make them, for the embedded Postgres; undefined: there are none. */
  get script(): string | undefined {
    if (this.#current.size === 0) return undefined;
    const lines = [...this.#current.values()].map(({ name, columns, definition }) => {
      const list = columns.map((column) => quoteIdentifier(column.name)).join(', ');
      return `create temp view ${quoteIdentifier(name)}${list === '' ? '' : ` (${list})`} as ${definition}`;
    });
    return lines.join(';\n');
  }

  put(view: TemporaryView): void {
    const next = new Map(this.#current);
    next.set(view.name, view);
    this.#current = next;
  }

  /** Those that are left. */
  keep(names: ReadonlySet<string>): void {
    this.#current = new Map([...this.#current].filter(([name]) => names.has(name)));
  }

  begin(): void {
    this.#before ??= this.#current;
  }

  end(committed: boolean): void {
    if (!committed && this.#before !== undefined) this.#current = this.#before;
    this.#before = undefined;
    this.#savepoints = [];
  }

  savepoint(): void {
    this.#savepoints.push(this.#current);
  }

  release(savepoint: number): void {
    this.#savepoints.length = savepoint;
  }

  rollbackTo(savepoint: number): void {
    this.#current = this.#savepoints[savepoint] ?? this.#current;
    this.#savepoints.length = savepoint + 1;
  }
}
