import { join } from 'node:path';
import { isDialect, splitDialect } from '../sql/dialect.js';
import { asTimelineError, TimelineError, unsupported } from '../sql/errors.js';
import { splitStatements } from '../sql/parse.js';
import type { AnalysisContext } from '../sql/postgres.js';
import type { ResultColumn } from '../sql/result.js';
import { Oid } from '../sql/types.js';
import { withDeadline } from './deadline.js';
import { planDialectStatement } from './dialect-statement.js';
import type { EngineContext } from './engine-context.js';
import { commandExecution, quieter, textExecution } from './execution.js';
import { StatementTable } from './named-statements.js';
import type { ExecuteCall, PlannedStatement, ReadStatement } from './prepare.js';
import { explainColumn, explainSelect, runSelect, type SelectContext, tooManyRows } from './select.js';
import { runActions } from './session-actions.js';
import { analysisOf, asOfOf, lowest, maxRowsOf, type SessionScope, selectContextOf } from './session-context.js';
import { SessionCursors } from './session-cursors.js';
import { SessionViews } from './session-views.js';
import { Settings } from './settings.js';
import type { ConnectOptions, ExecuteOptions, Execution, IdleLimit, Prepared, Session } from './statement.js';
import { Transaction } from './transaction.js';
import { unboundResult } from './unbound-result.js';
import { runUtility, utilityColumns } from './utility.js';
import { createView, dropViews, type ViewContext } from './view-commands.js';
import { runWriteStatement, writingOf } from './write-commands.js';

/** A statement that this session has prepared: what the wire sees, and how to run it. */
interface SessionPrepared extends Prepared {
  readonly planned: PlannedStatement | undefined;
}

/** One connection's state: settings, transaction, and the statements of its user. */
export class TimelineSession implements Session {
  private readonly settings: Settings;
  private readonly transaction = new Transaction();
  private readonly cursors: SessionCursors;
  /** Several statements of one simple query are one transaction, though no BEGIN said so. */
  private implicitBlock = false;
  private readonly views = new SessionViews();
  readonly statements = new StatementTable();

  constructor(
    private readonly engine: EngineContext,
    private readonly options: ConnectOptions,
  ) {
    this.cursors = new SessionCursors({
      folder: join(engine.config.home, 'scratch', 'cursors'),
      mostBytes: engine.config.limits.tempBytes,
    });
    this.settings = new Settings({
      serverVersion: engine.postgres.version,
      user: options.user,
      postgres: engine.postgresSettings,
      onReport: options.onParameterStatus,
    });
    for (const [name, value] of Object.entries(options.settings)) {
      if (name === 'options') this.applyOptions(value);
      else if (name !== 'replication') this.settings.setInitial(name, value);
    }
  }

  get transactionStatus(): 'I' | 'T' | 'E' {
    return this.transaction.status;
  }

  parameterStatuses(): readonly (readonly [string, string])[] {
    return this.settings.reported();
  }

  async split(text: string): Promise<readonly { readonly text: string; readonly offset: number }[]> {
    return this.failing(async () => {
      const dialect = this.settings.own('timeline.dialect');
      const parts = isDialect(dialect) ? splitDialect(text, dialect) : splitStatements(text);
      this.implicitBlock = parts.length > 1;
      return parts;
    });
  }

  async prepare(text: string, parameterTypes: readonly number[]): Promise<Prepared> {
    return this.failing(async () => {
      const bind = (values: readonly (string | null)[], types: readonly number[]) => this.prepareBound(text, types, values);
      const unbound = isDialect(this.settings.own('timeline.dialect')) ? undefined : unboundResult(text, parameterTypes, bind);
      if (unbound !== undefined) {
        this.transaction.requireNotFailed();
        return unbound;
      }
      return this.prepareBound(text, parameterTypes, undefined);
    });
  }

  private async prepareBound(
    text: string,
    parameterTypes: readonly number[],
    resultIds: readonly (string | null)[] | undefined,
  ): Promise<SessionPrepared> {
    return this.failing(async () => {
      const planned = await planDialectStatement({
        text,
        parameterTypes,
        engine: this.engine,
        analysis: this.analysis(),
        views: this.views,
        asOf: asOfOf(this.settings),
        dialect: this.settings.own('timeline.dialect'),
        onNotice: this.options.onNotice,
        ...(resultIds === undefined ? {} : { resultIds }),
      });
      // Even Parse is refused in a failed transaction, except for what ends it.
      if (planned !== undefined && !endsTransaction(planned)) this.transaction.requireNotFailed();
      const session = this;
      const prepared: SessionPrepared = {
        empty: planned === undefined,
        parameterTypes: planned?.parameterTypes ?? [],
        // Of FETCH and EXECUTE they are those of the cursor or statement that has the name now.
        get columns() {
          return session.columnsOf(planned);
        },
        get binary() {
          return planned?.kind === 'fetch' && session.cursors.isBinary(planned.fetch.cursor);
        },
        planned,
      };
      return prepared;
    });
  }

  async execute(prepared: Prepared, parameters: readonly (string | null)[], options: ExecuteOptions): Promise<Execution> {
    const { planned } = (await this.boundTo(prepared, parameters)) as SessionPrepared;
    if (planned === undefined) return commandExecution('');
    return this.failing(async () => {
      if (!endsTransaction(planned)) this.transaction.requireNotFailed();
      // So that an error or SET LOCAL can be undone.
      if (this.transaction.status === 'I') {
        this.settings.begin();
        this.views.begin();
      }
      const timeout = lowest(this.engine.config.limits.statementTimeout, Number(this.settings.own('statement_timeout'))) ?? 0;
      const execution = await withDeadline({ milliseconds: timeout, signal: options.signal }, (signal) =>
        this.run(planned, parameters, signal),
      );
      return quieter(execution, this.settings.own('client_min_messages'));
    });
  }

  async endImplicitTransaction(failed: boolean): Promise<void> {
    // Errors of the protocol itself (an unknown portal, a bad parameter) reach the transaction only here.
    if (failed) this.transaction.fail();
    this.implicitBlock = false;
    if (this.transaction.status !== 'I') return;
    try {
      if (failed) await this.cursors.rollback();
      else await this.cursors.commit();
    } catch (error) {
      await this.cursors.rollback();
      this.settings.end(false);
      this.views.end(false);
      throw error;
    }
    this.settings.end(!failed);
    this.views.end(!failed);
  }

  idleLimit(): IdleLimit | undefined {
    const open = this.transaction.status !== 'I';
    const milliseconds = Number(this.settings.own(open ? 'idle_in_transaction_session_timeout' : 'idle_session_timeout'));
    if (milliseconds === 0) return undefined;
    const reason = open
      ? { sqlstate: '25P03', message: 'terminating connection due to idle-in-transaction timeout' }
      : { sqlstate: '57P05', message: 'terminating connection due to idle-session timeout' };
    return { milliseconds, reason: new TimelineError({ kind: 'cancelled', ...reason }) };
  }

  async close(): Promise<void> {
    this.transaction.end(false);
    await this.cursors.closeAll();
  }

  private async run(planned: PlannedStatement, parameters: readonly (string | null)[], signal: AbortSignal): Promise<Execution> {
    switch (planned.kind) {
      case 'utility':
        return runUtility(planned.statement, {
          settings: this.settings,
          transaction: this.transaction,
          statements: this.statements,
          cursors: this.cursors,
          views: this.views,
          inBlock: this.transaction.status !== 'I' || this.implicitBlock,
          signal,
        });
      case 'catalogue':
      case 'select':
        return this.read(planned, parameters, signal);
      case 'action':
        return runActions(planned, await this.read(planned.query, parameters, signal), {
          ...this.scope(),
          engine: this.engine,
          readOnly: this.isReadOnly(),
          signal,
          onProgress: this.progress(),
        });
      case 'prepare':
        return this.prepareNamed(planned);
      case 'execute': {
        const { statement, values } = await this.called(planned.call, signal);
        return this.run(statement, values, signal);
      }
      case 'explain_execute': {
        const { statement, values } = await this.called(planned.call, signal);
        if (statement.kind === 'select') return explainSelect(statement.statement, values, this.selectContext(signal), planned.options);
        if (statement.kind === 'catalogue')
          return this.read({ ...statement, text: `${planned.head}${statement.text.trimStart()}` }, values, signal);
        throw unsupported('EXPLAIN of a statement that is no query');
      }
      case 'declare':
        return this.declare(planned, parameters, signal);
      case 'fetch':
        return this.cursors.fetch(planned.fetch, signal);
      case 'close':
        return this.cursors.close(planned.name);
      case 'create_view':
        return createView(planned, this.viewContext());
      case 'drop_view':
        return dropViews(planned, this.viewContext());
      case 'copy': {
        const execution = await this.read(planned.query, [], signal);
        const copy = { columns: execution.columns ?? [], format: planned.format };
        return { ...execution, columns: undefined, copy, tag: (rows) => `COPY ${rows}` };
      }
      case 'explain': {
        const context = this.selectContext(signal);
        if (planned.write === undefined) return explainSelect(planned.statement, parameters, context, planned.options);
        if (planned.options.analyze) this.requireWritable(planned.write.command);
        const explained = await explainSelect(
          planned.statement,
          parameters,
          context,
          planned.options,
          await writingOf(planned.write, context),
        );
        if (planned.options.analyze) await this.engine.refreshCatalog();
        return explained;
      }
      case 'insert':
      case 'create_table_as':
      case 'create_table':
      case 'drop_table':
      case 'call':
      case 'copy_file':
        // A file is no part of the database: COPY TO runs in read-only transactions, too.
        if (planned.kind !== 'copy_file') this.requireWritable(planned.command);
        return runWriteStatement(planned, parameters, { select: this.selectContext(signal), views: this.views });
    }
  }

  /** A write is committed by itself, when it ends: nothing could take it back. */
  private requireWritable(command: string): void {
    const inBlock = this.transaction.status !== 'I' || this.implicitBlock;
    const refuse = (sqlstate: string, message: string, hint?: string): TimelineError =>
      new TimelineError({ kind: 'semantic', sqlstate, message, ...(hint === undefined ? {} : { hint }) });
    if (this.isReadOnly()) throw refuse('25006', `cannot execute ${command} in a read-only transaction`);
    if (inBlock)
      throw refuse(
        '25001',
        `${command} cannot run inside a transaction block`,
        'Each statement that writes is a transaction of its own here.',
      );
  }

  private isReadOnly(): boolean {
    return this.settings.own(this.transaction.status === 'I' ? 'default_transaction_read_only' : 'transaction_read_only') === 'on';
  }

  private async read(query: ReadStatement, parameters: readonly (string | null)[], signal: AbortSignal): Promise<Execution> {
    if (query.kind === 'select') return runSelect(query.statement, parameters, this.selectContext(signal));
    const { text, parameterTypes } = query;
    const answer = await this.engine.postgres.query(
      text,
      parameters,
      { ...this.analysis(), parameterTypes, views: this.views.script },
      { signal },
    );
    const maxRows = maxRowsOf(this.engine, this.settings);
    if (maxRows !== undefined && answer.rows.length > maxRows) throw tooManyRows(maxRows);
    return textExecution({
      columns: answer.columns,
      rows: answer.rows,
      tag: (rows) => (answer.tag.startsWith('SELECT') ? `SELECT ${rows}` : answer.tag),
    });
  }

  private async prepareNamed({ name, head, text }: PlannedStatement & { readonly kind: 'prepare' }): Promise<Execution> {
    const { postgres } = this.engine;
    const parameterTypes = head === undefined ? [] : await postgres.preparedTypes(head, this.analysis());
    // `unknown` is PostgreSQL's word for a type to be found out.
    const prepared = await this.prepare(
      text,
      parameterTypes.map((oid) => (oid === Oid.unknown ? 0 : oid)),
    );
    this.statements.add({ name, text, prepared });
    return commandExecution('PREPARE');
  }

  /** What EXECUTE names, and its arguments' values. */
  private async called(
    { name, text, hasArguments }: ExecuteCall,
    signal: AbortSignal,
  ): Promise<{ readonly statement: PlannedStatement; readonly values: readonly (string | null)[] }> {
    const { prepared } = this.statements.get(name);
    if (prepared.empty) throw unsupported('EXECUTE of an empty statement');
    const { parameterTypes } = prepared;
    const values =
      hasArguments || parameterTypes.length > 0
        ? await this.engine.postgres.executeArguments(text, { name, parameterTypes }, this.analysis(), { signal })
        : [];
    const { planned } = (await this.boundTo(prepared, values)) as SessionPrepared;
    if (planned === undefined) throw unsupported('EXECUTE of an empty statement');
    return { statement: planned, values };
  }

  /** Statements that are known only with their parameters, as such. */
  private async boundTo(prepared: Prepared, values: readonly (string | null)[]): Promise<Prepared> {
    return prepared.bound === undefined ? prepared : this.failing(async () => (await prepared.bound?.(values)) ?? prepared);
  }

  private async declare(
    { declaration, query }: PlannedStatement & { readonly kind: 'declare' },
    parameters: readonly (string | null)[],
    signal: AbortSignal,
  ): Promise<Execution> {
    const inBlock = this.transaction.status !== 'I' || this.implicitBlock;
    if (!declaration.hold && !inBlock) {
      const message = 'DECLARE CURSOR can only be used in transaction blocks';
      throw new TimelineError({ kind: 'semantic', sqlstate: '25P01', message });
    }
    this.cursors.checkFree(declaration.name);
    const execution = await this.cursors.declare(declaration, {
      depth: this.transaction.savepointDepth,
      signal,
      start: (lasting) => this.read(query, parameters, lasting),
    });
    // Its transaction is this statement alone.
    if (!inBlock) await this.commitCursors(signal);
    return execution;
  }

  private async commitCursors(signal: AbortSignal): Promise<void> {
    try {
      await this.cursors.commit(signal);
    } catch (error) {
      await this.cursors.rollback();
      throw error;
    }
  }

  private viewContext(): ViewContext {
    return { engine: this.engine, analysis: this.analysis(), views: this.views, asOf: asOfOf(this.settings) };
  }

  private columnsOf(planned: PlannedStatement | undefined): readonly ResultColumn[] | undefined {
    switch (planned?.kind) {
      case undefined:
      case 'prepare':
      case 'declare':
      case 'close':
      case 'copy':
      case 'create_view':
      case 'drop_view':
      case 'insert':
      case 'create_table_as':
      case 'create_table':
      case 'drop_table':
      case 'copy_file':
        return undefined;
      case 'call':
      case 'action':
        return planned.columns;
      case 'execute':
        return this.statements.find(planned.call.name)?.prepared.columns;
      case 'fetch':
        return planned.fetch.move ? undefined : this.cursors.columns(planned.fetch.cursor);
      case 'utility':
        return utilityColumns(planned.statement);
      case 'catalogue':
        return planned.columns;
      case 'select':
        return planned.statement.columns;
      case 'explain':
      case 'explain_execute':
        return [explainColumn(planned.options)];
    }
  }

  /** What the embedded Postgres is told of this session with every request. */
  private analysis(): AnalysisContext {
    return analysisOf(this.scope());
  }

  private scope(): SessionScope {
    const { user, database } = this.options;
    return { user, database, settings: this.settings };
  }

  private selectContext(signal: AbortSignal): SelectContext {
    return selectContextOf(this.engine, this.scope(), { pins: this.transaction.pins(), signal, onProgress: this.progress() });
  }

  /** Tells the client at once, if it wants to see progress (timeline.progress = on). */
  private progress(): ((message: string) => void) | undefined {
    if (this.settings.own('timeline.progress') !== 'on') return undefined;
    return (message) => this.options.onNotice({ severity: 'NOTICE', sqlstate: '00000', message });
  }

  /** `options=-c name=value …` of the start-up packet. */
  private applyOptions(text: string): void {
    for (const match of text.matchAll(/-(?:c\s*|-)([A-Za-z_.][\w.-]*)=((?:\\.|\S)*)/g)) {
      this.settings.setInitial((match[1] ?? '').replaceAll('-', '_'), (match[2] ?? '').replace(/\\(.)/g, '$1'));
    }
  }

  /** Any error inside an open transaction fails it, as in PostgreSQL. */
  private async failing<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      this.transaction.fail();
      throw asTimelineError(error);
    }
  }
}

function endsTransaction(planned: PlannedStatement): boolean {
  return (
    planned.kind === 'utility' &&
    planned.statement.kind === 'transaction' &&
    ['commit', 'rollback', 'rollback_to'].includes(planned.statement.action)
  );
}
