import { readSync } from 'node:fs';
import { Damage, unreadable } from './damage.js';

/** Read at once, so that the pages of small chunks cost no call each. */
const PIECE_BYTES = 4 << 20;

/** Bytes of an open file, in pieces. */
export class FileBytes {
  readonly #descriptor: number;
  readonly #location: string;
  readonly #end: number;
  #start = 0;
  #piece: Uint8Array = new Uint8Array(0);

  /** Nothing at or behind `end` is read. */
  constructor(descriptor: number, location: string, end: number) {
    this.#descriptor = descriptor;
    this.#location = location;
    this.#end = end;
  }

  /** The bytes [at, at + length): valid for good. Throws Damage where the file has them not. */
  take(at: number, length: number): Uint8Array {
    if (at + length > this.#end) throw new Damage('a page is longer than its column chunk');
    return this.some(at, length).subarray(0, length);
  }

  /** At least `length` bytes from `at`, or what there is. */
  some(at: number, length: number): Uint8Array {
    const most = Math.min(length, this.#end - at);
    if (at < this.#start || at + most > this.#start + this.#piece.length) {
      this.#piece = readBytes(this.#descriptor, this.#location, at, Math.min(this.#end - at, Math.max(length, PIECE_BYTES)));
      this.#start = at;
    }
    return this.#piece.subarray(at - this.#start);
  }
}

/** Errors: 58030 where reading fails; Damage where the file ends before. */
export function readBytes(descriptor: number, location: string, at: number, length: number): Uint8Array {
  const bytes = Buffer.allocUnsafeSlow(length);
  let read = 0;
  while (read < length) {
    const more = readSome(descriptor, location, bytes, read, at);
    if (more === 0) throw new Damage('it is cut off');
    read += more;
  }
  return bytes;
}

function readSome(descriptor: number, location: string, bytes: Buffer, read: number, at: number): number {
  try {
    return readSync(descriptor, bytes, read, bytes.length - read, at + read);
  } catch (error) {
    throw unreadable(location, error);
  }
}
