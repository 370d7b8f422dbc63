import type { Socket } from 'node:net';
import { asTimelineError, TimelineError } from '../../sql/errors.js';
import type { Engine, Notice, Session } from '../statement.js';
import {
  writeAuthenticationOk,
  writeBackendKey,
  writeError,
  writeNegotiateVersion,
  writeNotice,
  writeParameterStatus,
  writeReadyForQuery,
} from './backend.js';
import type { CancelKey, CancelKeys } from './cancel-keys.js';
import { Conversation } from './conversation.js';
import { type Frame, FrameReader } from './frames.js';
import { decodeFrame } from './frontend.js';
import { Output } from './output.js';
import { ConnectionLost, FatalError, protocolError } from './protocol-error.js';
import { decodeStartup, type StartupPacket } from './startup.js';

const LINGER_MS = 2000;
/** So much may wait unread while a message is handled; then the client has to wait. */
const INPUT_HIGH_WATER = 1_048_576;

export interface ConnectionOptions {
  readonly socket: Socket;
  readonly engine: Engine;
  readonly cancelKeys: CancelKeys;
  readonly maxMessageBytes: number;
  readonly loginTimeoutMs: number;
  /** Throws 53300 when there are too many; the returned function gives the place back. */
  readonly admit: () => () => void;
}

/** One client, from its first byte to its last. */
export class Connection {
  readonly #options: ConnectionOptions;
  readonly #socket: Socket;
  readonly #reader: FrameReader;
  readonly #output: Output;
  readonly #statuses = new Map<string, string>();
  #wake: (() => void) | undefined;
  #gone = false;
  #ending: TimelineError | undefined;
  #conversation: Conversation | undefined;
  #afterGreeting: () => void = () => undefined;
  #handling = false;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#socket = options.socket;
    this.#reader = new FrameReader({ maxMessageBytes: options.maxMessageBytes });
    this.#output = new Output(options.socket);
    this.#socket.on('data', (chunk) => {
      this.#reader.push(chunk);
      if (this.#reader.buffered > INPUT_HIGH_WATER && this.#wake === undefined) this.#socket.pause();
      this.#awake();
    });
    // 'end' too: a client that no longer writes is not waiting for an answer.
    for (const event of ['end', 'error', 'close'] as const) this.#socket.on(event, () => this.#lose());
  }

  /** Serves the client until it leaves; never rejects. */
  async run(): Promise<void> {
    const timer = setTimeout(() => this.end(loginTimeout()), this.#options.loginTimeoutMs);
    const cleanups: (() => void | Promise<void>)[] = [() => clearTimeout(timer)];
    try {
      const packet = await this.#startup();
      if (packet === undefined) return;
      cleanups.push(this.#options.admit());
      const session = await this.#login(packet);
      cleanups.push(() => session.close());
      clearTimeout(timer);
      const key = this.#options.cancelKeys.register(() => this.#cancel());
      cleanups.push(() => this.#options.cancelKeys.forget(key));
      await this.#greet(session, key);
      await this.#serve();
    } catch (thrown) {
      this.#sayFatal(thrown);
    } finally {
      this.#conversation?.dispose(this.#ending ?? new ConnectionLost());
      for (const cleanup of cleanups.reverse()) {
        try {
          await cleanup();
        } catch {
          // A session that fails to close has nobody left to be told.
        }
      }
      // What was written still goes out, unless the client does not read it.
      const timer = setTimeout(() => this.#socket.destroy(), LINGER_MS).unref();
      this.#socket.once('close', () => clearTimeout(timer));
      this.#socket.destroySoon();
    }
  }

  /** Ends the connection from our side: what runs is stopped, the client is told `reason`. */
  end(reason: TimelineError): void {
    this.#ending ??= reason;
    this.#conversation?.dispose(reason);
    this.#awake();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  async #startup(): Promise<Extract<StartupPacket, { kind: 'startup' }> | undefined> {
    const asked = new Set<string>();
    for (;;) {
      const frame = await this.#nextFrame();
      if (frame === undefined) return undefined;
      const packet = decodeStartup(frame.payload);
      switch (packet.kind) {
        case 'startup':
          return packet;
        case 'cancel':
          this.#options.cancelKeys.cancel(packet.key);
          return undefined;
        case 'ssl':
        case 'gssenc':
          if (asked.has(packet.kind)) throw new FatalError(protocolError('encryption was asked for twice'));
          asked.add(packet.kind);
          // Not a message: a single letter.
          this.#socket.write('N');
      }
    }
  }

  async #login(packet: Extract<StartupPacket, { kind: 'startup' }>): Promise<Session> {
    this.#reader.phase = 'login';
    if (packet.negotiate) writeNegotiateVersion(this.#output.writer, packet.unknownOptions);
    const early: (() => void)[] = [];
    let greeted = false;
    this.#afterGreeting = () => {
      greeted = true;
      for (const send of early) send();
    };
    const send = (write: () => void): void => {
      if (!greeted) early.push(write);
      else {
        write();
        // Inside of a message's handling it goes out with the answer, in order.
        if (!this.#handling) this.#output.push();
      }
    };
    return await this.#options.engine.connect({
      user: packet.user,
      database: packet.database,
      settings: packet.settings,
      onNotice: (notice: Notice) =>
        send(() => {
          writeNotice(this.#output.writer, notice);
          this.#output.push();
        }),
      onParameterStatus: (name, value) => {
        this.#statuses.set(name, value);
        send(() => writeParameterStatus(this.#output.writer, name, value));
      },
    });
  }

  async #greet(session: Session, key: CancelKey): Promise<void> {
    const { writer } = this.#output;
    writeAuthenticationOk(writer);
    for (const [name, value] of session.parameterStatuses()) {
      this.#statuses.set(name, value);
      writeParameterStatus(writer, name, value);
    }
    writeBackendKey(writer, key);
    this.#afterGreeting();
    writeReadyForQuery(writer, session.transactionStatus);
    this.#reader.phase = 'ready';
    this.#conversation = new Conversation({ session, output: this.#output, timeZone: () => this.#statuses.get('TimeZone') ?? 'UTC' });
    await this.#output.flush();
  }

  async #serve(): Promise<void> {
    const conversation = this.#conversation;
    for (;;) {
      const limit = conversation?.idleLimit;
      const timer = limit === undefined ? undefined : setTimeout(() => this.end(limit.reason), limit.milliseconds);
      const frame = await this.#nextFrame().finally(() => clearTimeout(timer));
      if (frame === undefined || conversation === undefined) return;
      this.#handling = true;
      try {
        if (!(await this.#handle(conversation, frame))) return;
      } finally {
        this.#handling = false;
      }
    }
  }

  /** False after Terminate. */
  async #handle(conversation: Conversation, frame: Frame): Promise<boolean> {
    let message: ReturnType<typeof decodeFrame>;
    try {
      message = decodeFrame(frame);
    } catch (error) {
      if (error instanceof FatalError) throw error;
      if (frame.type === QUERY && !conversation.skipping) {
        await conversation.rejectSimple(error);
        await conversation.ready();
      } else if (!conversation.skipping) await conversation.reject(error);
      return true;
    }
    if (message.kind === 'terminate') return false;
    await conversation.handle(message);
    return true;
  }

  async #nextFrame(): Promise<Frame | undefined> {
    for (;;) {
      if (this.#ending !== undefined) throw new FatalError(this.#ending);
      if (this.#gone) return undefined;
      const frame = this.#reader.next();
      if (frame !== undefined) return frame;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        this.#socket.resume();
      });
    }
  }

  #awake(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }

  #lose(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#conversation?.dispose(new ConnectionLost());
    this.#awake();
  }

  #cancel(): void {
    this.#conversation?.cancel(
      new TimelineError({ kind: 'cancelled', sqlstate: '57014', message: 'canceling statement due to user request' }),
    );
  }

  #sayFatal(thrown: unknown): void {
    if (this.#gone) return;
    const error = this.#ending ?? (thrown instanceof FatalError ? thrown.error : asTimelineError(thrown));
    writeError(this.#output.writer, error, 'FATAL');
    this.#output.push();
  }
}

const QUERY = 'Q'.charCodeAt(0);

function loginTimeout(): TimelineError {
  return new TimelineError({ kind: 'limit', sqlstate: '57014', message: 'canceling authentication due to timeout' });
}
