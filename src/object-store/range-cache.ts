import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { DiskCache } from './disk-cache.js';
import { MemoryRanges, type Piece } from './memory-ranges.js';

/** An object's place and content: location and etag. */
export type ObjectKey = string;

const MAGIC = 0x31524c54;
const HEADER = 16;
/** `<object>.<start>-<end>.range` */
const NAME = /^([0-9a-f]{32})\.(\d{1,15})-(\d{1,15})\.range$/;

interface Place {
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

/**
 * Ranges of objects' bytes: the often used small ones in memory, all in files of their own in the disk cache's folder, under its bound.
 * Each file has a checksum of its key and its bytes: what is damaged or cut counts as missing.
 */
export class RangeCache {
  readonly #disk: DiskCache | undefined;
  readonly #memory: MemoryRanges;
  readonly #places = new Map<string, Map<string, Place>>();

  constructor(options: { readonly disk: DiskCache | undefined; readonly memoryBytes: number }) {
    this.#disk = options.disk;
    this.#memory = new MemoryRanges(options.memoryBytes);
    this.#disk?.watch({ added: (name) => this.#added(name), gone: (name) => this.#gone(name) });
  }

  /** What there is of the bytes [start, end): pieces that may overlap and reach further. `hot`: they stay in memory. */
  async find(key: ObjectKey, start: number, end: number, options: { readonly hot: boolean }): Promise<readonly Piece[]> {
    const pieces = this.#memory.find(key, start, end);
    if (this.#disk === undefined || isCovered(pieces, start, end)) return pieces;
    const object = objectName(key);
    const places = [...(this.#places.get(object)?.values() ?? [])].filter((place) => place.start < end && place.end > start);
    const loaded = await Promise.all(places.map((place) => this.#load(key, place)));
    for (const piece of loaded) {
      if (piece === undefined) continue;
      pieces.push(piece);
      if (options.hot) this.#memory.add(key, piece);
    }
    return pieces;
  }

  async add(key: ObjectKey, piece: Piece, options: { readonly hot: boolean }): Promise<void> {
    if (piece.bytes.length === 0) return;
    if (options.hot) this.#memory.add(key, piece);
    if (this.#disk === undefined) return;
    const header = Buffer.alloc(HEADER);
    header.writeUInt32LE(MAGIC, 0);
    header.writeUInt32LE(sumOf(key, piece), 4);
    header.writeUInt32LE(piece.bytes.length, 8);
    const name = `${objectName(key)}.${piece.start}-${piece.start + piece.bytes.length}.range`;
    await this.#disk.keep(name, Buffer.concat([header, piece.bytes]));
  }

  async forget(key: ObjectKey): Promise<void> {
    this.#memory.forget(key);
    const places = [...(this.#places.get(objectName(key))?.values() ?? [])];
    await Promise.all(places.map(({ name }) => this.#disk?.drop(name)));
  }

  async #load(key: ObjectKey, place: Place): Promise<Piece | undefined> {
    const bytes = await this.#disk?.load(place.name);
    if (bytes === undefined) return undefined;
    const content = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const piece = { start: place.start, bytes: content.subarray(HEADER) };
    const whole =
      content.length >= HEADER &&
      content.readUInt32LE(0) === MAGIC &&
      piece.bytes.length === place.end - place.start &&
      content.readUInt32LE(8) === piece.bytes.length &&
      content.readUInt32LE(4) === sumOf(key, piece);
    if (whole) return piece;
    await this.#disk?.drop(place.name);
    return undefined;
  }

  #added(name: string): void {
    const match = NAME.exec(name);
    if (match?.[1] === undefined) return;
    const places = this.#places.get(match[1]) ?? new Map<string, Place>();
    this.#places.set(match[1], places.set(name, { name, start: Number(match[2]), end: Number(match[3]) }));
  }

  #gone(name: string): void {
    const object = NAME.exec(name)?.[1];
    if (object === undefined) return;
    const places = this.#places.get(object);
    places?.delete(name);
    if (places?.size === 0) this.#places.delete(object);
  }
}

/** The parts of [start, end) that no piece has, in order. */
export function uncovered(
  pieces: readonly { readonly start: number; readonly end: number }[],
  start: number,
  end: number,
): { start: number; end: number }[] {
  const gaps: { start: number; end: number }[] = [];
  let at = start;
  for (const piece of [...pieces].sort((a, b) => a.start - b.start)) {
    if (piece.start >= end) break;
    if (piece.start > at) gaps.push({ start: at, end: piece.start });
    at = Math.max(at, piece.end);
  }
  if (at < end) gaps.push({ start: at, end });
  return gaps;
}

export function endOf(piece: Piece): { readonly start: number; readonly end: number } {
  return { start: piece.start, end: piece.start + piece.bytes.length };
}

function isCovered(pieces: readonly Piece[], start: number, end: number): boolean {
  return uncovered(pieces.map(endOf), start, end).length === 0;
}

function objectName(key: ObjectKey): string {
  return createHash('sha256').update(key).digest('hex').slice(0, 32);
}

function sumOf(key: ObjectKey, piece: Piece): number {
  return crc32(piece.bytes, crc32(`${key}\n${piece.start}`));
}
