import type { ColumnChunk } from 'hyparquet';
import { readBloomFilter, sbbfContains } from 'hyparquet/src/bloom.js';
import { xxhash64 } from 'hyparquet/src/xxhash.js';
import { corrupt } from '../format/corrupt.js';
import type { Datum } from '../format/datum.js';
import type { ByteSource } from '../read/byte-source.js';
import { thriftStruct } from '../read/parquet-statistics.js';
import { type Encoding, plainForms } from './parquet-datum.js';
import type { Test } from './predicate.js';

/** May hold these values? False is certain. */
export type BloomFilter = (hashes: readonly bigint[]) => boolean;

/** Long enough for every header. */
const HEADER_BYTES = 64;
/** Larger ones cost more than what they may save. */
const MOST_BYTES = 8 << 20;
/** With more values one of them is likely to be found by chance. */
const MOST_VALUES = 256;

export function hasBloomFilter(chunk: ColumnChunk | undefined): boolean {
  return Number(chunk?.meta_data?.bloom_filter_offset ?? 0) > 0;
}

/** Of all forms of all values that would pass; undefined: the test is not of single values, or their forms are not certain. */
export function hashesOf(test: Test, encoding: Encoding): readonly bigint[] | undefined {
  const values = test.kind === 'compare' && test.op === '=' ? [test.value] : test.kind === 'in' ? test.values : [];
  if (values.length === 0 || values.length > MOST_VALUES) return undefined;
  const forms = values.map((value: Datum) => plainForms(encoding, value));
  if (forms.some((one) => one === undefined)) return undefined;
  return forms.flatMap((some) => (some ?? []).map((bytes) => xxhash64(bytes)));
}

/** Undefined: of an unknown kind, or too large to pay. Errors: XX001 for one that is damaged. */
export async function readBloom(source: ByteSource, chunk: ColumnChunk | undefined, groupBytes: number): Promise<BloomFilter | undefined> {
  const meta = chunk?.meta_data;
  const start = Number(meta?.bloom_filter_offset ?? 0);
  if (start <= 0) return undefined;
  const damaged = (why: string, cause?: unknown): Error =>
    corrupt(source.name, `the bloom filter of column "${meta?.path_in_schema.join('.')}" cannot be read (${why})`, cause);
  if (start + 4 > source.size) throw damaged('it lies behind the end of the file');
  const most = Math.min(MOST_BYTES, groupBytes);
  let length = meta?.bloom_filter_length;
  if (length !== undefined && (length <= 0 || start + length > source.size)) throw damaged('it lies behind the end of the file');
  if (length !== undefined && length > most) return undefined;
  try {
    if (length === undefined) {
      const bits = thriftStruct(await source.read(start, Math.min(source.size, start + HEADER_BYTES)))['field_1'];
      if (typeof bits !== 'number' || bits <= 0) return undefined;
      if (bits > most) return undefined;
      length = Math.min(source.size - start, bits + HEADER_BYTES);
    }
    const bytes = await source.read(start, start + length);
    const filter = readBloomFilter({ view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), offset: 0 });
    return filter === undefined ? undefined : (hashes) => hashes.some((hash) => sbbfContains(filter.blocks, hash));
  } catch (error) {
    if (error instanceof Error && 'sqlstate' in error) throw error;
    throw damaged(error instanceof Error ? error.message : String(error), error);
  }
}
