import { setImmediate } from 'node:timers/promises';
import { fileWriter, ParquetWriter } from 'hyparquet-writer';
import type { PositionRun } from './roaring.js';

const GROUP_ROWS = 100_000;

/** Writes row positions into a Parquet file of one column, `pos`. Holds one row group in memory, and lets others work after each. */
export async function writePositions(target: string, runs: Iterable<PositionRun>, signal: AbortSignal): Promise<void> {
  const writer = new ParquetWriter({
    writer: fileWriter(target),
    schema: [
      { name: 'deletes', num_children: 1 },
      { name: 'pos', type: 'INT64', repetition_type: 'REQUIRED' },
    ],
    codec: 'UNCOMPRESSED',
  });
  const group = new BigInt64Array(GROUP_ROWS);
  let filled = 0;
  const flush = async (): Promise<void> => {
    const data = group.slice(0, filled);
    filled = 0;
    await writer.write({ columnData: [{ name: 'pos', data, encoding: 'DELTA_BINARY_PACKED' }], rowGroupSize: GROUP_ROWS });
    await setImmediate();
    signal.throwIfAborted();
  };
  for (const { start, rows } of runs) {
    for (let row = 0; row < rows; row++) {
      group[filled++] = BigInt(start + row);
      if (filled === GROUP_ROWS) await flush();
    }
  }
  if (filled > 0) await flush();
  await writer.finish();
}
