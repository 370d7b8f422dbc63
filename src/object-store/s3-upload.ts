import { createHash } from 'node:crypto';
import { type FileHandle, open, readFile, stat } from 'node:fs/promises';
import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { crc32Text } from './checksum.js';
import type { ObjectBody } from './object-store.js';
import { fileError, storageFailed } from './store-error.js';

/** Larger files go in parts: each can be sent again from memory. */
const PART_BYTES = 8 << 20;
const PARALLEL_PARTS = 4;
/** S3 takes no more. */
const MOST_PARTS = 10_000;

export interface UploadRequest {
  readonly client: S3Client;
  readonly bucket: string;
  readonly key: string;
  /** For errors. */
  readonly name: string;
  readonly metadata?: Readonly<Record<string, string>>;
  /** Only if there is no such object: 412 or 409 otherwise. */
  readonly ifAbsent: boolean;
  readonly signal: AbortSignal | undefined;
  /** Charges and repeats one request. `final`: the one that makes the object. */
  readonly send: <T>(work: (abort: { abortSignal?: AbortSignal }) => Promise<T>, final: boolean) => Promise<T>;
}

/** Sends the object whole: at once, or in parts that become an object with the last request only. */
export async function upload(request: UploadRequest, body: ObjectBody): Promise<void> {
  if (body instanceof Uint8Array) return putWhole(request, body);
  const named = (error: unknown): never => {
    throw fileError(`the file to be stored as ${request.name}`, error);
  };
  const { size } = await stat(body.file).catch(named);
  if (size <= PART_BYTES) return putWhole(request, await readFile(body.file).catch(named));
  const file = await open(body.file, 'r').catch(named);
  try {
    await putParts(request, file, size);
  } finally {
    await file.close();
  }
}

async function putWhole(request: UploadRequest, bytes: Uint8Array): Promise<void> {
  const { client, bucket, key, ifAbsent, metadata, send } = request;
  const command = (): PutObjectCommand =>
    new PutObjectCommand({
      Bucket: bucket,
      Key: key,
      Body: bytes,
      ContentLength: bytes.length,
      ChecksumCRC32: crc32Text(bytes),
      ...(ifAbsent ? { IfNoneMatch: '*' } : {}),
      ...(metadata === undefined ? {} : { Metadata: metadata }),
    });
  await send((abort) => client.send(command(), abort), true);
}

async function putParts(request: UploadRequest, file: FileHandle, size: number): Promise<void> {
  const { client, bucket, key, ifAbsent, metadata, send } = request;
  const place = { Bucket: bucket, Key: key };
  const created = await send(
    (abort) =>
      client.send(new CreateMultipartUploadCommand({ ...place, ...(metadata === undefined ? {} : { Metadata: metadata }) }), abort),
    false,
  );
  const upload = { ...place, UploadId: created.UploadId };
  const partBytes = Math.max(PART_BYTES, Math.ceil(size / MOST_PARTS));
  const parts: CompletedPart[] = [];
  try {
    const numbers = Array.from({ length: Math.ceil(size / partBytes) }, (_, index) => index).values();
    let failed = false;
    const sender = async (): Promise<void> => {
      for (const index of numbers) {
        if (failed) return;
        const bytes = await readPart(request, file, index * partBytes, Math.min(partBytes, size - index * partBytes));
        const md5 = createHash('md5').update(bytes).digest('base64');
        const sent = await send(
          (abort) =>
            client.send(
              new UploadPartCommand({ ...upload, PartNumber: index + 1, Body: bytes, ContentLength: bytes.length, ContentMD5: md5 }),
              abort,
            ),
          false,
        );
        parts[index] = { PartNumber: index + 1, ...(sent.ETag === undefined ? {} : { ETag: sent.ETag }) };
      }
    };
    const senders = Array.from({ length: PARALLEL_PARTS }, () =>
      sender().catch((error: unknown) => {
        failed = true;
        throw error;
      }),
    );
    const [failure] = (await Promise.allSettled(senders)).flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : []));
    if (failure !== undefined) throw failure;
    const complete = { ...upload, MultipartUpload: { Parts: parts }, ...(ifAbsent ? { IfNoneMatch: '*' } : {}) };
    await send((abort) => client.send(new CompleteMultipartUploadCommand(complete), abort), true);
  } catch (error) {
    // Parts of an upload that is given up cost money until they are removed. (A completed one is not there any more.)
    await client.send(new AbortMultipartUploadCommand(upload)).catch(() => undefined);
    throw error;
  }
}

async function readPart(request: UploadRequest, file: FileHandle, start: number, length: number): Promise<Uint8Array> {
  const bytes = Buffer.allocUnsafe(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await file.read(bytes, filled, length - filled, start + filled);
    if (bytesRead === 0) throw storageFailed(`the file to be stored as ${request.name} became shorter while it was sent`, undefined, false);
    filled += bytesRead;
  }
  return bytes;
}
