import assert from 'node:assert/strict';
import type { Candidates, TablePredicate } from '../../connectors/connector.js';
import { openLogsClient } from '../../connectors/victorialogs/client/http-client.js';
import type { LogsClient } from '../../connectors/victorialogs/client/logs-client.js';
import type { LogsIndexConfig } from '../../connectors/victorialogs/config.js';
import { LogsTableIndex } from '../../connectors/victorialogs/index/table-index.js';
import { Oid, type } from '../../sql/types.js';
import { type LogsServer, startVictoriaLogs } from '../support/victoria-logs.js';
import { Random } from '../timeline/random.js';
import { FaultyLogsClient } from './faulty-logs-client.js';
import { INDEXED, IndexTestTable, MemoryRecords } from './index-test-table.js';
import { testRows } from './logs-documents.js';
import { OWN_COLUMNS } from './logs-predicates.js';

const CONFIG: LogsIndexConfig = { schema: 'lake', table: 'events', columns: INDEXED, time: 'at', streams: [] };
const TEXT = type(Oid.text);

function equals(name: string, value: string): TablePredicate {
  return {
    kind: 'call',
    fn: 'texteq(text,text)',
    args: [
      { kind: 'table_column', name, type: TEXT },
      { kind: 'constant', type: TEXT, value },
    ],
    type: type(Oid.bool),
    volatility: 'immutable',
  };
}

function int8Equals(name: string, value: string): TablePredicate {
  const of = type(Oid.int8);
  return {
    kind: 'call',
    fn: 'int8eq(int8,int8)',
    args: [
      { kind: 'table_column', name, type: of },
      { kind: 'constant', type: of, value },
    ],
    type: type(Oid.bool),
    volatility: 'immutable',
  };
}

function reasonOf(found: Candidates): string {
  assert.equal(
    found.kind,
    'scan',
    JSON.stringify(found, (_, value: unknown) => (value instanceof Map ? [...value] : value)),
  );
  return found.kind === 'scan' ? found.reason : '';
}

describe('An index in VictoriaLogs', function () {
  this.timeout(120_000);
  let server: LogsServer;
  let client: LogsClient;
  const rows = testRows(60);
  let uuids = 0;

  before(async function () {
    const started = await startVictoriaLogs({ own: true });
    if (started === undefined) return this.skip();
    server = started;
    client = await openLogsClient({ name: 'logs', config: server.config() });
  });

  after(async () => {
    await client?.close();
    await server?.close();
  });

  interface Made {
    readonly index: LogsTableIndex;
    readonly table: IndexTestTable;
    readonly records: MemoryRecords;
    readonly faulty: FaultyLogsClient;
  }

  function made(config: Partial<LogsIndexConfig> = {}, table = IndexTestTable.of(`uuid-${++uuids}`), records = new MemoryRecords()): Made {
    const faulty = new FaultyLogsClient(client, new Random(uuids + 1));
    const index = new LogsTableIndex({
      name: 'logs',
      place: 'here',
      client: faulty,
      records,
      indexes: [{ ...CONFIG, ...config }],
      timeout: 10_000,
      settle: 20,
    });
    return { index, table, records, faulty };
  }

  function threeFiles(table: IndexTestTable): void {
    table.add('a', rows.slice(0, 300)).add('b', rows.slice(300, 500)).add('c', rows.slice(500));
  }

  const idsOf = (test: (row: (typeof rows)[number]) => boolean): Set<number> => new Set(rows.filter(test).map((row) => Number(row['id'])));

  it('finds a needle among files that it covers', async () => {
    const { index, table } = made();
    threeFiles(table);
    assert.match(reasonOf(await index.candidates(table.request([equals('t', '3')]))), /3 of 3 files: not indexed yet/);

    const built = await index.build(table.buildRequest());
    assert.deepEqual({ ...built, bytes: 0 }, { before: 0, indexed: 3, uncovered: 0, rows: rows.length, bytes: 0, reasons: [] });
    const found = await index.candidates(table.request([equals('t', '3')]));
    assert.equal(found.kind, 'narrowed');
    const passing = idsOf((row) => row['t'] === '3');
    assert.ok(passing.size > 0);
    const left = table.check(found, passing, () => 't = 3');
    assert.ok(left < rows.length / 3, `${left} of ${rows.length}`);

    const nobody = await index.candidates(table.request([equals('t', 'nobody has this')]));
    assert.equal(
      table.check(nobody, new Set(), () => ''),
      0,
    );
    const coverage = await index.coverage(table.indexed());
    assert.deepEqual(
      coverage.map(({ path, rows: count, covered, reason }) => [path, count, covered, reason]),
      [
        ['a', 300, true, null],
        ['b', 200, true, null],
        ['c', rows.length - 500, true, null],
      ],
    );
    // There is nothing more to do.
    table.read.length = 0;
    const again = await index.build(table.buildRequest());
    assert.deepEqual([again.before, again.indexed, again.rows, table.read], [3, 0, 0, []]);
  });

  it('reads files in full that came later, and indexes only them', async () => {
    const { index, table } = made();
    table.add('a', rows.slice(0, 300));
    await index.build(table.buildRequest());
    table.add('b', rows.slice(300));
    const found = await index.candidates(table.request([equals('t', '3')]));
    assert.ok(found.kind === 'narrowed' && !found.only.has('b'));
    assert.equal(found.kind === 'narrowed' ? found.uncovered : '', '1 of 2 files: not indexed yet');
    table.read.length = 0;
    await index.build(table.buildRequest());
    assert.deepEqual(table.read, ['b']);
    // Another file under the name of one that is covered.
    table.files[0] = { path: 'a', bytes: 77, rows: 300 };
    const changed = await index.candidates(table.request([equals('t', '3')]));
    assert.ok(changed.kind === 'narrowed' && !changed.only.has('a') && changed.only.has('b'));
  });

  it('goes by columns, not by their names', async () => {
    const { index, table, records } = made({ columns: ['t', 'i4'] });
    threeFiles(table);
    await index.build(table.buildRequest());
    const ids = new Map(table.identity.columns);
    const id = ids.get('t')!;

    // t is called w now; v was dropped, and another column has the name t
    ids.delete('t');
    ids.set('w', id).set('t', '99');
    const columns = new Map([...OWN_COLUMNS, ['w', TEXT], ['i4', type(Oid.int8)]] as const);
    const renamed = table.with({ table: table.identity.table, columns: ids }, columns);
    const byNewName = await index.candidates(renamed.request([equals('w', '3')]));
    assert.equal(byNewName.kind, 'narrowed');
    renamed.check(
      byNewName,
      idsOf((row) => row['t'] === '3'),
      () => 'renamed',
    );
    assert.match(reasonOf(await index.candidates(renamed.request([equals('t', '3')]))), /no filter on what is indexed/);
    // int4 has become int8, whose values are written alike
    const value = rows[70]!['i4']!;
    const widened = await index.candidates(renamed.request([int8Equals('i4', value)]));
    assert.equal(widened.kind, 'narrowed');
    renamed.check(
      widened,
      idsOf((row) => row['i4'] === value),
      () => 'widened',
    );

    // With the new column wanted, files are indexed again; the old documents say nothing of it.
    const later = made({ columns: ['w', 't'] }, renamed, records);
    const nulls = renamed.with(renamed.identity, columns);
    assert.equal((await later.index.build(nulls.buildRequest())).indexed, 3);
    const both = await later.index.candidates(nulls.request([equals('t', '3')]));
    assert.equal(both.kind, 'narrowed');
  });

  for (const fault of ['drop', 'drop_all', 'alter'] as const) {
    it(`does not certify a file some of whose documents are wrong (${fault})`, async () => {
      const { index, table, faulty } = made();
      threeFiles(table);
      faulty.sending = fault;
      faulty.percent = 40;
      const built = await index.build(table.buildRequest());
      assert.ok((faulty.fired.get(fault) ?? 0) > 0);
      assert.equal(built.indexed + built.uncovered, 3);
      assert.ok(built.uncovered > 0, JSON.stringify(built.reasons));
      // Every file was tried twice.
      assert.ok(table.read.length > 3);
      for (const { path, covered, reason } of await index.coverage(table.indexed())) assert.ok(covered || reason !== null, path);
      faulty.sending = undefined;
      const repaired = await index.build(table.buildRequest());
      assert.equal(repaired.uncovered, 0, JSON.stringify(repaired.reasons));
      table.check(
        await index.candidates(table.request([equals('t', '3')])),
        idsOf((row) => row['t'] === '3'),
        () => fault,
      );
    });
  }

  it('takes documents that are there twice, and ghosts', async () => {
    const { index, table, faulty } = made();
    threeFiles(table);
    faulty.sending = 'double';
    assert.equal((await index.build(table.buildRequest())).indexed, 3);
    assert.ok((faulty.fired.get('double') ?? 0) > 0);
    const found = await index.candidates(table.request([equals('t', '3')]));
    assert.equal(found.kind, 'narrowed');
    table.check(
      found,
      idsOf((row) => row['t'] === '3'),
      () => 'doubled',
    );
  });

  for (const fault of ['half', 'more', 'broken', 'none'] as const) {
    it(`reads all where an answer is not what it should be (${fault})`, async () => {
      const { index, table, faulty } = made();
      threeFiles(table);
      await index.build(table.buildRequest());
      faulty.answering = fault;
      assert.notEqual(reasonOf(await index.candidates(table.request([equals('t', 'always')]))), '');
      assert.ok((faulty.fired.get(fault) ?? 0) > 0);
    });
  }

  it('gives up a slow search in time', async () => {
    const { table, faulty, records } = made();
    const index = new LogsTableIndex({ name: 'logs', place: 'here', client: faulty, records, indexes: [CONFIG], timeout: 200, settle: 20 });
    threeFiles(table);
    await index.build(table.buildRequest());
    faulty.answering = 'slow';
    assert.match(reasonOf(await index.candidates(table.request([equals('t', '3')]))), /no answer within 200 ms/);
    assert.equal(faulty.fired.get('slow'), 1);
    faulty.answering = undefined;
    // A search that nobody waits for any more.
    const abort = new AbortController();
    abort.abort(new Error('enough'));
    await assert.rejects(index.candidates({ ...table.request([equals('t', '3')]), signal: abort.signal }), /enough/);
  });

  it('says of rows without a time that their file cannot be indexed', async () => {
    const { index, table } = made();
    table.add('a', [...rows.slice(0, 50), { ...rows[50]!, at: null }]).add('b', [{ ...rows[0]!, at: '1969-12-31 23:59:59+00' }]);
    table.add('c', [{ ...rows[0]!, at: 'infinity' }]).add('d', rows.slice(0, 50));
    const built = await index.build(table.buildRequest());
    assert.deepEqual(built.reasons, [['rows have no time that a document can have', 3]]);
    assert.equal(built.indexed, 1);
    table.read.length = 0;
    await index.build(table.buildRequest());
    assert.deepEqual(table.read, []);
    const [first] = await index.coverage(table.indexed());
    assert.equal(first?.reason, 'rows have no time that a document can have');
  });

  it('keeps a row as a candidate whose values could not be written', async () => {
    const { index, table } = made({ columns: ['t'] });
    const long = 'y'.repeat(100_000);
    table.add('a', [...rows.slice(0, 30), { ...rows[30]!, t: long }, ...rows.slice(31, 60)]);
    assert.equal((await index.build(table.buildRequest())).uncovered, 0);
    const found = await index.candidates(table.request([equals('t', 'nobody has this')]));
    assert.ok(found.kind === 'narrowed', JSON.stringify(found));
    assert.deepEqual(found.kind === 'narrowed' ? found.only.get('a') : undefined, [[30, 1]]);
  });

  it('goes on where an interrupted build was', async () => {
    const { index, table } = made();
    for (let n = 0; n < 6; n++) table.add(`f${n}`, rows.slice(n * 100, n * 100 + 100));
    const abort = new AbortController();
    const request = table.buildRequest(abort.signal);
    await assert.rejects(
      index.build({
        ...request,
        async *rows(file, columns, signal) {
          if (file.path === 'f4') abort.abort(new Error('enough'));
          signal.throwIfAborted();
          yield* request.rows(file, columns, signal);
        },
      }),
    );
    await client.flush(new AbortController().signal);
    table.read.length = 0;
    const built = await index.build(table.buildRequest());
    assert.equal(built.indexed, 6);
    // Those that were there are compared, not written.
    assert.equal(built.rows, 200);
  });

  it('lets two gateways build at once', async () => {
    const one = made();
    threeFiles(one.table);
    const two = made({}, one.table, one.records);
    await Promise.all([one.index.build(one.table.buildRequest()), two.index.build(one.table.buildRequest())]);
    for (const { index } of [one, two]) {
      const found = await index.candidates(one.table.request([equals('t', '3')]));
      assert.equal(found.kind, 'narrowed');
      one.table.check(
        found,
        idsOf((row) => row['t'] === '3'),
        () => 'two',
      );
    }
  });

  it('believes no certificate that is damaged', async () => {
    const { index, table, records } = made();
    threeFiles(table);
    await index.build(table.buildRequest());
    for (const [key, bytes] of records.objects) {
      const copy = Buffer.from(bytes);
      copy[copy.length >> 1] = (copy[copy.length >> 1] ?? 0) ^ 1;
      records.objects.set(key, copy);
    }
    const fresh = made({}, table, records);
    assert.match(reasonOf(await fresh.index.candidates(table.request([equals('t', '3')]))), /its certificate is damaged/);
    assert.equal((await fresh.index.build(table.buildRequest())).indexed, 3);
    assert.equal((await fresh.index.candidates(table.request([equals('t', '3')]))).kind, 'narrowed');
  });

  it('checks its certificates again after a restart', async () => {
    const { index, table } = made();
    threeFiles(table);
    await index.build(table.buildRequest());
    await new Promise((resolve) => setTimeout(resolve, 1100));
    await server.restart();
    assert.match(reasonOf(await index.candidates(table.request([equals('t', '3')]))), /started anew/);
    await until(async () => (await index.candidates(table.request([equals('t', '3')]))).kind === 'narrowed');
    table.read.length = 0;
    assert.equal((await index.build(table.buildRequest())).before, 3);
    assert.deepEqual(table.read, []);

    await new Promise((resolve) => setTimeout(resolve, 1100));
    await server.restart({ empty: true });
    assert.equal((await index.candidates(table.request([equals('t', '3')]))).kind, 'scan');
    assert.equal((await index.build(table.buildRequest())).indexed, 3);
    assert.equal((await index.candidates(table.request([equals('t', '3')]))).kind, 'narrowed');

    await server.stop();
    assert.equal((await index.candidates(table.request([equals('t', '3')]))).kind, 'scan');
    const [first] = await index.coverage(table.indexed());
    assert.equal(first?.covered, false);
    await assert.rejects(index.build(table.add('z', rows.slice(0, 10)).buildRequest()));
    await server.restart();
    await index.close();
  });

  it('does not believe a server started anew that has the right numbers and other values', async () => {
    const { index, table } = made();
    threeFiles(table);
    await index.build(table.buildRequest());
    const passing = idsOf((row) => row['t'] === '3');
    const documents = (await server.query('"_f":* ')).map(({ _stream, _stream_id, ...document }) => document);
    await new Promise((resolve) => setTimeout(resolve, 1100));
    await server.restart({ empty: true });
    // Those of one file, say, are an older backup's.
    const [some = ''] = documents.flatMap(({ t, _f }) => (t === '~3' && _f !== undefined ? [_f] : []));
    await server.insert(
      documents.map((one) => (one['_f'] === some && one['t'] === '~3' ? { ...one, t: '~4' } : one)),
      ['_t'],
    );
    const search = async () => {
      const found = await index.candidates(table.request([equals('t', '3')]));
      table.check(found, passing, () => 'altered');
      return found;
    };
    await until(async () => (await search()).kind === 'narrowed');
    const found = await search();
    assert.equal(found.kind === 'narrowed' ? found.only.size : 0, 2);
    // A build writes what is wrong once more; those of before stay, and do no harm.
    assert.equal((await index.build(table.buildRequest())).indexed, 1);
    const again = await search();
    assert.equal(again.kind === 'narrowed' ? again.only.size : 0, 3);
    await index.close();
  });
});

async function until(test: () => Promise<boolean>): Promise<void> {
  for (let n = 0; n < 100; n++) {
    if (await test()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.fail('it never came to be');
}
