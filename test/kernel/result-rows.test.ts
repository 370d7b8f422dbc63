import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join as join_ } from 'node:path';
import type { Field, Operator } from '../../planner/physical-plan.js';
import type { Batch } from '../../sql/result.js';
import { Oid, type Type } from '../../sql/types.js';
import { writeRows } from '../../src/wire/encode.js';
import { MessageWriter } from '../../src/wire/message-writer.js';
import { type Bench, call, constant, field, numericType, openBench, ref, scanOf, values } from './harness.js';

const LONG = 'a text that is longer than what DuckDB keeps inside of an item';

/** Awkward values of every type that a result may have, as PostgreSQL writes them. */
const COLUMNS: readonly (readonly [type: Type | number, texts: readonly string[]])[] = [
  [Oid.bool, ['t', 'f']],
  [Oid.int2, ['-32768', '0', '32767', '7', '-10']],
  [Oid.int4, ['-2147483648', '0', '2147483647', '-1', '10', '99', '100', '999999999', '1000000000']],
  [
    Oid.int8,
    ['-9223372036854775808', '9223372036854775807', '0', '-1', '9007199254740991', '-9007199254740992', '9007199254740993', '1000000000'],
  ],
  [Oid.oid, ['0', '4294967295', '2147483648']],
  [Oid.float4, ['1.5', '-0', 'NaN', 'Infinity', '-Infinity', '1e-45', '3.4028235e+38', '16777216']],
  [
    Oid.float8,
    ['0.1', '-0', 'NaN', 'Infinity', '-Infinity', '5e-324', '999999999999999', '1e+15', '-123456789', '1.7976931348623157e+308'],
  ],
  [Oid.numeric, ['-0.00100', '0', 'NaN', 'Infinity', '123456789012345678901234567890.1']],
  [numericType(38, 0), ['99999999999999999999999999999999999999', '-1', '0', '9007199254740992']],
  [numericType(12, 2), ['0.05', '-0.05', '1234567890.99', '-9999999999.99', '10.00']],
  [numericType(18, 15), ['0.999999999999999', '9.007199254740991', '9.007199254740993', '-999.999999999999999']],
  [numericType(30, 20), ['0.00000000000000000001', '-1.5']],
  [Oid.text, ['', 'a', 'twelve bytes', 'thirteen byte', LONG, 'ünï😀', `${LONG}😀${LONG}`]],
  [Oid.varchar, [LONG, LONG, LONG]],
  [Oid.bytea, ['\\x', '\\x00ff', `\\x${'ab'.repeat(100)}`]],
  [
    Oid.date,
    ['1970-01-01', '0044-03-15 BC', 'infinity', '-infinity', '9999-12-31', '10000-01-01', '0001-01-01', '2024-02-29', '5874897-12-31'],
  ],
  [Oid.time, ['00:00:00', '23:59:59.999999', '24:00:00', '12:30:00.5', '01:02:03.000001']],
  [
    Oid.timestamp,
    [
      '1970-01-01 00:00:00',
      '1969-12-31 23:59:59.999999',
      'infinity',
      '-infinity',
      '4713-01-01 00:00:00 BC',
      '10000-01-01 00:00:00',
      '2255-06-06 00:00:00',
    ],
  ],
  [
    Oid.timestamptz,
    [
      '2025-03-30 01:59:59.000001+00',
      '2025-03-30 02:00:00+00',
      'infinity',
      '-infinity',
      '1800-01-01 00:00:00+00',
      '0001-01-01 00:00:00+00',
      '9999-12-31 23:59:59+00',
      '294000-01-01 00:00:00+00',
    ],
  ],
  [Oid.interval, ['1 year 2 mons -3 days +04:05:06.000007', '00:00:00', '-1 mons +1 days -00:00:00.000001']],
  [Oid.uuid, ['00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff', '01234567-89ab-cdef-8123-456789abcdef']],
  [Oid.jsonb, ['{"bb": 1.10, "a": [null, "x"]}', '1', '"\\u00fc"', `{"k": "${LONG}"}`]],
  [Oid.json, ['{"b":1 }', `["${LONG}"]`]],
  [1009, ['{}', '{a,NULL,"b,c"}']],
  [1007, ['{1,2,NULL}']],
];

function encoded(batches: readonly Batch[], fields: readonly Field[], format: number, timeZone: string): string {
  const writer = new MessageWriter();
  const columns = fields.map(({ name, type }) => ({ name, type, tableOid: 0, columnNumber: 0 }));
  for (const batch of batches) {
    if (batch.kind !== 'columns') throw new Error('columns only');
    for (let row = 0; row < batch.rowCount; ) {
      row = writeRows(writer, batch, { from: row, to: batch.rowCount }, { columns, formats: [format], settings: { timeZone } });
      if (writer.length > 1_000_000) throw new Error('too much for a test');
      if (row < batch.rowCount) break;
    }
  }
  return writer.take().toString('latin1');
}

describe('rows of a result', () => {
  let bench: Bench;
  before(async () => {
    bench = await openBench();
  });
  after(async () => {
    await bench.close();
  });

  async function batchesOf(root: Operator, fields: readonly Field[], inlineBytes: number | undefined): Promise<Batch[]> {
    const output = await bench.run(root, inlineBytes === undefined ? {} : { inlineBytes });
    const batches: Batch[] = [];
    const parts = output.inline === undefined ? output.paths : [output.inline];
    assert.equal(output.inline === undefined, output.files.length > 0);
    for await (const batch of bench.kernel.read(parts, fields, new AbortController().signal)) batches.push(batch);
    return batches;
  }

  const rowsOf = (batches: readonly Batch[]): unknown[] =>
    batches.flatMap((batch) =>
      batch.kind === 'columns' ? Array.from({ length: batch.rowCount }, (_, row) => batch.columns.map((column) => column[row])) : [],
    );

  for (const [type, texts] of COLUMNS) {
    const f = field(1, type);
    it(`of type ${f.type.oid}/${f.type.typmod} are the same from memory, a file and Parquet, and on the wire with and without values`, async () => {
      const repeated = [...texts, null, ...texts, ...texts.map(() => null), ...[...texts].reverse()];
      const root = values(
        [f],
        repeated.map((text) => [text]),
      );
      const inline = await batchesOf(root, [f], 1 << 20);
      const filed = await batchesOf(root, [f], 0);
      const parquet = await batchesOf(root, [f], undefined);
      assert.equal(rowsOf(inline).length, repeated.length);
      assert.deepEqual(rowsOf(filed), rowsOf(inline));
      assert.deepEqual(rowsOf(parquet), rowsOf(inline));
      const plain = inline.map(
        (batch): Batch => (batch.kind === 'columns' ? { kind: 'columns', rowCount: batch.rowCount, columns: batch.columns } : batch),
      );
      for (const zone of ['UTC', 'America/New_York', 'Asia/Kathmandu']) {
        assert.equal(encoded(inline, [f], 0, zone), encoded(plain, [f], 0, zone), `text, ${zone}`);
        assert.equal(encoded(inline, [f], 1, zone), encoded(plain, [f], 1, zone), `binary, ${zone}`);
      }
    });
  }

  it('without columns are counted', async () => {
    const root: Operator = { kind: 'project', input: values([field(1, Oid.int4)], [['1'], ['2']]), items: [] };
    const batches = await batchesOf(root, [], 1 << 20);
    assert.deepEqual(rowsOf(batches), [[], []]);
  });

  const range = (n: number): Parameters<Bench['run']>[1] => ({
    scans: { l: { kind: 'sql', relation: `range(${n})`, release: async () => undefined } },
  });
  const f = field(1, Oid.int8, 'range');
  const text = field(2, Oid.text);
  const scan: Operator = scanOf('l', f);
  const wide: Operator = {
    kind: 'project',
    input: scan,
    items: [
      { field: f, expr: ref(f) },
      {
        field: text,
        expr: {
          kind: 'call',
          fn: 'textcat(text,text)',
          args: [constant(LONG, Oid.text), { kind: 'cast', via: 'io', arg: ref(f), type: text.type }],
          type: text.type,
          volatility: 'immutable',
        },
      },
    ],
  };

  it('stay in memory up to the limit of bytes, then go to a file, in order', async () => {
    const small = await bench.run(wide, { ...range(1000), inlineBytes: 1 << 20 });
    assert.ok(small.inline !== undefined && small.inline.length < 1 << 20);
    const large = await bench.run(wide, { ...range(300_000), inlineBytes: 1 << 20 });
    assert.equal(large.inline, undefined);
    assert.equal(large.rows, 300_000);
    assert.equal((await stat(large.paths[0] as string)).size, large.files[0]?.bytes);
    let n = 0n;
    for await (const batch of bench.kernel.read(large.paths, [f, text], new AbortController().signal)) {
      if (batch.kind !== 'columns') throw new Error('columns only');
      for (let row = 0; row < batch.rowCount; row++, n++) {
        if (batch.columns[0]?.[row] !== n || batch.columns[1]?.[row] !== `${LONG}${n}`) assert.fail(`row ${n}`);
      }
    }
    assert.equal(n, 300_000n);
  });

  it('of a sort, an aggregate and a join larger than memory come by way of files that are seen and then gone', async () => {
    const key = field(7, Oid.text);
    const right = field(11, Oid.int8, 'range');
    const sort: Operator = { kind: 'sort', input: wide, keys: [{ expr: ref(text), descending: true, nullsFirst: false }] };
    const group: Operator = { kind: 'aggregate', phase: 'single', input: wide, keys: [{ field: key, expr: ref(text) }], aggregates: [] };
    const join: Operator = {
      kind: 'join',
      type: 'inner',
      left: wide,
      right: {
        kind: 'project',
        input: { ...scan, fields: [right] },
        items: [
          { field: right, expr: ref(right) },
          { field: field(12, Oid.text), expr: { kind: 'cast', via: 'io', arg: ref(right), type: text.type } },
        ],
      },
      condition: call('int8eq(int8,int8)', [ref(f), ref(right)], Oid.bool),
    };
    for (const root of [sort, group, join]) {
      const seen = new Set<string>();
      const spill = join_(bench.folder, 'temp');
      const spilled = (): string[] => {
        try {
          return readdirSync(spill, { recursive: true })
            .map(String)
            .filter((name) => name.includes('duckdb_temp'));
        } catch {
          // Not made yet, or a folder in it went while it was looked at.
          return [];
        }
      };
      const watch = setInterval(() => {
        for (const name of spilled()) seen.add(name);
      }, 5);
      try {
        const session = { timeZone: 'UTC', now: '0', memoryLimit: 48 << 20 };
        const output = await bench.run(root, { ...range(2_000_000), session, inlineBytes: 0 });
        assert.equal(output.rows, 2_000_000);
      } finally {
        clearInterval(watch);
      }
      assert.ok(seen.size > 0, `${root.kind} did not spill`);
    }
  });

  it('end in an error that comes late, and not before it as if complete', async () => {
    const failing: Operator = {
      kind: 'project',
      input: scan,
      items: [
        {
          field: f,
          expr: call(
            'int8div(int8,int8)',
            [constant('1', Oid.int8), call('int8mi(int8,int8)', [ref(f), constant('900000', Oid.int8)], Oid.int8)],
            Oid.int8,
          ),
        },
      ],
    };
    await assert.rejects(bench.run(failing, { ...range(1_000_000), inlineBytes: 1 << 20 }), { sqlstate: '22012' });
  });
});
