import { asTimelineError } from '../sql/errors.js';
import { splitStatements } from '../sql/parse.js';
import type { ResultColumn } from '../sql/result.js';
import { withDeadline } from './deadline.js';
import type { EngineContext } from './engine-context.js';
import { commandExecution, textColumn, textExecution } from './execution.js';
import { type PlannedStatement, planStatement } from './prepare.js';
import { explainSelect, runSelect, type SelectContext } from './select.js';
import { Settings } from './settings.js';
import type { ConnectOptions, ExecuteOptions, Execution, Prepared, Session } from './statement.js';
import { Transaction } from './transaction.js';
import { runUtility, utilityColumns } from './utility.js';

/** A statement that this session has prepared: what the wire sees, and how to run it. */
interface SessionPrepared extends Prepared {
  readonly planned: PlannedStatement | undefined;
}

/** One connection's state: settings, transaction, and the statements of its user. */
export class TimelineSession implements Session {
  private readonly settings: Settings;
  private readonly transaction = new Transaction();

  constructor(
    private readonly engine: EngineContext,
    private readonly options: ConnectOptions,
  ) {
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
    return this.failing(async () => splitStatements(text));
  }

  async prepare(text: string, parameterTypes: readonly number[]): Promise<Prepared> {
    return this.failing(async () => {
      const planned = await planStatement({ text, parameterTypes, engine: this.engine, analysis: this.analysis() });
      // Even Parse is refused in a failed transaction, except for what ends it.
      if (planned !== undefined && !endsTransaction(planned)) this.transaction.requireNotFailed();
      const prepared: SessionPrepared = {
        empty: planned === undefined,
        parameterTypes: planned?.parameterTypes ?? [],
        columns: this.columnsOf(planned),
        planned,
      };
      return prepared;
    });
  }

  async execute(prepared: Prepared, parameters: readonly (string | null)[], options: ExecuteOptions): Promise<Execution> {
    const { planned } = prepared as SessionPrepared;
    if (planned === undefined) return commandExecution('');
    return this.failing(async () => {
      if (!endsTransaction(planned)) this.transaction.requireNotFailed();
      const timeout = Number(this.settings.own('statement_timeout'));
      return withDeadline({ milliseconds: timeout, signal: options.signal }, (signal) => this.run(planned, parameters, signal));
    });
  }

  async endImplicitTransaction(failed: boolean): Promise<void> {
    // Errors of the protocol itself (an unknown portal, a bad parameter) reach the transaction only here.
    if (failed) this.transaction.fail();
    if (this.transaction.status === 'I') this.settings.end(true);
  }

  async close(): Promise<void> {
    this.transaction.end(false);
  }

  private async run(planned: PlannedStatement, parameters: readonly (string | null)[], signal: AbortSignal): Promise<Execution> {
    switch (planned.kind) {
      case 'utility':
        return runUtility(planned.statement, { settings: this.settings, transaction: this.transaction });
      case 'catalogue': {
        const answer = await this.engine.postgres.query(
          planned.text,
          parameters,
          { ...this.analysis(), parameterTypes: planned.parameterTypes },
          { signal },
        );
        return textExecution({
          columns: answer.columns,
          rows: answer.rows,
          tag: (rows) => (answer.tag.startsWith('SELECT') ? `SELECT ${rows}` : answer.tag),
        });
      }
      case 'select':
        return runSelect(planned.statement, parameters, this.selectContext(signal));
      case 'explain':
        return explainSelect(planned.statement, parameters, this.selectContext(signal), planned.options);
    }
  }

  private columnsOf(planned: PlannedStatement | undefined): readonly ResultColumn[] | undefined {
    switch (planned?.kind) {
      case undefined:
        return undefined;
      case 'utility':
        return utilityColumns(planned.statement);
      case 'catalogue':
        return planned.columns;
      case 'select':
        return planned.statement.columns;
      case 'explain':
        return [textColumn('QUERY PLAN')];
    }
  }

  /** What the embedded Postgres is told of this session with every request. */
  private analysis() {
    return {
      user: this.options.user,
      database: this.options.database,
      searchPath: this.searchPath(),
      timeZone: this.settings.own('TimeZone'),
      settings: this.settings.changed(),
    };
  }

  private searchPath(): readonly string[] {
    return this.settings
      .own('search_path')
      .split(',')
      .map((part) => part.trim().replace(/^"(.*)"$/, '$1'))
      .map((name) => (name === '$user' ? this.options.user : name))
      .filter((name) => name !== '');
  }

  private selectContext(signal: AbortSignal): SelectContext {
    const maxBytes = Number(this.settings.own('timeline.max_bytes'));
    const limit = this.engine.config.limits.maxBytes;
    const asOf = this.settings.own('timeline.as_of');
    return {
      engine: this.engine,
      catalog: this.engine.catalog(),
      analysis: this.analysis(),
      driver: this.settings.own('timeline.driver') as SelectContext['driver'],
      // A session may lower the server's limit, not raise it.
      maxBytes: maxBytes === 0 ? limit : Math.min(maxBytes, limit ?? maxBytes),
      asOf: asOf === '' ? undefined : asOf,
      now: BigInt(Date.now()) * 1000n,
      pins: this.transaction.pins(),
      signal,
      onProgress:
        this.settings.own('timeline.progress') === 'on'
          ? (message) => this.options.onNotice({ severity: 'NOTICE', sqlstate: '00000', message })
          : undefined,
    };
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
