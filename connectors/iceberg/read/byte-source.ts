import type { Meter } from '../../connector.js';

/** One immutable object's bytes. Reads are metered before they are made, coalesced where near to each other, and kept in a bounded cache. */
export interface ByteSource {
  /** For errors: relative to the warehouse. */
  readonly name: string;
  readonly size: number;
  /** Changes with the content. */
  readonly etag: string;
  /** The bytes [start, end), which must not be written to. Reads asked for in one turn of the event loop may share a request. Footers, indexes: kept in memory. */
  read(start: number, end: number): Promise<Uint8Array>;
  /** The same for large ranges, which are kept on disk at most. `gap`: bytes between reads that are rather fetched than left out, where fewer than usual. */
  readOnce(start: number, end: number, options?: { readonly gap?: number }): Promise<Uint8Array>;
}

export interface ByteRequest {
  readonly meter: Meter;
  readonly signal: AbortSignal;
}
