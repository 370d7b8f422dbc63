import { TimelineError } from '../sql/errors.js';
import { parseOne } from '../sql/parse.js';
import { quoteIdentifier } from '../sql/quote.js';
import { relationNodes } from '../sql/references.js';
import type { ResultColumn } from '../sql/result.js';
import { isViewReference } from '../sql/view-references.js';

/** A temporary view as PostgreSQL wrote its definition: names resolved, stars expanded. */
export interface TemporaryView {
  readonly name: string;
  readonly columns: readonly Pick<ResultColumn, 'name' | 'type'>[];
  readonly definition: string;
  /** What the embedded Postgres is told in its place when it stands among others; absent: the definition. */
  readonly stub?: string;
}

export type TemporaryViews = ReadonlyMap<string, TemporaryView>;

/** A session's temporary views, in the order in which they were made; a rollback undoes what was done to them. */
export class SessionViews {
  #current: TemporaryViews = new Map();
  #before: TemporaryViews | undefined;
  #savepoints: TemporaryViews[] = [];
  #written: { readonly views: TemporaryViews; readonly script: string } | undefined;

  get current(): TemporaryViews {
    return this.#current;
  }

  /** Statements that make them, for the embedded Postgres; undefined: there are none. */
  get script(): string | undefined {
    if (this.#current.size === 0) return undefined;
    if (this.#written?.views === this.#current) return this.#written.script;
    const lines = inOrder(this.#current).map(({ name, columns, definition, stub }) => {
      const list = columns.map((column) => quoteIdentifier(column.name)).join(', ');
      return `create temp view ${quoteIdentifier(name)}${list === '' ? '' : ` (${list})`} as ${stub ?? definition}`;
    });
    const script = lines.join(';\n');
    this.#written = { views: this.#current, script };
    return script;
  }

  /** Throws 42P17 when the view would be made of itself. */
  put(view: TemporaryView): void {
    const next = new Map(this.#current);
    next.set(view.name, view);
    inOrder(next);
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

/** Every view after those that it is made of: one that was replaced may be made of younger ones. */
function inOrder(views: TemporaryViews): readonly TemporaryView[] {
  const done = new Set<TemporaryView>();
  const within = new Set<TemporaryView>();
  const visit = (view: TemporaryView): void => {
    if (done.has(view)) return;
    if (within.has(view)) {
      const message = `infinite recursion detected in rules for relation "${view.name}"`;
      throw new TimelineError({ kind: 'semantic', sqlstate: '42P17', message });
    }
    within.add(view);
    for (const node of relationNodes(parseOne(view.definition)?.statement)) {
      const used = isViewReference(node, views) ? views.get(node.name) : undefined;
      if (used !== undefined) visit(used);
    }
    within.delete(view);
    done.add(view);
  };
  for (const view of views.values()) visit(view);
  return [...done];
}
