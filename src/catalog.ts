import type { Connector, RecentRows, TableDescription, TableIndex, TableName } from '../connectors/connector.js';
import { asTimelineError, TimelineError } from '../sql/errors.js';
import { inParallel } from './in-parallel.js';

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

/** A connector that could not say which tables it has. */
export interface FailedSource {
  readonly connector: string;
  readonly error: TimelineError;
  /** Its tables of the last time are shown. */
  readonly kept: boolean;
}

/** How many tables are described at once: enough to hide the latency of a storage. */
/** All tables of all connectors at one moment. Immutable: a refresh makes another. */
export class Catalog {
  private readonly byName: ReadonlyMap<string, CatalogEntry>;
  private readonly broken: ReadonlyMap<string, BrokenTable>;

  constructor(
    private readonly entries: readonly CatalogEntry[],
    broken: readonly BrokenTable[],
    private readonly sources: readonly Source[] = [],
    readonly failed: readonly FailedSource[] = [],
    private readonly owners: ReadonlyMap<string, string> = new Map(),
    /** Connectors that have told their tables, now or before. */
    private readonly listed: ReadonlySet<string> = new Set(),
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

  /** Who has rows that are on their way into a table; undefined: nobody is configured to. */
  recentOf({ schema, table }: TableName): RecentRows | undefined {
    const has = ({ connector: { recent } }: Source): boolean =>
      recent?.tables.some((one) => one.schema === schema && one.table === table) === true;
    return this.sources.find(has)?.connector.recent;
  }

  /** What it holds of one connector, when that could be asked last; undefined: it never could. */
  of(connector: string): SourceTables | undefined {
    if (!this.listed.has(connector)) return undefined;
    const schemas = [...this.owners].filter(([, owner]) => owner === connector).map(([schema]) => schema);
    return {
      schemas,
      entries: this.entries.filter((entry) => entry.connector.name === connector),
      broken: this.brokenTables().filter((table) => this.owners.get(table.name.schema) === connector),
    };
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

  /** What to tell who would make a table in a schema whose tables' connector cannot have others. */
  unwritable(schema: string): string | undefined {
    return this.tables().find((entry) => entry.description.schema === schema)?.connector.unwritable;
  }

  /** A configured catalog by its name. */
  connector(name: string): Connector | undefined {
    return this.sources.find(({ connector }) => connector.name === name)?.connector;
  }

  /** What the configuration says to be an index of a table, as users name it. */
  indexesOf(schema: string, table: string): readonly { readonly catalog: string; readonly index: TableIndex }[] {
    return this.sources.flatMap(({ connector: { name, index } }) =>
      index?.tables.some((one) => one.schema === schema && one.table === table) === true ? [{ catalog: name, index }] : [],
    );
  }

  /** Tables that the configuration says have an index, once each, whether there are such tables or not. */
  indexedTables(): readonly TableName[] {
    const all = this.sources.flatMap(({ connector: { index } }) => index?.tables ?? []);
    return [...new Map(all.map((one) => [key(one.schema, one.table), one])).values()];
  }

  /** Schemas that the configuration lets tables be made in, by name. */
  writableSchemas(): readonly string[] {
    return this.sources.flatMap(({ connector, prefix }) => (connector.writer?.schemas ?? []).map((schema) => prefix + schema));
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

interface SourceTables {
  readonly schemas: readonly string[];
  readonly entries: readonly CatalogEntry[];
  readonly broken: readonly BrokenTable[];
}

/**
 * Asks every connector for its tables. A table that fails is kept as broken. A connector that fails hides no other: its tables of
 * `previous` stay, and whoever reads one gets the connector's own error. Throws F0000 for two connectors with one schema.
 */
export async function readCatalog(sources: readonly Source[], previous?: Catalog, signal?: AbortSignal): Promise<Catalog> {
  const failed: FailedSource[] = [];
  const read = await Promise.all(
    sources.map(async (source): Promise<SourceTables> => {
      try {
        return await inTime(source, signal);
      } catch (error) {
        signal?.throwIfAborted();
        const before = previous?.of(source.connector.name);
        failed.push({ connector: source.connector.name, error: asTimelineError(error), kept: before !== undefined });
        return before ?? { schemas: [], entries: [], broken: [] };
      }
    }),
  );
  const owners = new Map<string, string>();
  for (const [index, { connector }] of sources.entries()) {
    for (const schema of read[index]?.schemas ?? []) {
      const owner = owners.get(schema) ?? connector.name;
      if (owner !== connector.name) throw clash(schema, owner, connector.name);
      owners.set(schema, owner);
    }
  }
  return new Catalog(
    read.flatMap((tables) => tables.entries),
    read.flatMap((tables) => tables.broken),
    sources,
    failed,
    owners,
    new Set(sources.map(({ connector }) => connector.name).filter((name) => !failed.some((one) => one.connector === name && !one.kept))),
  );
}

/** What takes longer goes on, and is taken over by a later look: nobody waits for one catalog's sake. */
const late = new WeakMap<Source, Promise<SourceTables>>();
const LONGEST_WAIT_MS = 15_000;
const LATE_WAIT_MS = 200;

/** What failed just now fails again: statements that ask for unknown tables must not wait for it each time. */
const failures = new WeakMap<Source, { readonly error: unknown; readonly at: number }>();
const FAILURE_KEPT_MS = 3_000;

async function inTime(source: Source, signal: AbortSignal | undefined): Promise<SourceTables> {
  const failure = failures.get(source);
  if (failure !== undefined && performance.now() - failure.at < FAILURE_KEPT_MS) throw failure.error;
  const pending = late.get(source);
  const reading = pending ?? readSource(source, signal);
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, pending === undefined ? LONGEST_WAIT_MS : LATE_WAIT_MS, undefined);
  });
  try {
    const tables = await Promise.race([reading, timeout]);
    if (tables !== undefined) {
      late.delete(source);
      return tables;
    }
  } catch (error) {
    late.delete(source);
    failures.set(source, { error, at: performance.now() });
    throw error;
  } finally {
    clearTimeout(timer);
  }
  late.set(source, reading);
  reading.catch(() => undefined);
  throw new TimelineError({
    kind: 'connector',
    sqlstate: '08001',
    message: `catalog "${source.connector.name}" has not told its tables yet`,
    retryable: true,
  });
}

async function readSource({ connector, prefix }: Source, signal: AbortSignal | undefined): Promise<SourceTables> {
  const names = await connector.tables(signal);
  const described = await inParallel(names, async (source): Promise<CatalogEntry | BrokenTable | undefined> => {
    const schema = prefix + source.schema;
    try {
      const description = await connector.describe(source, signal);
      return description === undefined ? undefined : { connector, source, description: { ...description, schema } };
    } catch (error) {
      return { name: { schema, table: source.table }, error: asTimelineError(error) };
    }
  });
  return {
    schemas: [...new Set(names.map((name) => prefix + name.schema))],
    entries: described.filter((one) => one !== undefined && 'description' in one),
    broken: described.filter((one) => one !== undefined && 'error' in one),
  };
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
