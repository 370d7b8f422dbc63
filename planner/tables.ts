import { internal, TimelineError } from '../sql/errors.js';
import type { Query } from '../sql/query.js';
import type { PlanContext, PlannedTable, SystemTable } from './planning.js';
import { queriesIn } from './query-walk.js';

/** The tables of one plan, each described and pinned once. */
export class PlanTables {
  readonly #tables: ReadonlyMap<string, PlannedTable>;
  readonly #system: ReadonlyMap<string, SystemTable>;

  private constructor(tables: ReadonlyMap<string, PlannedTable>, system: ReadonlyMap<string, SystemTable>) {
    this.#tables = tables;
    this.#system = system;
  }

  static async pinned(query: Query, context: PlanContext): Promise<PlanTables> {
    const tables = new Map<string, PlannedTable>();
    const system = new Map<string, SystemTable>();
    for (const inner of queriesIn(query)) {
      for (const range of inner.ranges) {
        if (range.kind !== 'table') continue;
        const name = key(range.schema, range.name);
        if (tables.has(name) || system.has(name)) continue;
        context.signal.throwIfAborted();
        const found = context.connectorOf(range.schema, range.name);
        if (found === undefined && isSystemSchema(range.schema) && context.systemRows !== undefined) {
          system.set(name, await context.systemRows(range.schema, range.name, range.columns));
          continue;
        }
        if (found === undefined) {
          throw new TimelineError({
            kind: 'unsupported',
            sqlstate: '0A000',
            message: `reading "${range.schema}.${range.name}" in one query with tables of a catalog is not supported yet`,
          });
        }
        const pin = await context.pin(found.connector, { schema: range.schema, table: range.name });
        tables.set(name, { schema: range.schema, table: range.name, ...found, ...pin });
      }
    }
    return new PlanTables(tables, system);
  }

  get(schema: string, table: string): PlannedTable {
    const found = this.#tables.get(key(schema, table));
    if (found === undefined) throw internal(`table ${schema}.${table} was not pinned`);
    return found;
  }

  system(schema: string, table: string): SystemTable | undefined {
    return this.#system.get(key(schema, table));
  }

  [Symbol.iterator](): IterableIterator<PlannedTable> {
    return this.#tables.values();
  }
}

function isSystemSchema(schema: string): boolean {
  return schema === 'pg_catalog' || schema === 'information_schema';
}

function key(schema: string, table: string): string {
  // names hold no NUL
  return `${schema}\0${table}`;
}
