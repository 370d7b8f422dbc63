import { AnalysisCache } from './analysis-cache.js';
import { CatalogueNames } from './catalogue-names.js';
import { internal, TimelineError, unsupported } from './errors.js';
import type { Constant, Expr } from './expression.js';
import { typeOf } from './expression-type.js';
import { type ExtraRelation, relationOids, withLastingIds } from './extra-relations.js';
import { gatherParameters } from './many-parameters.js';
import { literalsOf, oddTypes, validitySql, withTexts } from './odd-constants.js';
import { parseOne } from './parse.js';
import { taggedNode } from './parse-tree.js';
import { positionless, shifted } from './postgres-errors.js';
import { buildImage, isImageCurrent } from './postgres-image.js';
import { PostgresLane } from './postgres-lane.js';
import { type MirrorFailure, type MirrorTable, tableKey } from './postgres-mirror.js';
import { Frontend } from './postgres-protocol.js';
import type { AnalysisContext } from './postgres-request.js';
import { PostgresThread } from './postgres-thread.js';
import { printExpression } from './print-postgres.js';
import { quoteIdentifier, quoteLiteral } from './quote.js';
import { refusedClause } from './references.js';
import type { ResultColumn } from './result.js';
import type { Type } from './types.js';

export type { MirrorFailure, MirrorTable } from './postgres-mirror.js';
export type { AnalysisContext } from './postgres-request.js';

export interface RequestOptions {
  /** Ends the request by ending the thread it runs in; the signal's reason is what the caller gets. */
  readonly signal?: AbortSignal;
}

export interface Description {
  readonly parameterTypes: readonly number[];
  /** Undefined: the statement returns no rows. */
  readonly columns: readonly ResultColumn[] | undefined;
}

export interface TextResult {
  readonly columns: readonly ResultColumn[];
  readonly rows: readonly (readonly (string | null)[])[];
  /** The command tag: `SELECT 3`, `SHOW`. */
  readonly tag: string;
}

export interface PostgresOptions {
  /** Made when it is missing or belongs to another version. */
  readonly imagePath: string;
  /** Milliseconds after which a request's thread is ended (57014) and replaced; default 10 000. */
  readonly requestTimeout?: number;
  /** Bytes of WASM memory above which the thread is replaced after a request; default 768 MiB. */
  readonly memoryLimit?: number;
  /** A second thread for catalogue and constant queries, so that none of them holds up analysis; costs some 150 MB. Default false. */
  readonly valueThread?: boolean;
}

/** Rows that one catalogue or constant query may return. */
const MAX_ROWS = 1_000_000;
/** Expressions computed by one statement; PostgreSQL's limit is 1664 columns. */
const EVALUATE_BATCH = 500;
/** Milliseconds that a query may keep others waiting; then it goes on in a thread that is its own. */
const VALUE_SLICE = 300;

/**
 * The real PostgreSQL that reads our SQL: PGlite in a worker thread, over an empty mirror of every table. It holds no state
 * of any session: each request is a transaction of its own that is rolled back, as the session's user and with its settings.
 * One analysis runs at a time, and beside it what computes values (postgres-lane.ts).
 */
function analysed(relations: readonly ExtraRelation[]): string {
  return `select prosqlbody, ${relationOids(relations)} from pg_catalog.pg_proc where proname = 'q' and pronamespace = pg_catalog.pg_my_temp_schema()`;
}

export class EmbeddedPostgres {
  private closed = false;
  /** Of every thread so far: a tree analysed just before a restart can still be read. */
  private readonly relationNames = new Map<number, { readonly schema: string; readonly name: string }>();
  private relationIds = new Map<string, number>();
  /** Analysis: what it says names relations of its own mirror. */
  private readonly main: PostgresLane;
  /** What computes values for users; the same as `main` when there is one thread for all. */
  private readonly values: PostgresLane;
  private readonly descriptions = new AnalysisCache<Description>();
  private readonly trees = new AnalysisCache<string>();
  private userSettings: ReadonlySet<string> | undefined;
  private catalogue: CatalogueNames | undefined;
  private serverVersion = '';

  private constructor(options: PostgresOptions, threads: { readonly main: PostgresThread; readonly values: PostgresThread | undefined }) {
    const userSettings = () => this.userSettings;
    this.main = new PostgresLane(threads.main, {
      ...options,
      userSettings,
      onReplaced: () => this.forget(),
      onRelations: (rows) => this.keepRelations(rows),
    });
    this.values =
      threads.values === undefined
        ? this.main
        : new PostgresLane(threads.values, { ...options, userSettings, slice: VALUE_SLICE, onReplaced: nothing, onRelations: nothing });
  }

  /** Starts the thread (0.6-1.5 s; 3-6 s more when the image must be made first). Close it in the end. */
  static async open(options: PostgresOptions): Promise<EmbeddedPostgres> {
    if (!(await isImageCurrent(options.imagePath))) await buildImage(options.imagePath);
    const main = await PostgresThread.start(options.imagePath).catch(async () => {
      // The header fits but the content does not: once more from the start.
      await buildImage(options.imagePath);
      return PostgresThread.start(options.imagePath);
    });
    const values = options.valueThread === true ? await PostgresThread.start(options.imagePath) : undefined;
    const postgres = new EmbeddedPostgres(options, { main, values });
    try {
      const facts = await postgres.catalogueRows(
        "select name from pg_catalog.pg_settings where context = 'user' union all select current_setting('server_version')",
      );
      postgres.serverVersion = (facts.at(-1)?.[0] ?? '').split(' ')[0] ?? '';
      postgres.userSettings = new Set(facts.map(([name]) => name?.toLowerCase() ?? ''));
      postgres.catalogue = await CatalogueNames.load(postgres);
    } catch (error) {
      await postgres.close();
      throw error;
    }
    return postgres;
  }

  /** `18.6`. */
  get version(): string {
    return this.serverVersion;
  }

  /** Names of functions, operators and types; and of relations as the mirror stands. */
  get names(): CatalogueNames {
    if (this.catalogue === undefined) throw internal('the embedded Postgres is not open');
    return this.catalogue;
  }

  /** The mirror's OID for a table; another one after the table's columns changed or the thread was replaced. */
  relationId(schema: string, table: string): number | undefined {
    return this.relationIds.get(tableKey({ schema, table }));
  }

  relationName(oid: number): { readonly schema: string; readonly name: string } | undefined {
    return this.relationNames.get(oid);
  }

  /** Makes the mirror these tables and no others. Tables whose columns did not change keep their OIDs. */
  async setMirror(tables: readonly MirrorTable[], schemas: readonly string[] = []): Promise<readonly MirrorFailure[]> {
    this.forget();
    const lanes = this.values === this.main ? [this.main] : [this.main, this.values];
    const [failures = []] = await Promise.all(lanes.map((lane) => lane.setMirror(tables, schemas)));
    this.forget();
    return failures;
  }

  /** Types of a statement's parameters (0: infer) and results. Throws what PostgreSQL says of it, with its position. */
  async describe(
    sql: string,
    parameterTypes: readonly number[],
    context: AnalysisContext,
    options: RequestOptions = {},
  ): Promise<Description> {
    const bytes = [Frontend.parse(sql, parameterTypes), Frontend.describeStatement(), Frontend.sync()];
    return this.descriptions.get({ sql, parameterTypes, context }, async () => {
      const answer = await this.main.asUser(bytes, context, { ...options, readOnly: true });
      return { parameterTypes: answer.parameterTypes, columns: answer.columns };
    });
  }

  /**
   * PostgreSQL's analysed tree of exactly one SELECT or INSERT, as text for readQuery or readInsert. `parameterTypes` without zeros (describe tells
   * them). Error positions are those of `sql`.
   */
  async analyse(sql: string, parameterTypes: readonly number[], context: AnalysisContext, options: RequestOptions = {}): Promise<string> {
    return this.trees.get({ sql, parameterTypes, context }, () => this.analyseAnew(sql, parameterTypes, context, options));
  }

  private async analyseAnew(
    sql: string,
    parameterTypes: readonly number[],
    context: AnalysisContext,
    options: RequestOptions,
  ): Promise<string> {
    const statement = parseOne(sql)?.statement;
    const { tag, body } = taggedNode(statement);
    if (tag !== 'SelectStmt' && tag !== 'InsertStmt') throw internal('only a SELECT or an INSERT can be analysed');
    const refused = refusedClause(tag === 'InsertStmt' ? [body['selectStmt'], body['withClause']] : statement);
    if (refused !== undefined) throw unsupported(refused);
    const gathered = gatherParameters(sql, parameterTypes);
    const types = (gathered?.types ?? parameterTypes).map((oid) => this.names.typeSql(oid));
    const returns = tag === 'InsertStmt' ? 'void' : 'setof record';
    const prefix = `create function pg_temp.q(${types.join(', ')}) returns ${returns} language sql begin atomic `;
    const bytes = [
      // The closing words stand on a line of their own: the text may end in a comment.
      Frontend.query(`${prefix}${gathered?.sql ?? sql}\n;end`),
      Frontend.query(analysed(context.relations ?? [])),
    ];
    const answer = await this.main.asUser(bytes, context, { ...options, readOnly: false }).catch((error: unknown) => {
      throw error instanceof TimelineError ? shifted(error, prefix, gathered?.mapPosition) : error;
    });
    const [written, oids] = answer.rows[0] ?? [];
    if (written === undefined || written === null) throw internal('the embedded Postgres did not keep the analysed statement');
    const tree = withLastingIds(written, (oids ?? '').split(','));
    return this.withOddConstants(gathered?.restore(tree) ?? tree, statement, context, options);
  }

  /** See odd-constants.ts. */
  private async withOddConstants(tree: string, statement: unknown, context: AnalysisContext, options: RequestOptions): Promise<string> {
    const types = oddTypes(tree);
    const literals = types.length === 0 ? [] : literalsOf(statement);
    if (literals.length === 0) return tree;
    const names = new Map(types.map((oid) => [oid, this.names.typeSql(oid)]));
    const valid = await this.main.asUser([Frontend.query(validitySql(literals, names))], context, { ...options, readOnly: true });
    const texts = valid.rows.map(([n, oid]) => ({ text: literals[Number(n)] ?? '', oid: Number(oid) }));
    if (texts.length === 0) return tree;
    const casts = texts.map(({ text, oid }) => `${quoteLiteral(text)}::${names.get(oid)}`);
    const encoded = await this.main.asUser(
      [
        Frontend.query(`create function pg_temp.q() returns setof record language sql begin atomic select ${casts.join(', ')};end`),
        Frontend.query(analysed([])),
      ],
      context,
      { ...options, readOnly: false },
    );
    return withTexts(tree, encoded.rows[0]?.[0] ?? '', texts);
  }

  /**
   * Runs a catalogue or constant query (SELECT, SHOW, EXPLAIN of such); what reads a mirrored table fails with XX000.
   * Parameters and results are in text form.
   */
  async query(
    sql: string,
    parameters: readonly (string | null)[],
    context: AnalysisContext & { readonly parameterTypes?: readonly number[] },
    options: RequestOptions = {},
  ): Promise<TextResult> {
    requireHarmless(sql);
    const bytes = [
      Frontend.parse(sql, context.parameterTypes ?? []),
      Frontend.bind(parameters),
      Frontend.describePortal(),
      Frontend.execute(MAX_ROWS),
      Frontend.sync(),
    ];
    const answer = await this.values.asUser(bytes, context, { ...options, readOnly: true });
    if (answer.suspended) {
      throw new TimelineError({ kind: 'limit', sqlstate: '54000', message: `a query without tables may return at most ${MAX_ROWS} rows` });
    }
    return { columns: answer.columns ?? [], rows: answer.rows, tag: answer.tag };
  }

  /** Computes expressions without columns or parameters: for each its value, or the error it raises. */
  async evaluate(
    exprs: readonly Expr<never>[],
    context: AnalysisContext,
    options: RequestOptions = {},
  ): Promise<readonly (Constant | TimelineError)[]> {
    const results: (Constant | TimelineError)[] = [];
    for (let start = 0; start < exprs.length; start += EVALUATE_BATCH) {
      const batch = exprs.slice(start, start + EVALUATE_BATCH);
      try {
        results.push(...(await this.evaluateBatch(batch, context, options)));
      } catch (error) {
        if (!(error instanceof TimelineError) || error.kind === 'cancelled') throw error;
        // Which one was it? Only those that fail are told so.
        for (const expr of batch) results.push(batch.length === 1 ? positionless(error) : await this.evaluateOne(expr, context, options));
      }
    }
    return results;
  }

  private async evaluateOne(expr: Expr<never>, context: AnalysisContext, options: RequestOptions): Promise<Constant | TimelineError> {
    try {
      const [value] = await this.evaluateBatch([expr], context, options);
      return value ?? internal('the embedded Postgres gave no value');
    } catch (error) {
      if (!(error instanceof TimelineError) || error.kind === 'cancelled') throw error;
      return positionless(error);
    }
  }

  private async evaluateBatch(
    exprs: readonly Expr<never>[],
    context: AnalysisContext,
    options: RequestOptions,
  ): Promise<readonly Constant[]> {
    const list = exprs.map((expr, i) => `${printExpression(expr, this.names)} as c${i + 1}`).join(', ');
    // Computed in the session's time zone, then written in UTC.
    const sql = `with v as materialized (select ${list}) select timeline_ops.write_in_utc() as u, v.* from v`;
    const bytes = [Frontend.parse(sql, []), Frontend.bind([]), Frontend.describePortal(), Frontend.execute(2), Frontend.sync()];
    // Settings that change how values are written would change the plan's constants.
    // Whoever plans a query does not wait for those of others that take long.
    const lane = this.values.isIdle ? this.values : this.main;
    const answer = await lane.asUser(bytes, { ...context, settings: {} }, { ...options, readOnly: true });
    const row = answer.rows[0];
    if (row === undefined || row.length !== exprs.length + 1) throw internal('the embedded Postgres gave no row of constants');
    return exprs.map((expr, i) => {
      const type = typeOf(expr);
      const oid = answer.columns?.[i + 1]?.type.oid;
      if (oid !== type.oid) throw internal(`a constant of type ${type.oid} came back as type ${oid}`);
      return { kind: 'constant', type, value: row[i + 1] ?? null };
    });
  }

  /** OIDs of the parameter types in `PREPARE name (types) AS `; places of errors are of that text. */
  async preparedTypes(head: string, context: AnalysisContext): Promise<readonly number[]> {
    const types = "select pg_catalog.array_to_string(parameter_types::pg_catalog.oid[], ',') from pg_catalog.pg_prepared_statements";
    const [row] = await this.preparing([`${head} select 1`, `${types}; deallocate all`], context);
    return (row?.[0] ?? '')
      .split(',')
      .filter((oid) => oid !== '')
      .map(Number);
  }

  /** Computes the arguments of `text`, which is EXECUTE of the named statement with such parameters. Throws as PostgreSQL does, 42601 for their number. */
  async executeArguments(
    text: string,
    statement: { readonly name: string; readonly parameterTypes: readonly number[] },
    context: AnalysisContext,
    options: RequestOptions = {},
  ): Promise<readonly (string | null)[]> {
    const types = statement.parameterTypes.map((oid) => this.names.typeSql(oid)).join(', ');
    const values = statement.parameterTypes.map((_, i) => `$${i + 1}`).join(', ');
    const prepare = `prepare ${quoteIdentifier(statement.name)}${types === '' ? '' : ` (${types})`} as select ${values}`;
    // What follows stands on a line of its own: the text may end in a comment.
    const [row] = await this.preparing([prepare, `${text}\n; deallocate all`], context, options);
    return row ?? [];
  }

  /** Requests that leave a prepared statement behind when they fail: it is no part of their transaction. */
  private async preparing(
    texts: readonly string[],
    context: AnalysisContext,
    options: RequestOptions = {},
  ): Promise<readonly (readonly (string | null)[])[]> {
    const bytes = ['deallocate all', ...texts].map((text) => Frontend.query(text));
    try {
      return (await this.values.asUser(bytes, context, { ...options, readOnly: true })).rows;
    } catch (error) {
      await this.values.rows('deallocate all').catch(() => undefined);
      throw error;
    }
  }

  /**
   * Runs CREATE or DROP VIEW after the session's views were made. Gives the names of all temporary views then, each with its columns and
   * definition, in which names do not depend on the search path. Error positions are those of `sql`.
   */
  async changeViews(
    sql: string,
    context: AnalysisContext,
  ): Promise<
    readonly {
      readonly name: string;
      readonly columns: readonly { readonly name: string; readonly type: Type }[];
      readonly definition: string;
    }[]
  > {
    const bytes = [
      Frontend.query(sql),
      Frontend.query("set local search_path = ''"),
      Frontend.query(
        'select c.relname, pg_catalog.pg_get_viewdef(c.oid), a.attname, a.atttypid, a.atttypmod from pg_catalog.pg_class c ' +
          'left join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 ' +
          "where c.relkind = 'v' and c.relnamespace = pg_catalog.pg_my_temp_schema() order by c.oid, a.attnum",
      ),
    ];
    const { rows } = await this.main.asUser(bytes, context, { readOnly: false });
    const views = new Map<string, { name: string; columns: { name: string; type: Type }[]; definition: string }>();
    for (const [name, definition, column, oid, typmod] of rows) {
      const view = views.get(name ?? '') ?? { name: name ?? '', columns: [], definition: (definition ?? '').trim().replace(/;$/, '') };
      views.set(view.name, view);
      if (typeof column === 'string') view.columns.push({ name: column, type: { oid: Number(oid), typmod: Number(typmod) } });
    }
    return [...views.values()];
  }

  /** Columns of CREATE TABLE (columns): what PostgreSQL makes of them, or says of them. */
  async tableColumns(
    columnsSql: string,
    context: AnalysisContext,
  ): Promise<readonly { readonly name: string; readonly type: Type; readonly nullable: boolean }[]> {
    const bytes = [
      Frontend.query(`create temp table q ${columnsSql}`),
      Frontend.query(
        "select attname, atttypid, atttypmod, attnotnull from pg_catalog.pg_attribute where attrelid = 'pg_temp.q'::pg_catalog.regclass and attnum > 0 order by attnum",
      ),
    ];
    const { rows } = await this.main.asUser(bytes, context, { readOnly: false }).catch((error: unknown) => {
      throw error instanceof TimelineError ? positionless(error) : error;
    });
    return rows.map(([name, oid, typmod, required]) => ({
      name: name ?? '',
      type: { oid: Number(oid), typmod: Number(typmod) },
      nullable: required !== 't',
    }));
  }

  /**
   * Arguments of a call as PostgreSQL resolves them by name and position: `parameters` declares the function (`a text, b int default 1`),
   * the answer has each one's value as text. Errors and their positions are those of `argumentsSql`.
   */
  async callArguments(
    call: {
      readonly name: string;
      readonly parameters: readonly { readonly name: string; readonly type: string; readonly required: boolean }[];
    },
    argumentsSql: string,
    context: AnalysisContext,
    values: readonly (string | null)[],
  ): Promise<readonly (string | null)[]> {
    const declared = call.parameters.map(
      ({ name, type, required }) => `${quoteIdentifier(name)} ${type}${required ? '' : ' default null'}`,
    );
    const texts = call.parameters.map((_, n) => `$${n + 1}::pg_catalog.text`);
    const head = `select * from pg_catalog.unnest(pg_temp.${quoteIdentifier(call.name)}`;
    const bytes = [
      Frontend.query(
        `create function pg_temp.${quoteIdentifier(call.name)}(${declared.join(', ')}) returns pg_catalog.text[] language sql as $f$ select array[${texts.join(', ')}] $f$`,
      ),
      Frontend.parse(`${head}${argumentsSql})`, []),
      Frontend.bind(values),
      Frontend.execute(100),
      Frontend.sync(),
    ];
    const { rows } = await this.main.asUser(bytes, context, { readOnly: false }).catch((error: unknown) => {
      if (!(error instanceof TimelineError)) throw error;
      const told = new TimelineError({ ...error.toJSON(), message: error.message.replace('function pg_temp.', 'procedure timeline.') });
      throw shifted(told, head, undefined);
    });
    return rows.map(([value]) => value ?? null);
  }

  /** Throws what PostgreSQL says of `with (…)` after COPY (query with these columns) TO STDOUT. */
  async checkCopyOptions(optionsSql: string, columns: readonly ResultColumn[], context: AnalysisContext): Promise<void> {
    const list = columns.map(({ name }) => `null::text as ${quoteIdentifier(name)}`).join(', ');
    const bytes = [Frontend.query(`copy (select ${list} where false) to stdout${optionsSql}`)];
    await this.main.asUser(bytes, context, { readOnly: true }).catch((error: unknown) => {
      throw error instanceof TimelineError ? positionless(error) : error;
    });
  }

  /** Rows of a query of our own, as the superuser; for names and settings. */
  async catalogueRows(sql: string): Promise<readonly (readonly (string | null)[])[]> {
    return this.main.rows(sql);
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    await Promise.all([this.main.close(), this.values.close()]);
  }

  /** Trees name relations by OID, which the mirror's next state may not have. */
  private forget(): void {
    this.descriptions.clear();
    this.trees.clear();
  }

  private keepRelations(rows: readonly (readonly (string | null)[])[]): void {
    this.relationIds = new Map();
    for (const [oid, schema, name] of rows) {
      this.relationNames.set(Number(oid), { schema: schema ?? '', name: name ?? '' });
      this.relationIds.set(tableKey({ schema: schema ?? '', table: name ?? '' }), Number(oid));
    }
  }
}

function nothing(): void {}

function requireHarmless(sql: string): void {
  const statement = parseOne(sql)?.statement;
  const { tag, body } = taggedNode(statement);
  const harmless =
    tag === 'SelectStmt' || tag === 'VariableShowStmt' || (tag === 'ExplainStmt' && taggedNode(body['query']).tag === 'SelectStmt');
  if (!harmless) throw unsupported(`${tag.replace(/Stmt$/, '')} on the catalogue`);
  const refused = refusedClause(statement);
  if (refused !== undefined) throw unsupported(refused);
}
