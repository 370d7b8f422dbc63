import { MessageChannel, receiveMessageOnPort, Worker } from 'node:worker_threads';
import { internal, TimelineError } from '../../sql/errors.js';
import { type AggregateSpec, type PostgresSpec, specSql } from '../../sql/functions/postgres-spec.js';
import { Frontend, readAnswers } from '../../sql/postgres-protocol.js';
import type { SqlNames } from '../../sql/print-postgres.js';
import { quoteIdentifier, quoteLiteral } from '../../sql/quote.js';
import { ArrayParameter, bindMessage, readTexts } from './postgres-arrays.js';
import type { FunctionReply, FunctionRequest, FunctionWorkerData } from './postgres-function-worker.js';

export interface PostgresFunctionsOptions {
  readonly imagePath: string;
  /** Has the task that waits been given up? */
  readonly aborted: () => boolean;
}

/** Settings that texts depend on; read at each call. */
export interface PostgresSession {
  readonly timeZone: string;
}

type Texts = readonly (string | null)[];

/**
 * PostgreSQL's own functions over columns of texts, computed by a PGlite in a thread of its own, which is started when it is first
 * asked. Calls are synchronous (the asking thread sleeps): they come from within DuckDB's functions. What hangs ends with its task:
 * the PGlite is thrown away then, and the next call has a new one.
 */
export class PostgresFunctions {
  #thread: Thread | undefined;
  #now = Date.now();

  constructor(private readonly options: PostgresFunctionsOptions) {}

  /** A task begins: the statement's start, in microseconds since 1970 (PlanSession.now), is the time that functions see. */
  begin(now: string): void {
    this.#now = Number(now) / 1000;
  }

  /** A task ends. What a huge value made of the thread's memory never shrinks, so it goes. */
  end(): void {
    if (this.#thread !== undefined && this.#thread.memory > MOST_MEMORY) this.close();
  }

  /** A text for each row. */
  scalar(spec: string, columns: readonly Texts[], rowCount: number, session: PostgresSession): (string | null)[] {
    return this.#batches(spec, columns, rowCount, session).flatMap(({ rows }) => rows.map((row) => row[0] ?? null));
  }

  /** For each row its list of result rows. */
  rows(spec: string, columns: readonly Texts[], rowCount: number, session: PostgresSession): (string | null)[][][] {
    const out: (string | null)[][][] = Array.from({ length: rowCount }, () => []);
    for (const { from, rows } of this.#batches(spec, columns, rowCount, session)) {
      for (const [n, ...row] of rows) (out[from + Number(n) - 1] as (string | null)[][]).push(row);
    }
    return out;
  }

  /** For each group the aggregate of its rows; NULL rows are none. */
  aggregate(
    spec: string,
    groups: readonly { readonly direct: Texts; readonly rows: readonly Texts[] | null }[],
    session: PostgresSession,
  ): (string | null)[] {
    const { directs, lists } = JSON.parse(spec) as AggregateSpec;
    const thread = this.#prepared(session);
    const out: (string | null)[] = [];
    let batch: (typeof groups)[number][] = [];
    let size = 0;
    const send = (): void => {
      if (batch.length === 0) return;
      const rows = batch.flatMap((group) => group.rows ?? []);
      const groupOf = batch.flatMap((group, n) => (group.rows ?? []).map(() => n + 1));
      const parameters = [
        ...Array.from({ length: directs }, (_, i) =>
          ArrayParameter.texts(
            batch.map(({ direct }) => direct[i] ?? null),
            0,
            batch.length,
          ),
        ),
        ArrayParameter.integers(groupOf),
        ...Array.from({ length: lists }, (_, i) =>
          ArrayParameter.texts(
            rows.map((row) => row[i] ?? null),
            0,
            rows.length,
          ),
        ),
      ];
      for (const row of thread.run(spec, directs, batch.length, parameters)) out.push(row[0] ?? null);
      batch = [];
      size = 0;
    };
    for (const group of groups) {
      const own = (group.rows ?? []).reduce((sum, row) => sum + row.reduce((length, text) => length + (text?.length ?? 0), 16), 0);
      if (own > MOST_CHARACTERS) {
        const message = `out of memory: an aggregate that PostgreSQL computes has more than ${MOST_CHARACTERS} characters in one group`;
        throw new TimelineError({ kind: 'limit', sqlstate: '53200', message });
      }
      if (size + own > BATCH_CHARACTERS) send();
      batch.push(group);
      size += own;
    }
    send();
    return out;
  }

  close(): void {
    this.#thread?.close();
    this.#thread = undefined;
  }

  #prepared(session: PostgresSession): Thread {
    if (this.#thread?.ended === true) this.#thread = undefined;
    this.#thread ??= new Thread(this.options);
    this.#thread.use(session.timeZone, this.#now);
    return this.#thread;
  }

  /** Rows in as many requests as their size asks for. */
  #batches(
    spec: string,
    columns: readonly Texts[],
    rowCount: number,
    session: PostgresSession,
  ): { readonly from: number; readonly rows: (string | null)[][] }[] {
    const thread = this.#prepared(session);
    const out: { readonly from: number; readonly rows: (string | null)[][] }[] = [];
    let from = 0;
    let size = 0;
    const send = (to: number): void => {
      if (to === from) return;
      const parameters = columns.map((column) => ArrayParameter.texts(column, from, to));
      out.push({ from, rows: thread.run(spec, columns.length, to - from, parameters) });
      [from, size] = [to, 0];
    };
    for (let row = 0; row < rowCount; row++) {
      const own = columns.reduce((sum, column) => sum + (column[row]?.length ?? 0), 0);
      if (own > MOST_CHARACTERS) {
        const message = `out of memory: a row has more than ${MOST_CHARACTERS} characters for PostgreSQL to compute with`;
        throw new TimelineError({ kind: 'limit', sqlstate: '53200', message });
      }
      if (size + own > BATCH_CHARACTERS) send(row);
      size += own;
    }
    send(rowCount);
    return out;
  }
}

/** Characters of arguments in one request, unless one row has more. */
const BATCH_CHARACTERS = 8_000_000;
/** Characters of one row, or of one group of an aggregate. */
const MOST_CHARACTERS = 256_000_000;
const WAIT_MS = 20;
/** Bytes of WASM memory that a thread may keep between tasks. */
const MOST_MEMORY = 512 * 2 ** 20;

/** One life of the thread. */
class Thread {
  readonly #worker: Worker;
  readonly #port: MessageChannel['port1'];
  readonly #signal = new Int32Array(new SharedArrayBuffer(4));
  readonly #names: Names;
  readonly #statements = new Map<string, string>();
  #seen = 0;
  #now = 0;
  #timeZone: string | undefined;
  /** Size of the WASM memory after the last answer. */
  memory = 0;
  ended = false;

  constructor(private readonly options: PostgresFunctionsOptions) {
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    this.#worker = new Worker(new URL('./postgres-function-worker.js', import.meta.url), {
      workerData: { imagePath: options.imagePath, port: port2, signal: this.#signal } satisfies FunctionWorkerData,
      transferList: [port2],
      // PostgreSQL recurses in WASM on the thread's own stack.
      resourceLimits: { stackSizeMb: 8 },
    });
    this.#worker.on('error', () => this.close());
    this.#worker.unref();
    port1.unref();
    this.#receive();
    this.#names = new Names(this.#rows('select oid, typname from pg_catalog.pg_type where typrelid = 0'), this.#rows(VARIADIC));
  }

  use(timeZone: string, now: number): void {
    this.#now = now;
    if (timeZone === this.#timeZone) return;
    this.#rows(`set TimeZone = ${quoteLiteral(timeZone)}`);
    this.#timeZone = timeZone;
  }

  /** The rows of a spec's statement, which is prepared once. */
  run(spec: string, argumentCount: number, rowCount: number, parameters: readonly ArrayParameter[]): (string | null)[][] {
    const known = this.#statements.get(spec);
    const name = known ?? `s${this.#statements.size + 1}`;
    const messages: Uint8Array[] = [];
    if (known === undefined) {
      const sql = specSql(JSON.parse(spec) as PostgresSpec, argumentCount, this.#names);
      messages.push(Frontend.parseNamed(name, sql, [INT8, ...parameters.map((parameter) => parameter.arrayType)]));
    }
    messages.push(bindMessage(name, rowCount, parameters), Frontend.execute(0), Frontend.sync());
    const answer = this.#ask(Buffer.concat(messages));
    // The statement is there though running it failed.
    if (answer[0] === PARSE_COMPLETE) this.#statements.set(spec, name);
    try {
      return readTexts(answer);
    } catch (error) {
      // After an error of its own (a PANIC is one) PostgreSQL is not to be trusted.
      if (error instanceof TimelineError && error.sqlstate.startsWith('XX')) this.close();
      throw error;
    }
  }

  close(): void {
    this.ended = true;
    this.#port.close();
    void this.#worker.terminate();
  }

  #rows(sql: string): readonly (readonly (string | null)[])[] {
    const [answer] = readAnswers(this.#ask(Frontend.query(sql)));
    if (answer?.error !== undefined) throw answer.error;
    return answer?.rows ?? [];
  }

  #ask(bytes: Uint8Array): Uint8Array {
    this.#port.postMessage({ bytes, now: this.#now } satisfies FunctionRequest);
    return this.#receive();
  }

  #receive(): Uint8Array {
    while (Atomics.load(this.#signal, 0) === this.#seen) {
      if (this.options.aborted()) {
        this.close();
        throw new TimelineError({ kind: 'cancelled', sqlstate: '57014', message: 'task aborted' });
      }
      Atomics.wait(this.#signal, 0, this.#seen, WAIT_MS);
    }
    this.#seen += 1;
    const reply = receiveMessageOnPort(this.#port)?.message as FunctionReply | undefined;
    switch (reply?.kind) {
      case 'answer':
        this.memory = reply.memory;
        return reply.bytes;
      case 'exhausted':
        this.close();
        throw new TimelineError({ kind: 'limit', sqlstate: '54001', message: 'stack depth limit exceeded' });
      default:
        this.close();
        throw internal(`PostgreSQL's functions failed: ${reply?.message ?? 'no answer'}`);
    }
  }
}

const PARSE_COMPLETE = 0x31;
const INT8 = 20;
const VARIADIC =
  "select p.proname, array_to_string(array(select t.typname from unnest(p.proargtypes::oid[]) with ordinality as a(oid, n) join pg_type t on t.oid = a.oid order by n), ',') " +
  "from pg_catalog.pg_proc p where p.provariadic not in (0, 2276) and p.pronamespace = 'pg_catalog'::regnamespace";

class Names implements SqlNames {
  readonly #types: ReadonlyMap<number, string>;
  readonly #variadic: ReadonlySet<string>;

  constructor(types: readonly Texts[], variadic: readonly Texts[]) {
    this.#types = new Map(types.map(([oid, name]) => [Number(oid), name as string]));
    this.#variadic = new Set(variadic.map(([name, args]) => `${name}(${args})`));
  }

  typeSql(oid: number): string {
    const name = this.#types.get(oid);
    if (name === undefined) throw internal(`type ${oid} is not in pg_type`);
    return `pg_catalog.${quoteIdentifier(name)}`;
  }

  isVariadic(signature: string): boolean {
    return this.#variadic.has(signature);
  }
}
