import { internal, TimelineError } from '../sql/errors.js';
import type { Query } from '../sql/query.js';
import type { PlanContext, PlannedTable } from './planning.js';
import { queriesIn } from './query-walk.js';

/** The tables of one plan, each described and pinned once. */
export class PlanTables {
  readonly #tables: ReadonlyMap<string, PlannedTable>;

  private constructor(tables: ReadonlyMap<string, PlannedTable>) {
    this.#tables = tables;
  }

  static async pinned(query: Query, context: PlanContext): Promise<PlanTables> {
    const tables = new Map<string, PlannedTable>();
    for (const inner of queriesIn(query)) {
      for (const range of inner.ranges) {
        if (range.kind !== 'table' || tables.has(key(range.schema, range.name))) continue;
        context.signal.throwIfAborted();
        const found = context.connectorOf(range.schema, range.name);
        if (found === undefined) {
          throw new TimelineError({
            kind: 'unsupported',
            sqlstate: '0A000',
            message: `reading "${range.schema}.${range.name}" in one query with tables of a catalog is not supported yet`,
          });
        }
        const pin = await context.pin(found.connector, { schema: range.schema, table: range.name });
        tables.set(key(range.schema, range.name), { schema: range.schema, table: range.name, ...found, ...pin });
      }
    }
    return new PlanTables(tables);
  }

  get(schema: string, table: string): PlannedTable {
    const found = this.#tables.get(key(schema, table));
    if (found === undefined) throw internal(`table ${schema}.${table} was not pinned`);
    return found;
  }

  [Symbol.iterator](): IterableIterator<PlannedTable> {
    return this.#tables.values();
  }
}

function key(schema: string, table: string): string {
  return JSON.stringify([schema, table]);
}
