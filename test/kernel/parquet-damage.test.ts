import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'mocha';
import { Oid, type } from '../../sql/types.js';
import { unpack } from '../../src/kernel/parquet/codec.js';
import { decodeDelta } from '../../src/kernel/parquet/delta.js';
import { decodeCodes, Encoding } from '../../src/kernel/parquet/encoding.js';
import { decodeHybrid, unpackBits, viewOf } from '../../src/kernel/parquet/hybrid.js';
import { openParquet } from '../../src/kernel/parquet/parquet-file.js';
import { slicesOf } from '../../src/kernel/parquet/slices.js';
import { readStruct } from '../../src/kernel/parquet/thrift.js';
import { dice } from '../connectors/mutations.js';
import { duckdbFiles } from './parquet-files.js';

const LOCATION = 'db/t/data/f.parquet';

describe('Damage in Parquet pages', function () {
  this.timeout(120_000);
  const folder = mkdtempSync(join(tmpdir(), 'timeline-typed-damage-'));
  after(() => rmSync(folder, { recursive: true }));

  it('is told with file and column', async () => {
    const whole = await duckdbFiles(folder, 700);
    const { path, columns } = whole.find((file) => file.path.includes('zstd-V1'))!;
    const bytes = readFileSync(path);
    const damaged = join(folder, 'damaged.parquet');
    // Zeros over the data of all columns but the footer.
    writeFileSync(damaged, Buffer.from(bytes).fill(0, 4, bytes.length - bytes.readUInt32LE(bytes.length - 8) - 8));
    const file = await openParquet({ path: damaged, location: LOCATION });
    for (const [leaf, { name, type: of }] of columns.entries()) {
      assert.throws(() => file.read(0, [{ leaf, type: of }]), {
        sqlstate: 'XX001',
        message: new RegExp(`^file "${LOCATION}" is corrupt: column "${name}": .`),
      });
    }
    file.close();
    writeFileSync(damaged, bytes.subarray(0, bytes.length - 1));
    await assert.rejects(openParquet({ path: damaged, location: LOCATION }), { sqlstate: 'XX001', message: new RegExp(LOCATION) });
    await assert.rejects(openParquet({ path: join(folder, 'none'), location: LOCATION }), { sqlstate: '58030' });
  });

  it('is not taken for another type', async () => {
    const [file] = await duckdbFiles(folder, 10);
    const opened = await openParquet({ path: file!.path, location: LOCATION });
    const place = (name: string): number => file!.columns.findIndex((column) => column.name === name);
    const reads = (name: string, oid: number, typmod = -1): boolean => opened.reads({ leaf: place(name), type: type(oid, typmod) });
    assert.deepEqual(
      [reads('i', Oid.int8), reads('l', Oid.int4), reads('i', Oid.float8), reads('i', Oid.date)],
      [true, false, false, false],
    );
    assert.deepEqual(
      [reads('f', Oid.float8), reads('d', Oid.float4), reads('few', Oid.bytea), reads('bytes', Oid.text)],
      [true, false, false, false],
    );
    assert.deepEqual([reads('ts', Oid.timestamptz), reads('tz', Oid.timestamp), reads('ts', Oid.int8)], [false, false, false]);
    assert.deepEqual([reads('n', Oid.numeric, ((12 << 16) | 2) + 4), reads('n', Oid.numeric, ((12 << 16) | 4) + 4)], [false, true]);
    assert.throws(() => opened.read(0, [{ leaf: place('l'), type: type(Oid.int4) }]), { sqlstate: '0A000', message: new RegExp(LOCATION) });
    opened.close();
  });

  it('cannot point outside of a dictionary', () => {
    const codes = Uint8Array.of(2, 0b11, 0b11100100, 0);
    const page = { encoding: Encoding.rleDictionary, data: codes, at: 0, count: 4 };
    const out = new Uint8Array(4);
    decodeCodes(page, out, 0, 4);
    assert.deepEqual([...out], [0, 1, 2, 3]);
    assert.throws(() => decodeCodes(page, out, 0, 3), /place 3 in a dictionary of 3/);
    // A run of 256 must not become a run of 0.
    const wide = { encoding: Encoding.rleDictionary, data: Uint8Array.of(9, 8, 0, 1), at: 0, count: 4 };
    assert.throws(() => decodeCodes(wide, out, 0, 4), /place 256/);
  });

  it('cannot make more or fewer values than were said', () => {
    const out = new Uint8Array(100);
    assert.throws(() => decodeHybrid(Uint8Array.of(20, 1), { at: 0, end: 2, width: 1, out, to: 0, count: 11 }), /fewer values/);
    assert.throws(() => decodeHybrid(Uint8Array.of(9, 1, 1), { at: 0, end: 3, width: 1, out, to: 0, count: 32 }), /cut off/);
    assert.throws(() => decodeHybrid(new Uint8Array(20).fill(0x80), { at: 0, end: 20, width: 1, out, to: 0, count: 1 }), /fewer values/);
    const delta = (bytes: readonly number[], count: number): unknown =>
      decodeDelta(Uint8Array.from(bytes), { at: 0, count, target: { kind: 'int32', out: new Int32Array(count) }, to: 0 });
    assert.throws(() => delta([128, 1, 4, 3, 0], 2), /3 values/);
    assert.throws(() => delta([128, 1, 0, 2, 0], 2), /in 0 parts/);
    assert.throws(() => delta([128, 1, 4, 2, 0, 0, 65, 0, 0, 0], 2), /cut off/);
    assert.throws(() => delta([128, 1, 4, 2, 0, 0, 8, 0, 0, 0], 2), /cut off/);
    const texts = (encoding: number, bytes: readonly number[]): unknown =>
      slicesOf({ encoding, data: Uint8Array.from(bytes), at: 0, count: 1 }, 0);
    assert.throws(() => texts(Encoding.plain, [255, 255, 255, 255, 1]), /longer than its page/);
    assert.throws(() => texts(Encoding.plain, [1, 0, 0]), /fewer values/);
    assert.throws(() => texts(Encoding.deltaLength, [128, 1, 4, 1, 1]), /negative length/);
    assert.throws(() => texts(Encoding.deltaLength, [128, 1, 4, 1, 8]), /longer than its page/);
    assert.throws(() => texts(Encoding.deltaBytes, [128, 1, 4, 1, 2, 128, 1, 4, 1, 0]), /shares more bytes/);
  });

  it('cannot unpack to another size', () => {
    const snappy = (...bytes: readonly number[]): Uint8Array => Uint8Array.from(bytes);
    assert.deepEqual([...unpack(1, snappy(5, 0, 97, 1, 1), 5)], [97, 97, 97, 97, 97]);
    assert.throws(() => unpack(1, snappy(5, 0, 97, 1, 1), 6), /says 5 bytes/);
    assert.throws(() => unpack(1, snappy(5, 0, 97, 1, 2), 5), /broken/);
    assert.throws(() => unpack(1, snappy(4, 0, 97, 1, 1), 4), /broken/);
    assert.throws(() => unpack(1, snappy(5, 0xfc, 255, 255, 255, 255), 5), /broken/);
    const lz4 = snappy(0x10, 97, 1, 0, 0x00);
    assert.deepEqual([...unpack(7, lz4, 5)], [97, 97, 97, 97, 97]);
    assert.throws(() => unpack(7, lz4, 4), /broken/);
    assert.throws(() => unpack(7, snappy(0x1f, 97, 1, 0, 255, 255, 255), 5), /broken/);
    assert.throws(() => unpack(2, Buffer.from('1f8b', 'hex'), 5), /gzip/);
  });

  it('ends in Thrift structs as deep or long as one likes', () => {
    assert.throws(() => readStruct(new Uint8Array(1000).fill(0x1c), 0), /too deeply/);
    assert.throws(() => readStruct(new Uint8Array(1000).fill(0x19), 0), /too deeply|unknown/);
    assert.throws(() => readStruct(Uint8Array.of(0x19, 0xf3, 255, 255, 255, 255, 15, 0), 0), /longer than its bytes/);
    assert.throws(() => readStruct(new Uint8Array(100).fill(0xf6), 0), /too long/);
  });

  it('packed numbers of every width are the ones that were packed', () => {
    const roll = dice(7);
    for (let width = 0; width <= 32; width++) {
      for (const count of [1, 8, 13, 64]) {
        const values = Array.from({ length: count }, () => roll(2 ** width));
        const bytes = new Uint8Array(3 + Math.ceil((count * width) / 8));
        for (let bit = 0; bit < count * width; bit++) {
          const value = values[Math.floor(bit / width)] as number;
          if (Math.floor(value / 2 ** (bit % width)) % 2 === 1)
            bytes[3 + (bit >> 3)] = (bytes[3 + (bit >> 3)] as number) | (1 << (bit & 7));
        }
        const out = new Uint32Array(count + 2);
        unpackBits(bytes, viewOf(bytes), { at: 3, width, out, to: 1, count });
        assert.deepEqual([...out], [0, ...values, 0], `${width} bits, ${count} values`);
      }
    }
  });
});
