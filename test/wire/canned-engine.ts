import { asTimelineError, TimelineError } from '../../sql/errors.js';
import type { Batch, ResultColumn } from '../../sql/result.js';
import { Oid, type } from '../../sql/types.js';
import type { Value } from '../../sql/value.js';
import { StatementTable } from '../../src/named-statements.js';
import type { ConnectOptions, Engine, Execution, IdleLimit, Notice, Prepared, Session } from '../../src/statement.js';

/**
 * An engine for the wire's own tests, with a handful of statements and no SQL behind them:
 * `select <n>` one int4 · `rows <n>` n rows (i int4, t text) · `big <rows> <bytes>` rows of long text · `echo` its parameters, by declared
 * type · `types` a row of many types · `text <v>` a row as text · `sleep` until aborted · `fail <sqlstate>` · `fail-after <n>` rows ·
 * `begin` `commit` `rollback` · `set timezone <z>` · `notice <text>` · `deallocate all`.
 */
export class CannedEngine implements Engine {
  readonly serverVersion = '18.6';
  readonly sessions: CannedSession[] = [];
  /** Reasons of aborted signals, in order. */
  readonly aborted: unknown[] = [];
  connected: ConnectOptions | undefined;
  /** Batches handed out, to see whether the wire runs ahead of its client. */
  pulled = 0;
  /** Iterators that were left early. */
  returned = 0;
  closedSessions = 0;

  async connect(options: ConnectOptions): Promise<Session> {
    if (options.database === 'nope') {
      throw new TimelineError({ kind: 'semantic', sqlstate: '3D000', message: 'database "nope" does not exist' });
    }
    this.connected = options;
    const session = new CannedSession(this, options);
    this.sessions.push(session);
    return session;
  }

  async close(): Promise<void> {}
}

interface Canned extends Prepared {
  readonly words: readonly string[];
}

export class CannedSession implements Session {
  transactionStatus: 'I' | 'T' | 'E' = 'I';
  readonly log: string[] = [];
  readonly statements = new StatementTable();
  readonly #engine: CannedEngine;
  readonly #options: ConnectOptions;

  constructor(engine: CannedEngine, options: ConnectOptions) {
    this.#engine = engine;
    this.#options = options;
  }

  parameterStatuses(): readonly (readonly [string, string])[] {
    return [
      ['server_version', this.#engine.serverVersion],
      ['client_encoding', 'UTF8'],
      ['TimeZone', this.#options.settings['TimeZone'] ?? 'UTC'],
      ['DateStyle', 'ISO, MDY'],
      ['integer_datetimes', 'on'],
      ['standard_conforming_strings', 'on'],
    ];
  }

  idleLimit(): IdleLimit | undefined {
    return undefined;
  }

  async split(text: string): Promise<readonly { text: string; offset: number }[]> {
    const parts: { text: string; offset: number }[] = [];
    let offset = 0;
    for (const part of text.split(';')) {
      const lead = part.length - part.trimStart().length;
      if (part.trim() !== '') parts.push({ text: part.trim(), offset: [...text.slice(0, offset + lead)].length });
      offset += part.length + 1;
    }
    return parts;
  }

  async prepare(text: string, parameterTypes: readonly number[]): Promise<Canned> {
    const words = text.trim().replace(/;$/, '').split(/\s+/);
    const [verb = ''] = words;
    this.log.push(`prepare ${text}`);
    if (this.transactionStatus === 'E' && verb !== 'rollback') {
      throw new TimelineError({
        kind: 'semantic',
        sqlstate: '25P02',
        message: 'current transaction is aborted, commands ignored until end of transaction block',
      });
    }
    const base = { empty: verb === '', words, parameterTypes: verb === 'echo' ? parameterTypes : [] };
    switch (verb.toLowerCase()) {
      case '':
      case 'begin':
      case 'commit':
      case 'rollback':
      case 'set':
      case 'notice':
      case 'deallocate':
      case 'discard':
        return { ...base, columns: undefined };
      case 'select':
        return { ...base, columns: [column('?column?', Oid.int4)] };
      case 'rows':
      case 'fail-after':
        return { ...base, columns: [column('i', Oid.int4), column('t', Oid.text)] };
      case 'big':
      case 'text':
      case 'sleep':
      case 'fetch':
        return { ...base, columns: [column('t', Oid.text)] };
      case 'echo':
        return { ...base, columns: parameterTypes.map((oid, index) => column(`p${index + 1}`, oid)) };
      case 'types':
        return { ...base, columns: TYPES.map(([name, oid]) => column(name, oid)) };
      case 'fail':
        return { ...base, columns: undefined };
      default:
        throw new TimelineError({ kind: 'syntax', sqlstate: '42601', message: `syntax error at or near "${verb}"`, position: 1 });
    }
  }

  async execute(prepared: Prepared, parameters: readonly (string | null)[], options: { signal: AbortSignal }): Promise<Execution> {
    const { words, columns } = prepared as Canned;
    const [verb = '', first = ''] = words;
    this.log.push(`execute ${words.join(' ')}`);
    if (verb.toLowerCase() === 'deallocate' || verb === 'discard') {
      if (first.toLowerCase() === 'all') this.statements.clear();
      else this.statements.delete(first.replaceAll('"', ''));
    }
    options.signal.addEventListener('abort', () => this.#engine.aborted.push(options.signal.reason));
    const notices: Notice[] = [];
    let tag: (rows: number) => string = (rows) => `SELECT ${rows}`;
    let batches: AsyncIterable<Batch> = none();
    switch (verb.toLowerCase()) {
      case 'select':
        batches = this.#counted([values([[Number(first)]])]);
        break;
      case 'rows':
        batches = this.#rows(Number(first));
        break;
      case 'fail-after':
        batches = this.#rows(Number(first), new TimelineError({ kind: 'data', sqlstate: '22012', message: 'division by zero' }));
        break;
      case 'big':
        batches = this.#big(Number(first), Number(words[2]));
        break;
      case 'echo':
        batches = this.#counted([{ kind: 'text', rows: [parameters] }]);
        break;
      case 'text':
        batches = this.#counted([{ kind: 'text', rows: [[first]] }]);
        break;
      case 'types':
        batches = this.#counted([values(TYPES.map(([, , value]) => [value]))]);
        break;
      case 'sleep':
        batches = forever(options.signal);
        break;
      case 'notice':
        notices.push({ severity: 'NOTICE', sqlstate: '00000', message: words.slice(1).join(' ') });
        tag = () => 'DO';
        break;
      case 'fail':
        throw new TimelineError({
          kind: 'data',
          sqlstate: first,
          message: 'failed as asked',
          detail: 'the detail',
          hint: 'the hint',
          position: 6,
        });
      case 'set':
        this.#options.onParameterStatus('TimeZone', words[2] ?? 'UTC');
        tag = () => 'SET';
        break;
      case 'begin':
        this.transactionStatus = 'T';
        tag = () => 'BEGIN';
        break;
      case 'commit':
      case 'rollback':
        this.transactionStatus = 'I';
        tag = () => verb.toUpperCase();
        break;
      default:
        tag = () => words.join(' ').toUpperCase();
    }
    return { columns, batches, tag, notices };
  }

  async endImplicitTransaction(failed: boolean): Promise<void> {
    this.log.push(`end ${failed}`);
    if (failed && this.transactionStatus === 'T') this.transactionStatus = 'E';
  }

  async close(): Promise<void> {
    this.#engine.closedSessions += 1;
  }

  notify(message: string): void {
    this.#options.onNotice({ severity: 'WARNING', sqlstate: '01000', message });
  }

  async *#counted(batches: readonly Batch[]): AsyncGenerator<Batch> {
    yield* batches;
  }

  /** Batches of 7 rows, so that limits fall within and between them. */
  async *#rows(count: number, failure?: TimelineError): AsyncGenerator<Batch> {
    let complete = false;
    try {
      for (let at = 0; at < count; at += 7) {
        this.#engine.pulled += 1;
        const numbers = Array.from({ length: Math.min(7, count - at) }, (_, index) => at + index);
        yield values([numbers, numbers.map((n) => (n % 5 === 4 ? null : `row ${n} ä`))]);
      }
      if (failure !== undefined) throw failure;
      complete = true;
    } finally {
      if (!complete) this.#engine.returned += 1;
    }
  }

  async *#big(count: number, bytes: number): AsyncGenerator<Batch> {
    const text = 'x'.repeat(bytes);
    for (let at = 0; at < count; at += 1) {
      this.#engine.pulled += 1;
      yield values([[text]]);
    }
  }
}

function column(name: string, oid: number): ResultColumn {
  return { name, type: type(oid), tableOid: 0, columnNumber: 0 };
}

function values(columns: readonly (readonly (Value | null)[])[]): Batch {
  return { kind: 'columns', rowCount: columns[0]?.length ?? 0, columns };
}

async function* none(): AsyncGenerator<Batch> {}

async function* forever(signal: AbortSignal): AsyncGenerator<Batch> {
  await new Promise<void>((_, reject) => {
    const stop = (): void => reject(asTimelineError(new Error('the source broke off')));
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
}

/** One value of each type: name, OID, value. */
export const TYPES: readonly (readonly [name: string, oid: number, value: Value])[] = [
  ['b', Oid.bool, true],
  ['i2', Oid.int2, -7],
  ['i4', Oid.int4, 123456],
  ['i8', Oid.int8, 9007199254740993n],
  ['f4', Oid.float4, 1.5],
  ['f8', Oid.float8, 0.1],
  ['n', Oid.numeric, '12345.6700'],
  ['t', Oid.text, 'häß'],
  ['by', Oid.bytea, Uint8Array.of(0, 255, 16)],
  ['d', Oid.date, 19_723],
  ['ts', Oid.timestamp, 1_704_067_200_123_456n],
  ['tz', Oid.timestamptz, 1_719_835_200_000_000n],
  ['iv', Oid.interval, { months: 14, days: -3, micros: 1_500_000n }],
  ['u', Oid.uuid, '0123abcd-0123-4567-89ab-0123456789ab'],
  ['j', Oid.json, '{"a":1}'],
  ['jb', Oid.jsonb, '{"a": 1}'],
  ['ai', 1007, [1, null, 3]],
  ['at', 1009, ['a b', 'NULL', null, '']],
];
