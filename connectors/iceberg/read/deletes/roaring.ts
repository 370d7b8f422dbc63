/** A run of row positions: `rows` of them from `start` on. */
export interface PositionRun {
  readonly start: number;
  readonly rows: number;
}

const COOKIE_WITHOUT_RUNS = 12346;
const COOKIE_WITH_RUNS = 12347;
/** Bitmaps with run containers have no offsets below so many containers. */
const OFFSETS_FROM = 4;
const CONTAINER_VALUES = 65_536;
const BITMAP_BYTES = CONTAINER_VALUES / 8;
/** A container of more values than this that is not of runs is a bitmap. */
const MOST_IN_ARRAY = 4096;
const HIGH = 2 ** 32;

/**
 * Reads a 64-bit roaring bitmap (the portable form: a count, then per bitmap its high 32 bits and a 32-bit bitmap) as ascending runs that do
 * not touch. Needs no memory beside: at most one run for two bits of the input. Throws plain errors for anything cut off, out of order or that
 * does not add up, and for values from 2^53 on.
 */
export function* readRoaring(bytes: Uint8Array): Generator<PositionRun> {
  const input = new Input(bytes);
  const bitmaps = input.uint64('number of bitmaps');
  let last = -1;
  let open: PositionRun | undefined;
  for (let index = 0; index < bitmaps; index++) {
    const high = input.uint32();
    if (high <= last) throw new Error('its bitmaps are not in order');
    if (high >= 2 ** 21) throw new Error('it holds a position beyond 2^53');
    last = high;
    for (const { start, rows } of bitmap(input, high * HIGH)) {
      if (open !== undefined && open.start + open.rows === start) {
        open = { start: open.start, rows: open.rows + rows };
      } else {
        if (open !== undefined) yield open;
        open = { start, rows };
      }
    }
  }
  if (open !== undefined) yield open;
  if (!input.atEnd) throw new Error('there are bytes behind its last bitmap');
}

interface Container {
  /** The first value that it can hold. */
  readonly base: number;
  readonly values: number;
  readonly isRuns: boolean;
}

function* bitmap(input: Input, base: number): Generator<PositionRun> {
  for (const container of containers(input, base)) {
    if (container.isRuns) yield* runContainer(input, container);
    else if (container.values <= MOST_IN_ARRAY) yield* arrayContainer(input, container);
    else yield* bitmapContainer(input, container);
  }
}

/** The header of a 32-bit bitmap. */
function containers(input: Input, base: number): readonly Container[] {
  const cookie = input.uint32();
  const hasRuns = (cookie & 0xffff) === COOKIE_WITH_RUNS;
  if (!hasRuns && cookie !== COOKIE_WITHOUT_RUNS) throw new Error('a bitmap does not begin as one does');
  const size = hasRuns ? (cookie >>> 16) + 1 : input.uint32();
  if (size > CONTAINER_VALUES) throw new Error('a bitmap has too many containers');
  const runs = hasRuns ? input.take(Math.ceil(size / 8)) : new Uint8Array();
  const descriptions = input.take(4 * size);
  if (!hasRuns || size >= OFFSETS_FROM) input.take(4 * size);
  let last = -1;
  return Array.from({ length: size }, (_, index) => {
    const at = 4 * index;
    const key = (descriptions[at] ?? 0) | ((descriptions[at + 1] ?? 0) << 8);
    if (key <= last) throw new Error('the containers of a bitmap are not in order');
    last = key;
    return {
      base: base + key * CONTAINER_VALUES,
      values: ((descriptions[at + 2] ?? 0) | ((descriptions[at + 3] ?? 0) << 8)) + 1,
      isRuns: ((runs[index >> 3] ?? 0) & (1 << (index & 7))) !== 0,
    };
  });
}

function* arrayContainer(input: Input, { base, values }: Container): Generator<PositionRun> {
  let last = -1;
  let start = -1;
  for (let index = 0; index < values; index++) {
    const value = input.uint16();
    if (value <= last) throw new Error('the values of an array are not in order');
    if (value !== last + 1 || start < 0) {
      if (start >= 0) yield { start: base + start, rows: last + 1 - start };
      start = value;
    }
    last = value;
  }
  yield { start: base + start, rows: last + 1 - start };
}

function* runContainer(input: Input, { base, values }: Container): Generator<PositionRun> {
  const runs = input.uint16();
  let last = -1;
  let total = 0;
  for (let index = 0; index < runs; index++) {
    const start = input.uint16();
    const rows = input.uint16() + 1;
    if (start <= last) throw new Error('the runs of a container are not in order');
    last = start + rows - 1;
    if (last >= CONTAINER_VALUES) throw new Error('a run goes beyond its container');
    total += rows;
    yield { start: base + start, rows };
  }
  if (total !== values) throw new Error(`a container of runs holds ${total} values, its header says ${values}`);
}

function* bitmapContainer(input: Input, { base, values }: Container): Generator<PositionRun> {
  const bits = input.take(BITMAP_BYTES);
  let total = 0;
  let start = -1;
  for (let at = 0; at < BITMAP_BYTES; at++) {
    const byte = bits[at] ?? 0;
    if (byte === 0xff && start >= 0) continue;
    if (byte === 0 && start < 0) continue;
    for (let bit = 0; bit < 8; bit++) {
      const value = at * 8 + bit;
      const isSet = (byte & (1 << bit)) !== 0;
      if (isSet && start < 0) start = value;
      if (!isSet && start >= 0) {
        total += value - start;
        yield { start: base + start, rows: value - start };
        start = -1;
      }
    }
  }
  if (start >= 0) {
    total += CONTAINER_VALUES - start;
    yield { start: base + start, rows: CONTAINER_VALUES - start };
  }
  if (total !== values) throw new Error(`a bitmap container holds ${total} values, its header says ${values}`);
}

/** Little-endian. */
class Input {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get atEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  take(length: number): Uint8Array {
    if (length > this.#bytes.length - this.#at) throw new Error('it is cut off');
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  uint16(): number {
    this.take(2);
    return this.#view.getUint16(this.#at - 2, true);
  }

  uint32(): number {
    this.take(4);
    return this.#view.getUint32(this.#at - 4, true);
  }

  uint64(what: string): number {
    this.take(8);
    const value = this.#view.getBigUint64(this.#at - 8, true);
    if (value > BigInt(this.#bytes.length)) throw new Error(`the ${what} is out of range`);
    return Number(value);
  }
}
