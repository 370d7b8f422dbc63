import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import type { LogsTableConfig } from '../../connectors/victorialogs/config.js';
import { FieldNames, MOST_FIELDS } from '../../connectors/victorialogs/discover/field-names.js';
import { encodeValue } from '../../connectors/victorialogs/encoding.js';
import { pinUntil } from '../../connectors/victorialogs/pin-until.js';
import { Oid, type } from '../../sql/types.js';
import { at, brokeOff, FakeLogsClient, tookTooLong, unreachable } from './fake-logs-client.js';
import { parseFilter } from './filters.js';
import type { Entry } from './logs-filter.js';
import { relationRows } from './relation-values.js';
import { LOGS, logsConfig, openLogs, readTable, SIGNAL } from './victorialogs-fixtures.js';

const NOW = at('2026-01-31T00:00:00Z');
const DAY = 86_400_000_000_000n;

function entry(time: string, fields: Readonly<Record<string, string>>): Entry {
  return { at: at(time), fields };
}

describe('Tables over VictoriaLogs: which columns they have', () => {
  const names = async (entries: readonly Entry[]): Promise<readonly string[]> =>
    (await new FieldNames(new FakeLogsClient(entries)).look(SIGNAL, NOW)).names;

  it('are the fields of all entries at first, then those of the last thirty days, too', async () => {
    const entries = [entry('2026-01-30T00:00:00Z', { a: '1', B: '2' }), entry('2015-11-01T00:00:00Z', { old: '1' })];
    const fields = new FieldNames(new FakeLogsClient(entries));
    assert.deepEqual((await fields.look(SIGNAL, NOW)).names, ['_msg', '_stream', 'B', 'a', 'old']);
    entries.push(entry('2026-01-02T00:00:00Z', { recent: '1' }), entry('2025-12-01T00:00:00Z', { before: '1' }));
    assert.deepEqual((await fields.look(SIGNAL, NOW)).names, ['_msg', '_stream', 'B', 'a', 'old', 'recent']);
  });

  it('are those of the thirty days before the newest entry, where all are older and too many', async () => {
    const entries = [
      entry('2024-03-31T00:00:00Z', { a: '1' }),
      entry('2024-03-10T00:00:00Z', { b: '1' }),
      entry('2020-01-01T00:00:00Z', { c: '1' }),
    ];
    const client = new FakeLogsClient(entries);
    let asked = 0;
    client.fault = (what) => (what === 'fields' && asked++ === 0 ? tookTooLong() : undefined);
    assert.deepEqual((await new FieldNames(client).look(SIGNAL, NOW)).names, ['_msg', '_stream', 'a', 'b']);
    assert.deepEqual(await names([]), ['_msg', '_stream']);
  });

  it('leave out what PostgreSQL or LogsQL cannot name, and entries that are ours', async () => {
    const odd = { 'x*': '1', ctid: '1', ['n'.repeat(64)]: '1', 'bad\ufffd': '1', 'a b"': '1', ['n'.repeat(63)]: '1', '': '1' };
    const entries = [
      entry('2026-01-30T00:00:00Z', odd),
      entry('2026-01-30T00:00:01Z', { _t: 't', _f: 'f', indexed: '~1' }),
      entry('2026-01-30T00:00:01Z', { _t: 't', _w: 'w', recent: '~1' }),
      entry('2026-01-30T00:00:01Z', { _t: 'somebody else’s' }),
    ];
    assert.deepEqual(await names(entries), ['_msg', '_stream', '_t', 'a b"', 'n'.repeat(63)]);
  });

  it('stay once found, and are the most frequent ones where there are too many', async () => {
    const many = Array.from({ length: 1_200 }, (_, n) =>
      entry('2026-01-30T00:00:00Z', { [`rare${String(n).padStart(4, '0')}`]: '1', often: '1' }),
    );
    const client = new FakeLogsClient(many);
    const fields = new FieldNames(client);
    const found = await fields.look(SIGNAL, NOW);
    assert.equal(found.names.length, MOST_FIELDS);
    assert.equal(found.others, 1_203 - MOST_FIELDS);
    assert.ok(found.names.includes('often') && found.names.includes('rare0000') && !found.names.includes('rare1199'));
    assert.deepEqual((await fields.look(SIGNAL, NOW + 90n * DAY)).names, found.names);
  });

  it('are those of one day where thirty take too long, and fail where the server is away', async () => {
    const client = new FakeLogsClient([entry('2026-01-30T00:00:00Z', { a: '1' }), entry('2026-01-10T00:00:00Z', { b: '1' })]);
    let asked = 0;
    client.fault = (what) => (what === 'fields' && asked++ < 2 ? tookTooLong() : undefined);
    assert.deepEqual((await new FieldNames(client).look(SIGNAL, NOW)).names, ['_msg', '_stream', 'a']);
    client.fault = () => unreachable();
    await assert.rejects(new FieldNames(client).look(SIGNAL, NOW), { sqlstate: '08001' });
    client.fault = () => tookTooLong();
    const fields = new FieldNames(client);
    await assert.rejects(fields.look(SIGNAL, NOW), { sqlstate: '57014' });
    client.fault = () => undefined;
    const { names: found } = await fields.look(SIGNAL, NOW);
    client.fault = () => tookTooLong();
    assert.deepEqual((await fields.look(SIGNAL, NOW)).names, found);
  });

  it('make another schema version when they change, and only then', async () => {
    const entries: Entry[] = [{ at: BigInt(Date.now()) * 1_000_000n, fields: { a: '1' } }];
    const { connector, close } = await openLogs(new FakeLogsClient(entries));
    const version = async (): Promise<string | undefined> => {
      await connector.tables();
      return (await connector.describe(LOGS))?.schemaVersion;
    };
    const first = await version();
    entries.push({ at: BigInt(Date.now()) * 1_000_000n, fields: { a: '2' } });
    assert.equal(await version(), first);
    entries.push({ at: BigInt(Date.now()) * 1_000_000n, fields: { A: '2' } });
    assert.notEqual(await version(), first);
    await close();
  });
});

describe('Tables over VictoriaLogs: pinning', () => {
  it('takes in entries that are ahead of our clock, and nothing that comes later', async () => {
    const until = (entries: readonly Entry[]): Promise<bigint> => pinUntil(new FakeLogsClient(entries), { kind: 'all' }, SIGNAL, NOW);
    assert.equal(await until([]), NOW);
    assert.equal(await until([entry('2026-01-30T00:00:00Z', {})]), NOW);
    assert.equal(await until([entry('2026-02-01T00:00:00.000000001Z', {})]), at('2026-02-01T00:00:00.000001Z'));
    assert.equal(await until([entry('2026-02-01T00:00:00Z', {})]), at('2026-02-01T00:00:00.000001Z'));
  });

  it('fails where the server is away, and knows no time travel', async () => {
    const client = new FakeLogsClient([]);
    const { connector, close } = await openLogs(client);
    await assert.rejects(connector.pin(LOGS, '2025-01-01'), { sqlstate: '0A000' });
    await assert.rejects(connector.pin({ schema: 'vl', table: 'nothing' }), { sqlstate: '42P01' });
    client.fault = () => unreachable();
    await assert.rejects(connector.pin(LOGS), { sqlstate: '08001' });
    await close();
    assert.ok(client.closed);
  });
});

describe('Tables over VictoriaLogs: reading', () => {
  const T = '2025-03-01T00:00:0';

  it('gives texts as they are, and nothing of entries that are ours', async () => {
    const texts = ['null', 'NULL', '', '"', '\\', '\\u0000', 'a\u0000b', '~x', 'é😀\n\t', '2.10', '{}', ' ', "'"];
    const entries = texts.map((text, n) =>
      entry(`${T}0.${String(n).padStart(9, '0')}Z`, { _msg: 'm', a: text, A: `${n}`, 'x/~"\'.$': text }),
    );
    const ours = [entry(`${T}1Z`, { _t: 't', _f: 'f', a: '~no' }), entry(`${T}1Z`, { _t: 't', _w: 'w', a: '~no' })];
    const { connector, close } = await openLogs(new FakeLogsClient([...entries, ...ours]));
    const { rows } = await readTable(connector, LOGS, { columns: ['a', 'A', 'x/~"\'.$'] });
    const shown = texts.map((text) => (text === '' ? null : text.replace('\u0000', '\ufffd')));
    assert.deepEqual(
      rows,
      shown.map((text, n) => [text, String(n), text]),
    );
    assert.equal((await readTable(connector, LOGS, { columns: [] })).rows.length, texts.length);
    await close();
  });

  it('cuts nanoseconds to microseconds', async () => {
    const { connector, close } = await openLogs(new FakeLogsClient([entry(`${T}0.999999999Z`, { a: '1' }), entry(`${T}1Z`, { a: '2' })]));
    const { rows } = await readTable(connector, LOGS, { columns: ['_time', 'a'] });
    assert.deepEqual(rows, [
      ['2025-03-01 00:00:00.999999+00', '1'],
      ['2025-03-01 00:00:01+00', '2'],
    ]);
    await close();
  });

  const declared: LogsTableConfig = {
    name: 'typed',
    encoding: 'foreign',
    columns: [
      { name: 'n', field: 'n', type: type(Oid.int4) },
      { name: 'as_text', field: 'n', type: type(Oid.text) },
      { name: 'f', field: 'f', type: type(Oid.float8) },
      { name: 'b', field: 'b', type: type(Oid.bool) },
      { name: 'd', field: 'd', type: type(Oid.date) },
      { name: 'ts', field: 'ts', type: type(Oid.timestamptz) },
    ],
    filter: { app: 'x' },
  };

  it('gives declared types, of the documents declared', async () => {
    const entries = [
      entry(`${T}0Z`, { app: 'x', n: ' 7 ', f: 'NaN', b: 'yes', d: '2025-3-1', ts: '2025-03-01 10:00:00.1234567+02' }),
      entry(`${T}1Z`, { app: 'x', n: '', other: '1' }),
      entry(`${T}2Z`, { app: 'y', n: 'no number' }),
    ];
    const { connector, close } = await openLogs(new FakeLogsClient(entries), logsConfig([declared]));
    const { rows } = await readTable(connector, { schema: 'vl', table: 'typed' });
    assert.deepEqual(rows, [
      ['2025-03-01 00:00:00+00', '7', ' 7 ', 'nan', 'true', '2025-03-01', '2025-03-01 08:00:00.123456+00'],
      ['2025-03-01 00:00:01+00', null, null, null, null, null, null],
    ]);
    await close();
  });

  it('refuses a value that is none of its type, naming the field', async () => {
    const { connector, folder, close } = await openLogs(
      new FakeLogsClient([entry(`${T}0Z`, { app: 'x', n: 'seven' })]),
      logsConfig([declared]),
    );
    await assert.rejects(readTable(connector, { schema: 'vl', table: 'typed' }), { sqlstate: '22P02', message: /"n".*seven/ });
    assert.deepEqual(await readdir(folder), []);
    await close();
  });

  const VALUES: readonly (readonly [oid: number, value: string, shown?: string])[] = [
    [Oid.text, 'null'],
    [Oid.text, ''],
    [Oid.varchar, '~2.10'],
    [Oid.int2, '-32768'],
    [Oid.int4, '0'],
    [Oid.int8, '9223372036854775807'],
    [Oid.float8, '0.30000000000000004'],
    [Oid.float8, '-1.7976931348623157e+308'],
    [Oid.float8, '5e-324'],
    [Oid.float4, '0.1'],
    [Oid.float4, '3.4028235e+38', '3.4028235e+38'],
    [Oid.bool, 't', 'true'],
    [Oid.bool, 'f', 'false'],
    [Oid.numeric, '-0.00'],
    [Oid.uuid, '0b0e7a52-0000-4000-8000-000000000001'],
    [Oid.date, '0001-01-01'],
    [Oid.time, '23:59:59.000001'],
    [Oid.timestamp, '9999-12-31 23:59:59.999999'],
    [Oid.timestamptz, '2025-03-01 10:00:00.12+00'],
    [Oid.jsonb, '{"a": "\\u0001"}'],
    [Oid.bytea, '\\x00ff', '\\x00\\xFF'],
    [Oid.bytea, '\\x', ''],
  ];
  for (const [oid, value, shown = value] of VALUES) {
    it(`gives ${oid} ${JSON.stringify(value)} back, as it does NULL, and refuses what is not in our encoding`, async () => {
      const own: LogsTableConfig = { name: 'own', encoding: 'own', columns: [{ name: 'A', field: 'a', type: type(oid) }], filter: {} };
      const written = encodeValue(type(oid), value);
      assert.equal(typeof written, 'string');
      const entries = [entry(`${T}0Z`, { a: String(written) }), entry(`${T}1Z`, {})];
      const { connector, close } = await openLogs(new FakeLogsClient(entries), logsConfig([own]));
      const table = { schema: 'vl', table: 'own' };
      assert.deepEqual((await readTable(connector, table, { columns: ['A'] })).rows, [[shown], [null]]);
      entries.push(entry(`${T}2Z`, { a: '+1\n' }));
      await assert.rejects(readTable(connector, table, { columns: ['A'] }), /TL22P02:field "a": "\+1\\n" is no value/);
      await close();
    });
  }

  it('refuses rows in our encoding that lack a value', async () => {
    const own: LogsTableConfig = { name: 'own', encoding: 'own', columns: [{ name: 'a', field: 'a', type: type(Oid.text) }], filter: {} };
    const entries = [entry(`${T}0Z`, { a: '~1 "_m":"' })];
    const { connector, close } = await openLogs(new FakeLogsClient(entries), logsConfig([own]));
    const table = { schema: 'vl', table: 'own' };
    assert.deepEqual((await readTable(connector, table)).rows, [['2025-03-01 00:00:00+00', '1 "_m":"']]);
    entries.push(entry(`${T}1Z`, { a: '~1', _m: '1' }));
    await assert.rejects(readTable(connector, table), { sqlstate: '0A000' });
    // A filter must not hide such a row: the value that it lacks might have passed.
    const filters = [parseFilter('a = \'1 "_m":"\'', new Map([['a', Oid.text]]))];
    await assert.rejects(readTable(connector, table, { filters }), { sqlstate: '0A000' });
    const before = [parseFilter("_time < '2025-03-01T00:00:01Z'", new Map([['_time', Oid.timestamptz]])), ...filters];
    assert.equal((await readTable(connector, table, { filters: before })).rows.length, 1);
    await close();
  });

  it('fails when an answer breaks off, and leaves no file behind', async () => {
    const client = new FakeLogsClient([0, 1, 2, 3].map((n) => entry(`${T}${n}Z`, { a: String(n) })));
    const { connector, folder, close } = await openLogs(client);
    for (const sent of [0, 1, 3, 4]) {
      client.fault = (what, details) => (what === 'lines' && details.sent === sent ? brokeOff() : undefined);
      await assert.rejects(readTable(connector, LOGS), { sqlstate: '08006' }, `after ${sent}`);
      assert.deepEqual(await readdir(folder), []);
    }
    await close();
  });

  it('reads a window that takes too long in halves, each row once', async () => {
    const client = new FakeLogsClient(
      Array.from({ length: 50 }, (_, n) => ({ at: at(`${T}0Z`) + BigInt(n) * 1_700_000n, fields: { a: String(n) } })),
    );
    let faults = 0;
    client.fault = (what, { sent }) => (what === 'lines' && sent === 4 && faults++ % 5 < 3 ? tookTooLong() : undefined);
    const { connector, close } = await openLogs(client);
    const { rows } = await readTable(connector, LOGS, { columns: ['a'] });
    assert.equal(faults > 3, true);
    assert.deepEqual(
      rows.map(([a]) => Number(a)).sort((a, b) => a - b),
      Array.from({ length: 50 }, (_, n) => n),
    );
    client.fault = (what) => (what === 'lines' ? tookTooLong() : undefined);
    client.queries.length = 0;
    await assert.rejects(readTable(connector, LOGS), { sqlstate: '57014' });
    assert.equal(client.queries.length, 4);
    await close();
  });

  it('stops at a limit, without windows that are not needed', async () => {
    const client = new FakeLogsClient(
      Array.from({ length: 30 }, (_, n) => entry(`2025-03-${String(n + 1).padStart(2, '0')}T00:00:00Z`, { a: String(n) })),
    );
    const { connector, close } = await openLogs(client);
    assert.equal((await readTable(connector, LOGS, { limit: 7 })).rows.length, 7);
    assert.deepEqual(
      client.queries.map(({ pipes }) => pipes.at(-1)),
      [{ kind: 'limit', rows: 7 }],
    );
    assert.equal((await readTable(connector, LOGS, { limit: 0 })).rows.length, 0);
    assert.equal((await readTable(connector, LOGS, { limit: 31 })).rows.length, 30);
    await close();
  });

  it('narrows to the windows, and asks for the entries, that further filters let pass', async () => {
    const hour = 3_600_000_000_000n;
    const client = new FakeLogsClient(
      Array.from({ length: 600 }, (_, n) => ({ at: at(`${T}0Z`) + BigInt(n) * hour, fields: { a: n % 2 === 0 ? 'even' : 'odd' } })),
    );
    const { connector, close } = await openLogs(client);
    const { handle } = await connector.pin(LOGS);
    const { splits } = await connector.splits(handle, SIGNAL, { bytes: 1 });
    assert.ok(splits.length > 4);
    const types = new Map([
      ['_time', Oid.timestamptz],
      ['a', Oid.text],
    ]);
    const narrowed = async (...filters: readonly string[]): Promise<{ splits: number; rows: number; skipped: number }> => {
      const predicates = filters.map((filter) => (filter === 'false' ? never : parseFilter(filter, types)));
      const left = await connector.narrow(handle, splits, predicates, SIGNAL);
      const columns = [{ name: 'a', type: type(Oid.text), nullable: true, comment: undefined }];
      const readable = await connector.read(handle, left.splits, { columns, meter: { charge: () => undefined }, signal: SIGNAL });
      if (readable.kind !== 'sql') throw new Error('rows');
      const { length } = await relationRows(readable.relation, 1);
      await readable.release();
      return { splits: left.splits.length, rows: length, skipped: left.skipped.rows };
    };
    const never = { kind: 'constant', type: type(Oid.bool), value: 'f' } as const;
    assert.deepEqual(await narrowed(), { splits: splits.length, rows: 600, skipped: 0 });
    assert.deepEqual(await narrowed("a = 'even'"), { splits: splits.length, rows: 300, skipped: 0 });
    assert.deepEqual(await narrowed('false'), { splits: 0, rows: 0, skipped: 600 });
    const first = await narrowed("_time < '2025-03-01T12:00:00Z'", "a = 'odd'");
    assert.deepEqual([first.splits, first.rows, first.skipped > 400], [1, 6, true]);
    assert.equal((await narrowed("_time < '2025-03-01T12:00:00Z' OR _time >= '2025-03-25T00:00:00Z'")).rows, 12 + 24);
    await close();
  });

  it('passes an abort and a spent budget on as they are', async () => {
    const { connector, folder, close } = await openLogs(new FakeLogsClient([entry(`${T}0Z`, { a: '1' })]));
    const { handle } = await connector.pin(LOGS);
    const splits = (await connector.splits(handle, SIGNAL)).splits.map(({ data }) => data);
    const budget = new Error('budget');
    const charge = (): void => {
      throw budget;
    };
    await assert.rejects(connector.read(handle, splits, { columns: [], meter: { charge }, signal: SIGNAL }), (error) => error === budget);
    assert.deepEqual(await readdir(folder), []);
    await close();
  });
});
