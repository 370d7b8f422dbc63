import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'mocha';
import { readDeletionVector } from '../../connectors/iceberg/read/deletes/deletion-vector.js';
import { writePositions } from '../../connectors/iceberg/read/deletes/position-file.js';
import { type PositionRun, readRoaring } from '../../connectors/iceberg/read/deletes/roaring.js';
import { temporaryFolder } from './iceberg-fixtures.js';
import { runDuck } from './relation-rows.js';
import { type ContainerKind, roaring, vectorBlob } from './roaring-writer.js';

function expand(runs: Iterable<PositionRun>): number[] {
  return [...runs].flatMap(({ start, rows }) => Array.from({ length: rows }, (_, index) => start + index));
}
const every = (step: number, from: number, to: number): number[] =>
  Array.from({ length: Math.ceil((to - from) / step) }, (_, index) => from + index * step);
const ALL = Number.MAX_SAFE_INTEGER;

describe('Iceberg roaring bitmaps', () => {
  const shapes: [name: string, positions: number[], kind: (base: number) => ContainerKind][] = [
    ['nothing', [], () => 'array'],
    ['one row', [0], () => 'array'],
    ['the last row of a container', [65535], () => 'array'],
    ['an array', every(7, 3, 20_000), () => 'array'],
    ['an array of 4096', every(2, 0, 8192), () => 'array'],
    ['a bitmap of 4097', every(2, 0, 8194), () => 'bitmap'],
    ['a full bitmap', every(1, 0, 65536), () => 'bitmap'],
    ['a bitmap with runs at both ends', [...every(1, 0, 3000), ...every(1, 60_000, 65536)], () => 'bitmap'],
    ['one run', every(1, 100, 60_000), () => 'runs'],
    ['a full run', every(1, 0, 65536), () => 'runs'],
    ['runs of one', every(3, 1, 3000), () => 'runs'],
    ['runs over containers', every(1, 60_000, 200_000), () => 'runs'],
    ['three containers, the middle one of runs', every(5, 0, 190_000), (base) => (base === 65536 ? 'runs' : 'bitmap')],
    ['four containers and offsets with runs', every(5, 0, 260_000), (base) => (base === 65536 ? 'runs' : 'bitmap')],
    ['twenty containers', every(50, 0, 1_300_000), () => 'array'],
    ['high keys', [5, 2 ** 32, 2 ** 32 + 1, 2 ** 33 + 70_000, 2 ** 50 + 3], (base) => (base === 2 ** 32 ? 'runs' : 'array')],
    ['a run over the edge of 2^32', every(1, 2 ** 32 - 5, 2 ** 32 + 5), () => 'array'],
  ];
  for (const [name, positions, kind] of shapes) {
    it(`reads ${name}`, () => {
      assert.deepEqual(expand(readRoaring(roaring(positions, kind))), positions);
      const blob = vectorBlob(roaring(positions, kind));
      assert.deepEqual(expand(readDeletionVector(blob, { values: positions.length, rows: ALL })), positions);
    });
  }

  it('gives runs that do not touch', () => {
    assert.deepEqual([...readRoaring(roaring(every(1, 60_000, 200_000), () => 'runs'))], [{ start: 60_000, rows: 140_000 }]);
  });

  const bad: [name: string, bytes: Buffer, message: RegExp][] = [
    ['no bytes', Buffer.alloc(0), /cut off/],
    ['too many bitmaps', Buffer.alloc(8, 0xff), /out of range/],
    ['a bitmap too far', roaringOf({ high: 2 ** 21 }), /beyond 2\^53/],
    ['another cookie', roaringOf({ cookie: 12345 }), /does not begin/],
    ['too many containers', roaringOf({ size: 70_000 }), /too many containers/],
    ['bytes behind', Buffer.concat([roaring([1], () => 'array'), Buffer.from([0])]), /bytes behind/],
    ['an array out of order', roaringValues([5, 4]), /not in order/],
    ['an array with a value twice', roaringValues([5, 5]), /not in order/],
    ['containers out of order', swapped(), /containers of a bitmap are not in order/],
    ['a bitmap of other size', miscounted('bitmap'), /holds 5000 values, its header says 4999/],
    ['runs of other size', miscounted('runs'), /holds 5000 values, its header says 4999/],
  ];
  for (const [name, bytes, message] of bad) {
    it(`refuses ${name}`, () => assert.throws(() => expand(readRoaring(bytes)), message));
  }

  it('refuses a vector whose frame does not fit', () => {
    const blob = vectorBlob(roaring([1, 5], () => 'array'));
    const read = (bytes: Buffer, expected = { values: 2, rows: 6 }): unknown => expand(readDeletionVector(bytes, expected));
    assert.deepEqual(read(blob), [1, 5]);
    assert.throws(() => read(blob, { values: 3, rows: 6 }), /it has 2 rows, its manifest says 3/);
    assert.throws(() => read(blob, { values: 2, rows: 5 }), /deletes row 5 of a file of 5 rows/);
    assert.throws(() => read(blob.subarray(0, 3)), /length/);
    assert.throws(() => read(blob.subarray(1)), /length/);
    for (let bit = 0; bit < blob.length * 8; bit++) {
      const changed = Buffer.from(blob);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      assert.throws(() => read(changed), `bit ${bit}`);
    }
  });

  it('survives anything without a checksum', () => {
    const whole = roaring(every(5, 0, 260_000), (base) => (base === 65536 ? 'runs' : 'bitmap'));
    let seed = 1;
    for (let round = 0; round < 300; round++) {
      seed = (seed * 48271) % 2147483647;
      const changed = Buffer.from(round % 2 === 0 ? whole : whole.subarray(0, seed % whole.length));
      changed[seed % Math.min(changed.length, 120)]! ^= 1 << (seed & 7);
      let last = -1;
      try {
        for (const { start, rows } of readRoaring(changed)) {
          assert.ok(start > last && rows > 0);
          last = start + rows - 1;
        }
      } catch (error) {
        assert.ok(error instanceof Error && error.constructor === Error, String(error));
      }
    }
  });

  it('writes positions that DuckDB reads', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'p.parquet');
    const runs = [
      { start: 3, rows: 250_001 },
      { start: 2 ** 40, rows: 1 },
    ];
    await writePositions(path, runs, new AbortController().signal);
    const answer = await runDuck(
      `SELECT count(*), min(pos), max(pos), sum(pos), count(DISTINCT pos), typeof(any_value(pos)) FROM '${path}'`,
    );
    const sum = (250_001 * (3 + 250_003)) / 2 + 2 ** 40;
    assert.deepEqual(answer, [['250002', '3', String(2 ** 40), String(sum), '250002', 'BIGINT']]);
    const stop = new AbortController();
    stop.abort(new Error('enough'));
    await assert.rejects(writePositions(path, runs, stop.signal), /enough/);
    rmSync(folder, { recursive: true });
  });
});

function roaringOf({ high = 0, cookie = 12346, size = 1 }: { high?: number; cookie?: number; size?: number }): Buffer {
  const bytes = roaring([1], () => 'array');
  bytes.writeUInt32LE(high, 8);
  bytes.writeUInt32LE(cookie, 12);
  bytes.writeUInt32LE(size, 16);
  return bytes;
}

function roaringValues(values: number[]): Buffer {
  return roaring(values, () => 'array');
}

function swapped(): Buffer {
  const bytes = roaring([1, 65537], () => 'array');
  bytes.writeUInt16LE(1, 20);
  return bytes;
}

/** 5000 values, of which the header knows 4999. */
function miscounted(kind: ContainerKind): Buffer {
  const bytes = roaring(every(2, 0, 10_000), () => kind);
  bytes.writeUInt16LE(4998, kind === 'runs' ? 19 : 22);
  return bytes;
}
