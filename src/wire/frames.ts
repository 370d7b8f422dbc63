import { FatalError, protocolError } from './protocol-error.js';

/** One message of the client. `payload` is valid until more bytes are pushed: decode it at once. */
export interface Frame {
  /** The type byte, 0 for the untyped ones of the start-up. */
  readonly type: number;
  readonly payload: Buffer;
}

export type FramePhase = 'startup' | 'login' | 'ready';

/** PostgreSQL's cap on start-up packets, and ours on anything before the login is done. */
const STARTUP_MAX = 10_000;
const LOGIN_MAX = 65_536;
const SMALLEST_BUFFER = 8192;
/** A larger buffer is given back once it is empty. */
const KEPT_BUFFER = 1_048_576;

/** Every message a client may send once it is in: B C D E F H P Q S X, COPY's c d f, and the password family p. */
const KNOWN_TYPES = new Set([...'BCDEFHPQSXcdfp'].map((letter) => letter.charCodeAt(0)));
/** Messages that have no business being long. */
const SMALL_TYPES = new Set([...'CDEHSXc'].map((letter) => letter.charCodeAt(0)));

/**
 * Cuts the byte stream of a client into frames. Memory grows with the bytes that have come, never with a length that was only claimed.
 */
export class FrameReader {
  phase: FramePhase = 'startup';
  readonly #maxMessageBytes: number;
  #buffer = Buffer.allocUnsafe(SMALLEST_BUFFER);
  #start = 0;
  #end = 0;

  constructor(options: { readonly maxMessageBytes: number }) {
    this.#maxMessageBytes = options.maxMessageBytes;
  }

  /** Bytes that wait to be read. */
  get buffered(): number {
    return this.#end - this.#start;
  }

  push(chunk: Uint8Array): void {
    if (this.#start === this.#end) {
      this.#start = 0;
      this.#end = 0;
      if (this.#buffer.length > KEPT_BUFFER) this.#buffer = Buffer.allocUnsafe(SMALLEST_BUFFER);
    }
    if (this.#end + chunk.length > this.#buffer.length) this.#makeRoom(chunk.length);
    this.#buffer.set(chunk, this.#end);
    this.#end += chunk.length;
  }

  /** The next whole frame, or undefined while bytes are missing. Throws a FatalError (08P01) at the first header that cannot be right. */
  next(): Frame | undefined {
    const typed = this.phase !== 'startup';
    const headerSize = typed ? 5 : 4;
    const available = this.#end - this.#start;
    if (available === 0) return undefined;
    const type = typed ? (this.#buffer[this.#start] ?? 0) : 0;
    if (typed && !KNOWN_TYPES.has(type)) throw new FatalError(protocolError(`invalid frontend message type ${type}`));
    if (available < headerSize) return undefined;
    const length = this.#buffer.readInt32BE(this.#start + headerSize - 4);
    this.#checkLength(type, length);
    const size = headerSize - 4 + length;
    if (available < size) return undefined;
    const payload = this.#buffer.subarray(this.#start + headerSize, this.#start + size);
    this.#start += size;
    return { type, payload };
  }

  #checkLength(type: number, length: number): void {
    if (this.phase === 'startup') {
      if (length < 8 || length > STARTUP_MAX) throw new FatalError(protocolError('invalid length of startup packet'));
      return;
    }
    const most =
      this.phase === 'login' ? LOGIN_MAX : SMALL_TYPES.has(type) ? Math.min(STARTUP_MAX, this.#maxMessageBytes) : this.#maxMessageBytes;
    if (length < 4 || length > most) throw new FatalError(protocolError('invalid message length'));
  }

  #makeRoom(extra: number): void {
    const waiting = this.#end - this.#start;
    const wanted = waiting + extra;
    // A new buffer also when the old one is far too large now; doubling keeps the copying linear.
    const size = Math.max(SMALLEST_BUFFER, 2 ** Math.ceil(Math.log2(wanted)));
    const target = size === this.#buffer.length ? this.#buffer : Buffer.allocUnsafe(size);
    this.#buffer.copy(target, 0, this.#start, this.#end);
    this.#buffer = target;
    this.#start = 0;
    this.#end = waiting;
  }
}
