import type { Connector, TableDescription, TableName } from '../connectors/connector.js';
import { asTimelineError, TimelineError } from '../sql/errors.js';

/** A connector under the schema prefix that the configuration gives it. */
export interface Source {
  readonly connector: Connector;
  readonly prefix: string;
}

export interface CatalogEntry {
  readonly connector: Connector;
  /** The table's name as its connector knows it. */
  readonly source: TableName;
  /** Named as users see it. */
  readonly description: TableDescription;
}

/** A table that could not be described: named in errors when somebody asks for it. */
export interface BrokenTable {
  readonly name: TableName;
  readonly error: TimelineError;
}

/** All tables of all connectors at one moment. Immutable: a refresh makes another. */
export class Catalog {
  private readonly byName: ReadonlyMap<string, CatalogEntry>;
  private readonly broken: ReadonlyMap<string, BrokenTable>;

  constructor(
    entries: readonly CatalogEntry[],
    broken: readonly BrokenTable[],
    private readonly sources: readonly Source[] = [],
  ) {
    this.byName = new Map(entries.map((entry) => [key(entry.description.schema, entry.description.table), entry]));
    this.broken = new Map(broken.map((table) => [key(table.name.schema, table.name.table), table]));
  }

  tables(): readonly CatalogEntry[] {
    return [...this.byName.values()];
  }

  brokenTables(): readonly BrokenTable[] {
    return [...this.broken.values()];
  }

  /** Finds a table by schema, or along the search path. Throws the table's own error when it could not be described. */
  find(schema: string | undefined, table: string, searchPath: readonly string[]): CatalogEntry | undefined {
    for (const candidate of schema === undefined ? searchPath : [schema]) {
      const entry = this.byName.get(key(candidate, table));
      if (entry !== undefined) return entry;
      const broken = this.broken.get(key(candidate, table));
      if (broken !== undefined) throw broken.error;
    }
    return undefined;
  }

  hasSchema(schema: string): boolean {
    return this.tables().some((entry) => entry.description.schema === schema);
  }

  /** Catalogs that may make tables in a schema, which need not have any yet; `schema` of each is the connector's own name for it. */
  writers(schema: string): readonly { readonly connector: Connector; readonly schema: string }[] {
    return this.sources.flatMap(({ connector, prefix }) => {
      if (!schema.startsWith(prefix)) return [];
      const own = schema.slice(prefix.length);
      return connector.writer?.allows(own) === true ? [{ connector, schema: own }] : [];
    });
  }

  /** Did columns, tables or estimates change, so that the mirror must be made again? */
  sameAs(other: Catalog): boolean {
    return this.fingerprint() === other.fingerprint();
  }

  private fingerprint(): string {
    const entries = this.tables().map((entry) => [entry.description.schema, entry.description.table, entry.description.schemaVersion]);
    return JSON.stringify([entries, [...this.broken.keys()]]);
  }
}

/** Asks every connector for its tables. A table that fails is kept as broken; a connector that fails is the caller's error. */
export async function readCatalog(sources: readonly Source[], signal?: AbortSignal): Promise<Catalog> {
  const entries: CatalogEntry[] = [];
  const broken: BrokenTable[] = [];
  const owners = new Map<string, string>();
  for (const { connector, prefix } of sources) {
    for (const source of await connector.tables(signal)) {
      const schema = prefix + source.schema;
      const owner = owners.get(schema) ?? connector.name;
      if (owner !== connector.name) throw clash(schema, owner, connector.name);
      owners.set(schema, owner);
      try {
        const description = await connector.describe(source, signal);
        if (description !== undefined) entries.push({ connector, source, description: { ...description, schema } });
      } catch (error) {
        broken.push({ name: { schema, table: source.table }, error: asTimelineError(error) });
      }
    }
  }
  return new Catalog(entries, broken, sources);
}

function clash(schema: string, first: string, second: string): TimelineError {
  return new TimelineError({
    kind: 'semantic',
    sqlstate: 'F0000',
    message: `catalogs "${first}" and "${second}" both have a namespace shown as schema "${schema}"`,
    hint: `Give one a prefix: catalogs.${second}.prefix.`,
  });
}

function key(schema: string, table: string): string {
  return JSON.stringify([schema, table]);
}
