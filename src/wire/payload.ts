import { decodeUtf8 } from '../../sql/value-binary.js';
import { protocolError } from './protocol-error.js';

/** Reads the fields of one message. Every method throws 08P01 when the message is too short. */
export class Payload {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get remaining(): number {
    return this.#bytes.length - this.#at;
  }

  byte(): number {
    return this.#take(1)[0] ?? 0;
  }

  uint16(): number {
    return this.#take(2).readUInt16BE();
  }

  int32(): number {
    return this.#take(4).readInt32BE();
  }

  uint32(): number {
    return this.#take(4).readUInt32BE();
  }

  /** A view of the message's own bytes: copy or decode it before anything else is read from the socket. */
  bytes(size: number): Buffer {
    return this.#take(size);
  }

  /** Zero-terminated UTF-8. Throws 22021 for other bytes. */
  cstring(): string {
    const end = this.#bytes.indexOf(0, this.#at);
    if (end < 0) throw protocolError('invalid string in message');
    const text = decodeUtf8(this.#bytes.subarray(this.#at, end));
    this.#at = end + 1;
    return text;
  }

  end(): void {
    if (this.remaining !== 0) throw protocolError('invalid message format');
  }

  #take(size: number): Buffer {
    if (size < 0 || size > this.remaining) throw protocolError('insufficient data left in message');
    const part = this.#bytes.subarray(this.#at, this.#at + size);
    this.#at += size;
    return part;
  }
}
