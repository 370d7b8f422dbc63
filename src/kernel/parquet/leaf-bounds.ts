import { type Chunk, type Leaf, Physical } from './footer.js';
import type { LeafBounds } from './parquet-file.js';
import { bytesField, intField } from './thrift.js';

/** Numbers of fields of Statistics in parquet.thrift. */
const FIELD = { oldMax: 1, oldMin: 2, nulls: 3, max: 5, min: 6, isMaxExact: 7, isMinExact: 8 } as const;

/** What a chunk's statistics say of instants, in microseconds; undefined: nothing, or what is doubtful. */
export function leafBounds(leaf: Leaf, chunk: Chunk): LeafBounds | undefined {
  const { annotation } = leaf;
  const { statistics } = chunk;
  if (!leaf.flat || leaf.physical !== Physical.int64 || annotation.kind !== 'timestamp' || statistics === undefined) return undefined;
  if (statistics.get(FIELD.isMaxExact) === false || statistics.get(FIELD.isMinExact) === false) return undefined;
  // The old fields are in signed order, which is that of instants.
  const isNew = statistics.has(FIELD.max) || statistics.has(FIELD.min);
  const read = (field: number): number | undefined => {
    const bytes = bytesField(statistics, field);
    if (bytes?.length !== 8) return undefined;
    const value = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigInt64(0, true);
    const micros = Number(
      annotation.unit === 'us' ? value : annotation.unit === 'ms' ? value * 1000n : annotation.utc ? value / 1000n : floorThousand(value),
    );
    return Number.isSafeInteger(micros) ? micros : undefined;
  };
  const [min, max] = [read(isNew ? FIELD.min : FIELD.oldMin), read(isNew ? FIELD.max : FIELD.oldMax)];
  if (min === undefined || max === undefined || min > max) return undefined;
  const nulls = leaf.optional ? intField(statistics, FIELD.nulls) : 0;
  return { min, max, nulls: nulls === undefined || nulls < 0 || nulls >= chunk.values ? undefined : nulls };
}

function floorThousand(value: bigint): bigint {
  return (value - (((value % 1000n) + 1000n) % 1000n)) / 1000n;
}
