import type { Meter } from '../../connector.js';
import { corrupt } from '../format/corrupt.js';
import { avroAsParquet } from './avro-data-file.js';
import type { FileIo } from './file-io.js';
import { type ParquetFooter, readFooter } from './parquet-footer.js';

export interface WholeFileRequest {
  readonly io: FileIo;
  readonly table: string;
  readonly meter: Meter;
  readonly signal: AbortSignal;
  /** Gets what must be called when DuckDB is done with the file. */
  readonly releases: (() => Promise<void>)[];
}

/** A file of a table with what its manifest says of it. */
export interface ListedFile {
  readonly path: string;
  readonly bytes: number;
  readonly rows: number;
  readonly format?: 'avro';
}

/** A local Parquet file with all rows of a data or delete file; Avro files are turned into one. What is read in place is charged whole. */
export async function openWhole(
  request: WholeFileRequest,
  file: ListedFile,
): Promise<{ readonly path: string; readonly footer: ParquetFooter }> {
  const { io, meter, signal, releases, table } = request;
  const name = io.display(file.path);
  const local = await io.localFile(file.path, { size: file.bytes, meter, signal });
  releases.push(local.release);
  if (local.inPlace) meter.charge(file.bytes, 1);
  let { path } = local;
  if (file.format === 'avro') {
    const { etag } = local;
    const made = await io.derived(file.path, {
      key: `avro as parquet\n${etag}`,
      size: file.bytes,
      signal,
      make: (target, stop) => avroAsParquet({ source: local.path, target, file: name, table, signal: stop }),
    });
    releases.push(made.release);
    path = made.path;
  }
  const footer = await readFooter({ path, file: name, charge: () => undefined });
  if (footer.rows !== file.rows) throw corrupt(name, `it has ${footer.rows} rows, its manifest says ${file.rows} (table ${table})`);
  return { path, footer };
}
