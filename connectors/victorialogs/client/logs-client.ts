import type { Meter } from '../../connector.js';
import type { LogsFilter, LogsQuery } from '../logsql/syntax.js';

/** One line of an answer: fields that are not empty, all text. */
export type LogsRow = Readonly<Record<string, string>>;

export interface QueryOptions {
  readonly signal: AbortSignal;
  /** Milliseconds; absent: the configured ones. */
  readonly timeout?: number | undefined;
  /** Bytes of the answer; absent: the configured ones. 53400 when it is longer. */
  readonly maxBytes?: number | undefined;
  /** Charged as bytes arrive. */
  readonly meter?: Meter | undefined;
}

/** What tells one life of the server's data from another. */
export interface ServerEpoch {
  /** Seconds since 1970, as the server's metrics have it. */
  readonly startedAt: string;
  /** Documents before this (nanoseconds since 1970) are refused and may have gone; undefined: not known. */
  readonly floor: bigint | undefined;
}

export interface InsertOptions {
  readonly streamFields: readonly string[];
  readonly signal: AbortSignal;
}

/**
 * One VictoriaLogs over HTTP. Every answer is whole or an error: a stream cut off, a line that is no JSON object, a partial answer of a cluster
 * are errors (08006), never ends. Errors: 08001 cannot be reached, 08006 broke off, 28000 refused the credentials, 53400 a limit, 57014 timeout,
 * 42601 the server rejects the query; with the source's name, without URL credentials. 503s and resets are tried again twice.
 */
export interface LogsClient {
  /** Rows in batches, in no order. The caller must take them fast: a slow reader pins a slot of the server's. */
  query(query: LogsQuery, options: QueryOptions): AsyncIterable<readonly LogsRow[]>;
  /** The lines of the answer as the server sent them, checked to be JSON objects: for who decodes them himself. Each with its line break. */
  lines(query: LogsQuery, options: QueryOptions): AsyncIterable<Uint8Array>;
  /** Documents by interval of `step` seconds, from `from` (inclusive) to `to` (exclusive), nanoseconds since 1970. */
  hits(
    request: { readonly filter: LogsFilter; readonly from: bigint; readonly to: bigint; readonly step: number },
    options: QueryOptions,
  ): Promise<readonly { readonly from: bigint; readonly hits: number }[]>;
  /** Names of fields with how many documents have them. */
  fieldNames(filter: LogsFilter, options: QueryOptions): Promise<readonly { readonly name: string; readonly hits: number }[]>;
  epoch(options: QueryOptions): Promise<ServerEpoch>;
  /** Documents as JSON objects with `_time`. Their number says nothing of what was stored: read back. Refuses what the server would lose (lines over 200 KiB, more than 500 fields). */
  insert(
    documents: AsyncIterable<LogsRow> | Iterable<LogsRow>,
    options: InsertOptions,
  ): Promise<{ readonly documents: number; readonly bytes: number }>;
  /** What was inserted can be seen by queries now; not that it is durable. */
  flush(signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}
