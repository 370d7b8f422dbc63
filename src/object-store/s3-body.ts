import type { Readable } from 'node:stream';
import type { GetObjectCommandOutput } from '@aws-sdk/client-s3';
import { type RunningChecksum, statedChecksum } from './checksum.js';
import { storageFailed } from './store-error.js';
import { transfers } from './transfer-counters.js';

export interface BodyOptions {
  /** For errors. */
  readonly name: string;
  readonly length: number;
  readonly checksum: RunningChecksum | undefined;
  readonly stallMs: number;
  readonly signal: AbortSignal | undefined;
}

/** The chunks of an answer's body: exactly `length` bytes, with the checksum that was stated, and none of them late. */
export async function* bodyChunks(body: Readable, options: BodyOptions): AsyncGenerator<Uint8Array> {
  const { name, length, checksum, stallMs, signal } = options;
  const stalled = (): void => {
    body.destroy(storageFailed(`${name}: the storage has sent nothing for ${stallMs / 1000} seconds`));
  };
  const abort = (): void => {
    body.destroy(signal?.reason instanceof Error ? signal.reason : new Error('aborted'));
  };
  let timer = setTimeout(stalled, stallMs);
  signal?.addEventListener('abort', abort, { once: true });
  let received = 0;
  try {
    for await (const chunk of body as AsyncIterable<Uint8Array>) {
      clearTimeout(timer);
      signal?.throwIfAborted();
      received += chunk.length;
      transfers.bytes += chunk.length;
      if (received > length) throw storageFailed(`${name}: the storage sent more than the ${length} bytes it announced`);
      checksum?.update(chunk);
      yield chunk;
      timer = setTimeout(stalled, stallMs);
    }
    if (received < length) throw storageFailed(`${name}: the storage sent ${received} of ${length} bytes`);
    const mismatch = checksum?.mismatch();
    if (mismatch !== undefined) {
      throw storageFailed(
        `${name}: what the storage sent does not have the checksum that it states (${checksum?.algorithm} ${mismatch.stated}, found ${mismatch.found})`,
      );
    }
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
    body.destroy();
  }
}

/** Of an answer that has the whole object. */
export function answeredChecksum(answer: GetObjectCommandOutput): RunningChecksum | undefined {
  // Contents that the SDK or the server decodes on the way are not what was summed.
  return statedChecksum({
    crc32: answer.ChecksumCRC32,
    crc32c: answer.ChecksumCRC32C,
    sha1: answer.ChecksumSHA1,
    sha256: answer.ChecksumSHA256,
    type: answer.ChecksumType,
    etag: answer.ETag,
    encryption: answer.SSECustomerAlgorithm === undefined ? answer.ServerSideEncryption : 'customer',
  });
}

/** `bytes 0-99/1234`; undefined: another text. */
export function contentRange(
  text: string | undefined,
): { readonly start: number; readonly end: number; readonly size: number } | undefined {
  const match = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15})$/.exec(text ?? '');
  if (match === null) return undefined;
  const [start, last, size] = match.slice(1).map(Number) as [number, number, number];
  return start <= last && last < size ? { start, end: last + 1, size } : undefined;
}
