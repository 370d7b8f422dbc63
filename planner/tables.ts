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
        const { recent, ...version } = pin;
        const planned: PlannedTable = { schema: range.schema, table: range.name, ...found, ...version };
        if (recent === undefined) {
          tables.set(name, planned);
          continue;
        }
        const { connector, handle, notices } = recent;
        const table = recentName(range, context);
        tables.set(name, { ...planned, recent: table });
        const { description } = found;
        tables.set(key(range.schema, table), { schema: range.schema, table, connector, description, handle, snapshot: null, notices });
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

/** The name, in a plan, of the rows on their way into a table: none that a table has. */
function recentName({ schema, name }: { readonly schema: string; readonly name: string }, context: PlanContext): string {
  const taken = (table: string): boolean => context.connectorOf(schema, table) !== undefined;
  let table = `${name} (recent)`;
  while (taken(table)) table += '+';
  return table;
}

function isSystemSchema(schema: string): boolean {
  return schema === 'pg_catalog' || schema === 'information_schema';
}

function key(schema: string, table: string): string {
  // names hold no NUL
  return `${schema}\0${table}`;
}
