import type { TableDescription } from '../connectors/connector.js';
import { TimelineError, unsupported } from '../sql/errors.js';
import { type ExtraRelation, MOST_EXTRA_RELATIONS, SNAPSHOT_SCHEMA } from '../sql/extra-relations.js';
import type { LogsCall } from '../sql/logs-call.js';
import { nearestName } from '../sql/nearest-name.js';
import type { AnalysisContext } from '../sql/postgres.js';
import type { ResultCall } from '../sql/result-call.js';
import type { TableLookup, TableShape, TableVersion } from '../sql/source-columns.js';
import type { Catalog, CatalogEntry } from './catalog.js';
import type { EngineContext } from './engine-context.js';
import { noSuchReplay } from './replay/completed-replay.js';
import { RESULTS_SCHEMA } from './replay/results-connector.js';
import type { SessionViews } from './session-views.js';
import { evaluateVersion, instantOf, type Parameters, type Version } from './table-version.js';

/** A relation of one statement with where its rows are: a table at a version, or a table about a table (`events$files`). */
export interface StatementRelation extends ExtraRelation {
  readonly entry: CatalogEntry;
  /** For `pin`: undefined is the current version. */
  readonly asOf: string | undefined;
}

export interface StatementTablesOptions {
  readonly engine: EngineContext;
  readonly catalog: Catalog;
  readonly analysis: AnalysisContext;
  readonly views: Pick<SessionViews, 'current'>;
  /** The session's timeline.as_of. */
  readonly asOf: string | undefined;
  /** Values of the statement's parameters, when they are known. */
  readonly parameters: Parameters | undefined;
  /** Values of those that name replays. */
  readonly resultIds?: readonly (string | null)[] | undefined;
}

/** Of a log store's tables, the one that has all entries. */
const LOGS_TABLE = 'logs';

/** As logsql() takes it. */
function logsName({ schema, table }: TableDescription): string {
  return table === LOGS_TABLE ? schema : `${schema}.${table}`;
}

/** Of an id that is none. */
const MOST_SHOWN = 200;

interface Request {
  readonly key: string;
  /** Of a replay whose result it is. */
  readonly result?: ResultCall;
  readonly logs?: LogsCall;
  readonly schema: string | undefined;
  readonly table: string;
  readonly version: TableVersion | undefined;
}

interface Found {
  readonly shape: TableShape | undefined;
  readonly relation: StatementRelation | undefined;
}

/** What a lookup needs that is not known yet. */
class Unknown extends Error {
  constructor(readonly request: Request) {
    super(`table ${request.table} has not been asked for`);
  }
}

/**
 * The tables that one statement means: those of the catalogue, of the session's views, as of snapshots, and about tables. Rewriting asks
 * without waiting: what it asks for is fetched, and it begins again (`settle`).
 */
export class StatementTables {
  readonly #options: StatementTablesOptions;
  readonly #found = new Map<string, Found>();
  readonly #versions: TableVersion[] = [];

  constructor(options: StatementTablesOptions) {
    this.#options = options;
  }

  get relations(): readonly StatementRelation[] {
    return [...this.#found.values()].flatMap(({ relation }) => (relation === undefined ? [] : [relation]));
  }

  /** Versions that expressions told. */
  get versions(): readonly TableVersion[] {
    return this.#versions;
  }

  readonly lookup: TableLookup = (schema, table, version) => {
    const { views, catalog, analysis, asOf } = this.#options;
    const view = version === undefined && (schema === undefined || schema === 'pg_temp') ? views.current.get(table) : undefined;
    if (view !== undefined) return { columns: view.columns, properties: {} };
    const entry = catalog.find(schema, table, analysis.searchPath);
    if (version === undefined && entry !== undefined && (asOf === undefined || entry.connector.splitsHoldRows === true))
      return shapeOf(entry.description);
    if (version === undefined && entry === undefined && !isAboutTable(schema, table, catalog, analysis)) return undefined;
    return this.#get({ key: JSON.stringify([schema ?? null, table, version?.text ?? null]), schema, table, version }).shape;
  };

  /** The relation that stands for a call of at_snapshot(). */
  snapshot(schema: string | undefined, table: string, version: TableVersion): { readonly schema: string; readonly table: string } {
    const { relation } = this.#get({ key: JSON.stringify([schema ?? null, table, version.text]), schema, table, version });
    if (relation === undefined) throw noRelation(schema, table).at(version.position);
    return relation.mirror;
  }

  /** The relation that stands for a call of timeline.result(). */
  result(call: ResultCall): { readonly schema: string; readonly table: string } {
    const key = JSON.stringify(['result', call.id]);
    const { relation } = this.#get({ key, schema: RESULTS_SCHEMA, table: call.id, version: undefined, result: call });
    if (relation === undefined) throw noSuchReplay(call.id).at(call.position);
    return relation.mirror;
  }

  /** The relation that stands for a call of logsql(). */
  logs(call: LogsCall): { readonly schema: string; readonly table: string } {
    const key = JSON.stringify(['logsql', call.table, call.filter]);
    const { relation } = this.#get({ key, schema: undefined, table: call.table, version: undefined, logs: call });
    if (relation === undefined) throw noRelation(undefined, call.table).at(call.tablePosition);
    return relation.mirror;
  }

  get resultIds(): readonly (string | null)[] | undefined {
    return this.#options.resultIds;
  }

  /** Does the work, again each time that it asked for a table not known yet. */
  async settle<T>(work: () => T): Promise<T> {
    for (;;) {
      try {
        return work();
      } catch (thrown) {
        if (!(thrown instanceof Unknown)) throw thrown;
        const { request } = thrown;
        if (this.#found.size >= MOST_EXTRA_RELATIONS) {
          const message = `a statement can have at most ${MOST_EXTRA_RELATIONS} tables at a snapshot`;
          throw new TimelineError({ kind: 'limit', sqlstate: '54000', message });
        }
        this.#found.set(request.key, await this.#find(request));
      }
    }
  }

  #get(request: Request): Found {
    const found = this.#found.get(request.key);
    if (found === undefined) throw new Unknown(request);
    return found;
  }

  async #findResult({ id, position }: ResultCall): Promise<Found> {
    const connector = this.#options.catalog.connector('results');
    if (connector === undefined) throw unsupported('timeline.result() here', { position });
    const source = { schema: RESULTS_SCHEMA, table: id };
    try {
      const description = await connector.describe(source);
      if (description === undefined) throw noSuchReplay(id.slice(0, MOST_SHOWN));
      const mirror = { ...description, schema: SNAPSHOT_SCHEMA, table: `result ${this.#found.size}` };
      const relation = { mirror, schema: RESULTS_SCHEMA, name: id, entry: { connector, source, description }, asOf: undefined };
      return { shape: shapeOf(description), relation };
    } catch (thrown) {
      throw thrown instanceof TimelineError && thrown.position === undefined ? thrown.at(position) : thrown;
    }
  }

  /** Rows of a table of log entries that pass the call's filter. */
  async #findLogs(call: LogsCall): Promise<Found> {
    const { entry, filtered } = this.#logsTable(call);
    const { connector, description: current } = entry;
    try {
      const source = filtered(call.filter);
      const description = await connector.describe(source, undefined, this.#options.asOf);
      if (description === undefined) return { shape: undefined, relation: undefined };
      const number = this.#found.size;
      const mirror = { ...description, schema: SNAPSHOT_SCHEMA, table: `logsql ${number}` };
      const short = call.filter.length <= MOST_SHOWN ? call.filter : `${call.filter.slice(0, MOST_SHOWN)}… #${number}`;
      const name = `logsql(${current.table}, ${short})`;
      const known = { connector, source, description: { ...description, schema: current.schema, table: name } };
      return { shape: shapeOf(description), relation: { mirror, schema: current.schema, name, entry: known, asOf: this.#options.asOf } };
    } catch (thrown) {
      if (!(thrown instanceof TimelineError)) throw thrown;
      throw thrown.at(thrown.position === undefined ? call.filterPosition : call.positionIn(thrown.position));
    }
  }

  #logsTable(call: LogsCall): { readonly entry: CatalogEntry; filtered(filter: string): CatalogEntry['source'] } {
    const { catalog } = this.#options;
    const dot = call.table.indexOf('.');
    const [schema, table] = dot < 0 ? [call.table, call.table] : [call.table.slice(0, dot), call.table.slice(dot + 1)];
    const entry = catalog.find(schema, dot < 0 ? LOGS_TABLE : table, []);
    const { connector, source } = entry ?? {};
    if (entry !== undefined && connector?.filtered !== undefined && source !== undefined) {
      const { filtered } = connector;
      return { entry, filtered: (filter) => filtered.call(connector, source, filter) };
    }
    const failed = catalog.failed.find(({ connector: name }) => name === schema);
    if (entry === undefined && failed !== undefined) throw failed.error.at(call.tablePosition);
    const known = catalog.tables().filter((one) => one.connector.filtered !== undefined);
    const names = known.map(({ description }) => logsName(description));
    const near = nearestName(call.table, names);
    const hint =
      near !== undefined
        ? `Perhaps you meant "${near}".`
        : names.length > 0
          ? `There are: ${names.slice(0, 10).join(', ')}.`
          : 'No catalog of type victorialogs is configured.';
    const message = `"${call.table.slice(0, MOST_SHOWN)}" is no table of log entries`;
    throw new TimelineError({ kind: 'semantic', sqlstate: '42P01', message, hint, position: call.tablePosition });
  }

  async #find({ schema, table, version, result, logs }: Request): Promise<Found> {
    if (result !== undefined) return this.#findResult(result);
    if (logs !== undefined) return this.#findLogs(logs);
    const { catalog, analysis, engine, asOf, parameters } = this.#options;
    const base = baseOf(schema, table, catalog, analysis);
    if (base === undefined) {
      if (version !== undefined) throw noRelation(schema, table).at(version.position);
      return { shape: undefined, relation: undefined };
    }
    const { entry, source } = base;
    if (version === undefined) {
      const asked = asOf === undefined || entry.connector.splitsHoldRows === true ? undefined : { text: asOf, words: true };
      return this.#describe({ entry, source, asked, shown: { schema: entry.description.schema, table } });
    }
    if (entry.connector.splitsHoldRows === true)
      throw unsupported(`time travel of table "${entry.description.schema}.${table}"`, { position: version.position });
    this.#versions.push(version);
    const asked = await evaluateVersion(version, engine.postgres, analysis, parameters);
    const shown = { schema: SNAPSHOT_SCHEMA, table: String(this.#versions.length) };
    try {
      const found = await this.#describe({ entry, source, asked, shown });
      if (found.relation === undefined) throw noRelation(schema, table);
      return found;
    } catch (thrown) {
      throw thrown instanceof TimelineError && thrown.position === undefined ? thrown.at(version.position) : thrown;
    }
  }

  async #describe(request: {
    readonly entry: CatalogEntry;
    readonly source: CatalogEntry['source'];
    readonly asked: Version | undefined;
    readonly shown: { readonly schema: string; readonly table: string };
  }): Promise<Found> {
    const { entry, source, asked, shown } = request;
    const { connector, description: current } = entry;
    const { asOf, described } = await this.#at(entry, source, asked);
    if (described === undefined) return { shape: undefined, relation: undefined };
    const description: TableDescription = { ...described, schema: current.schema };
    const shape = shapeOf(description);
    const plain = source.table === entry.source.table && shown.schema === current.schema;
    // The mirror's own relation does where the columns are the same.
    if (plain && described.schemaVersion === current.schemaVersion) return { shape, relation: undefined };
    const name = shown.schema === SNAPSHOT_SCHEMA ? this.#planName(current.schema, source.table, asOf) : shown.table;
    const relation: StatementRelation = {
      mirror: { ...description, schema: shown.schema, table: shown.table },
      schema: current.schema,
      name,
      entry: { connector, source, description: { ...description, table: name } },
      asOf,
    };
    return { shape, relation };
  }

  /** By id or name first; a text that names nothing may be an instant. */
  async #at(
    { connector }: CatalogEntry,
    source: CatalogEntry['source'],
    asked: Version | undefined,
  ): Promise<{ readonly asOf: string | undefined; readonly described: TableDescription | undefined }> {
    if (asked === undefined) return { asOf: undefined, described: await connector.describe(source) };
    try {
      return { asOf: asked.text, described: await connector.describe(source, undefined, asked.text) };
    } catch (thrown) {
      if (!asked.words || !(thrown instanceof TimelineError) || thrown.sqlstate !== '22023') throw thrown;
      const instant = await instantOf(asked.text, this.#options.engine.postgres, this.#options.analysis);
      if (instant === undefined || instant === asked.text) throw thrown;
      return { asOf: instant, described: await connector.describe(source, undefined, instant) };
    }
  }

  /** What EXPLAIN shows; never the name of another table. */
  #planName(schema: string, table: string, asOf: string | undefined): string {
    let name = `${table}@${asOf ?? 'parameter'}`;
    while (this.#options.catalog.find(schema, name, []) !== undefined) name += '@';
    return name;
  }
}

/** `events$files`, where there is a table `events`. */
export function isAboutTable(schema: string | undefined, table: string, catalog: Catalog, analysis: AnalysisContext): boolean {
  return table.includes('$') && baseOf(schema, table, catalog, analysis) !== undefined;
}

function baseOf(
  schema: string | undefined,
  table: string,
  catalog: Catalog,
  analysis: AnalysisContext,
): { readonly entry: CatalogEntry; readonly source: CatalogEntry['source'] } | undefined {
  const entry = catalog.find(schema, table, analysis.searchPath);
  if (entry !== undefined) return { entry, source: entry.source };
  const cut = table.lastIndexOf('$');
  const base = cut <= 0 ? undefined : catalog.find(schema, table.slice(0, cut), analysis.searchPath);
  if (base === undefined) return undefined;
  return { entry: base, source: { schema: base.source.schema, table: `${base.source.table}${table.slice(cut)}` } };
}

function shapeOf(description: TableDescription): TableShape {
  return { columns: description.columns, properties: description.properties };
}

function noRelation(schema: string | undefined, table: string): TimelineError {
  const name = schema === undefined ? table : `${schema}.${table}`;
  return new TimelineError({ kind: 'semantic', sqlstate: '42P01', message: `relation "${name}" does not exist` });
}
