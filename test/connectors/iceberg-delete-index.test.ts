import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import type { ManifestFileEntry } from '../../connectors/iceberg/format/manifest.js';
import type { IcebergType, PartitionSpec, Schema } from '../../connectors/iceberg/format/schema.js';
import { DeleteIndex } from '../../connectors/iceberg/prune/delete-index.js';
import { columnTypes, partitionConstants } from '../../connectors/iceberg/prune/partition-values.js';
import { splitFile, sureRows } from '../../connectors/iceberg/prune/split-file.js';
import { normalLocation } from '../../src/object-store/location.js';

const primitive = (name: 'int' | 'string' | 'double' | 'timestamp' | 'uuid' | 'binary' | 'date'): IcebergType => ({
  kind: 'primitive',
  name,
});
const field = (id: number, type: IcebergType): Schema['fields'][number] => ({
  id,
  name: `c${id}`,
  required: false,
  type,
  doc: undefined,
});
const FIELDS = [
  field(1, primitive('int')),
  field(2, primitive('string')),
  field(3, primitive('double')),
  field(4, { kind: 'decimal', precision: 12, scale: 2 }),
  field(5, primitive('timestamp')),
  field(6, primitive('uuid')),
  field(7, primitive('binary')),
  field(8, primitive('date')),
];
const spec = (id: number, ...fields: [source: number, kind: 'identity' | 'void'][]): [number, PartitionSpec] => [
  id,
  {
    id,
    fields: fields.map(([sourceId, kind], index) => ({
      fieldId: 1000 + 10 * id + index,
      sourceId,
      name: `p${index}`,
      transform: { kind },
    })),
  },
];
const metadata = {
  schemas: new Map<number, Schema>([
    [0, { id: 0, fields: [...FIELDS, field(9, primitive('int'))] }],
    [1, { id: 1, fields: FIELDS }],
  ]),
  specs: new Map([
    spec(0),
    spec(1, [1, 'identity']),
    spec(2, [1, 'identity']),
    spec(3, [1, 'void']),
    spec(4, [3, 'identity']),
    spec(5, [4, 'identity']),
  ]),
};

const BASE: ManifestFileEntry = {
  status: 'added',
  snapshot: '1',
  content: 'data',
  path: 'file:/w/d1.parquet',
  format: 'PARQUET',
  rows: 100,
  bytes: 1000,
  sequence: 5,
  fileSequence: 5,
  specId: 1,
  partition: new Map([[1010, 7]]),
  encrypted: false,
  firstRowId: undefined,
  equalityIds: [],
  sortOrderId: undefined,
  splitOffsets: [],
  referencedDataFile: undefined,
  blob: undefined,
  valueCounts: new Map(),
  nullCounts: new Map(),
  nanCounts: new Map(),
  lower: new Map(),
  upper: new Map(),
};
const data = (change: Partial<ManifestFileEntry> = {}): ManifestFileEntry => ({ ...BASE, ...change });
const positions = (change: Partial<ManifestFileEntry> = {}): ManifestFileEntry => ({
  ...BASE,
  content: 'position deletes',
  path: 'file:///w/pos.parquet',
  rows: 3,
  ...change,
});
const equality = (change: Partial<ManifestFileEntry> = {}): ManifestFileEntry => ({
  ...positions({ path: 'file:///w/eq.parquet', sequence: 6 }),
  content: 'equality deletes',
  equalityIds: [1],
  ...change,
});
const vector = (change: Partial<ManifestFileEntry> = {}): ManifestFileEntry => ({
  ...positions({
    path: 'file:///w/dv.puffin',
    format: 'PUFFIN',
    referencedDataFile: 'file:///w/d1.parquet',
    blob: { offset: 4, length: 40 },
  }),
  ...change,
});

function index(...entries: ManifestFileEntry[]): DeleteIndex {
  const made = new DeleteIndex({ metadata, table: 's.t', place: normalLocation, display: (location) => location });
  for (const entry of entries) made.add(entry);
  return made;
}
const applies = (file: ManifestFileEntry, ...entries: ManifestFileEntry[]): string[] =>
  index(...entries)
    .deletesOf(file)
    .map((one) => one.path.replace(/^.*\//, ''));
const int = (value: number): Uint8Array => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
};
const double = (value: number): Uint8Array => {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return bytes;
};
const UNPARTITIONED = { specId: 0, partition: new Map() };

describe('Iceberg deletes: what applies to which file', () => {
  const cases: [name: string, file: ManifestFileEntry, deletes: ManifestFileEntry, applies: boolean][] = [
    ['positions of the same sequence number', data(), positions({ sequence: 5 }), true],
    ['positions that are newer', data(), positions({ sequence: 6 }), true],
    ['positions that are older', data(), positions({ sequence: 4 }), false],
    ['positions of another partition', data(), positions({ partition: new Map([[1010, 8]]) }), false],
    ['positions of the NULL partition', data(), positions({ partition: new Map([[1010, null]]) }), false],
    ['positions of another spec with the same value', data(), positions({ specId: 2, partition: new Map([[1020, 7]]) }), false],
    ['positions without partitions', data(), positions(UNPARTITIONED), true],
    ['positions of a void spec', data(), positions({ specId: 3, partition: new Map([[1030, null]]) }), true],
    ['positions of the file, in another spelling', data(), positions({ referencedDataFile: 'file:///w/d1.parquet' }), true],
    ['positions of another file', data(), positions({ referencedDataFile: 'file:/w/d2.parquet' }), false],
    [
      'positions of the file by bounds of file_path',
      data(),
      positions({
        partition: new Map([[1010, 8]]),
        lower: new Map([[2147483546, Buffer.from('file:/w/d1.parquet')]]),
        upper: new Map([[2147483546, Buffer.from('file:/w/d1.parquet')]]),
      }),
      true,
    ],
    [
      'positions of another file by bounds',
      data(),
      positions({
        lower: new Map([[2147483546, Buffer.from('file:/w/d0.parquet')]]),
        upper: new Map([[2147483546, Buffer.from('file:/w/d0.parquet')]]),
      }),
      false,
    ],
    ['a vector of the same sequence number', data(), vector(), true],
    ['a vector of another file', data(), vector({ referencedDataFile: 'file:/w/d2.parquet' }), false],
    ['equality of the same sequence number', data(), equality({ sequence: 5 }), false],
    ['equality that is newer', data(), equality(), true],
    ['equality of another partition', data(), equality({ partition: new Map([[1010, 8]]) }), false],
    ['equality of another spec with the same value', data(), equality({ specId: 2, partition: new Map([[1020, 7]]) }), false],
    ['equality without partitions', data(), equality(UNPARTITIONED), true],
    ['equality without partitions, of the same sequence number', data(), equality({ ...UNPARTITIONED, sequence: 5 }), false],
    ['equality of a partition, for a file without', data(UNPARTITIONED), equality(), false],
    [
      'NaN is its own partition',
      data({ specId: 4, partition: new Map([[1040, Number.NaN]]) }),
      equality({ specId: 4, partition: new Map([[1040, Number.NaN]]) }),
      true,
    ],
    [
      'zeros of two signs are two partitions',
      data({ specId: 4, partition: new Map([[1040, -0]]) }),
      equality({ specId: 4, partition: new Map([[1040, 0]]) }),
      false,
    ],
    [
      'decimals of two lengths are one partition',
      data({ specId: 5, partition: new Map([[1050, new Uint8Array([0xff, 0x85])]]) }),
      equality({ specId: 5, partition: new Map([[1050, new Uint8Array([0xff, 0xff, 0xff, 0x85])]]) }),
      true,
    ],
  ];
  for (const [name, file, deletes, wanted] of cases) {
    it(`${name} ${wanted ? 'apply' : 'do not apply'}`, () => {
      assert.equal(applies(file, deletes).length, wanted ? 1 : 0);
    });
  }

  it('takes a vector in place of all position deletes, and keeps equality deletes', () => {
    assert.deepEqual(applies(data(), positions(), vector(), positions({ referencedDataFile: BASE.path }), equality()), [
      'dv.puffin',
      'eq.parquet',
    ]);
    assert.deepEqual(applies(data({ path: 'file:/w/d2.parquet' }), positions(), vector()), ['pos.parquet']);
  });

  it('leaves equality deletes out whose columns hold nothing equal', () => {
    const bounded = (make: typeof data, low: Uint8Array, high: Uint8Array, id: number, nulls = 0, nans = 0): ManifestFileEntry =>
      make({
        lower: new Map([[id, low]]),
        upper: new Map([[id, high]]),
        nullCounts: new Map([[id, nulls]]),
        valueCounts: new Map([[id, 100]]),
        nanCounts: new Map([[id, nans]]),
        equalityIds: [id],
      });
    const ints =
      (low: number, high: number, nulls = 0) =>
      (make: typeof data) =>
        bounded(make, int(low), int(high), 1, nulls);
    const doubles = (low: number, high: number, nans: number) => (make: typeof data) =>
      bounded(make, double(low), double(high), 3, 0, nans);
    const table: [string, (make: typeof data) => ManifestFileEntry, (make: typeof data) => ManifestFileEntry, boolean][] = [
      ['apart', ints(1, 5), ints(6, 9), false],
      ['apart, the other way', ints(6, 9), ints(1, 5), false],
      ['touching', ints(1, 6), ints(6, 9), true],
      ['apart with NULL in both', ints(1, 5, 1), ints(6, 9, 1), true],
      ['apart with NULL in one', ints(1, 5, 1), ints(6, 9), false],
      ['only NULL against none', ints(6, 9, 100), ints(6, 9), false],
      ['apart with NaN in both', doubles(1, 2, 1), doubles(3, 4, 1), true],
      ['apart with NaN in one', doubles(1, 2, 1), doubles(3, 4, 0), false],
      ['zeros of both signs', doubles(-1, -0, 0), doubles(0, 4, 0), true],
    ];
    for (const [name, file, deletes, wanted] of table) assert.equal(applies(file(data), deletes(equality)).length, wanted ? 1 : 0, name);
    assert.equal(applies(data(), ints(6, 9)(equality)).length, 1, 'without statistics');
    assert.equal(applies(ints(1, 5)(data), equality({ equalityIds: [9] })).length, 1, 'another column');
  });

  it('refuses what it cannot read, and what cannot be', () => {
    assert.throws(() => index(positions({ format: 'ORC' })), {
      sqlstate: '0A000',
      message: /ORC delete file "file:\/\/\/w\/pos.parquet".*table s\.t/,
    });
    assert.throws(() => index(equality({ format: 'PUFFIN' })), { sqlstate: '0A000' });
    assert.throws(() => index(positions({ encrypted: true })), { sqlstate: '0A000', message: /encrypted/ });
    assert.throws(() => index(equality({ equalityIds: [] })), { sqlstate: 'XX001', message: /eq\.parquet.*table s\.t/ });
    assert.throws(() => index(vector(), vector()), { sqlstate: 'XX001', message: /two deletion vectors/ });
    assert.throws(() => index(vector({ blob: undefined })), { sqlstate: 'XX001' });
    assert.throws(() => index(vector({ sequence: 4 })).deletesOf(data()), { sqlstate: 'XX001', message: /older than the file/ });
    assert.throws(() => index(positions({ specId: 77 })), { sqlstate: 'XX001', message: /spec 77/ });
  });

  it('gives splits their deletes, ids and constants', () => {
    const deletes = index(positions(), equality());
    const file = splitFile(data({ firstRowId: 2n ** 60n, format: 'AVRO' }), {
      spec: metadata.specs.get(1),
      types: columnTypes(metadata),
      deletes,
      display: (location) => location,
    });
    assert.deepEqual(file, {
      path: BASE.path,
      rows: 100,
      bytes: 1000,
      format: 'avro',
      constants: { 1: '7' },
      firstRowId: '1152921504606846976',
      sequence: 5,
      deletes: [
        { kind: 'positions', path: 'file:///w/pos.parquet', bytes: 1000, rows: 3 },
        { kind: 'equality', path: 'file:///w/eq.parquet', bytes: 1000, rows: 3, columns: [1] },
      ],
    });
    assert.equal(sureRows(file), 0);
    assert.equal(sureRows({ rows: 100, deletes: index(positions(), positions({ path: 'file:/w/b.parquet' })).deletesOf(data()) }), 94);
    assert.equal(sureRows({ rows: 2, deletes: index(positions()).deletesOf(data()) }), 0);
    assert.equal(sureRows({ rows: 7 }), 7);
  });

  it('writes partition values as PostgreSQL does', () => {
    const identity = (source: number): PartitionSpec => ({
      id: 9,
      fields: [{ fieldId: 1000, sourceId: source, name: 'p', transform: { kind: 'identity' } }],
    });
    const text = (source: number, value: ManifestFileEntry['partition'] extends ReadonlyMap<number, infer V> ? V : never): unknown =>
      partitionConstants({ partition: new Map([[1000, value]]) }, identity(source), columnTypes(metadata))?.[source];
    assert.equal(text(1, -3), '-3');
    assert.equal(text(1, null), null);
    assert.equal(text(2, `a'b`), `a'b`);
    assert.equal(text(3, 1e300), '1e+300');
    assert.equal(text(3, Number.NaN), 'NaN');
    assert.equal(text(4, new Uint8Array([0xff, 0x85])), '-1.23');
    assert.equal(text(4, new Uint8Array([5])), '0.05');
    assert.equal(text(5, -1), '1969-12-31 23:59:59.999999');
    assert.equal(text(6, Buffer.from('00112233445566778899aabbccddeeff', 'hex')), '00112233-4455-6677-8899-aabbccddeeff');
    assert.equal(text(7, new Uint8Array([0, 255])), '\\x00ff');
    assert.equal(text(8, 20000), '2024-10-04');
    assert.throws(() => text(6, 5), /not of its column's type/);
  });
});
