import { randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { type Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import { TimelineError } from '../../sql/errors.js';
import type { ListedObject, ObjectBody, ObjectInfo, ObjectStore, ReadOptions, RequestOptions, S3Options } from './object-store.js';
import { fileError, notAllowed, notFound, storageFailed, throwIfAborted, tooLarge } from './store-error.js';

/** The SDK's own retries cover single requests; these cover a body that breaks off midway. */
const ATTEMPTS = 4;
/** User metadata of a conditionally created object. */
const NONCE = 'timeline-nonce';
/** Files up to this size are sent from memory: the SDK can repeat such a request, and no stream breaks on an early answer. */
const MEMORY_BYTES = 8 << 20;

/** Objects of one bucket below a key prefix. */
export class S3Store implements ObjectStore {
  readonly root: string;
  readonly #client: S3Client;
  readonly #bucket: string;
  readonly #prefix: string;

  constructor(options: { readonly bucket: string; readonly prefix: string; readonly config: S3Options | undefined }) {
    const { bucket, prefix, config } = options;
    this.#bucket = bucket;
    this.#prefix = prefix === '' ? '' : `${prefix}/`;
    this.root = prefix === '' ? `s3://${bucket}` : `s3://${bucket}/${prefix}`;
    this.#client = new S3Client({
      region: config?.region ?? 'us-east-1',
      forcePathStyle: config?.pathStyle ?? false,
      maxAttempts: ATTEMPTS,
      logger: SILENT,
      // Checksums of newer SDKs are not understood by every S3 server.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      requestHandler: { connectionTimeout: 5_000, requestTimeout: 60_000 },
      ...(config?.endpoint === undefined ? {} : { endpoint: config.endpoint }),
      ...(config?.accessKeyId === undefined || config.secretAccessKey === undefined
        ? {}
        : {
            credentials: {
              accessKeyId: config.accessKeyId,
              secretAccessKey: config.secretAccessKey,
              ...(config.sessionToken === undefined ? {} : { sessionToken: config.sessionToken }),
            },
          }),
    });
  }

  async read(path: string, options: ReadOptions = {}): Promise<Uint8Array> {
    const key = this.#key(path);
    const start = options.start ?? 0;
    if (options.end !== undefined && options.end <= start) return new Uint8Array(0);
    const ranged = options.end !== undefined || start > 0;
    const range = ranged ? `bytes=${start}-${options.end === undefined ? '' : options.end - 1}` : undefined;
    return this.#attempts(path, options.signal, async () => {
      charge(options, 0, 1);
      const answer = await this.#client
        .send(
          new GetObjectCommand({ Bucket: this.#bucket, Key: key, ...(range === undefined ? {} : { Range: range }) }),
          abortable(options.signal),
        )
        .catch((error: unknown) => {
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
      const bytes = new Uint8Array(length);
      let filled = 0;
      for await (const chunk of body as AsyncIterable<Uint8Array>) {
        throwIfAborted(options.signal);
        if (filled + chunk.length > length) throw storageFailed(`${path}: the storage sent more than the ${length} bytes it announced`);
        bytes.set(chunk, filled);
        filled += chunk.length;
      }
      if (filled < length) throw storageFailed(`${path}: the storage sent ${filled} of ${length} bytes`);
      return bytes;
    });
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
    } while (token !== undefined);
  }

  async putIfAbsent(path: string, body: ObjectBody, options: RequestOptions = {}): Promise<boolean> {
    const key = this.#key(path);
    // The nonce tells afterwards whose object it is, when an answer is lost on the way.
    const nonce = randomBytes(16).toString('hex');
    let uncertain = false;
    return this.#attempts(path, options.signal, async () => {
      charge(options, 0, 1);
      try {
        const command = new PutObjectCommand({
          Bucket: this.#bucket,
          Key: key,
          IfNoneMatch: '*',
          Metadata: { [NONCE]: nonce },
          ...(await contents(path, body)),
        });
        await this.#client.send(command, abortable(options.signal));
        return true;
      } catch (error) {
        const status = error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined;
        const retried = error instanceof S3ServiceException && (error.$metadata.attempts ?? 1) > 1;
        if (status !== 412) {
          uncertain = true;
          throw error;
        }
        // After a retry the object that exists may be the one that we sent ourselves.
        return (uncertain || retried) && (await this.#nonce(key, options)) === nonce;
      }
    });
  }

  async #nonce(key: string, options: RequestOptions): Promise<string | undefined> {
    charge(options, 0, 1);
    const answer = await this.#client.send(new HeadObjectCommand({ Bucket: this.#bucket, Key: key }), abortable(options.signal));
    return answer.Metadata?.[NONCE];
  }

  async put(path: string, body: ObjectBody, options: RequestOptions = {}): Promise<void> {
    const key = this.#key(path);
    await this.#attempts(path, options.signal, async () => {
      charge(options, 0, 1);
      await this.#client.send(
        new PutObjectCommand({ Bucket: this.#bucket, Key: key, ...(await contents(path, body)) }),
        abortable(options.signal),
      );
    });
  }

  async delete(path: string, options: RequestOptions = {}): Promise<void> {
    const key = this.#key(path);
    await this.#attempts(path, options.signal, async () => {
      charge(options, 0, 1);
      await this.#client.send(new DeleteObjectCommand({ Bucket: this.#bucket, Key: key }), abortable(options.signal));
    });
  }

  async download(path: string, target: string, options: RequestOptions = {}): Promise<void> {
    const key = this.#key(path);
    await this.#attempts(path, options.signal, async () => {
      charge(options, 0, 1);
      const answer = await this.#client.send(new GetObjectCommand({ Bucket: this.#bucket, Key: key }), abortable(options.signal));
      const body = answer.Body as Readable;
      const length = answer.ContentLength ?? 0;
      try {
        charge(options, length, 0);
      } catch (error) {
        body.destroy();
        throw error;
      }
      let received = 0;
      const count = new Transform({
        transform(chunk: Uint8Array, _encoding, done) {
          received += chunk.length;
          done(null, chunk);
        },
      });
      await pipeline(body, count, createWriteStream(target), { signal: options.signal });
      if (received !== length) throw storageFailed(`${path}: the storage sent ${received} of ${length} bytes`);
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

  /** Tries again what may succeed then, waiting longer each time; every other failure becomes a TimelineError. */
  async #attempts<T>(path: string, signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      throwIfAborted(signal);
      try {
        return await work();
      } catch (error) {
        throwIfAborted(signal);
        if (error instanceof Refusal) throw error.cause;
        const translated = this.#translate(path, error);
        if (!translated.retryable || attempt >= ATTEMPTS) throw translated;
        await pause(Math.random() * 100 * 2 ** attempt, signal);
      }
    }
  }

  #translate(path: string, error: unknown): TimelineError {
    if (error instanceof TimelineError) return error;
    const where = `${this.root}/${path}`;
    if (error instanceof S3ServiceException) {
      const status = error.$metadata.httpStatusCode ?? 0;
      if (error.name === 'NoSuchBucket') return notFound(`bucket "${this.#bucket}"`, error);
      if (status === 404) return notFound(where, error);
      if (status === 401 || status === 403) return notAllowed(`${where}: the storage refuses access (${error.name})`, error);
      return storageFailed(
        `${where}: the storage answers ${status} ${error.name}`,
        error,
        status >= 500 || status === 429 || status === 409 || status === 0,
      );
    }
    const message = error instanceof Error ? error.message || error.name : String(error);
    if (error instanceof Error && error.name === 'CredentialsProviderError')
      return notAllowed(`${where}: no S3 credentials (${message})`, error);
    return storageFailed(`${where}: ${message}`, error);
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

/** The SDK would write remarks on retries to the console. */
const SILENT = { trace: () => undefined, debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

async function contents(path: string, body: ObjectBody): Promise<{ Body: Uint8Array | Readable; ContentLength: number }> {
  if (body instanceof Uint8Array) return { Body: body, ContentLength: body.length };
  try {
    const { size } = await stat(body.file);
    if (size <= MEMORY_BYTES) {
      const bytes = await readFile(body.file);
      return { Body: bytes, ContentLength: bytes.length };
    }
    return { Body: createReadStream(body.file), ContentLength: size };
  } catch (error) {
    throw fileError(`the file to be stored as ${path}`, error);
  }
}

function abortable(signal: AbortSignal | undefined): { abortSignal?: AbortSignal } {
  return signal === undefined ? {} : { abortSignal: signal };
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', abort);
      resolve();
    }, ms);
    signal?.addEventListener('abort', abort, { once: true });
  });
}
