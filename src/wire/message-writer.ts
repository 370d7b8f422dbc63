import { TimelineError } from '../../sql/errors.js';

const FIRST_SIZE = 65_536;
/** PostgreSQL's own limit on one message. */
const MAX_SIZE = 0x3fffffff;
/** Up to here a plain loop beats the call into native code. */
const SHORT_TEXT = 32;
const SHORT_BYTES = 48;

/** Backend messages, one after the other, in one buffer that grows. */
export class MessageWriter {
  #buffer = Buffer.allocUnsafeSlow(FIRST_SIZE);
  length = 0;

  /** Starts a message; returns the place to give to end() or rewind(). */
  begin(type: string): number {
    const start = this.length;
    this.#ensure(5);
    this.#buffer[this.length] = type.charCodeAt(0);
    this.length += 5;
    return start;
  }

  end(start: number): void {
    this.#buffer.writeInt32BE(this.length - start - 1, start + 1);
  }

  /** Drops a message that could not be finished. */
  rewind(start: number): void {
    this.length = start;
  }

  byte(value: number): void {
    this.#ensure(1);
    this.#buffer[this.length++] = value;
  }

  int16(value: number): void {
    this.#ensure(2);
    this.#buffer[this.length++] = value >>> 8;
    this.#buffer[this.length++] = value;
  }

  int32(value: number): void {
    this.#ensure(4);
    this.#putInt32(this.length, value);
    this.length += 4;
  }

  bytes(value: Uint8Array): void {
    this.#ensure(value.length);
    this.#buffer.set(value, this.length);
    this.length += value.length;
  }

  /** UTF-8 and a NUL; NULs within are left out, since they would end the string. */
  cstring(text: string): void {
    this.#utf8(text.includes('\0') ? text.replaceAll('\0', '') : text);
    this.byte(0);
  }

  /** UTF-8, as it is. */
  text(text: string): void {
    this.#utf8(text);
  }

  /** A field of DataRow: length and UTF-8. */
  textValue(text: string): void {
    const at = this.length;
    this.#ensure(4);
    this.length += 4;
    this.#utf8(text);
    this.#putInt32(at, this.length - at - 4);
  }

  binaryValue(value: Uint8Array): void {
    this.int32(value.length);
    this.bytes(value);
  }

  /** A field of DataRow from a part of `source`, behind one byte where `prefix` is not negative. */
  slice(source: Uint8Array, from: number, to: number, prefix: number): void {
    const lead = prefix < 0 ? 0 : 1;
    const size = to - from + lead;
    this.#ensure(4 + size);
    const buffer = this.#buffer;
    let at = this.length;
    this.#putInt32(at, size);
    at += 4;
    if (lead === 1) buffer[at++] = prefix;
    if (size <= SHORT_BYTES) for (let index = from; index < to; index += 1) buffer[at++] = source[index] as number;
    else buffer.set(source.subarray(from, to), at);
    this.length += 4 + size;
  }

  /** The buffer, with room for `size` bytes from `length` on; who writes there moves `length`. */
  reserve(size: number): Uint8Array {
    this.#ensure(size);
    return this.#buffer;
  }

  /** What was written, which is then the caller's; the writer starts afresh. */
  take(): Buffer {
    const written = this.#buffer.subarray(0, this.length);
    this.length = 0;
    // Short output is copied, so that the large buffer stays.
    if (written.length <= 4096) return Buffer.from(written);
    this.#buffer = Buffer.allocUnsafeSlow(FIRST_SIZE);
    return written;
  }

  #utf8(text: string): void {
    // Three bytes for each UTF-16 unit are always enough.
    this.#ensure(text.length * 3);
    const buffer = this.#buffer;
    let at = this.length;
    if (text.length <= SHORT_TEXT) {
      let index = 0;
      for (; index < text.length; index += 1) {
        const code = text.charCodeAt(index);
        if (code > 127) break;
        buffer[at++] = code;
      }
      if (index === text.length) {
        this.length = at;
        return;
      }
    }
    this.length += buffer.write(text, this.length, 'utf8');
  }

  #putInt32(at: number, value: number): void {
    const buffer = this.#buffer;
    buffer[at] = value >>> 24;
    buffer[at + 1] = value >>> 16;
    buffer[at + 2] = value >>> 8;
    buffer[at + 3] = value;
  }

  #ensure(size: number): void {
    const needed = this.length + size;
    if (needed <= this.#buffer.length) return;
    if (needed > MAX_SIZE) {
      throw new TimelineError({
        kind: 'limit',
        sqlstate: '54000',
        message: 'a row of the result is larger than 1 GB, which the protocol cannot carry',
      });
    }
    const larger = Buffer.allocUnsafeSlow(Math.min(MAX_SIZE, Math.max(needed, this.#buffer.length * 2)));
    this.#buffer.copy(larger, 0, 0, this.length);
    this.#buffer = larger;
  }
}
