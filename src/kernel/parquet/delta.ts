import { Damage } from './damage.js';
import { bitsAt, unpackBits, viewOf } from './hybrid.js';

/** A float of the sum of three such is off by less than what tells it from a safe one. */
const SAFE_STEP = 2 ** 51;
const MAX_BLOCK = 1 << 20;

/** DELTA_BINARY_PACKED: deltas in blocks of miniblocks, each with its own width. */
export type DeltaTarget =
  | { readonly kind: 'int32'; readonly out: Int32Array }
  | { readonly kind: 'float'; readonly out: Float64Array }
  | { readonly kind: 'wide'; readonly out: BigInt64Array };

/**
 * Decodes `count` values from `at` into the target from `to` and gives where the bytes of the encoding end; undefined: a value is not
 * safe as a float (kind `float` only), what was written is void. Throws Damage.
 */
export function decodeDelta(
  source: Uint8Array,
  options: { readonly at: number; readonly count: number; readonly target: DeltaTarget; readonly to: number },
): number | undefined {
  const { count, target } = options;
  const reader = new VarintReader(source, options.at);
  const [block, minis, total] = [reader.number(), reader.number(), reader.number()];
  if (minis < 1 || block > MAX_BLOCK || block % minis !== 0 || (block / minis) % 8 !== 0 || block < 8)
    throw new Damage(`delta blocks of ${block} values in ${minis} parts`);
  if (total !== count) throw new Damage(`a delta page has ${total} values, its header says ${count}`);
  const steps = new Steps(source, reader, { perMini: block / minis, minis });
  switch (target.kind) {
    case 'int32':
      return steps.intoInt32(target.out, options.to, count);
    case 'float':
      return steps.intoFloats(target.out, options.to, count);
    case 'wide':
      return steps.intoWide(target.out, options.to, count);
  }
}

class VarintReader {
  readonly #source: Uint8Array;
  at: number;

  constructor(source: Uint8Array, at: number) {
    this.#source = source;
    this.at = at;
  }

  number(): number {
    let value = 0;
    for (let factor = 1, i = 0; i < 5; i++, factor *= 128) {
      const byte = this.byte();
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
    throw new Damage('a number of a delta page is too long');
  }

  /** Zigzag, 64 bits. */
  signed(): bigint {
    let [low, high] = [0, 0];
    for (let i = 0; i < 10; i++) {
      const byte = this.byte();
      if (i < 4) low += (byte & 127) * 2 ** (7 * i);
      else high += (byte & 127) * 2 ** (7 * (i - 4));
      if (byte < 128) {
        const value = BigInt.asUintN(64, (BigInt(high) << 28n) | BigInt(low));
        return BigInt.asIntN(64, (value >> 1n) ^ -(value & 1n));
      }
    }
    throw new Damage('a number of a delta page is too long');
  }

  byte(): number {
    const byte = this.#source[this.at++];
    if (byte === undefined) throw new Damage('a delta page is cut off');
    return byte;
  }
}

class Steps {
  readonly #source: Uint8Array;
  readonly #view: DataView;
  readonly #reader: VarintReader;
  readonly #perMini: number;
  readonly #minis: number;
  readonly #low: Uint32Array;

  constructor(source: Uint8Array, reader: VarintReader, shape: { readonly perMini: number; readonly minis: number }) {
    this.#source = source;
    this.#view = viewOf(source);
    this.#reader = reader;
    this.#perMini = shape.perMini;
    this.#minis = shape.minis;
    this.#low = new Uint32Array(shape.perMini);
  }

  intoInt32(out: Int32Array, from: number, count: number): number {
    const first = this.#reader.signed();
    let [current, to] = [Number(BigInt.asIntN(32, first)), from];
    if (count > 0) out[to++] = current;
    this.#eachMini(count - 1, (least, width, at, some) => {
      const low = this.#unpack(at, Math.min(width, 32), some, width);
      const min = Number(BigInt.asIntN(32, least));
      for (let i = 0; i < some; i++) out[to++] = current = (current + min + (low[i] as number)) | 0;
      return true;
    });
    return this.#reader.at;
  }

  intoFloats(out: Float64Array, from: number, count: number): number | undefined {
    const first = Number(this.#reader.signed());
    if (!Number.isSafeInteger(first)) return undefined;
    let [current, to] = [first, from];
    if (count > 0) out[to++] = current;
    const isDone = this.#eachMini(count - 1, (least, width, at, some) => {
      const min = Number(least);
      if (width > 51 || Math.abs(min) > SAFE_STEP) return false;
      let [high, low] = [current, current];
      if (width <= 32) {
        const steps = this.#unpack(at, width, some, width);
        for (let i = 0; i < some; i++) {
          current += min + (steps[i] as number);
          out[to++] = current;
          if (current > high) high = current;
          else if (current < low) low = current;
        }
      } else {
        for (let i = 0, bit = at * 8; i < some; i++, bit += width) {
          current += min + bitsAt(this.#source, bit, 32) + bitsAt(this.#source, bit + 32, width - 32) * 2 ** 32;
          out[to++] = current;
          if (current > high) high = current;
          else if (current < low) low = current;
        }
      }
      return high <= Number.MAX_SAFE_INTEGER && low >= Number.MIN_SAFE_INTEGER;
    });
    return isDone ? this.#reader.at : undefined;
  }

  intoWide(out: BigInt64Array, from: number, count: number): number {
    let [current, to] = [this.#reader.signed(), from];
    if (count > 0) out[to++] = current;
    this.#eachMini(count - 1, (least, width, at, some) => {
      for (let i = 0, bit = at * 8; i < some; i++, bit += width) {
        const low = BigInt(bitsAt(this.#source, bit, Math.min(width, 32)));
        const step = width <= 32 ? low : low | (BigInt(bitsAt(this.#source, bit + 32, width - 32)) << 32n);
        current = BigInt.asIntN(64, current + least + step);
        out[to++] = current;
      }
      return true;
    });
    return this.#reader.at;
  }

  /** Calls `work` for each miniblock with values left; false as soon as it says so. */
  #eachMini(count: number, work: (least: bigint, width: number, at: number, some: number) => boolean): boolean {
    const reader = this.#reader;
    for (let left = count; left > 0; ) {
      const least = reader.signed();
      const widths = reader.at;
      reader.at += this.#minis;
      for (let mini = 0; mini < this.#minis && left > 0; mini++) {
        const width = this.#source[widths + mini] ?? 65;
        const some = Math.min(left, this.#perMini);
        if (width > 64 || Math.ceil((some * width) / 8) > this.#source.length - reader.at) throw new Damage('a delta page is cut off');
        if (!work(least, width, reader.at, some)) return false;
        reader.at += (this.#perMini / 8) * width;
        left -= some;
      }
    }
    return true;
  }

  /** Steps of at most 32 bits; of wider ones (of which only the low bits count) those. */
  #unpack(at: number, bits: number, count: number, width: number): Uint32Array {
    if (bits === width) unpackBits(this.#source, this.#view, { at, width, out: this.#low, to: 0, count });
    else for (let i = 0; i < count; i++) this.#low[i] = bitsAt(this.#source, at * 8 + i * width, bits);
    return this.#low;
  }
}
