import { randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  type S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import { TimelineError } from '../../sql/errors.js';
import type {
  ListedObject,
  ObjectBody,
  ObjectInfo,
  ObjectPart,
  ObjectStore,
  PartOptions,
  ReadOptions,
  RequestOptions,
  S3Options,
} from './object-store.js';
import { RETRY, type RetryOptions, retried, retryAfterMs } from './retry.js';
import { answeredChecksum, type BodyOptions, bodyChunks, contentRange } from './s3-body.js';
import { STALL_MS, s3Client } from './s3-client.js';
import { type UploadRequest, upload } from './s3-upload.js';
import { changed, notAllowed, notFound, storageFailed, tooLarge } from './store-error.js';

/** User metadata of a conditionally created object. */
const NONCE = 'timeline-nonce';

/** Objects of one bucket below a key prefix. */
export class S3Store implements ObjectStore {
  readonly root: string;
  readonly #client: S3Client;
  readonly #bucket: string;
  readonly #prefix: string;
  readonly #stallMs: number;
  readonly #retry: RetryOptions;

  constructor(options: { readonly bucket: string; readonly prefix: string; readonly config: S3Options | undefined }) {
    const { bucket, prefix, config } = options;
    this.#bucket = bucket;
    this.#prefix = prefix === '' ? '' : `${prefix}/`;
    this.root = prefix === '' ? `s3://${bucket}` : `s3://${bucket}/${prefix}`;
    this.#client = s3Client(config);
    this.#stallMs = config?.stallMs ?? STALL_MS;
    this.#retry = { ...RETRY, attempts: config?.attempts ?? RETRY.attempts, totalMs: config?.totalMs ?? RETRY.totalMs };
  }

  async read(path: string, options: ReadOptions = {}): Promise<Uint8Array> {
    const start = options.start ?? 0;
    if (options.end !== undefined && options.end <= start) return new Uint8Array(0);
    const ranged = options.end !== undefined || start > 0;
    const range = ranged ? `bytes=${start}-${options.end === undefined ? '' : options.end - 1}` : undefined;
    return this.#attempts(path, options.signal, async () => {
      charge(options, 0, 1);
      const answer = await this.#get(path, { Range: range }, options.signal).catch((error: unknown) => {
        // A range that begins at or after the end of the object.
        if (error instanceof S3ServiceException && error.$metadata.httpStatusCode === 416) return undefined;
        throw error;
      });
      if (answer === undefined) return new Uint8Array(0);
      const length = answer.ContentLength ?? 0;
      const body = answer.Body as Readable;
      try {
        if (options.maxBytes !== undefined && length > options.maxBytes) throw tooLarge(path, length, options.maxBytes);
        charge(options, length, 0);
      } catch (error) {
        body.destroy();
        throw error;
      }
      const checksum = range === undefined ? answeredChecksum(answer) : undefined;
      return this.#collect(path, body, { length, checksum, signal: options.signal });
    });
  }

  async readPart(path: string, options: PartOptions): Promise<ObjectPart> {
    const { start, end, etag, signal } = options;
    let uncharged = true;
    return this.#attempts(path, signal, async () => {
      // Bytes that came for nothing are charged like others; those of a try that gave none are not charged again.
      charge(options, uncharged ? end - start : 0, 1);
      uncharged = false;
      const answer = await this.#get(
        path,
        { Range: `bytes=${start}-${end - 1}`, IfMatch: etag?.startsWith('"') ? etag : undefined },
        signal,
      ).catch((error: unknown) => {
        if (error instanceof S3ServiceException && error.$metadata.httpStatusCode === 416) return undefined;
        throw error;
      });
      if (answer === undefined) {
        const whole = await this.head(path, options);
        if (whole === undefined || whole.size > start) throw changed(`${this.root}/${path}`);
        return { bytes: new Uint8Array(0), ...whole };
      }
      const body = answer.Body as Readable;
      const length = answer.ContentLength ?? 0;
      const range = contentRange(answer.ContentRange);
      const wanted =
        range !== undefined && range.start === start && range.end === Math.min(end, range.size) && length === range.end - start;
      if (!wanted) {
        body.destroy();
        const said = answer.ContentRange ?? `${length} bytes without a range`;
        throw storageFailed(`${path}: the storage answers ${said} where bytes ${start} to ${end} were asked for`);
      }
      // Some servers know no ETag of files that came to them otherwise.
      const found = answer.ETag || `modified ${answer.LastModified?.toISOString() ?? ''}`;
      if (etag !== undefined && found !== etag) {
        body.destroy();
        throw changed(`${this.root}/${path}`);
      }
      uncharged = true;
      const checksum = length === range.size ? answeredChecksum(answer) : undefined;
      const bytes = await this.#collect(path, body, { length, checksum, signal });
      return { bytes, size: range.size, etag: found };
    });
  }

  #get(path: string, wanted: { readonly Range?: string | undefined; readonly IfMatch?: string | undefined }, signal?: AbortSignal) {
    const { Range, IfMatch } = wanted;
    const command = new GetObjectCommand({
      Bucket: this.#bucket,
      Key: this.#key(path),
      ...(Range === undefined ? {} : { Range }),
      ...(IfMatch === undefined ? {} : { IfMatch }),
    });
    // Asked for by a header of ours: the SDK would test sums of the whole against ranges of it.
    command.middlewareStack.add(
      (next) => (args) => {
        const { headers } = args.request as { readonly headers?: Record<string, string> };
        if (headers !== undefined) headers['x-amz-checksum-mode'] = 'ENABLED';
        return next(args);
      },
      { step: 'build', name: 'statedChecksums' },
    );
    return this.#client.send(command, abortable(signal));
  }

  async #collect(path: string, body: Readable, options: Omit<BodyOptions, 'name' | 'stallMs'>): Promise<Uint8Array> {
    const bytes = new Uint8Array(options.length);
    let filled = 0;
    for await (const chunk of bodyChunks(body, { ...options, name: path, stallMs: this.#stallMs })) {
      bytes.set(chunk, filled);
      filled += chunk.length;
    }
    return bytes;
  }

  async head(path: string, options: RequestOptions = {}): Promise<ObjectInfo | undefined> {
    const key = this.#key(path);
    return this.#attempts(path, options.signal, async () => {
      charge(options, 0, 1);
      try {
        const answer = await this.#client.send(new HeadObjectCommand({ Bucket: this.#bucket, Key: key }), abortable(options.signal));
        return { size: answer.ContentLength ?? 0, etag: answer.ETag ?? '' };
      } catch (error) {
        if (error instanceof S3ServiceException && error.$metadata.httpStatusCode === 404 && error.name !== 'NoSuchBucket')
          return undefined;
        throw error;
      }
    });
  }

  async *list(prefix: string, options: RequestOptions = {}): AsyncIterable<ListedObject> {
    for await (const page of this.#pages(prefix, undefined, options)) {
      for (const object of page.Contents ?? []) {
        if (object.Key === undefined || object.Key.endsWith('/')) continue;
        yield {
          path: object.Key.slice(this.#prefix.length),
          size: object.Size ?? 0,
          etag: object.ETag ?? '',
          modifiedMs: object.LastModified?.getTime() ?? Date.now(),
        };
      }
    }
  }

  async folders(folder: string, options: RequestOptions = {}): Promise<readonly string[]> {
    const prefix = folder === '' ? '' : `${folder}/`;
    const names: string[] = [];
    for await (const page of this.#pages(prefix, '/', options)) {
      for (const { Prefix } of page.CommonPrefixes ?? []) {
        if (Prefix !== undefined) names.push(Prefix.slice(this.#prefix.length + prefix.length, -1));
      }
    }
    return names;
  }

  async *#pages(prefix: string, delimiter: string | undefined, options: RequestOptions) {
    let token: string | undefined;
    do {
      const current = token;
      const page = await this.#attempts(prefix, options.signal, () => {
        charge(options, 0, 1);
        return this.#client.send(
          new ListObjectsV2Command({
            Bucket: this.#bucket,
            Prefix: this.#prefix + prefix,
            ...(delimiter === undefined ? {} : { Delimiter: delimiter }),
            ...(current === undefined ? {} : { ContinuationToken: current }),
          }),
          abortable(options.signal),
        );
      });
      yield page;
      token = page.IsTruncated === true ? page.NextContinuationToken : undefined;
      if (page.IsTruncated === true && (token === undefined || token === current))
        throw storageFailed(`${this.root}/${prefix}: the storage's list does not go on where it says that there is more`);
    } while (token !== undefined);
  }

  async putIfAbsent(path: string, body: ObjectBody, options: RequestOptions = {}): Promise<boolean> {
    // The nonce tells afterwards whose object it is, when an answer is lost on the way.
    const nonce = randomBytes(16).toString('hex');
    let uncertain = false;
    const send: UploadRequest['send'] = (work, final) =>
      this.#attempts(path, options.signal, async () => {
        charge(options, 0, 1);
        try {
          return await work(abortable(options.signal));
        } catch (error) {
          const status = error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined;
          if (!final) throw error;
          // After a try whose outcome is unknown the object that exists, or the upload that is gone, may be our own.
          const gone = error instanceof S3ServiceException && error.name === 'NoSuchUpload' && uncertain;
          if (status !== 412 && !gone) {
            uncertain = true;
            throw error;
          }
          if (uncertain && (await this.#nonce(path, options)) === nonce) throw new Finished(true);
          if (gone) throw error;
          throw new Finished(false);
        }
      });
    try {
      await upload({ ...this.#upload(path), metadata: { [NONCE]: nonce }, ifAbsent: true, signal: options.signal, send }, body);
      return true;
    } catch (error) {
      if (error instanceof Finished) return error.created;
      throw error;
    }
  }

  async #nonce(path: string, options: RequestOptions): Promise<string | undefined> {
    charge(options, 0, 1);
    const command = new HeadObjectCommand({ Bucket: this.#bucket, Key: this.#key(path) });
    const answer = await this.#client.send(command, abortable(options.signal));
    return answer.Metadata?.[NONCE];
  }

  async put(path: string, body: ObjectBody, options: RequestOptions = {}): Promise<void> {
    const send: UploadRequest['send'] = (work) =>
      this.#attempts(path, options.signal, () => {
        charge(options, 0, 1);
        return work(abortable(options.signal));
      });
    await upload({ ...this.#upload(path), ifAbsent: false, signal: options.signal, send }, body);
  }

  #upload(path: string): Pick<UploadRequest, 'client' | 'bucket' | 'key' | 'name'> {
    return { client: this.#client, bucket: this.#bucket, key: this.#key(path), name: path };
  }

  async delete(path: string, options: RequestOptions = {}): Promise<void> {
    const key = this.#key(path);
    await this.#attempts(path, options.signal, async () => {
      charge(options, 0, 1);
      await this.#client.send(new DeleteObjectCommand({ Bucket: this.#bucket, Key: key }), abortable(options.signal));
    });
  }

  async download(path: string, target: string, options: RequestOptions = {}): Promise<void> {
    await this.#attempts(path, options.signal, async () => {
      charge(options, 0, 1);
      const answer = await this.#get(path, {}, options.signal);
      const body = answer.Body as Readable;
      const length = answer.ContentLength ?? 0;
      try {
        charge(options, length, 0);
      } catch (error) {
        body.destroy();
        throw error;
      }
      const { signal } = options;
      const chunks = bodyChunks(body, { name: path, length, checksum: answeredChecksum(answer), stallMs: this.#stallMs, signal });
      await pipeline(chunks, createWriteStream(target));
    });
  }

  localPath(): undefined {
    return undefined;
  }

  close(): void {
    this.#client.destroy();
  }

  #key(path: string): string {
    if (path === '' || path.startsWith('/') || path.split('/').some((part) => part === '.' || part === '..')) {
      throw notAllowed(`"${path}" is not a path below ${this.root}`);
    }
    return this.#prefix + path;
  }

  /** Tries again what may succeed then; every other failure becomes a TimelineError. */
  #attempts<T>(path: string, signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    return retried(this.#retry, signal, work, (error) => {
      if (error instanceof Refusal) throw error.cause;
      if (error instanceof Finished) throw error;
      return { error: this.#translate(path, error), afterMs: retryAfterMs(retryAfter(error)) };
    });
  }

  #translate(path: string, error: unknown): TimelineError {
    if (error instanceof TimelineError) return error;
    const where = `${this.root}/${path}`;
    if (error instanceof S3ServiceException) {
      const status = error.$metadata.httpStatusCode ?? 0;
      if (error.name === 'NoSuchBucket') return notFound(`bucket "${this.#bucket}"`, error);
      if (status === 404) return notFound(where, error);
      if (status === 412) return changed(where, error);
      // The SDK sets its clock by such an answer.
      if (error.name === 'RequestTimeTooSkewed') return storageFailed(`${where}: the storage's clock is another one`, error);
      if (status === 401 || status === 403) return notAllowed(`${where}: the storage refuses access (${error.name})`, error);
      return storageFailed(
        `${where}: the storage answers ${status} ${error.name}`,
        error,
        status >= 500 || [0, 408, 409, 429].includes(status) || ['SlowDown', 'Throttling', 'RequestTimeout'].includes(error.name),
      );
    }
    const message = error instanceof Error ? error.message || error.name : String(error);
    if (error instanceof Error && error.name === 'CredentialsProviderError')
      return notAllowed(`${where}: no S3 credentials (${message})`, error);
    return storageFailed(`${where}: ${message}`, error);
  }
}

/** An upload whose end is known, though by an error. */
class Finished extends Error {
  readonly created: boolean;

  constructor(created: boolean) {
    super('the upload has ended');
    this.created = created;
  }
}

/** What the meter threw: the query's own end, nothing of the storage's, so it passes as it is. */
class Refusal extends Error {}

function charge(options: RequestOptions, bytes: number, requests: number): void {
  try {
    options.meter?.charge(bytes, requests);
  } catch (error) {
    throw new Refusal('the meter refuses', { cause: error });
  }
}

function abortable(signal: AbortSignal | undefined): { abortSignal?: AbortSignal } {
  return signal === undefined ? {} : { abortSignal: signal };
}

/** The header of an answer that refuses. */
function retryAfter(error: unknown): string | undefined {
  if (!(error instanceof S3ServiceException)) return undefined;
  const headers: unknown = error.$response?.headers;
  const value: unknown = headers !== null && typeof headers === 'object' ? Reflect.get(headers, 'retry-after') : undefined;
  return typeof value === 'string' ? value : undefined;
}
