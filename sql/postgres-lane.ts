import { internal, TimelineError } from './errors.js';
import { makeRelations } from './extra-relations.js';
import { abortReason, positionless, restarting, shutDown, timedOut } from './postgres-errors.js';
import { IMAGE_DATABASE, SYSTEM_ROLE } from './postgres-image-format.js';
import { isReservedSchema, type MirrorFailure, type MirrorTable, mirrorSteps, renameDatabase, tableKey } from './postgres-mirror.js';
import { type Answer, Frontend, readAnswers } from './postgres-protocol.js';
import { type AnalysisContext, openTransaction, roleOf } from './postgres-request.js';
import { PostgresThread } from './postgres-thread.js';
import { quoteIdentifier } from './quote.js';
import type { Type } from './types.js';

type Rows = readonly (readonly (string | null)[])[];

export interface LaneOptions {
  readonly imagePath: string;
  /** Milliseconds after which a request's thread is ended (57014) and replaced; default 10 000. */
  readonly requestTimeout?: number;
  /** Bytes of WASM memory above which the thread is replaced after a request; default 768 MiB. */
  readonly memoryLimit?: number;
  /**
   * Milliseconds that a request may keep others waiting. Then it goes on by itself in the thread that it has, and the others get a new
   * one. Undefined: they wait for its end.
   */
  readonly slice?: number;
  /** Names of the settings that a user may change, when they are known. */
  readonly userSettings: () => ReadonlySet<string> | undefined;
  /** Another thread comes: OIDs of tables change. */
  readonly onReplaced: () => void;
  /** OID, schema and name of every relation of the thread that there is now. */
  readonly onRelations: (rows: Rows) => void;
}

export interface LaneRequest {
  /** Ends the request by ending the thread it runs in; the signal's reason is what the caller gets. */
  readonly signal?: AbortSignal | undefined;
  readonly timeout?: number;
}

/** A thread and what it has been told. */
interface Live {
  readonly thread: PostgresThread;
  mirror: Map<string, MirrorTable>;
  readonly roles: Set<string>;
  databaseName: string;
}

interface Running<T> {
  readonly result: Promise<T>;
  /** The next request may begin. */
  readonly free: Promise<void>;
}

const ROLLBACK = Frontend.query('rollback');
/** The mirror may be thousands of tables. */
const MIRROR_TIMEOUT = 120_000;
/** Requests that go on by themselves, each in a thread of some 150 MB. One more keeps the others waiting. */
const MOST_APART = 3;

/** One request at a time, in a thread that is replaced when it hangs. */
export class PostgresLane {
  private queue: Promise<unknown> = Promise.resolve();
  private waiting = 0;
  private busy = false;
  private closed = false;
  private wanted: readonly MirrorTable[] = [];
  private schemas: readonly string[] = [];
  private current: Promise<Live>;
  /** What `current` came to. */
  private live: Live | undefined;
  private readonly apart = new Set<Live>();

  constructor(
    thread: PostgresThread,
    private readonly options: LaneOptions,
  ) {
    this.current = this.prepared(thread);
    this.current.catch(() => undefined);
  }

  /** Makes the mirror these tables and no others, and schemas for them and those named. Tables whose columns did not change keep their OIDs. */
  async setMirror(tables: readonly MirrorTable[], schemas: readonly string[]): Promise<readonly MirrorFailure[]> {
    this.wanted = tables;
    this.schemas = schemas.filter((schema) => !isReservedSchema(schema));
    return this.exclusive((live) => this.applyMirror(live), { timeout: MIRROR_TIMEOUT });
  }

  /** Rows of a query of our own, as the superuser. */
  async rows(sql: string): Promise<Rows> {
    return this.exclusive(({ thread }) => systemQuery(thread, sql));
  }

  /** A transaction as the session's user, rolled back after `bytes`. Gives the answer of the last of `bytes`. */
  async asUser(bytes: readonly Buffer[], context: AnalysisContext, options: LaneRequest & { readonly readOnly: boolean }): Promise<Answer> {
    return this.exclusive(async (live) => {
      const { thread } = live;
      await prepareSession(live, context);
      const relations = await relationsSql(live, context);
      const userSettings = this.options.userSettings();
      const open = Frontend.query(openTransaction(context, { readOnly: options.readOnly, userSettings, relations }));
      const [opened, ...answers] = readAnswers(await thread.send(Buffer.concat([open, ...bytes, ROLLBACK])));
      if (opened?.error !== undefined) {
        // A setting that PostgreSQL does not take: the session layer should have refused it; the query can do without.
        if (Object.keys(context.settings).length === 0) throw positionless(opened.error);
        const plain = Frontend.query(
          openTransaction({ ...context, settings: {} }, { readOnly: options.readOnly, userSettings: undefined, relations }),
        );
        const [again, ...retried] = readAnswers(await thread.send(Buffer.concat([plain, ...bytes, ROLLBACK])));
        if (again?.error !== undefined) throw positionless(again.error);
        return lastAnswer(retried);
      }
      return lastAnswer(answers);
    }, options);
  }

  /** Would a request begin at once? */
  get isIdle(): boolean {
    return this.waiting === 0 && !this.busy && this.live !== undefined && !this.live.thread.isEnded;
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    const live = await this.current.catch(() => undefined);
    await Promise.all([live, ...this.apart].map((one) => one?.thread.terminate(shutDown())));
  }

  /** The thread to oneself, under the watchdog. Who is cancelled while waiting for it waits no longer. */
  private async exclusive<T>(work: (live: Live) => Promise<T>, options: LaneRequest = {}): Promise<T> {
    const { signal } = options;
    this.waiting += 1;
    const begun = this.queue.then(async (): Promise<Running<T>> => {
      this.waiting -= 1;
      signal?.throwIfAborted();
      if (this.closed) throw shutDown();
      return this.start(await this.liveThread(), work, options);
    });
    this.queue = begun.then(
      (running) => running.free,
      () => undefined,
    );
    const result = begun.then((running) => running.result);
    if (signal === undefined) return result;
    return new Promise((resolve, reject) => {
      const onAbort = () => reject(abortReason(signal));
      if (signal.aborted) onAbort();
      else signal.addEventListener('abort', onAbort, { once: true });
      result.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
    });
  }

  private start<T>(live: Live, work: (live: Live) => Promise<T>, options: LaneRequest): Running<T> {
    const { signal } = options;
    this.busy = true;
    const { slice, requestTimeout = 10_000, memoryLimit = 768 * 2 ** 20 } = this.options;
    const timeout = options.timeout ?? requestTimeout;
    let setFree: () => void = () => undefined;
    const free = new Promise<void>((resolve) => {
      setFree = () => {
        this.busy = false;
        resolve();
      };
    });
    const end = (reason: TimelineError) => {
      void live.thread.terminate(reason);
      this.replace(live);
    };
    const timer = setTimeout(() => end(timedOut(timeout)), timeout);
    const onAbort = () => end(abortReason(signal));
    signal?.addEventListener('abort', onAbort, { once: true });
    const setApart = () => {
      if (this.waiting === 0 || this.apart.size >= MOST_APART || this.closed) return;
      clearInterval(slices);
      this.apart.add(live);
      this.replace(live);
      setFree();
    };
    const slices = slice === undefined || options.timeout !== undefined ? undefined : setInterval(setApart, slice);
    const result = work(live).finally(() => {
      clearTimeout(timer);
      clearInterval(slices);
      signal?.removeEventListener('abort', onAbort);
      if (this.apart.delete(live)) {
        void live.thread.terminate(shutDown());
        return;
      }
      if (!this.closed && live.thread.memory > memoryLimit && !live.thread.isEnded) end(restarting());
      setFree();
    });
    return { result, free };
  }

  private async liveThread(): Promise<Live> {
    const live = await this.current.catch(() => undefined);
    if (live !== undefined && !live.thread.isEnded) return live;
    this.replace(live);
    try {
      return await this.current;
    } catch (error) {
      throw new TimelineError({ ...restarting().toJSON(), cause: error });
    }
  }

  /** A new thread with the same mirror instead of `old`, unless that was replaced already; the next request waits for it. */
  private replace(old: Live | undefined): void {
    if (this.closed || this.live !== old) return;
    this.live = undefined;
    this.options.onReplaced();
    this.current = (async () => this.prepared(await PostgresThread.start(this.options.imagePath)))();
    this.current.catch(() => undefined);
  }

  private async prepared(thread: PostgresThread): Promise<Live> {
    const live: Live = { thread, mirror: new Map(), roles: new Set(), databaseName: IMAGE_DATABASE };
    try {
      // The session's authorization is set so that a rollback has something to go back to.
      await systemQuery(thread, `set session authorization ${SYSTEM_ROLE}; create temp table first(); drop table first`);
      await this.applyMirror(live);
      if (this.closed) throw shutDown();
    } catch (error) {
      await thread.terminate(shutDown());
      throw error;
    }
    this.live = live;
    return live;
  }

  private async applyMirror(live: Live): Promise<readonly MirrorFailure[]> {
    const { thread } = live;
    const wanted = new Map<string, MirrorTable>();
    const failures: MirrorFailure[] = [];
    for (const table of this.wanted) {
      if (!isReservedSchema(table.schema)) {
        wanted.set(tableKey(table), table);
        continue;
      }
      const error = new TimelineError({ kind: 'semantic', sqlstate: '42939', message: `unacceptable schema name "${table.schema}"` });
      failures.push({ schema: table.schema, table: table.table, error });
    }
    const typeSql = await typeTexts(
      thread,
      [...wanted.values()].flatMap((table) => table.columns.map((column) => column.type)),
    );
    const steps = mirrorSteps(live.mirror, wanted, typeSql, this.schemas);
    if (steps.length > 0) {
      try {
        await systemQuery(thread, steps.map((step) => step.sql).join(';\n'));
      } catch (error) {
        if (!(error instanceof TimelineError) || thread.isEnded) throw error;
        // One of them is not to PostgreSQL's liking: each by itself.
        for (const step of steps) {
          try {
            await systemQuery(thread, step.sql);
          } catch (stepError) {
            if (!(stepError instanceof TimelineError) || step.table === undefined || thread.isEnded) throw stepError;
            failures.push({ schema: step.table.schema, table: step.table.table, error: stepError });
            wanted.delete(tableKey(step.table));
          }
        }
      }
    }
    live.mirror = wanted;
    this.options.onRelations(
      await systemQuery(
        thread,
        "select c.oid, n.nspname, c.relname from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace where c.relkind in ('r', 'v', 'm', 'f', 'p')",
      ),
    );
    this.options.onReplaced();
    return failures;
  }
}

/** What makes the statement's own relations; undefined: it has none. */
async function relationsSql(live: Live, { relations = [] }: AnalysisContext): Promise<string | undefined> {
  if (relations.length === 0) return undefined;
  const types = relations.flatMap(({ mirror }) => mirror.columns.map((column) => column.type));
  return makeRelations(relations, live.mirror, await typeTexts(live.thread, types));
}

/** The role and the database's name are not the transaction's: they are made once. */
async function prepareSession(live: Live, context: AnalysisContext): Promise<void> {
  const role = roleOf(context.user);
  if (!live.roles.has(role)) {
    await systemQuery(live.thread, `create role ${quoteIdentifier(role)} nologin`).catch((error: unknown) => {
      if (!(error instanceof TimelineError && error.sqlstate === '42710')) throw error;
    });
    live.roles.add(role);
  }
  if (context.database !== live.databaseName) {
    try {
      await systemQuery(live.thread, renameDatabase(live.databaseName, context.database));
      live.databaseName = context.database;
    } catch (error) {
      // A name that is taken (template1) or too long stays as it is in current_database() only.
      if (!(error instanceof TimelineError)) throw error;
    }
  }
}

/** The name of a type with its modifier in SQL: `numeric(10,2)`. */
async function typeTexts(thread: PostgresThread, types: readonly Type[]): Promise<(type: Type) => string> {
  const key = (type: Type) => `${type.oid},${type.typmod}`;
  const distinct = [...new Map(types.map((type) => [key(type), type])).values()];
  if (distinct.length === 0) return () => '';
  const rows = await systemQuery(
    thread,
    `select pg_catalog.format_type(o, t) from (values ${distinct.map((type) => `(${type.oid}::oid, ${type.typmod}::int4)`).join(', ')}) v(o, t)`,
  );
  const texts = new Map(distinct.map((type, i) => [key(type), rows[i]?.[0] ?? '???']));
  return (type) => texts.get(key(type)) ?? '???';
}

async function systemQuery(thread: PostgresThread, sql: string): Promise<Rows> {
  const [answer] = readAnswers(await thread.send(Frontend.query(sql)));
  if (answer === undefined) throw internal('the embedded Postgres gave no answer');
  if (answer.error !== undefined) throw positionless(answer.error);
  return answer.rows;
}

/** Answers end with ROLLBACK's. The first error is the one that matters: what follows it is 25P02. */
function lastAnswer(answers: readonly Answer[]): Answer {
  const failed = answers.find((answer) => answer.error !== undefined);
  if (failed?.error !== undefined) throw failed.error;
  const answer = answers.at(-2);
  if (answer === undefined) throw internal('the embedded Postgres gave no answer');
  return answer;
}
