/** Ranges of objects' bytes, by the object's key; what was used longest ago goes first. */
export class MemoryRanges {
  readonly #maxBytes: number;
  /** In the order of use. */
  readonly #pieces = new Map<string, { readonly key: string; readonly piece: Piece }>();
  readonly #objects = new Map<string, Map<string, Piece>>();
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** All that begin before `end` and end after `start`. */
  find(key: string, start: number, end: number): Piece[] {
    const found: Piece[] = [];
    for (const [name, piece] of this.#objects.get(key) ?? []) {
      if (piece.start >= end || piece.start + piece.bytes.length <= start) continue;
      found.push(piece);
      const entry = this.#pieces.get(name);
      if (entry === undefined) continue;
      this.#pieces.delete(name);
      this.#pieces.set(name, entry);
    }
    return found;
  }

  add(key: string, piece: Piece): void {
    if (piece.bytes.length > this.#maxBytes / 4) return;
    const name = `${key}\n${piece.start}-${piece.bytes.length}`;
    if (this.#pieces.has(name)) return;
    this.#pieces.set(name, { key, piece });
    const pieces = this.#objects.get(key) ?? new Map<string, Piece>();
    this.#objects.set(key, pieces.set(name, piece));
    this.#bytes += piece.bytes.length;
    for (const oldest of this.#pieces.keys()) {
      if (this.#bytes <= this.#maxBytes) return;
      this.#drop(oldest);
    }
  }

  forget(key: string): void {
    for (const name of [...(this.#objects.get(key)?.keys() ?? [])]) this.#drop(name);
  }

  #drop(name: string): void {
    const entry = this.#pieces.get(name);
    if (entry === undefined) return;
    this.#pieces.delete(name);
    this.#bytes -= entry.piece.bytes.length;
    const pieces = this.#objects.get(entry.key);
    pieces?.delete(name);
    if (pieces?.size === 0) this.#objects.delete(entry.key);
  }
}

/** Bytes of an object from `start` on. */
export interface Piece {
  readonly start: number;
  readonly bytes: Uint8Array;
}
