import assert from 'node:assert/strict';
import type { TablePredicate } from '../../connectors/connector.js';
import type { LogsIndexConfig } from '../../connectors/victorialogs/config.js';
import { type CertificateSegment, printSegment, readSegment } from '../../connectors/victorialogs/index/certificate.js';
import { CertificateStore } from '../../connectors/victorialogs/index/certificate-store.js';
import { ExpectedTotals, voidReason } from '../../connectors/victorialogs/index/coverage.js';
import { createDocuments } from '../../connectors/victorialogs/index/document.js';
import { fileId, fileKey, type IndexMapping, wantedMapping } from '../../connectors/victorialogs/index/layout.js';
import { pagesOf, runsOf } from '../../connectors/victorialogs/index/row-runs.js';
import { LogsTableIndex } from '../../connectors/victorialogs/index/table-index.js';
import { instantOfTimestamp, parseInstant, printInstant } from '../../connectors/victorialogs/instant.js';
import { Oid, type } from '../../sql/types.js';
import { Random } from '../timeline/random.js';
import { IndexTestTable, MemoryRecords } from './index-test-table.js';
import { type LogsTestRow, testRows } from './logs-documents.js';
import { MemoryLogs } from './memory-logs.js';

const CONFIG: LogsIndexConfig = { schema: 'lake', table: 'events', columns: ['t', 'i4', 'b'], time: 'at', streams: [] };
const MAPPING: IndexMapping = {
  time: { id: '1', field: 'ts', oid: Oid.timestamptz },
  fields: [
    { id: '2', field: 'user', oid: Oid.text },
    { id: '3', field: 'n', oid: Oid.int4 },
  ],
};

function textIs(name: string, value: string): TablePredicate {
  const of = type(Oid.text);
  const args = [
    { kind: 'table_column', name, type: of },
    { kind: 'constant', type: of, value },
  ] as const;
  return { kind: 'call', fn: 'texteq(text,text)', args, type: type(Oid.bool), volatility: 'immutable' };
}

describe('Index documents', () => {
  it('have times of nine digits', () => {
    for (const [text, expected] of [
      ['2025-03-01 10:00:00+00', '2025-03-01T10:00:00.000000000Z'],
      ['2025-03-01 10:00:00.5+00', '2025-03-01T10:00:00.500000000Z'],
      ['2025-03-01 10:00:00.123456', '2025-03-01T10:00:00.123456000Z'],
      ['2025-03-01 10:00:00.123456789+00', '2025-03-01T10:00:00.123456789Z'],
      ['1970-01-01 00:00:00+00', '1970-01-01T00:00:00.000000000Z'],
    ] as const) {
      const instant = instantOfTimestamp(text);
      assert.ok(instant !== undefined);
      assert.equal(printInstant(instant), expected);
      assert.equal(parseInstant(expected), instant);
    }
    for (const text of ['infinity', '-infinity', '0044-03-15 00:00:00+00 BC', '12025-01-01 00:00:00+00', '2025-03-01 10:00:00+02'])
      assert.equal(instantOfTimestamp(text), undefined, text);
  });

  it('hold what can be written, and mark rows whose values cannot', () => {
    const maker = createDocuments({ table: 't0', file: 'f0', mapping: MAPPING });
    const whole = maker.document(['7', '2025-03-01 10:00:00+00', '', '-5'])?.row;
    assert.deepEqual(whole, {
      _time: '2025-03-01T10:00:00.000000000Z',
      _msg: '-',
      _t: 't0',
      _f: fileId('f0', MAPPING),
      _pos: '7',
      user: '~',
      n: '-5',
    });
    const nulls = maker.document(['8', '2025-03-01 10:00:00+00', null, null])?.row;
    assert.deepEqual(Object.keys(nulls ?? {}), ['_time', '_msg', '_t', '_f', '_pos']);
    const long = maker.document(['9', '2025-03-01 10:00:00+00', 'x'.repeat(70_000), '1'])?.row;
    assert.deepEqual([long?.['_m'], long?.['user'], long?.['n']], ['1', undefined, '1']);
    for (const time of [null, 'infinity', '1969-12-31 23:59:59.999999+00']) assert.equal(maker.document(['1', time, 'a', '1']), undefined);
  });

  it('never grow beyond what the store takes', () => {
    const fields = Array.from({ length: 60 }, (_, n) => ({ id: String(n), field: `c${n}`, oid: Oid.text }));
    const maker = createDocuments({ table: 't0', file: 'f0', mapping: { ...MAPPING, fields } });
    const made = maker.document(['1', '2025-03-01 10:00:00+00', ...fields.map((_, n) => '\x01'.repeat(n === 59 ? 5 : 3000 + n))]);
    assert.equal(made?.row['_m'], '1');
    assert.ok(Buffer.byteLength(JSON.stringify(made?.row)) < 200_000);
    assert.equal(made?.row['c59'], `~${'\x01'.repeat(5)}`);
  });

  it('go by columns that can be named', () => {
    const names = ['ts', 'ok', '_time', '_stream', 'a*', 'é'.repeat(61), 'dotted.name', 'f'];
    const of = (name: string) => type(name === 'ts' ? Oid.timestamptz : name === 'f' ? Oid.float8 : Oid.text);
    const table = {
      table: { schema: 's', table: 't' },
      identity: { table: 'u', columns: new Map(names.map((name, n) => [name, String(n)])) },
      columns: names.map((name) => ({ name, type: of(name), nullable: true, comment: undefined })),
      properties: {},
    };
    const wanted = wantedMapping({ schema: 's', table: 't', streams: [] }, table);
    assert.equal(wanted.time.field, 'ts');
    assert.deepEqual(
      wanted.fields.map(({ field }) => field),
      ['ok', 'dotted.name'],
    );
    const asked = (columns: string[], time?: string) =>
      wantedMapping({ schema: 's', table: 't', streams: [], columns, ...(time === undefined ? {} : { time }) }, table);
    assert.deepEqual(
      asked(['f', 'ok']).fields.map(({ field }) => field),
      ['f', 'ok'],
    );
    assert.throws(() => asked(['_stream']), { sqlstate: '0A000' });
    assert.throws(() => asked(['nothing']), { sqlstate: '42703' });
    assert.throws(() => asked(['ok'], 'ok'), { sqlstate: '0A000' });
    assert.throws(() => asked(['ts']), { sqlstate: '0A000' });
  });

  it('are of one file with one set of fields', () => {
    const file = { path: 'a', bytes: 1, rows: 2 };
    const keys = [file, { ...file, path: 'b' }, { ...file, bytes: 2 }, { ...file, rows: 3 }].map(fileKey);
    assert.equal(new Set(keys).size, 4);
    const [first, second] = MAPPING.fields;
    const others: IndexMapping[] = [
      MAPPING,
      { ...MAPPING, fields: [first!] },
      { ...MAPPING, fields: [first!, { ...second!, id: '9' }] },
      { ...MAPPING, fields: [first!, { ...second!, field: 'm' }] },
      { ...MAPPING, time: { ...MAPPING.time, id: '9' } },
    ];
    assert.equal(new Set(others.map((mapping) => fileId('a', mapping))).size, others.length);
    assert.equal(fileId('a', { ...MAPPING, fields: [second!, first!] }), fileId('a', MAPPING));
  });
});

describe('Runs of rows', () => {
  it('hold every row, are apart, and are few', () => {
    const random = new Random(5);
    for (let round = 0; round < 60; round++) {
      const size = 1 + random.below(round < 50 ? 300 : 10_000);
      const most = size * (1 + random.below(40));
      const positions = Array.from({ length: size }, () => random.below(most));
      const runs = runsOf([...positions]);
      assert.ok(runs.length <= 2000);
      let end = -1;
      for (const [first, count] of runs) {
        assert.ok(first > end && count > 0);
        end = first + count - 1;
      }
      assert.equal(end, Math.max(...positions));
      const covered = new Set(runs.flatMap(([first, count]) => Array.from({ length: count }, (_, n) => first + n)));
      for (const position of positions) assert.ok(covered.has(position));
      const wanted = new Set(positions);
      for (const [first, count] of runs) assert.ok(wanted.has(first) && wanted.has(first + count - 1));
    }
    assert.deepEqual(runsOf([]), []);
    assert.equal(
      pagesOf([
        [0, 1],
        [4999, 2],
        [20_000, 1],
      ]),
      3,
    );
  });
});

describe('Certificates', () => {
  const segment = (more: Partial<CertificateSegment> = {}): CertificateSegment => ({
    table: 'k',
    startedAt: '100',
    at: 5,
    days: new Map([[20_000, 30]]),
    certificates: [
      {
        file: 'f',
        rows: 10,
        mapping: MAPPING,
        from: 20_000n * 86_400_000_000_000n,
        to: 20_000n * 86_400_000_000_000n + 5n,
        bytes: 7,
        digest: 'd',
      },
    ],
    refusals: [{ file: 'g', mapping: MAPPING, reason: 'why' }],
    ...more,
  });

  it('are read as they were written, or not at all', () => {
    const bytes = printSegment(segment());
    assert.deepEqual(readSegment(bytes, 'k'), segment());
    assert.equal(readSegment(bytes, 'other'), undefined);
    for (let at = 0; at < bytes.length; at++) {
      const copy = Buffer.from(bytes);
      copy[at] = (copy[at] ?? 0) ^ 1;
      assert.equal(readSegment(copy, 'k'), undefined, `byte ${at}`);
      assert.equal(readSegment(bytes.subarray(0, at), 'k'), undefined);
    }
  });

  it('hold for one life of the server, and while it has as many documents as ever since', () => {
    const [certificate] = segment().certificates;
    const standing = { certificate: certificate!, startedAt: '100', at: 5 };
    const state = (total: number, startedAt = '100', floor?: bigint) => ({
      epoch: { startedAt, floor },
      totals: new Map([[20_000, total]]),
    });
    const expected = new ExpectedTotals(
      [segment(), segment({ at: 9, days: new Map([[20_000, 50]]) }), segment({ at: 2, days: new Map([[20_000, 99]]) })],
      '100',
    );
    assert.equal(voidReason(standing, state(50), expected), undefined);
    assert.match(voidReason(standing, state(49), expected) ?? '', /fewer documents/);
    assert.match(voidReason(standing, state(50, '101'), expected) ?? '', /started anew/);
    assert.match(voidReason(standing, state(50, '100', certificate!.from + 1n), expected) ?? '', /retention/);
    assert.match(voidReason(standing, state(9), new ExpectedTotals([], '100')) ?? '', /fewer documents/);
  });

  it('are put together when they are many, by several at once', async () => {
    const records = new MemoryRecords();
    const [one, two] = [new CertificateStore(records, 'here', 'k'), new CertificateStore(records, 'here', 'k')];
    for (let n = 0; n < 40; n++)
      await (n % 2 === 0 ? one : two).add(
        segment({ at: n + 1, certificates: segment().certificates.map((certificate) => ({ ...certificate, file: `f${n}` })) }),
      );
    await one.load();
    await two.load();
    await Promise.all([one.merge('100'), two.merge('100')]);
    assert.ok(records.objects.size <= 2);
    for (const store of [one, two, new CertificateStore(records, 'here', 'k')]) {
      const { segments, damaged } = await store.load();
      assert.equal(damaged, 0);
      assert.equal(new Set(segments.flatMap(({ certificates }) => certificates.map(({ file }) => file))).size, 40);
    }
    assert.deepEqual(await new CertificateStore(records, 'elsewhere', 'k').load(), { segments: [], damaged: 0 });
  });
});

describe('An index over documents in memory', () => {
  const rows = testRows(20);
  const passing = new Set(rows.filter((row) => row['t'] === 'always').map((row) => Number(row['id'])));
  const question = [textIs('t', 'always')];

  function made(config: Partial<LogsIndexConfig> = {}) {
    const client = new MemoryLogs();
    const records = new MemoryRecords();
    const index = new LogsTableIndex({
      name: 'logs',
      place: 'x',
      client,
      records,
      indexes: [{ ...CONFIG, ...config }],
      timeout: 5000,
      settle: 1,
    });
    const table = IndexTestTable.of('u').add('a', rows.slice(0, 200)).add('b', rows.slice(200));
    return { client, records, index, table };
  }

  it('is built, used, and void when documents have gone', async () => {
    const { client, index, table } = made();
    assert.equal((await index.build(table.buildRequest())).indexed, 2);
    const found = await index.candidates(table.request(question));
    assert.ok(found.kind === 'narrowed' && found.hits === passing.size && found.form === 'positions');
    assert.ok(table.check(found, passing, () => 'always') < rows.length / 2);
    client.documents.pop();
    const less = await index.candidates(table.request(question));
    assert.equal(less.kind, 'scan');
    assert.equal(less.kind === 'scan' ? less.unbuilt : 0, 2);
    // One file is still whole.
    await until(async () => (await index.candidates(table.request(question))).kind === 'narrowed');
    const half = await index.candidates(table.request(question));
    assert.ok(half.kind === 'narrowed' && half.only.has('a') && !half.only.has('b'));
    await index.close();
  });

  it('a server that starts anew, or loses documents, during the search', async () => {
    for (const change of [
      (client: MemoryLogs) => {
        client.life = { ...client.life, startedAt: '2' };
      },
      (client: MemoryLogs) => void client.documents.splice(0, 1),
    ]) {
      const { client, index, table } = made();
      await index.build(table.buildRequest());
      client.onQuery = (what, query) => {
        if (what === 'query' && query?.pipes.some(({ kind }) => kind === 'fields') === true) change(client);
      };
      const found = await index.candidates(table.request(question));
      assert.equal(found.kind, 'scan');
      client.onQuery = () => undefined;
      await index.close();
    }
  });

  it('is not asked where that cannot pay', async () => {
    const { client, index, table } = made();
    await index.build(table.buildRequest());
    let asked = 0;
    client.onQuery = () => {
      asked++;
    };
    const small = await index.candidates(table.request(question, { always: false, bytes: 1000 }));
    assert.deepEqual([small.kind, asked], ['scan', 0]);
    const nothing = await index.candidates(table.request([textIs('v', 'x')]));
    assert.deepEqual([nothing.kind, asked], ['scan', 0]);
    const many = await index.candidates(table.request([textIs('t', 'always')], { always: false }));
    assert.match(many.kind === 'scan' ? many.reason : '', /reading all of them is faster/);
  });

  it('takes ranges of rows where hits are very many', async () => {
    const { index } = made();
    const many = Array.from(
      { length: 120_000 },
      (_, n): LogsTestRow => ({
        id: String(n),
        at: `2025-03-01 10:00:${String(n % 60).padStart(2, '0')}+00`,
        t: n > 5000 ? 'x' : 'y',
        i4: null,
        b: null,
      }),
    );
    const table = IndexTestTable.of('v').add('a', many).add('b', many.slice(0, 100));
    await index.build(table.buildRequest());
    const found = await index.candidates(table.request([textIs('t', 'x')]));
    assert.ok(found.kind === 'narrowed' && found.form === 'ranges' && found.hits === 114_999);
    assert.deepEqual(found.kind === 'narrowed' ? [...found.only] : [], [
      ['a', [[5001, 114_999]]],
      ['b', []],
    ]);
  });

  it('says why files cannot be covered', async () => {
    const { client, index, table } = made();
    client.life = { startedAt: '1', floor: 4_000_000_000_000_000_000n };
    const built = await index.build(table.buildRequest());
    assert.deepEqual(built.reasons, [["rows are older than VictoriaLogs' retention", 2]]);
    assert.equal(client.documents.length, 0);
    client.life = { startedAt: '1', floor: undefined };
    assert.equal((await index.build(table.buildRequest())).indexed, 2);
    const elsewhere = await index.candidates({ ...table.request(question), table: { schema: 'lake', table: 'other' } });
    assert.equal(elsewhere.kind === 'scan' ? elsewhere.reason : '', 'the table is not in index_for');
    const empty = await index.candidates({ ...table.request(question), files: [] });
    assert.equal(empty.kind, 'scan');
  });
});

async function until(test: () => Promise<boolean>): Promise<void> {
  for (let n = 0; n < 100; n++) {
    if (await test()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.fail('it never came to be');
}
