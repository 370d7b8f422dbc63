import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { TimelineError } from '../../../sql/errors.js';
import type { VictoriaLogsConfig } from '../config.js';
import { printFilter, printQuery } from '../logsql/print.js';
import type { LogsFilter, LogsQuery } from '../logsql/syntax.js';
import { AnswerLines, BadLine } from './answer-lines.js';
import { type DocumentBatch, documentBatches } from './document-batches.js';
import { type Answer, type Bounds, type ExchangeRequest, LogsConnections, Retryable, type TlsFiles } from './http-exchange.js';
import { OddAnswer, readFieldNames, readHits } from './json-answers.js';
import type { InsertOptions, LogsClient, LogsRow, QueryOptions, ServerEpoch } from './logs-client.js';
import { authorization, LogsErrors } from './logs-errors.js';
import { onAbort } from './on-abort.js';
import { readServerPage, type ServerPage } from './server-page.js';
import { type SlotClass, Slots } from './slots.js';

const ATTEMPTS = 3;
/** Requests that must be done in this time do not hold their slot for long. */
const SHORT_MS = 2000;
/** What the server may take longer than it was told to, before we end it ourselves. */
const GRACE_MS = 2000;
/** Of answers that are read whole before they are used. */
const WHOLE_BYTES = 64 << 20;
/** How long after a document was taken queries see it, where that cannot be hastened. */
const VISIBLE_MS = 2000;
const FORM = 'application/x-www-form-urlencoded';

/** Opens a client, and reads the certificates it needs (F0000 where they cannot be read). Nothing is sent yet. */
export async function openLogsClient(options: { readonly name: string; readonly config: VictoriaLogsConfig }): Promise<LogsClient> {
  const { name, config } = options;
  const errors = new LogsErrors(name, config.auth);
  return new HttpLogsClient(config, new LogsConnections(config.url, await readTls(config, errors), errors), errors);
}

async function readTls({ tls }: VictoriaLogsConfig, errors: LogsErrors): Promise<TlsFiles> {
  const read = async (path: string): Promise<Buffer> => {
    try {
      return await readFile(path);
    } catch (error) {
      throw errors.configuration(`cannot read ${path}: ${(error as NodeJS.ErrnoException).code ?? String(error)}`, error);
    }
  };
  return {
    ...(tls?.caFile === undefined ? {} : { ca: await read(tls.caFile) }),
    ...(tls?.certFile === undefined ? {} : { cert: await read(tls.certFile) }),
    ...(tls?.keyFile === undefined ? {} : { key: await read(tls.keyFile) }),
    ...(tls?.serverName === undefined ? {} : { servername: tls.serverName }),
  };
}

/** A request with how long it may take, and what of the server's it holds meanwhile. */
interface Call extends ExchangeRequest {
  readonly options: Pick<QueryOptions, 'signal' | 'timeout' | 'meter'>;
  /** Absent: it takes no slot. */
  readonly slot?: SlotClass;
}

class HttpLogsClient implements LogsClient {
  readonly #slots: Slots;
  readonly #headers: Readonly<Record<string, string>>;

  constructor(
    private readonly config: VictoriaLogsConfig,
    private readonly connections: LogsConnections,
    private readonly errors: LogsErrors,
  ) {
    this.#slots = new Slots(config.limits.queries);
    const { tenant } = config;
    const proof = authorization(config.auth);
    this.#headers = {
      ...(tenant === undefined ? {} : { AccountID: String(tenant.account), ProjectID: String(tenant.project) }),
      ...(proof === undefined ? {} : { authorization: proof }),
    };
  }

  async *query(query: LogsQuery, options: QueryOptions): AsyncGenerator<readonly LogsRow[]> {
    for await (const { bytes, fields } of this.#lines(query, options)) {
      // Lines are checked: no break in them is part of a text.
      const text = bytes.toString('utf8', 0, bytes.length - 1).replaceAll('\n', ',');
      const rows = JSON.parse(`[${text}]`) as readonly LogsRow[];
      let kept = 0;
      for (const row of rows) kept += Object.keys(row).length;
      if (kept !== fields) throw this.errors.broken('a row has a field twice');
      yield rows;
    }
  }

  async *lines(query: LogsQuery, options: QueryOptions): AsyncGenerator<Uint8Array> {
    for await (const { bytes } of this.#lines(query, options)) yield bytes;
  }

  async *#lines(query: LogsQuery, options: QueryOptions): AsyncGenerator<{ readonly bytes: Buffer; readonly fields: number }> {
    const slot = (options.timeout ?? this.config.limits.timeout) <= SHORT_MS ? 'short' : 'long';
    const call = this.#form('/select/logsql/query', { query: printQuery(query) }, options, slot);
    const lines = new AnswerLines();
    for await (const chunk of this.#bytes(call, options.maxBytes ?? this.config.limits.responseBytes)) {
      const whole = this.#checked(() => lines.push(chunk));
      if (whole !== undefined) yield whole;
    }
    this.#checked(() => lines.end());
  }

  async hits(
    request: { readonly filter: LogsFilter; readonly from: bigint; readonly to: bigint; readonly step: number },
    options: QueryOptions,
  ): Promise<readonly { readonly from: bigint; readonly hits: number }[]> {
    const { from, to, step } = request;
    if (from >= to) return [];
    const filter: LogsFilter = { kind: 'and', args: [{ kind: 'time', from, to }, request.filter] };
    const hits = this.#understood(
      await this.#whole(this.#form('/select/logsql/hits', { query: printFilter(filter), step: `${step}s` }, options, 'short'), options),
      readHits,
    );
    const length = BigInt(step) * 1_000_000_000n;
    if (hits.some((one) => one.from >= to || one.from + length <= from))
      throw this.errors.broken('it counts at times that were not asked for');
    // Intervals begin at multiples of the step, the first of them perhaps before what was asked for.
    return hits.map((one) => (one.from < from ? { ...one, from } : one));
  }

  async fieldNames(filter: LogsFilter, options: QueryOptions): Promise<readonly { readonly name: string; readonly hits: number }[]> {
    const call = this.#form('/select/logsql/field_names', { query: printFilter(filter) }, options, 'short');
    return this.#understood(await this.#whole(call, options), readFieldNames);
  }

  async epoch(options: QueryOptions): Promise<ServerEpoch> {
    const call: Call = { method: 'GET', path: '/metrics', headers: {}, body: Buffer.alloc(0), options };
    let date = Number.NaN;
    const text = await this.#whole(call, options, (answer) => {
      date = Date.parse(answer.message.headers.date ?? '');
    });
    const page: ServerPage = readServerPage(text);
    if (page.cluster) throw this.errors.unsupported('what it keeps cannot be relied on, since it asks other servers (a cluster)');
    if (page.startedAt === undefined) throw this.errors.broken('its metrics do not tell when it started');
    // Two slots are left to others, where there are so many.
    if (page.slots !== undefined) this.#slots.lower(page.slots - 2);
    const floor = page.retention === undefined || Number.isNaN(date) ? undefined : BigInt(date + 1000 - page.retention) * 1_000_000n;
    return { startedAt: page.startedAt, floor };
  }

  async insert(
    documents: AsyncIterable<LogsRow> | Iterable<LogsRow>,
    { streamFields, signal }: InsertOptions,
  ): Promise<{ readonly documents: number; readonly bytes: number }> {
    const names = { _stream_fields: streamFields.join(','), _time_field: '_time', _msg_field: '_msg' };
    if (streamFields.some((name) => name.includes(','))) throw this.errors.unsupported('a stream field whose name has a comma');
    const path = `/insert/jsonline?${new URLSearchParams(names)}`;
    const headers = { 'content-type': 'application/stream+json' };
    let [sent, bytes] = [0, 0];
    let sending: Promise<unknown> = Promise.resolve();
    const send = (batch: DocumentBatch): Promise<unknown> =>
      this.#discard({ method: 'POST', path, headers, body: batch.body, options: { signal } });
    try {
      // While one is on its way, the next is made.
      for await (const batch of documentBatches(documents)) {
        await sending;
        sending = send(batch);
        sending.catch(() => undefined);
        sent += batch.documents;
        bytes += batch.body.length;
      }
    } finally {
      await sending;
    }
    return { documents: sent, bytes };
  }

  async flush(signal: AbortSignal): Promise<void> {
    try {
      await this.#discard({ method: 'POST', path: '/internal/force_flush', headers: {}, body: Buffer.alloc(0), options: { signal } });
    } catch (error) {
      // Not ours to ask for, or not there: it comes by itself. What may be tried again was no answer.
      if (!(error instanceof TimelineError) || error.kind !== 'connector' || error.retryable || signal.aborted) throw error;
      await sleep(VISIBLE_MS, undefined, { signal });
    }
  }

  async close(): Promise<void> {
    this.connections.close();
  }

  #form(path: string, fields: Readonly<Record<string, string>>, options: QueryOptions, slot: SlotClass): Call {
    const timeout = `${Math.ceil(options.timeout ?? this.config.limits.timeout)}ms`;
    const form = new URLSearchParams({ ...fields, timeout, allow_partial_response: '0' });
    return { method: 'POST', path, headers: { 'content-type': FORM }, body: Buffer.from(form.toString()), options, slot };
  }

  /** The body of a whole answer, sent again where that may help and nothing of it was given yet. */
  async *#bytes(call: Call, maxBytes: number, seen?: (answer: Answer) => void): AsyncGenerator<Buffer> {
    const { options } = call;
    const timeout = options.timeout ?? this.config.limits.timeout;
    const asked = performance.now();
    // A time that was asked for is all there is; the configured one begins when it is one's turn.
    const release = call.slot === undefined ? undefined : await this.#slot(call.slot, options);
    try {
      const until = (options.timeout === undefined ? performance.now() + GRACE_MS : asked) + timeout;
      const bounds: Bounds = { signal: options.signal, until, timeout };
      let given = 0;
      for (let attempt = 1; ; attempt++) {
        try {
          options.meter?.charge(0, 1);
          const answer = await this.#begun(call, bounds);
          seen?.(answer);
          for await (const chunk of answer.body) {
            options.meter?.charge(chunk.length, 0);
            given += chunk.length;
            if (given > maxBytes) throw this.errors.tooLong(`gave an answer of more than ${maxBytes} bytes`);
            yield chunk;
          }
          return;
        } catch (error) {
          if (!(error instanceof Retryable)) throw error;
          // The server ends what takes too long in the middle of its answer.
          if (given > 0 && performance.now() >= until - GRACE_MS) throw this.errors.timeout(timeout, error.error);
          const wait = (0.5 + Math.random()) * 50 * attempt;
          if (given > 0 || attempt === ATTEMPTS || performance.now() + wait >= until) throw error.error;
          await sleep(wait, undefined, { signal: options.signal }).catch(() => options.signal.throwIfAborted());
        }
      }
    } finally {
      release?.();
    }
  }

  async #slot(slot: SlotClass, { signal, timeout }: Call['options']): Promise<() => void> {
    if (timeout === undefined) return this.#slots.take(slot, signal);
    const ended = new AbortController();
    const end = (): void => ended.abort(signal.reason);
    if (signal.aborted) end();
    const settled = onAbort(signal, end);
    const timer = setTimeout(() => ended.abort(this.errors.timeout(timeout)), timeout);
    try {
      return await this.#slots.take(slot, ended.signal);
    } finally {
      clearTimeout(timer);
      settled();
    }
  }

  /** An answer that began as a whole one does. */
  async #begun(call: Call, bounds: Bounds): Promise<Answer> {
    const answer = await this.connections.send({ ...call, headers: { ...this.#headers, ...call.headers } }, bounds);
    const { status, message } = answer;
    const { headers } = message;
    if (status !== 200 && status !== 204) {
      const text = await answer.errorText().catch((error: unknown) => {
        if (error instanceof Retryable) return '';
        throw error;
      });
      const error = this.errors.refused(status, text, bounds.timeout);
      throw status === 503 && error.sqlstate !== '57014' ? new Retryable(error) : error;
    }
    const packed = headers['content-encoding'] ?? 'identity';
    const partial = Object.entries(headers).find(([name, value]) => /partial/i.test(name) && !/^(?:false|0|no)?$/i.test(String(value)));
    const odd =
      packed !== 'identity'
        ? `it is packed (${packed}), which was not asked for`
        : partial !== undefined
          ? 'it is partial'
          : status === 200 && headers['content-length'] === undefined && headers['transfer-encoding'] === undefined
            ? 'it does not tell where it ends'
            : call.slot !== undefined && !/json/i.test(headers['content-type'] ?? '')
              ? `it is ${headers['content-type'] ?? 'of no type'}`
              : undefined;
    if (odd === undefined) return answer;
    message.destroy();
    throw this.errors.broken(odd);
  }

  async #whole(call: Call, { maxBytes }: Pick<QueryOptions, 'maxBytes'>, seen?: (answer: Answer) => void): Promise<string> {
    const chunks: Buffer[] = [];
    const most = Math.min(maxBytes ?? this.config.limits.responseBytes, WHOLE_BYTES);
    for await (const chunk of this.#bytes(call, most, seen)) chunks.push(Buffer.from(chunk));
    // What is no UTF-8 comes from documents: the server hands on what it was given.
    return Buffer.concat(chunks).toString('utf8');
  }

  async #discard(call: Call): Promise<void> {
    for await (const _ of this.#bytes(call, WHOLE_BYTES));
  }

  #checked<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof BadLine)) throw error;
      throw error.tooLong ? this.errors.tooLong(error.message) : this.errors.broken(`${error.message} ${error.line}`.trim(), error);
    }
  }

  #understood<T>(text: string, read: (text: string) => T): T {
    try {
      return read(text);
    } catch (error) {
      if (error instanceof OddAnswer) throw this.errors.broken(error.message, error);
      throw error;
    }
  }
}
