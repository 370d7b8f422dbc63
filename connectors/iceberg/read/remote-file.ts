import { setMaxListeners } from 'node:events';
import { TimelineError } from '../../../sql/errors.js';
import { Gate } from '../../../src/object-store/gate.js';
import type { Piece } from '../../../src/object-store/memory-ranges.js';
import type { ObjectPart } from '../../../src/object-store/object-store.js';
import { endOf, type RangeCache, uncovered } from '../../../src/object-store/range-cache.js';
import { transfers } from '../../../src/object-store/transfer-counters.js';
import { corrupt } from '../format/corrupt.js';
import { type ByteRange, planRequests, type RequestShape } from './byte-plan.js';
import type { ByteRequest, ByteSource } from './byte-source.js';

/** Files up to this size are fetched whole with the first read. */
export const SMALL_FILE_BYTES = 1 << 20;
/** Holds the footers of most files, with their page indexes and bloom filters. */
export const TAIL_BYTES = 64 << 10;
/** Requests for files' bytes under way in this process. */
const PARALLEL_REQUESTS = 32;

const gate = new Gate(PARALLEL_REQUESTS);

export interface RemoteFileOptions {
  /** For errors: relative to the warehouse. */
  readonly name: string;
  /** One text for all spellings of the location. */
  readonly place: string;
  /** As the manifest says. */
  readonly size: number;
  readonly cache: RangeCache;
  readonly shape: RequestShape;
  /** One request; its bytes have been charged by then. */
  readonly fetch: (range: ByteRange, etag: string | undefined, request: ByteRequest) => Promise<ObjectPart>;
}

/** A request under way. Whoever comes later may wait for it too; it is given up when nobody waits any longer. */
interface Flight extends ByteRange {
  readonly owner: object;
  readonly promise: Promise<Piece>;
  readonly abort: AbortController;
  waiting: number;
}

/** Who reads, with small pieces of what it has fetched: nothing is fetched twice for it, whatever the cache keeps. */
interface Reader extends ByteRequest {
  readonly held: Piece[];
}

interface Read extends ByteRange {
  readonly request: Reader;
  readonly hot: boolean;
  /** Of bytes that may be fetched with it. */
  readonly gap: number;
  readonly resolve: (bytes: Uint8Array) => void;
  readonly reject: (error: unknown) => void;
}

/** An object of immutable content, of which ranges are read through the cache. One for all readers of this process. */
export class RemoteFile {
  readonly #options: RemoteFileOptions;
  readonly #flights = new Set<Flight>();
  #waiting: Read[] = [];
  #etag: string | undefined;

  constructor(options: RemoteFileOptions) {
    this.#options = options;
  }

  /** Learns the etag: from the cache, or with the file's tail (or the whole of it, if it is small). */
  async open(request: ByteRequest): Promise<ByteSource> {
    if (this.#etag === undefined) {
      const known = await this.#options.cache.find(this.#etagKey, 0, 1, { hot: true });
      this.#etag ??= known[0] === undefined ? undefined : Buffer.from(known[0].bytes).toString('utf8');
    }
    const { size } = this.#options;
    const reader: Reader = { ...request, held: [] };
    // Each read of a task listens for its end.
    setMaxListeners(0, request.signal);
    if (this.#etag === undefined) await this.#read(size <= SMALL_FILE_BYTES ? 0 : size - TAIL_BYTES, size, reader, true);
    return this.#source(reader);
  }

  #source(request: Reader): ByteSource {
    const { name, size } = this.#options;
    return {
      name,
      size,
      etag: this.#etag ?? '',
      read: (start, end) => this.#read(start, end, request, true),
      readOnce: (start, end, { gap } = {}) => this.#read(start, end, request, false, gap),
    };
  }

  get #etagKey(): string {
    return `etag\n${this.#options.place}\n${this.#options.size}`;
  }

  get #key(): string {
    return `${this.#options.place}\n${this.#options.size}\n${this.#etag}`;
  }

  #read(start: number, end: number, request: Reader, hot: boolean, most?: number): Promise<Uint8Array> {
    const { name, size, shape } = this.#options;
    if (!(start >= 0 && start <= end && end <= size)) throw corrupt(name, `bytes ${start} to ${end} of it are wanted, it has ${size}`);
    if (start === end) return Promise.resolve(new Uint8Array(0));
    const gap = Math.min(shape.gap, most ?? shape.gap);
    return new Promise((resolve, reject) => {
      if (this.#waiting.length === 0) setImmediate(() => void this.#flush());
      this.#waiting.push({ start, end, request, hot, gap, resolve, reject });
    });
  }

  /** All that was asked for in one turn: reads of one reader share requests, other readers' requests are waited for. */
  async #flush(): Promise<void> {
    const reads = this.#waiting;
    this.#waiting = [];
    const found = await Promise.all(reads.map((read) => this.#find(read).catch(() => [])));
    const byReader = new Map<Reader, { read: Read; pieces: readonly Piece[] }[]>();
    for (const [index, read] of reads.entries()) {
      const one = { read, pieces: found[index] ?? [] };
      const others = byReader.get(read.request);
      if (others === undefined) byReader.set(read.request, [one]);
      else others.push(one);
    }
    for (const [request, wanted] of byReader) this.#start(request, wanted);
  }

  async #find({ start, end, hot, request }: Read): Promise<readonly Piece[]> {
    const { held } = request;
    if (this.#etag === undefined || uncovered(held.map(endOf), start, end).length === 0) return held;
    return this.#options.cache.find(this.#key, start, end, { hot }).then((pieces) => [...held, ...pieces]);
  }

  #start(request: Reader, wanted: readonly { read: Read; pieces: readonly Piece[] }[]): void {
    const { size, shape } = this.#options;
    const known = (pieces: readonly Piece[]): ByteRange[] => [...pieces.map(endOf), ...this.#flights];
    const missing = wanted.flatMap(({ read, pieces }) => {
      const gaps = uncovered(known(pieces), read.start, read.end);
      if (gaps.length === 0) {
        transfers.cacheHits++;
        transfers.cacheHitBytes += read.end - read.start;
      }
      return gaps;
    });
    const whole = missing.length > 0 && size <= SMALL_FILE_BYTES;
    const hot = wanted.some(({ read }) => read.hot);
    const gap = Math.min(...wanted.map(({ read }) => read.gap));
    for (const range of planRequests(whole ? [{ start: 0, end: size }] : missing, { ...shape, gap })) this.#launch(range, request, hot);
    for (const { read, pieces } of wanted) {
      this.#assemble(read, pieces).then(read.resolve, read.reject);
    }
  }

  #launch(range: ByteRange, owner: Reader, hot: boolean): void {
    const abort = new AbortController();
    setMaxListeners(0, abort.signal);
    const fetching = async (): Promise<Piece> => {
      try {
        const piece = await gate.run(() => this.#fetch(range, { meter: owner.meter, signal: abort.signal }, hot));
        if (hot && piece.bytes.length <= SMALL_FILE_BYTES) owner.held.push(piece);
        return piece;
      } finally {
        this.#flights.delete(flight);
      }
    };
    const flight: Flight = { ...range, owner, abort, waiting: 0, promise: Promise.resolve().then(fetching) };
    flight.promise.catch(() => undefined);
    this.#flights.add(flight);
  }

  async #fetch(range: ByteRange, request: ByteRequest, hot: boolean): Promise<Piece> {
    const { name, size, cache, fetch } = this.#options;
    request.signal.throwIfAborted();
    let part: ObjectPart;
    try {
      part = await fetch(range, this.#etag, request);
    } catch (error) {
      // What is known of a file that was replaced must not be known for good.
      if (error instanceof TimelineError && error.sqlstate === '58030' && !error.retryable) await this.#forget();
      throw error;
    }
    if (part.size !== size) throw corrupt(name, `it has ${part.size} bytes, its manifest says ${size}`);
    if (part.bytes.length !== range.end - range.start) throw corrupt(name, `it is cut off at byte ${range.start + part.bytes.length}`);
    if (this.#etag === undefined) {
      this.#etag = part.etag;
      await cache.add(this.#etagKey, { start: 0, bytes: Buffer.from(part.etag, 'utf8') }, { hot: true });
    } else if (this.#etag !== part.etag) {
      await this.#forget();
      throw corrupt(name, 'it has changed while it was read');
    }
    const piece = { start: range.start, bytes: part.bytes };
    await cache.add(this.#key, piece, { hot });
    return piece;
  }

  async #forget(): Promise<void> {
    const { cache } = this.#options;
    await cache.forget(this.#key);
    await cache.forget(this.#etagKey);
    this.#etag = undefined;
  }

  async #assemble(read: Read, pieces: readonly Piece[]): Promise<Uint8Array> {
    const { start, end, request } = read;
    const whole = pieces.find((piece) => piece.start <= start && endOf(piece).end >= end);
    if (whole !== undefined) return whole.bytes.subarray(start - whole.start, end - whole.start);
    const gaps = uncovered(pieces.map(endOf), start, end);
    const flights = [...this.#flights].filter((flight) => gaps.some((gap) => flight.start < gap.end && flight.end > gap.start));
    const landed = await Promise.all(flights.map((flight) => this.#wait(flight, request)));
    const all = [...pieces, ...landed.flatMap((piece) => piece ?? [])];
    // Another reader's request failed, for reasons of that reader's perhaps: it is ours to ask now.
    if (uncovered(all.map(endOf), start, end).length > 0) {
      return new Promise((resolve, reject) => this.#start(request, [{ read: { ...read, resolve, reject }, pieces: all }]));
    }
    return copyOf(all, start, end);
  }

  /** Undefined: a request of another reader failed. */
  async #wait(flight: Flight, request: Reader): Promise<Piece | undefined> {
    const { signal } = request;
    flight.waiting++;
    let onAbort: (() => void) | undefined;
    try {
      const aborted = new Promise<never>((_, reject) => {
        onAbort = () => reject(signal.reason);
        if (signal.aborted) onAbort();
        else signal.addEventListener('abort', onAbort, { once: true });
      });
      return await Promise.race([flight.promise, aborted]);
    } catch (error) {
      if (signal.aborted || flight.owner === request) throw error;
      return undefined;
    } finally {
      if (onAbort !== undefined) signal.removeEventListener('abort', onAbort);
      flight.waiting--;
      if (flight.waiting === 0 && signal.aborted) flight.abort.abort(signal.reason);
    }
  }
}

function copyOf(pieces: readonly Piece[], start: number, end: number): Uint8Array {
  const bytes = new Uint8Array(end - start);
  for (const piece of pieces) {
    const from = Math.max(start, piece.start);
    const to = Math.min(end, endOf(piece).end);
    if (to > from) bytes.set(piece.bytes.subarray(from - piece.start, to - piece.start), from - start);
  }
  return bytes;
}
