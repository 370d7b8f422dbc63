/** Items of arrays and maps, and values of no bytes, in one record: a few bytes may say that there are any number of them. */
const MOST_VALUES = 4_000_000;

/** Reads Avro's binary encoding; throws plain errors where it is cut off. */
export class AvroCursor {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;
  #values = 0;

  constructor(bytes: Uint8Array) {
    // Not a Buffer: its slice() would be a view that keeps the whole block alive.
    this.#bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get atEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  get position(): number {
    return this.#at;
  }

  /** Before each record of a block. A record of no bytes could repeat for ever. */
  startRecord(index: number, count: number): void {
    if (this.atEnd) throw new Error(`a block ends after ${index} of ${count} records`);
    this.#values = 0;
  }

  /** Once for each value that may have no bytes, or takes more memory than it has bytes. */
  countValue(): void {
    if (++this.#values > MOST_VALUES) throw new Error(`a record holds more than ${MOST_VALUES} values`);
  }

  /** Goes to a position that it had before. */
  rewind(position: number): void {
    this.#at = position;
  }

  skip(length: number): void {
    if (length < 0 || length > this.left) throw new Error('it is cut off');
    this.#at += length;
  }

  skipLong(): void {
    const start = this.#at;
    for (;;) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) throw new Error('it is cut off');
      if ((byte & 0x80) === 0) return;
      if (this.#at - start > 9) throw new Error('an integer has too many bytes');
    }
  }

  /** Passes over the blocks of an array or map; `item` passes over one where the block does not tell its size. */
  skipItems(item: (cursor: AvroCursor) => void): void {
    for (let count = this.int(); count !== 0; count = this.int()) {
      if (count < 0) this.skip(this.int());
      else {
        if (count > this.left) throw new Error('it is cut off');
        for (let index = 0; index < count; index++) {
          const before = this.#at;
          item(this);
          if (this.#at === before) this.countValue();
        }
      }
    }
  }

  /** Like skipItems for pairs of integers: the counts of a manifest's columns. */
  skipLongPairs(): void {
    for (let count = this.int(); count !== 0; count = this.int()) {
      if (count < 0) this.skip(this.int());
      else {
        if (count > this.left) throw new Error('it is cut off');
        for (let index = 0; index < count; index++) {
          this.skipLong();
          this.skipLong();
        }
      }
    }
  }

  /** Like skipItems for pairs of an integer and bytes: the bounds of a manifest's columns. */
  skipLongAndBytes(): void {
    for (let count = this.int(); count !== 0; count = this.int()) {
      if (count < 0) this.skip(this.int());
      else {
        if (count > this.left) throw new Error('it is cut off');
        for (let index = 0; index < count; index++) {
          this.skipLong();
          this.skip(this.int());
        }
      }
    }
  }

  take(length: number): Uint8Array {
    if (length < 0 || length > this.left) throw new Error('it is cut off');
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  /** A zig-zag variable-length integer: a number up to 2^53, else a bigint. */
  long(): number | bigint {
    let value = 0;
    let scale = 1;
    const start = this.#at;
    for (;;) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) throw new Error('it is cut off');
      value += (byte & 0x7f) * scale;
      if ((byte & 0x80) === 0) break;
      scale *= 128;
      if (this.#at - start > 9) throw new Error('an integer has too many bytes');
    }
    if (value <= Number.MAX_SAFE_INTEGER) return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
    let exact = 0n;
    for (let at = this.#at - 1; at >= start; at--) exact = (exact << 7n) | BigInt((this.#bytes[at] ?? 0) & 0x7f);
    return BigInt.asIntN(64, (exact >> 1n) ^ -(exact & 1n));
  }

  int(): number {
    const value = this.long();
    if (typeof value === 'bigint') throw new Error('a length or index is out of range');
    return value;
  }

  /** The item count of the next block of an array or map; a negative one is followed by its size in bytes. */
  blockCount(): number {
    const count = this.int();
    if (count >= 0) return count;
    this.int();
    return -count;
  }

  bytes(): Uint8Array {
    return this.take(this.int());
  }

  text(): string {
    return Buffer.from(this.bytes()).toString('utf8');
  }

  float(): number {
    this.take(4);
    return this.#view.getFloat32(this.#at - 4, true);
  }

  double(): number {
    this.take(8);
    return this.#view.getFloat64(this.#at - 8, true);
  }
}
