import assert from 'node:assert/strict';
import { crc32, deflateRawSync } from 'node:zlib';
import { describe, it } from 'mocha';
import { readAvro } from '../../connectors/iceberg/format/avro-reader.js';

const SCHEMA = {
  type: 'record',
  name: 'r',
  fields: [
    { name: 'n', type: 'long', 'field-id': 1 },
    { name: 's', type: ['null', 'string'], 'field-id': 2 },
    { name: 'm', type: { type: 'map', values: 'int' }, 'field-id': 3 },
    { name: 'f', type: { type: 'fixed', name: 'fx', size: 2 }, 'field-id': 4 },
  ],
};
const SYNC = Buffer.alloc(16, 7);

function varint(value: bigint): Buffer {
  let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));
  const bytes: number[] = [];
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return Buffer.from([...bytes, Number(rest)]);
}

const text = (value: string): Buffer => Buffer.concat([varint(BigInt(Buffer.byteLength(value))), Buffer.from(value)]);

function container(codec: string, pack: (block: Buffer) => Buffer, records: readonly Buffer[], schema: unknown = SCHEMA): Buffer {
  const block = pack(Buffer.concat(records));
  const header = [
    Buffer.from('Obj\x01', 'latin1'),
    varint(2n),
    text('avro.schema'),
    text(JSON.stringify(schema)),
    text('avro.codec'),
    text(codec),
    varint(0n),
    SYNC,
  ];
  return Buffer.concat([...header, varint(BigInt(records.length)), varint(BigInt(block.length)), block, SYNC]);
}

function record(n: bigint, s: string | null): Buffer {
  const map = Buffer.concat([varint(1n), text('k'), varint(5n), varint(0n)]);
  return Buffer.concat([varint(n), s === null ? varint(0n) : Buffer.concat([varint(1n), text(s)]), map, Buffer.from([1, 2])]);
}

/** Literals only. */
function snappy(block: Buffer): Buffer {
  assert.ok(block.length <= 60);
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(block));
  return Buffer.concat([Buffer.from([block.length, (block.length - 1) << 2]), block, sum]);
}

/** One raw block; with the content's size in the frame's header or without. */
const zstd =
  (sized: boolean) =>
  (block: Buffer): Buffer => {
    const header = (block.length << 3) | 1;
    return Buffer.concat([
      Buffer.from([0x28, 0xb5, 0x2f, 0xfd, ...(sized ? [0x20, block.length] : [0x00, 0x00])]),
      Buffer.from([header & 255, (header >> 8) & 255, header >> 16]),
      block,
    ]);
  };

describe('Avro reader', () => {
  const records = [record(1n, 'ä'), record(-9223372036854775808n, null), record(9007199254740993n, '')];
  const wanted = [
    { n: 1, s: 'ä', m: [{ key: 'k', value: 5 }], f: new Uint8Array([1, 2]) },
    { n: -9223372036854775808n, s: null, m: [{ key: 'k', value: 5 }], f: new Uint8Array([1, 2]) },
    { n: 9007199254740993n, s: '', m: [{ key: 'k', value: 5 }], f: new Uint8Array([1, 2]) },
  ];
  const codecs: [string, string, (block: Buffer) => Buffer][] = [
    ['null', 'null', (block) => block],
    ['deflate', 'deflate', deflateRawSync],
    ['snappy', 'snappy', snappy],
    ['zstandard', 'zstandard', zstd(true)],
    ['zstandard of unknown size', 'zstandard', zstd(false)],
  ];
  for (const [title, codec, pack] of codecs) {
    it(`reads codec ${title}`, async () => {
      const file = await readAvro({ bytes: container(codec, pack, records), file: 'x.avro' });
      assert.deepEqual(JSON.parse(JSON.stringify(file.records, bigints)), JSON.parse(JSON.stringify(wanted, bigints)));
    });
  }

  it('keeps no field that is to be skipped', async () => {
    const file = await readAvro({ bytes: container('null', (block) => block, records), file: 'x.avro', skip: new Set([2, 3]) });
    assert.deepEqual(Object.keys(file.records[0]!), ['n', 'f']);
  });

  it("refuses bombs, unknown codecs and impossible schemas by the file's name", async () => {
    const plain = (block: Buffer): Buffer => block;
    const of = (type: unknown): unknown => ({ type: 'record', name: 'r', fields: [{ name: 'a', type }] });
    const bad: Buffer[] = [
      container('deflate', () => deflateRawSync(Buffer.alloc(300 << 20)), records),
      container('snappy', () => Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0, 0, 0, 0]), records),
      container('lzma', plain, records),
      container('null', plain, [varint(1n << 40n)], of({ type: 'array', items: 'null' })),
      container('null', plain, [varint(1n << 60n)], of('bytes')),
      container('null', plain, [varint(-5n)], of('bytes')),
      container('null', plain, [varint(9n)], of(['null', 'int'])),
      container('null', plain, [Buffer.alloc(0), Buffer.alloc(0)], of('null')),
      container('null', plain, [Buffer.from([1])], of({ type: 'fixed', name: 'f', size: 'x' })),
      container('null', plain, [Buffer.from([1])], of('nosuch')),
      container('null', plain, [Buffer.alloc(12, 0xff)], of('long')),
      container('null', plain, records, { type: 'array', items: 'int' }),
      container('null', plain, [Buffer.alloc(5)], { type: 'record', name: 'self', fields: [{ name: 'a', type: 'self' }] }),
      container(
        'deflate',
        (block) => deflateRawSync(block),
        [varint(200n << 20n), Buffer.alloc(200 << 20)],
        of({ type: 'array', items: 'int' }),
      ),
      container('null', plain, [endless(varint(100_000n), 100_000)], of({ type: 'array', items: { type: 'array', items: 'null' } })),
      container('null', plain, [varint(1n)], doubled(40)),
    ];
    for (const [index, bytes] of bad.entries()) {
      await assert.rejects(
        readAvro({ bytes, file: 'w/x.avro' }),
        { sqlstate: 'XX001', message: /^file "w\/x\.avro" is corrupt: / },
        `case ${index}`,
      );
    }
  });
});

/** An array of arrays of items without bytes. */
function endless(count: Buffer, times: number): Buffer {
  return Buffer.concat([count, ...Array.from({ length: times }, () => Buffer.concat([count, varint(0n)])), varint(0n)]);
}

/** Each type holds the one before it twice; the first one has no bytes. */
function doubled(times: number): unknown {
  const types = Array.from({ length: times }, (_, index) => ({
    name: `f${index}`,
    type: {
      type: 'record',
      name: `r${index}`,
      fields: ['a', 'b'].flatMap((name) => (index === 0 ? [] : [{ name, type: `r${index - 1}` }])),
    },
  }));
  return { type: 'record', name: 'top', fields: [...types, { name: 'end', type: 'int' }] };
}

function bigints(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? `${value}n` : value;
}
