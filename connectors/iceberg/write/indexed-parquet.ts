import { open } from 'node:fs/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import * as zlib from 'node:zlib';
import {
  DuckDBBlobValue,
  DuckDBDateValue,
  DuckDBDecimalValue,
  DuckDBListValue,
  DuckDBMapValue,
  DuckDBStructValue,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  DuckDBTimeValue,
  DuckDBUUIDValue,
  type DuckDBValue,
} from '@duckdb/node-api';
import type { CompressionCodec } from 'hyparquet';
import { ByteWriter, ParquetWriter as HyparquetWriter } from 'hyparquet-writer';
import { internal } from '../../../sql/errors.js';
import type { IcebergType, SchemaField } from '../format/schema.js';
import { writeWithDuckdb } from './duckdb-parquet.js';
import { isFloating, measureFile } from './file-metrics.js';
import { parquetSchema } from './parquet-schema.js';
import type { ParquetJob, ParquetWriter } from './parquet-writer.js';
import { leavesOf, rowGroupRows, type TableShape, wishedCodec } from './table-shape.js';
import type { FileMetrics } from './written-file.js';

/** Less than DuckDB's: a row group is encoded in one go on this thread. */
const GROUP_ROWS = 32_768;
/** Some thousand values: what a point read fetches. */
const PAGE_BYTES = 32 << 10;
const BLOOM = 'write.parquet.bloom-filter-enabled.column.';
const ROLES = ['timeline.key', 'timeline.stream'];

/** Columns that are looked up by value: asked for by Iceberg's properties, or keys by ours. With one of them a file gets a page index. */
export function keyColumns(shape: TableShape): ReadonlySet<string> {
  const { properties } = shape;
  const off = properties['timeline.page-index'] === 'false';
  const names = new Set(off ? [] : ROLES.flatMap((role) => properties[role]?.split(',').map((name) => name.trim()) ?? []));
  for (const [key, value] of Object.entries(properties)) {
    if (!key.startsWith(BLOOM)) continue;
    if (value === 'true') names.add(key.slice(BLOOM.length));
    else names.delete(key.slice(BLOOM.length));
  }
  return new Set(shape.schema.fields.filter((field) => names.has(field.name)).map((field) => field.name));
}

/** DuckDB writes no FIXED_LEN_BYTE_ARRAY but for uuids and decimals. */
export function parquetWriterOf(shape: TableShape): ParquetWriter {
  const fixed = leavesOf(shape.schema.fields).some(({ type }) => type.kind === 'fixed');
  return fixed || keyColumns(shape).size > 0 ? writeWithIndexes : writeWithDuckdb;
}

/** What hyparquet-writer can make a filter of: no uuids, decimals, dates or times. */
function canBloom(type: IcebergType): boolean {
  return type.kind === 'primitive' && ['int', 'long', 'string', 'binary'].includes(type.name);
}

/** hyparquet-writer: several times slower than DuckDB, but with pages, their index, and bloom filters on any column. */
export async function writeWithIndexes(job: ParquetJob): Promise<FileMetrics> {
  const { connection, select, file, shape, signal } = job;
  const { fields } = shape.schema;
  const blooms = keyColumns(shape);
  const out = await open(file, 'wx');
  try {
    const writer = new FileWriter();
    const parquet = new HyparquetWriter({ writer, schema: parquetSchema(fields), ...compression(shape), createdBy: 'timeline' });
    let columns: unknown[][] = fields.map(() => []);
    let told = 0;
    const split: number[] = [];
    const groupRows = Math.min(GROUP_ROWS, rowGroupRows(shape, GROUP_ROWS));
    const group = async (): Promise<void> => {
      if ((columns[0]?.length ?? 0) === 0) return;
      split.push(writer.offset);
      const columnData = fields.map((field, at) => columnOf(field, columns[at] ?? [], blooms));
      await parquet.write({ columnData, rowGroupSize: groupRows, pageSize: PAGE_BYTES });
      await out.write(writer.take());
      columns = fields.map(() => []);
      signal.throwIfAborted();
      await nextTurn();
    };
    const result = await connection.stream(select);
    for (;;) {
      const chunk = await result.fetchChunk();
      if (chunk === null || chunk.rowCount === 0) break;
      told += chunk.rowCount;
      for (const [at, field] of fields.entries()) {
        const column = columns[at] ?? [];
        for (const value of chunk.getColumnValues(at)) column.push(plain(field.type, value));
      }
      if ((columns[0]?.length ?? 0) + 2048 > groupRows) await group();
    }
    await group();
    await parquet.finish();
    await out.write(writer.take());
    await out.sync();
    const metrics = await measureFile(connection, file, shape);
    if (metrics.records !== told) throw internal(`${told} rows were written, the file holds ${metrics.records}`);
    return { ...metrics, bytes: writer.offset, splitOffsets: split };
  } finally {
    await out.close();
  }
}

function columnOf(field: SchemaField, data: unknown[], blooms: ReadonlySet<string>) {
  const flat = field.type.kind === 'primitive' || field.type.kind === 'decimal' || field.type.kind === 'fixed';
  return {
    name: field.name,
    data,
    // An index of what lies in lists tells nobody which rows; a dictionary holds -0 and 0 as one value.
    columnIndex: flat,
    ...(isFloating(field.type) ? { encoding: 'PLAIN' as const } : {}),
    ...(blooms.has(field.name) && canBloom(field.type) ? { bloomFilter: true } : {}),
  };
}

/** The physical value that hyparquet-writer takes as it is. */
function plain(type: IcebergType, value: DuckDBValue): unknown {
  if (value === null) return null;
  switch (type.kind) {
    case 'list':
      if (value instanceof DuckDBListValue) return value.items.map((item) => plain(type.element, item));
      break;
    case 'map':
      if (value instanceof DuckDBMapValue)
        return value.entries.map((entry) => ({ key: plain(type.key, entry.key), value: plain(type.value, entry.value) }));
      break;
    case 'struct':
      if (value instanceof DuckDBStructValue)
        return Object.fromEntries(type.fields.map((field) => [field.name, plain(field.type, value.entries[field.name] ?? null)]));
      break;
    default:
      if (value instanceof DuckDBTimestampValue || value instanceof DuckDBTimestampTZValue || value instanceof DuckDBTimeValue)
        return value.micros;
      if (value instanceof DuckDBDateValue) return value.days;
      if (value instanceof DuckDBDecimalValue) return value.value;
      if (value instanceof DuckDBUUIDValue) return Buffer.from(value.toString().replaceAll('-', ''), 'hex');
      if (value instanceof DuckDBBlobValue) return value.bytes;
      if (typeof value !== 'object') return value;
  }
  throw internal(`a ${type.kind} came as ${typeof value}`);
}

type Zstd = { readonly zstdCompressSync?: (input: Uint8Array) => Uint8Array };

/** zstd where this Node has it (22.15 and later); snappy in place of what cannot be had here. */
function compression(shape: TableShape): {
  codec: CompressionCodec;
  compressors?: Partial<Record<CompressionCodec, (input: Uint8Array) => Uint8Array>>;
} {
  const name = wishedCodec(shape);
  const { zstdCompressSync } = zlib as Zstd;
  if (name === 'uncompressed') return { codec: 'UNCOMPRESSED' };
  if (name === 'gzip') return { codec: 'GZIP', compressors: { GZIP: (input) => zlib.gzipSync(input) } };
  if (name === 'zstd' && zstdCompressSync !== undefined)
    return { codec: 'ZSTD', compressors: { ZSTD: (input) => zstdCompressSync(input) } };
  return { codec: 'SNAPPY' };
}

/** A writer whose bytes are taken away group by group; offsets go on counting. */
class FileWriter extends ByteWriter {
  /** What was written since the last time. */
  take(): Uint8Array {
    const held = this as unknown as { index: number };
    const bytes = this.getBytes().slice();
    held.index = 0;
    return bytes;
  }
}
