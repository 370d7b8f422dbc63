import { setImmediate } from 'node:timers/promises';
import type { DecodedArray } from 'hyparquet';
import { fileWriter, ParquetWriter } from 'hyparquet-writer';
import { TimelineError } from '../../../sql/errors.js';
import { openAvroFile } from '../format/avro-file.js';
import type { AvroRecord } from '../format/avro-reader.js';
import { corrupt, unsupportedFeature } from '../format/corrupt.js';
import { type AvroColumn, AvroFeatureError, avroColumns } from './avro-columns.js';

/** A row group is written when it has so many rows, or so many bytes of Avro. */
const GROUP_ROWS = 20_000;
const GROUP_BYTES = 4 << 20;

export interface AvroConversion {
  /** Local paths. */
  readonly source: string;
  readonly target: string;
  /** For errors: relative to the warehouse. */
  readonly file: string;
  readonly table: string;
  readonly signal: AbortSignal;
}

/**
 * Turns an Avro data or delete file into a Parquet file of the same rows in the same order, with the same field ids. Holds a block and a row
 * group in memory. Errors: XX001 naming file and table for what is damaged, 0A000 for types that Parquet has no place for.
 */
export async function avroAsParquet(conversion: AvroConversion): Promise<void> {
  const { file, table } = conversion;
  try {
    await convert(conversion);
  } catch (error) {
    if (error instanceof TimelineError || conversion.signal.aborted) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    if (error instanceof AvroFeatureError) throw unsupportedFeature(`reading ${reason} in file "${file}"`, table);
    throw corrupt(file, `${reason} (table ${table})`, error);
  }
}

async function convert({ source, target, signal }: AvroConversion): Promise<void> {
  const avro = await openAvroFile(source);
  try {
    const columns = avroColumns(avro.schema);
    const decode = avro.compiler.decoder(avro.schema);
    const group = new RowGroup(target, columns);
    for await (const { cursor, count } of avro.blocks()) {
      let since = cursor.position;
      for (let index = 0; index < count; index++) {
        cursor.startRecord(index, count);
        group.add(decode(cursor) as AvroRecord, cursor.position - since);
        since = cursor.position;
        if (group.isFull) {
          await group.flush();
          await setImmediate();
          signal.throwIfAborted();
        }
      }
      if (!cursor.atEnd) throw new Error('a block has bytes behind its records');
    }
    await group.finish();
  } finally {
    await avro.close();
  }
}

class RowGroup {
  readonly #columns: readonly AvroColumn[];
  readonly #writer: ParquetWriter;
  #data: unknown[][];
  #rows = 0;
  #bytes = 0;

  constructor(target: string, columns: readonly AvroColumn[]) {
    this.#columns = columns;
    this.#data = columns.map(() => []);
    const schema = [{ name: 'table', num_children: columns.length }, ...columns.flatMap((column) => column.elements)];
    this.#writer = new ParquetWriter({ writer: fileWriter(target), schema, statistics: false });
  }

  get isFull(): boolean {
    return this.#rows >= GROUP_ROWS || this.#bytes >= GROUP_BYTES;
  }

  add(record: AvroRecord, bytes: number): void {
    for (const [index, { name, convert: value }] of this.#columns.entries()) this.#data[index]?.push(value(record[name] ?? null));
    this.#rows++;
    this.#bytes += bytes;
  }

  async flush(): Promise<void> {
    const columnData = this.#columns.map(({ name }, index) => ({ name, data: (this.#data[index] ?? []) as DecodedArray }));
    await this.#writer.write({ columnData, rowGroupSize: this.#rows });
    this.#data = this.#columns.map(() => []);
    this.#rows = 0;
    this.#bytes = 0;
  }

  async finish(): Promise<void> {
    if (this.#rows > 0) await this.flush();
    await this.#writer.finish();
  }
}
