import { crc32 } from 'node:zlib';
import { type PositionRun, readRoaring } from './roaring.js';

const MAGIC = 0xd1d33964;
/** Length and checksum. */
const FRAME_BYTES = 8;
const MAGIC_BYTES = 4;

/**
 * The deleted rows of a deletion vector's blob (`deletion-vector-v1`: length, magic, 64-bit roaring bitmap, CRC-32), ascending. `values` is
 * what the manifest says, `rows` the data file's number. Throws plain errors for anything that does not fit; what has been given by then
 * must not be used.
 */
export function* readDeletionVector(
  blob: Uint8Array,
  expected: { readonly values: number; readonly rows: number },
): Generator<PositionRun> {
  const view = new DataView(blob.buffer, blob.byteOffset, blob.byteLength);
  if (blob.length < FRAME_BYTES + MAGIC_BYTES || view.getUint32(0) !== blob.length - FRAME_BYTES)
    throw new Error('its length is not the one that its manifest says');
  if (view.getUint32(4) !== MAGIC) throw new Error('it is not a deletion vector');
  const body = blob.subarray(4, blob.length - 4);
  if (crc32(body) !== view.getUint32(blob.length - 4)) throw new Error('its checksum is wrong');
  let values = 0;
  for (const run of readRoaring(body.subarray(MAGIC_BYTES))) {
    values += run.rows;
    if (run.start + run.rows > expected.rows)
      throw new Error(`it deletes row ${run.start + run.rows - 1} of a file of ${expected.rows} rows`);
    yield run;
  }
  if (values !== expected.values) throw new Error(`it has ${values} rows, its manifest says ${expected.values}`);
}
