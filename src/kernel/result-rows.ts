import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import type { Type } from '../../sql/types.js';
import { encodeChunk } from './block-file.js';
import type { TaskOutput } from './kernel.js';
import { streamChunks } from './stream-chunks.js';

export interface ResultWrite {
  readonly connection: DuckDBConnection;
  readonly select: string;
  readonly types: readonly Type[];
  readonly folder: string;
  /** Rows up to so many bytes come back in memory; more go to a file. */
  readonly inlineBytes: number;
  readonly checkpoint: () => void;
}

const NAME = 'part.rows';
/** Rows are collected to pieces of this size before they are written. */
const PIECE_BYTES = 1 << 20;

/** Runs a statement and keeps its rows as they come: in memory while they are few, else in one file. */
export async function writeResult(write: ResultWrite): Promise<Pick<TaskOutput, 'rows' | 'files' | 'inline'>> {
  let [rows, bytes, waiting] = [0, 0, 0];
  let chunks: Uint8Array[] = [];
  let file: FileHandle | undefined;
  const save = async (): Promise<void> => {
    file ??= await open(join(write.folder, NAME), 'wx');
    await writeAll(file, joined(chunks, waiting));
    chunks = [];
    waiting = 0;
  };
  try {
    for await (const chunk of streamChunks(write.connection, write.select)) {
      write.checkpoint();
      const encoded = encodeChunk(chunk, write.types);
      chunks.push(encoded);
      rows += chunk.rowCount;
      bytes += encoded.length;
      waiting += encoded.length;
      if (bytes > write.inlineBytes && waiting >= PIECE_BYTES) await save();
    }
    write.checkpoint();
    if (bytes <= write.inlineBytes) return { rows, files: [], inline: joined(chunks, bytes) };
    await save();
    return { rows, files: [{ name: NAME, partition: undefined, rows, bytes }] };
  } finally {
    await file?.close();
  }
}

async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; ) at += (await file.write(bytes, at)).bytesWritten;
}

function joined(chunks: readonly Uint8Array[], bytes: number): Uint8Array {
  const all = new Uint8Array(bytes);
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}
