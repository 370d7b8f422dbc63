import { asTimelineError, internal, TimelineError } from '../../sql/errors.js';
import { typeName } from '../../sql/types.js';
import { decodeBinaryToText, decodeUtf8 } from '../../sql/value-binary.js';
import type { CopyOutput, IdleLimit, NamedStatement, Prepared, Session } from '../statement.js';
import { writeBare, writeCommandComplete, writeError, writeNotice, writeParameterDescription, writeReadyForQuery } from './backend.js';
import { copyWriter } from './copy-out.js';
import { CHUNK_BYTES, formatOf, writeRowDescription, writeRows } from './encode.js';
import { type FrontendMessage, functionCallRefused } from './frontend.js';
import type { Output } from './output.js';
import { PortalTable } from './portals.js';
import { ConnectionLost, FatalError, protocolError } from './protocol-error.js';
import { RowStream, untilAborted } from './row-stream.js';

type Message<Kind extends FrontendMessage['kind']> = Extract<FrontendMessage, { kind: Kind }>;

/**
 * Everything between ReadyForQuery and the end of one session: the simple and the extended protocol over src/statement.ts.
 * Messages are handled strictly one after the other; only cancel() and lose() come in between.
 */
export class Conversation {
  readonly #session: Session;
  readonly #output: Output;
  readonly #timeZone: () => string;
  readonly #portals = new PortalTable();
  /** Aborted by cancel(): lives as long as one message is handled. */
  #interrupt: AbortController | undefined;
  #running: RowStream | undefined;
  /** After an error in the extended protocol everything is discarded up to Sync. */
  #skipToSync = false;
  #failed = false;
  #disposed: TimelineError | undefined;
  /** The client has been told that it may send a query, and has sent nothing since. */
  #waiting = true;

  constructor(options: { readonly session: Session; readonly output: Output; readonly timeZone: () => string }) {
    this.#session = options.session;
    this.#output = options.output;
    this.#timeZone = options.timeZone;
  }

  get skipping(): boolean {
    return this.#skipToSync;
  }

  /** How long the next message may take. */
  get idleLimit(): IdleLimit | undefined {
    return this.#waiting ? this.#session.idleLimit() : undefined;
  }

  /** Stops what runs now; nothing when the connection is idle, so that a late request does not hit the next query. */
  cancel(reason: TimelineError): void {
    this.#interrupt?.abort(reason);
    this.#running?.abort(reason);
  }

  /** The client is gone or the server ends: nothing that was begun goes on. */
  dispose(reason: TimelineError): void {
    this.#disposed ??= reason;
    this.cancel(reason);
    for (const portal of this.#portals.all()) portal.stream?.abort(reason);
    this.#portals.closeAll();
  }

  /** Handles one message. Throws a FatalError, or 08006, when the connection cannot go on. */
  async handle(message: FrontendMessage): Promise<void> {
    this.#waiting = false;
    if (this.#skipToSync && message.kind !== 'sync') return;
    this.#interrupt = new AbortController();
    try {
      await this.#dispatch(message);
    } catch (error) {
      await this.reject(error);
    } finally {
      this.#interrupt = undefined;
      this.#running = undefined;
    }
  }

  /** Answers a message of the extended protocol (or one that could not be decoded) with an error. */
  async reject(thrown: unknown): Promise<void> {
    this.#rethrowFatal(thrown);
    const error = asTimelineError(thrown);
    this.#skipToSync = true;
    this.#failed = true;
    this.#portals.closeAll();
    writeError(this.#output.writer, error, 'ERROR');
  }

  /** Sends an error for a message that is followed by ReadyForQuery by itself (simple query, function call). */
  async rejectSimple(thrown: unknown, positionOffset = 0): Promise<void> {
    this.#rethrowFatal(thrown);
    const error = asTimelineError(thrown);
    this.#failed = true;
    this.#portals.closeAll();
    writeError(this.#output.writer, error, 'ERROR', positionOffset);
  }

  #rethrowFatal(thrown: unknown): void {
    if (thrown instanceof FatalError || thrown instanceof ConnectionLost) throw thrown;
    if (this.#disposed !== undefined) throw new FatalError(this.#disposed);
  }

  async ready(): Promise<void> {
    const failed = this.#failed;
    this.#failed = false;
    this.#skipToSync = false;
    try {
      await this.#session.endImplicitTransaction(failed);
    } catch (error) {
      writeError(this.#output.writer, asTimelineError(error), 'ERROR');
    }
    // Portals live until the end of the transaction.
    if (this.#session.transactionStatus === 'I') this.#portals.closeAll();
    writeReadyForQuery(this.#output.writer, this.#session.transactionStatus);
    this.#waiting = true;
    await this.#output.flush();
  }

  async #dispatch(message: FrontendMessage): Promise<void> {
    switch (message.kind) {
      case 'query':
        return await this.#query(message.text);
      case 'parse':
        return await this.#parse(message);
      case 'bind':
        return this.#bind(message);
      case 'describe':
        return await this.#describe(message.target, message.name);
      case 'execute':
        return await this.#execute(message);
      case 'close': {
        if (message.target === 'statement') this.#session.statements.delete(message.name);
        else this.#portals.delete(message.name);
        return writeBare(this.#output.writer, '3');
      }
      case 'flush':
        return await this.#output.flush();
      case 'sync':
        return await this.ready();
      case 'functionCall':
        await this.rejectSimple(functionCallRefused());
        return await this.ready();
      // Left-overs of a COPY that was refused: PostgreSQL ignores them too.
      case 'copy':
      case 'terminate':
        return;
    }
  }

  async #query(text: string): Promise<void> {
    this.#session.statements.delete('');
    this.#portals.delete('');
    let offset = 0;
    try {
      const parts = await this.#guarded(this.#session.split(text));
      if (parts.length === 0) writeBare(this.#output.writer, 'I');
      for (const part of parts) {
        offset = part.offset;
        await this.#simpleStatement(part.text);
      }
    } catch (error) {
      await this.rejectSimple(error, offset);
    }
    await this.ready();
  }

  async #simpleStatement(text: string): Promise<void> {
    const prepared = await this.#guarded(this.#session.prepare(text, []));
    if (prepared.empty) return writeBare(this.#output.writer, 'I');
    if (prepared.parameterTypes.length > 0) {
      throw new TimelineError({ kind: 'semantic', sqlstate: '42P02', message: 'there is no parameter $1' });
    }
    const statement: NamedStatement = { name: '', text, prepared };
    const stream = await this.#start(statement, []);
    try {
      const formats = prepared.binary === true ? [1] : [];
      if (stream.columns !== undefined) writeRowDescription(this.#output.writer, stream.columns, formats);
      await this.#sendRows(stream, formats, 0);
    } finally {
      stream.close();
    }
  }

  async #parse({ name, text, parameterTypes }: Message<'parse'>): Promise<void> {
    if (name === '') this.#session.statements.delete('');
    this.#session.statements.checkFree(name);
    const prepared = await this.#guarded(this.#session.prepare(text, parameterTypes));
    this.#session.statements.add({ name, text, prepared });
    writeBare(this.#output.writer, '1');
  }

  async #bind(message: Message<'bind'>): Promise<void> {
    let statement = this.#session.statements.get(message.statement);
    const { parameters, parameterFormats, resultFormats } = message;
    const { prepared } = statement;
    if (parameterFormats.length > 1 && parameterFormats.length !== parameters.length) {
      throw protocolError(`bind message has ${parameterFormats.length} parameter formats but ${parameters.length} parameters`);
    }
    if (parameters.length !== prepared.parameterTypes.length) {
      throw protocolError(
        `bind message supplies ${parameters.length} parameters, but prepared statement "${statement.name}" requires ${prepared.parameterTypes.length}`,
      );
    }
    const texts = parameters.map((bytes, index) => {
      if (bytes === null) return null;
      const oid = prepared.parameterTypes[index] ?? 0;
      return decodeParameter(bytes, { oid, binary: formatOf(parameterFormats, index) === 1, number: index + 1 });
    });
    if (prepared.bound !== undefined) statement = { ...statement, prepared: await this.#guarded(prepared.bound(texts)) };
    const columns = statement.prepared.columns;
    if (columns !== undefined && resultFormats.length > 1 && resultFormats.length !== columns.length) {
      throw protocolError(`bind message has ${resultFormats.length} result formats but query has ${columns.length} columns`);
    }
    if (message.portal === '') this.#portals.delete('');
    this.#portals.add({ name: message.portal, statement, parameters: texts, formats: resultFormats, stream: undefined, emptied: false });
    writeBare(this.#output.writer, '2');
  }

  async #describe(target: 'statement' | 'portal', name: string): Promise<void> {
    const { writer } = this.#output;
    if (target === 'statement') {
      const { prepared } = this.#session.statements.get(name);
      writeParameterDescription(writer, prepared.parameterTypes);
      return describeColumns(this.#output, prepared, []);
    }
    const portal = this.#portals.find(name);
    if (portal !== undefined) return describeColumns(this.#output, portal.statement.prepared, portal.formats);
    describeColumns(this.#output, await this.#describeCursor(name), []);
  }

  /** Portals and the cursors of DECLARE share one name space (psycopg describes its server-side cursor as a portal). */
  async #describeCursor(name: string): Promise<Prepared> {
    if (name !== '' && this.#session.transactionStatus !== 'E') {
      const fetch = `FETCH FORWARD 0 FROM "${name.replaceAll('"', '""')}"`;
      const prepared = await this.#guarded(this.#session.prepare(fetch, [])).catch(() => undefined);
      if (prepared?.columns !== undefined) return prepared;
    }
    return this.#portals.get(name).statement.prepared;
  }

  async #execute({ portal: name, maxRows }: Message<'execute'>): Promise<void> {
    const portal = this.#portals.get(name);
    const { prepared } = portal.statement;
    if (prepared.empty) return writeBare(this.#output.writer, 'I');
    if (portal.emptied && prepared.columns === undefined) {
      throw new TimelineError({ kind: 'semantic', sqlstate: '55000', message: `portal "${name}" cannot be run` });
    }
    if (portal.stream === undefined) {
      const stream = await this.#start(portal.statement, portal.parameters);
      portal.stream = stream;
      checkShape(prepared, stream);
    }
    this.#running = portal.stream;
    const suspended = await this.#sendRows(portal.stream, portal.formats, prepared.columns === undefined ? 0 : maxRows);
    portal.emptied = !suspended;
  }

  /** Starts a statement; the stream is what cancel() stops from now on. */
  async #start(statement: NamedStatement, parameters: readonly (string | null)[]): Promise<RowStream> {
    const controller = new AbortController();
    const interrupt = this.#interrupt?.signal;
    interrupt?.throwIfAborted();
    interrupt?.addEventListener('abort', () => controller.abort(interrupt.reason), { once: true });
    const starting = this.#session.execute(statement.prepared, parameters, { signal: controller.signal });
    try {
      const execution = await untilAborted(starting, controller.signal);
      const stream = new RowStream(execution, controller);
      this.#running = stream;
      return stream;
    } catch (error) {
      // Should it come to life after all, nobody reads it.
      starting.then(
        (late) => new RowStream(late, controller).close(),
        () => undefined,
      );
      throw error;
    }
  }

  /** Rows up to `maxRows` (0: all) and the message that ends them. True when the portal was only suspended. */
  async #sendRows(stream: RowStream, formats: readonly number[], maxRows: number): Promise<boolean> {
    if (stream.execution.copy !== undefined) return await this.#sendCopy(stream, stream.execution.copy);
    const { writer } = this.#output;
    const columns = stream.columns;
    const statusBefore = this.#session.transactionStatus;
    let sent = 0;
    const encoding = { columns: columns ?? [], formats, settings: { timeZone: this.#timeZone() } };
    for (;;) {
      this.#interrupt?.signal.throwIfAborted();
      if (maxRows > 0 && sent >= maxRows) {
        writeBare(writer, 's');
        return true;
      }
      if (stream.available === 0) {
        const more = await this.#output.sendMeanwhile(stream.pull());
        this.#writeNotices(stream);
        if (!more) break;
      }
      const { batch } = stream;
      if (batch === undefined) break;
      if (columns === undefined) throw internal('a statement without columns returned rows');
      const to = stream.row + (maxRows > 0 ? Math.min(stream.available, maxRows - sent) : stream.available);
      const next = writeRows(writer, batch, { from: stream.row, to }, encoding);
      sent += next - stream.row;
      stream.row = next;
      if (writer.length >= CHUNK_BYTES) await this.#output.flush();
    }
    writeCommandComplete(writer, stream.execution.tag(sent));
    this.#afterCompletion(statusBefore, stream);
    return false;
  }

  /** COPY TO STDOUT: the row limit of Execute does not count here. */
  async #sendCopy(stream: RowStream, copy: CopyOutput): Promise<false> {
    const { writer } = this.#output;
    const statusBefore = this.#session.transactionStatus;
    const copying = copyWriter(writer, copy, { timeZone: this.#timeZone() });
    copying.begin();
    let sent = 0;
    while (stream.available > 0 || (await this.#output.sendMeanwhile(stream.pull()))) {
      this.#interrupt?.signal.throwIfAborted();
      this.#writeNotices(stream);
      const { batch } = stream;
      if (batch === undefined) break;
      const next = copying.rows(batch, { from: stream.row, to: stream.row + stream.available });
      sent += next - stream.row;
      stream.row = next;
      if (writer.length >= CHUNK_BYTES) await this.#output.flush();
    }
    copying.end();
    this.#writeNotices(stream);
    writeCommandComplete(writer, stream.execution.tag(sent));
    this.#afterCompletion(statusBefore, stream);
    return false;
  }

  #writeNotices(stream: RowStream): void {
    for (const notice of stream.takeNotices()) writeNotice(this.#output.writer, notice);
  }

  #afterCompletion(statusBefore: 'I' | 'T' | 'E', stream: RowStream): void {
    if (statusBefore !== 'I' && this.#session.transactionStatus === 'I') this.#portals.closeAll(stream);
  }

  /** Waits for short work of the session that cannot be interrupted, then looks whether a cancel has come meanwhile. */
  async #guarded<T>(work: Promise<T>): Promise<T> {
    const result = await work;
    this.#interrupt?.signal.throwIfAborted();
    return result;
  }
}

function describeColumns(output: Output, prepared: Prepared, formats: readonly number[]): void {
  if (prepared.columns === undefined) writeBare(output.writer, 'n');
  else writeRowDescription(output.writer, prepared.columns, formats);
}

/** The client decodes rows by the description that it got before. */
function checkShape(prepared: Prepared, stream: RowStream): void {
  const described = prepared.columns;
  const actual = stream.columns;
  const same =
    described?.length === actual?.length && (described ?? []).every((column, index) => column.type.oid === actual?.[index]?.type.oid);
  if (!same) throw new TimelineError({ kind: 'semantic', sqlstate: '0A000', message: 'cached plan must not change result type' });
}

function decodeParameter(bytes: Buffer, { oid, binary, number }: { oid: number; binary: boolean; number: number }): string {
  if (!binary) return decodeUtf8(bytes);
  try {
    return decodeBinaryToText({ oid, typmod: -1 }, bytes);
  } catch (thrown) {
    const error = asTimelineError(thrown);
    if (error.sqlstate !== '22P03') throw error;
    throw new TimelineError({
      kind: 'data',
      sqlstate: '22P03',
      message: `incorrect binary data format in bind parameter ${number}`,
      detail: `The parameter's type is ${typeName(oid)}.`,
    });
  }
}
