/**
 * Files by path below one root (a local folder, or a bucket with a key prefix). Paths are relative, with `/`, without `.` and `..`.
 * Every failure is a TimelineError: 58P01 no such object, 42501 not allowed, 58030 the storage failed (retryable), 53400 by the meter.
 */
export interface ObjectStore {
  /** Normal form of the root, `file:///folder` or `s3://bucket/prefix`, without a slash at the end. */
  readonly root: string;
  /** All of an object, or the bytes [start, end) of it. A range that reaches past the end gives what there is. */
  read(path: string, options?: ReadOptions): Promise<Uint8Array>;
  /** The bytes [start, end) of an object, with what the storage says of the whole of it. The end may lie past the object's. */
  readPart(path: string, options: PartOptions): Promise<ObjectPart>;
  /** Undefined: no such object. */
  head(path: string, options?: RequestOptions): Promise<ObjectInfo | undefined>;
  /** Objects whose path begins with `prefix` (a text prefix, '' for all), in no particular order. */
  list(prefix: string, options?: RequestOptions): AsyncIterable<ListedObject>;
  /** Names of the folders directly below `folder` ('' for the root). */
  folders(folder: string, options?: RequestOptions): Promise<readonly string[]>;
  /** Creates the object unless it exists: of many racers exactly one gets true. The object appears whole or not at all. */
  putIfAbsent(path: string, body: ObjectBody, options?: RequestOptions): Promise<boolean>;
  /** Creates or replaces the object, whole or not at all. */
  put(path: string, body: ObjectBody, options?: RequestOptions): Promise<void>;
  /** Deleting what is not there is no error. */
  delete(path: string, options?: RequestOptions): Promise<void>;
  /** Copies the object into a new local file. */
  download(path: string, target: string, options?: RequestOptions): Promise<void>;
  /** The path in the local file system where the object lies already; undefined: it must be downloaded first. */
  localPath(path: string): string | undefined;
  close(): void;
}

export type ObjectBody = Uint8Array | { readonly file: string };

export interface ObjectInfo {
  /** Bytes. */
  readonly size: number;
  /** Changes with the content; for local files made of size and time of change. */
  readonly etag: string;
}

export interface ListedObject extends ObjectInfo {
  readonly path: string;
  /** When it was last changed, milliseconds since 1970. */
  readonly modifiedMs: number;
}

/** Counts bytes and requests before they are made, and throws where the budget ends. (The connector contract's Meter fits.) */
export interface TransferMeter {
  charge(bytes: number, requests: number): void;
}

export interface RequestOptions {
  readonly signal?: AbortSignal | undefined;
  readonly meter?: TransferMeter | undefined;
}

export interface ReadOptions extends RequestOptions {
  readonly start?: number;
  /** Exclusive. */
  readonly end?: number;
  /** Refuses (54000) objects or ranges with more bytes, before their bytes are fetched. */
  readonly maxBytes?: number;
}

export interface PartOptions extends RequestOptions {
  readonly start: number;
  /** Exclusive. */
  readonly end: number;
  /** Only of the object as it was then: 58030 (not retryable) when it has changed. */
  readonly etag?: string | undefined;
}

export interface ObjectPart extends ObjectInfo {
  readonly bytes: Uint8Array;
}

/** How to reach an S3 service (the configuration's `s3` fits). Without static credentials the SDK's default chain is used. */
export interface S3Options {
  readonly endpoint?: string;
  readonly region: string;
  readonly accessKeyId?: string;
  readonly secretAccessKey?: string;
  readonly sessionToken?: string;
  /** Requests are not signed. */
  readonly anonymous?: boolean;
  /** Of the shared AWS configuration files. */
  readonly profile?: string;
  /** A role that the credentials are exchanged for (STS). */
  readonly roleArn?: string;
  /** Another STS service than the region's. */
  readonly stsEndpoint?: string;
  /** Milliseconds without a byte after which an answer counts as lost. */
  readonly stallMs?: number;
  /** Bytes between two wanted ranges that are rather fetched than asked apart. */
  readonly coalesceGap?: number;
  /** Bytes that one request may ask for. */
  readonly maxRequestBytes?: number;
  /** Tries of one request, and milliseconds after which no other begins. */
  readonly attempts?: number;
  readonly totalMs?: number;
  readonly pathStyle: boolean;
}
