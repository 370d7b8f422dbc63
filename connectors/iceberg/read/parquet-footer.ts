import { open } from 'node:fs/promises';
import { type FileMetaData, parquetMetadata, parquetSchema } from 'hyparquet';
import { unsupported } from '../../../sql/errors.js';
import { corrupt } from '../format/corrupt.js';
import type { ByteSource } from './byte-source.js';
import { type FooterStatistics, footerStatistics } from './parquet-statistics.js';
import { type GroupKind, groupKind, leafType } from './parquet-type.js';
import { TAIL_BYTES } from './remote-file.js';

/** A column of a Parquet file, with what it holds inside. */
export interface ParquetNode {
  readonly name: string;
  readonly fieldId: number | undefined;
  readonly children: readonly ParquetNode[];
  /** Physical and logical type, for messages and to tell layouts apart. */
  readonly type: string;
  readonly repeated: boolean;
  /** Undefined: a leaf. */
  readonly group: GroupKind | undefined;
  /** A group is annotated in the way that DuckDB looks at (converted type). */
  readonly annotated: boolean;
  /** Of a leaf: the type that DuckDB reads it as; undefined: none that a column of ours is made of. */
  readonly native: string | undefined;
  /** The id comes from the table's name mapping. */
  readonly mapped?: true;
}

export interface ParquetFooter {
  readonly columns: readonly ParquetNode[];
  /** Bytes of all column chunks of each top-level column, as they lie in the file. */
  readonly columnBytes: ReadonlyMap<string, number>;
  readonly rows: number;
  /** The footer as hyparquet reads it: row groups, statistics, places of indexes and bloom filters. */
  readonly metadata: FileMetaData;
  /** The statistics as they lie in the footer. */
  readonly statistics: FooterStatistics;
  /** Bytes of the footer itself. */
  readonly bytes: number;
}

const MAGIC = 'PAR1';
const ENCRYPTED_MAGIC = 'PARE';
const LOCAL_TAIL_BYTES = 32 << 10;
const MAX_FOOTER_BYTES = 64 << 20;

/** Reads the footer of a local file. Errors: XX001 naming `file` where it is not a whole Parquet file. */
export async function readFooter(options: {
  readonly path: string;
  readonly file: string;
  readonly charge: (bytes: number) => void;
}): Promise<ParquetFooter> {
  const { path, file, charge } = options;
  const handle = await open(path, 'r');
  try {
    const { size } = await handle.stat();
    const read = (start: number, end: number): Promise<Buffer> => {
      charge(end - start);
      return readRange(handle, start, end - start);
    };
    const { tail, bytes } = await footerBytes({ file, size, read, guess: LOCAL_TAIL_BYTES });
    return parse(tail, bytes, file);
  } finally {
    await handle.close();
  }
}

/** Reads the footer of a file by its bytes, with `raw`, the footer as it lies in the file. */
export async function readSourceFooter(source: ByteSource): Promise<{ readonly footer: ParquetFooter; readonly raw: Uint8Array }> {
  const { name: file, size } = source;
  const read = async (start: number, end: number): Promise<Buffer> => {
    const bytes = await source.read(start, end);
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  };
  const { tail, bytes } = await footerBytes({ file, size, read, guess: TAIL_BYTES });
  return { footer: parse(tail, bytes, file), raw: tail.subarray(tail.length - bytes, tail.length - 8) };
}

/** The end of the file, at least the footer with its length and magic: `bytes` of it. */
async function footerBytes(options: {
  readonly file: string;
  readonly size: number;
  readonly read: (start: number, end: number) => Promise<Buffer>;
  readonly guess: number;
}): Promise<{ readonly tail: Buffer; readonly bytes: number }> {
  const { file, size, read } = options;
  if (size < 12) throw corrupt(file, `it is not a Parquet file (${size} bytes)`);
  const guess = Math.min(size, options.guess);
  const tail = await read(size - guess, size);
  const magic = tail.subarray(-4).toString('latin1');
  if (magic === ENCRYPTED_MAGIC) throw unsupported(`reading encrypted Parquet files (file "${file}")`);
  if (magic !== MAGIC) throw corrupt(file, 'it does not end as a Parquet file does (cut off, or not Parquet)');
  const footer = tail.readUInt32LE(tail.length - 8);
  if (footer > size - 12 || footer > MAX_FOOTER_BYTES) throw corrupt(file, `its footer says that it has ${footer} bytes`);
  if (footer + 8 <= tail.length) return { tail, bytes: footer + 8 };
  const rest = await read(size - footer - 8, size - guess);
  return { tail: Buffer.concat([rest, tail]), bytes: footer + 8 };
}

/** Of a file's end: its footer with length and magic. */
export function parseFooter(tail: Uint8Array, file: string): ParquetFooter {
  return parse(Buffer.from(tail.buffer, tail.byteOffset, tail.byteLength), tail.length, file);
}

async function readRange(handle: Awaited<ReturnType<typeof open>>, start: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  const { bytesRead } = await handle.read(bytes, 0, length, start);
  return bytes.subarray(0, bytesRead);
}

function parse(tail: Buffer, bytes: number, file: string): ParquetFooter {
  try {
    const copy = new Uint8Array(tail).buffer;
    const metadata = parquetMetadata(copy);
    const root = parquetSchema(metadata);
    const columnBytes = new Map<string, number>();
    for (const group of metadata.row_groups) {
      for (const chunk of group.columns) {
        const name = chunk.meta_data?.path_in_schema[0];
        if (name === undefined) continue;
        columnBytes.set(name, (columnBytes.get(name) ?? 0) + Number(chunk.meta_data?.total_compressed_size ?? 0));
      }
    }
    const statistics = footerStatistics(new Uint8Array(copy, copy.byteLength - bytes, bytes - 8));
    const columns = root.children.map((child) => node(child, 0));
    return { columns, columnBytes, rows: Number(metadata.num_rows), metadata, statistics, bytes };
  } catch (error) {
    throw corrupt(file, `its footer cannot be read (${error instanceof Error ? error.message : String(error)})`, error);
  }
}

type SchemaTree = ReturnType<typeof parquetSchema>;

function node(tree: SchemaTree, depth: number): ParquetNode {
  if (depth > 64) throw new Error('nested too deeply');
  const { element } = tree;
  return {
    name: element.name,
    fieldId: element.field_id,
    children: tree.children.map((child) => node(child, depth + 1)),
    repeated: element.repetition_type === 'REPEATED',
    group: element.type === undefined ? groupKind(element) : undefined,
    annotated: element.converted_type !== undefined,
    native: leafType(element),
    type: `${element.type ?? 'group'}${element.type_length ?? ''} ${element.logical_type?.type ?? element.converted_type ?? ''}`.trim(),
  };
}
