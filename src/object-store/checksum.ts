import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';

/** What an S3 answer says of a whole object's content: base64 by algorithm, or an ETag that is its MD5. */
export interface StatedChecksums {
  readonly crc32?: string | undefined;
  readonly crc32c?: string | undefined;
  readonly sha1?: string | undefined;
  readonly sha256?: string | undefined;
  /** Composite ones are made of the parts' checksums, and tell nothing of the whole. */
  readonly type?: string | undefined;
  readonly etag?: string | undefined;
  /** With a key service or a customer's key an ETag is no MD5. */
  readonly encryption?: string | undefined;
}

/** Of a content that comes in chunks. */
export interface RunningChecksum {
  readonly algorithm: string;
  update(chunk: Uint8Array): void;
  /** Undefined: as stated; else what was stated and what came. */
  mismatch(): { readonly stated: string; readonly found: string } | undefined;
}

/** The strongest of the checksums that can be tested here; undefined: there is none. */
export function statedChecksum(stated: StatedChecksums): RunningChecksum | undefined {
  const whole = stated.type === undefined || stated.type === 'FULL_OBJECT';
  const usable = (value: string | undefined): value is string => whole && value !== undefined && !value.includes('-');
  if (usable(stated.sha256)) return hashed('sha256', 'sha256', stated.sha256, 'base64');
  if (usable(stated.sha1)) return hashed('sha1', 'sha1', stated.sha1, 'base64');
  if (usable(stated.crc32c)) return cyclic('crc32c', stated.crc32c, crc32c);
  if (usable(stated.crc32)) return cyclic('crc32', stated.crc32, (chunk, before) => crc32(chunk, before));
  const md5 = /^"?([0-9a-f]{32})"?$/.exec(stated.etag ?? '')?.[1];
  if (md5 !== undefined && (stated.encryption === undefined || stated.encryption === 'AES256')) return hashed('etag', 'md5', md5, 'hex');
  return undefined;
}

/** As S3 writes it: big-endian, base64. */
export function crc32Text(bytes: Uint8Array): string {
  return cyclicText(crc32(bytes));
}

function hashed(algorithm: string, name: string, stated: string, encoding: 'hex' | 'base64'): RunningChecksum {
  const hash = createHash(name);
  return {
    algorithm,
    update: (chunk) => {
      hash.update(chunk);
    },
    mismatch: () => compare(stated, hash.digest(encoding)),
  };
}

function cyclic(algorithm: string, stated: string, next: (chunk: Uint8Array, before: number) => number): RunningChecksum {
  let value = 0;
  return {
    algorithm,
    update: (chunk) => {
      value = next(chunk, value);
    },
    mismatch: () => compare(stated, cyclicText(value)),
  };
}

function compare(stated: string, found: string): { stated: string; found: string } | undefined {
  return stated === found ? undefined : { stated, found };
}

function cyclicText(value: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes.toString('base64');
}

const CASTAGNOLI = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
  return value >>> 0;
});

export function crc32c(bytes: Uint8Array, before = 0): number {
  let value = ~before;
  for (const byte of bytes) value = (CASTAGNOLI[(value ^ byte) & 0xff] ?? 0) ^ (value >>> 8);
  return ~value >>> 0;
}
