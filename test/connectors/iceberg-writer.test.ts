import assert from 'node:assert/strict';
import { mkdtempSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, rmdir, writeFile as writeFileBytes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DuckDBConnection } from '@duckdb/node-api';
import { DuckDBInstance } from '@duckdb/node-api';
import fc from 'fast-check';
import { encodeBound } from '../../connectors/iceberg/format/bound-writer.js';
import { writeDataFile } from '../../connectors/iceberg/write/data-file-writer.js';
import { earlierManifests } from '../../connectors/iceberg/write/manifest-writer.js';
import { parseMetadata, printMetadata } from '../../connectors/iceberg/write/metadata-writer.js';
import { createNamespace, metadataLocation, swapMetadata } from '../../connectors/iceberg/write/sql-catalog-writer.js';
import type { TableTarget } from '../../connectors/iceberg/write/table-writer.js';
import { appendFiles, createTable } from '../../connectors/iceberg/write/table-writer.js';
import type { DataFile, WriterTable } from '../../connectors/iceberg/write/writer-types.js';
import { TimelineError } from '../../sql/errors.js';
import { pyicebergPython, runPython } from './pyiceberg.js';

const TABLE: WriterTable = {
  columns: [
    { id: 1, name: 'ts', type: 'timestamptz' },
    { id: 2, name: 'id', type: 'uuid' },
    { id: 3, name: 'a "name"', type: 'string' },
    { id: 4, name: 'n', type: 'long' },
    { id: 5, name: 'i', type: 'int' },
    { id: 6, name: 'd', type: 'double' },
    { id: 7, name: 'amount', type: 'decimal(12, 2)' },
    { id: 8, name: 'day', type: 'date' },
    { id: 9, name: 'b', type: 'boolean' },
    { id: 10, name: 'bin', type: 'binary' },
    { id: 11, name: 'nothing', type: 'string' },
    { id: 12, name: 'm', type: { kind: 'map', keyId: 13, key: 'string', valueId: 14, value: 'long' } },
  ],
  partition: [{ sourceId: 1, fieldId: 1000, name: 'ts_day', transform: 'day' }],
  sort: [1],
  properties: { 'write.metadata.metrics.default': 'truncate(4)' },
};
/** 2025-03-01. */
const DAY = 20148;

const rowsOf = (day: number, count = 1000): string => `(
  SELECT make_timestamptz(${day * 86_400_000_000}::BIGINT + ((r * 7919) % ${count}) * 86399999 // ${count} * 1000 + 123) AS ts,
    format('{:032x}', r * 12345678901)::UUID AS id,
    CASE WHEN r % 10 = 0 THEN NULL ELSE 'naïve' || chr(128512) || r END AS "a ""name""",
    9007199254740993 + r AS n, -r AS i, CASE WHEN r = 5 THEN NULL ELSE r * -1.5 END AS d, (r - 300) / 100.0 AS amount, DATE '1969-12-01' + r::INTEGER AS day,
    r % 2 = 0 AS b, encode('\\xFF' || r) AS bin, NULL AS nothing, CASE WHEN r % 7 = 0 THEN NULL ELSE map(['a', 'k' || r], [r, NULL]) END AS m
  FROM range(${count}) t(r))`;

describe('Iceberg writer', () => {
  let folder: string;
  let instance: DuckDBInstance;
  let connection: DuckDBConnection;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'timeline-writer-'));
    instance = await DuckDBInstance.create(':memory:');
    connection = await instance.connect();
    // Another zone than UTC: it must not get into bounds.
    await connection.run("SET TimeZone = 'America/New_York'");
  });

  after(async () => {
    connection.closeSync();
    instance.closeSync();
    await rm(folder, { recursive: true, force: true });
  });

  const query = async (sql: string) => (await connection.runAndReadAll(sql)).getRowsJson();

  const newTable = async (name: string): Promise<TableTarget> => {
    const target: TableTarget = {
      catalog: { file: join(folder, 'catalog.db'), name: 'test' },
      id: { namespace: 'ns', table: name },
      table: TABLE,
      storage: { location: `file://${folder}/warehouse/${name}`, folder: join(folder, 'warehouse', name) },
    };
    await createNamespace(target.catalog, 'ns');
    await createTable(target);
    return target;
  };

  const writeFile = (target: TableTarget, day: number, name: string, count?: number): Promise<DataFile> =>
    writeDataFile({ connection, relation: rowsOf(day, count), table: TABLE, storage: target.storage, partition: [day], name });

  describe('bounds', () => {
    const bound = (type: Parameters<typeof encodeBound>[0]['type'], text: string, side: 'lower' | 'upper' = 'lower', truncate = 16) => {
      const bytes = encodeBound({ type, text, side, truncate });
      return bytes && Buffer.from(bytes).toString('hex');
    };

    it('are in the single-value serialization of the format', () => {
      assert.equal(bound('boolean', '1'), '01');
      assert.equal(bound('int', '-2'), 'feffffff');
      assert.equal(bound('long', '9223372036854775807'), 'ffffffffffffff7f');
      assert.equal(bound('float', '1.5'), '0000c03f');
      assert.equal(bound('double', '0'), '0000000000000080', 'a lower zero is -0');
      assert.equal(bound('double', '-0.0', 'upper'), '0000000000000000');
      assert.equal(bound('date', '1969-12-31'), 'ffffffff');
      assert.equal(bound('time', '00:00:01.000001'), '41420f0000000000');
      assert.equal(bound('timestamptz', '1970-01-01 00:00:00.000001+00'), '0100000000000000');
      assert.equal(bound('timestamp', '1969-12-31 23:59:59.999999'), 'ffffffffffffffff');
      assert.equal(bound('uuid', 'f79c3e09-677c-4bbd-a479-3f349cb785e7'), 'f79c3e09677c4bbda4793f349cb785e7');
      assert.equal(bound('decimal(9, 2)', '-1.28'), '80');
      assert.equal(bound('decimal(9, 2)', '1.28'), '0080');
      assert.equal(bound('decimal(38, 0)', '-32769'), 'ff7fff');
    });

    it('are left out where the text is not plain', () => {
      assert.equal(bound('timestamptz', '294247-01-10 04:00:54.775806+00'), undefined);
      assert.equal(bound('timestamp', 'infinity'), undefined);
      assert.equal(bound('date', '0044-03-15 (BC)'), undefined);
      assert.equal(bound('double', 'nan'), undefined);
    });

    it('of cut texts round up', () => {
      const upper = (text: string, truncate: number) => {
        const bytes = encodeBound({ type: 'string', text, side: 'upper', truncate });
        return bytes && Buffer.from(bytes).toString();
      };
      assert.equal(upper('abcd', 3), 'abd');
      assert.equal(upper('abc', 3), 'abc');
      assert.equal(upper('a\u{10ffff}x', 2), 'b');
      assert.equal(upper('\u{10ffff}\u{10ffff}', 1), undefined);
      assert.equal(upper('\ud7ffx', 1), '\ue000');
      assert.equal(bound('binary', '01ffff', 'upper', 2), '02');
      assert.equal(bound('binary', 'ffff', 'upper', 1), undefined);
    });

    it('hold every text and every binary between them', () => {
      fc.assert(
        fc.property(fc.string({ unit: 'binary', maxLength: 12 }), fc.integer({ min: 1, max: 6 }), (text, truncate) => {
          const value = Buffer.from(text);
          for (const [type, form] of [
            ['string', text],
            ['binary', value.toString('hex')],
          ] as const) {
            const lower = encodeBound({ type, text: form, side: 'lower', truncate });
            const upper = encodeBound({ type, text: form, side: 'upper', truncate });
            assert.ok(lower && Buffer.compare(lower, value) <= 0);
            assert.ok(upper === undefined || Buffer.compare(upper, value) >= 0);
          }
        }),
      );
    });
  });

  it('keeps 64-bit snapshot ids through parsing and printing', () => {
    const text =
      '{"current-snapshot-id":6342226237375325428,"properties":{"x":"\\"snapshot-id\\": 5","source-snapshot-id":"12"},"snapshots":[{"parent-snapshot-id":-9223372036854775807}]}';
    assert.equal(printMetadata(parseMetadata(text, 'x')), text);
    assert.throws(
      () => parseMetadata('{"current', 'ns/t/metadata/v1.json'),
      (error) => error instanceof TimelineError && error.message.includes('ns/t/metadata/v1.json'),
    );
  });

  it('writes data files that DuckDB reads back, with field ids', async () => {
    const target = await newTable('round_trip');
    const file = await writeFile(target, DAY, 'a');
    const path = file.path.slice('file://'.length);
    assert.ok(path.endsWith('/data/ts_day=2025-03-01/a.parquet'));
    const columns = TABLE.columns.map(({ name }) => `"${name.replaceAll('"', '""')}"`).join(', ');
    const typed = `(SELECT ts, id, "a ""name""", n::BIGINT AS n, i::INTEGER AS i, d::DOUBLE AS d, amount::DECIMAL(12, 2) AS amount, day, b, bin, nothing::VARCHAR AS nothing, m::MAP(VARCHAR, BIGINT) AS m FROM ${rowsOf(DAY)})`;
    assert.deepEqual(
      await query(`SELECT ${columns} FROM read_parquet('${path}', hive_partitioning = false)`),
      await query(`SELECT ${columns} FROM ${typed} ORDER BY ts`),
    );
    const ids = await query(`SELECT name, field_id FROM parquet_schema('${path}') WHERE field_id IS NOT NULL ORDER BY field_id`);
    assert.deepEqual(
      ids,
      [...TABLE.columns.map(({ name, id }) => [name, String(id)]), ['key', '13'], ['value', '14']].map(([name, id]) => [name, String(id)]),
    );
    const [uuid] = await query(`SELECT type, type_length FROM parquet_schema('${path}') WHERE name = 'id'`);
    assert.deepEqual(uuid, ['FIXED_LEN_BYTE_ARRAY', '16']);
  });

  it('tells statistics that are true of the file', async () => {
    const target = await newTable('statistics');
    const file = await writeFile(target, DAY, 'a', 300_000);
    assert.equal(file.records, 300_000);
    assert.equal(file.splitOffsets.length, 3);
    assert.equal(file.splitOffsets[0], 4);
    assert.equal(file.bytes, (await readFile(file.path.slice('file://'.length))).length);
    assert.equal(file.valueCounts.get(3), 300_000);
    assert.equal(file.nullCounts.get(3), 30_000);
    assert.equal(file.nullCounts.get(11), 300_000);
    // Maps: the counts are of their elements, and they have no bounds.
    const [counts] = await query(`SELECT sum(cardinality(m))::BIGINT, count(*) FILTER (WHERE m IS NOT NULL) FROM ${rowsOf(DAY, 300_000)}`);
    assert.equal(String(file.valueCounts.get(13)), String(Number(counts?.[0]) + 300_000 - Number(counts?.[1])));
    assert.deepEqual([...file.lowerBounds.keys()], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    assert.deepEqual([...file.upperBounds.keys()], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    const [ends] = await query(
      `SELECT epoch_us(min(ts)), epoch_us(max(ts)), min(n), max(n), min("a ""name"""), max("a ""name""") FROM ${rowsOf(DAY, 300_000)}`,
    );
    const long = (bytes: Uint8Array | undefined) =>
      Buffer.from(bytes ?? [])
        .readBigInt64LE()
        .toString();
    assert.deepEqual(
      [long(file.lowerBounds.get(1)), long(file.upperBounds.get(1)), long(file.lowerBounds.get(4)), long(file.upperBounds.get(4))],
      ends?.slice(0, 4),
    );
    const [least, most] = [String(ends?.[4]), String(ends?.[5])].map((text) => Buffer.from(text));
    assert.ok(least && most && Buffer.compare(file.lowerBounds.get(3) ?? most, least) <= 0);
    assert.ok(Buffer.compare(file.upperBounds.get(3) ?? least, most) >= 0);
    assert.equal([...Buffer.from(file.upperBounds.get(3) ?? []).toString()].length, 4);
  });

  it('refuses rows outside of the partition', async () => {
    const target = await newTable('outside');
    const wrong = writeDataFile({
      connection,
      relation: rowsOf(DAY),
      table: TABLE,
      storage: target.storage,
      partition: [DAY + 1],
      name: 'a',
    });
    await assert.rejects(wrong, (error) => error instanceof TimelineError && error.sqlstate === '23514');
    const mixed = `(FROM ${rowsOf(DAY, 10)} UNION ALL FROM ${rowsOf(DAY + 1, 10)})`;
    const both = writeDataFile({ connection, relation: mixed, table: TABLE, storage: target.storage, partition: [DAY], name: 'b' });
    await assert.rejects(both, (error) => error instanceof TimelineError && error.sqlstate === '23514');
  });

  describe('commits', () => {
    it('make a table once', async () => {
      const target = await newTable('once');
      await assert.rejects(createTable(target), (error) => error instanceof TimelineError && error.sqlstate === '42P07');
      const missing = { ...target, id: { namespace: 'ns', table: 'missing' }, files: [] };
      await assert.rejects(appendFiles(missing), (error) => error instanceof TimelineError && error.sqlstate === '42P01');
    });

    it('move the catalog only from what they read', async () => {
      const target = await newTable('swap');
      const now = await metadataLocation(target.catalog, target.id);
      assert.equal(await swapMetadata(target.catalog, target.id, `${now}x`, 'elsewhere'), false);
      assert.equal(await metadataLocation(target.catalog, target.id), now);
      assert.equal(await swapMetadata(target.catalog, target.id, now, `${now}2`), true);
      assert.equal(await metadataLocation(target.catalog, target.id), `${now}2`);
    });

    it('wait for whoever holds the catalog', async () => {
      const target = await newTable('locked');
      const lock = `${target.catalog.file}.lock`;
      await mkdir(lock);
      const waiting = metadataLocation(target.catalog, target.id);
      let done = false;
      void waiting.then(() => {
        done = true;
      });
      await sleep(100);
      assert.equal(done, false);
      await rmdir(lock);
      assert.match(await waiting, /00000-.*\.metadata\.json$/);
    });

    it('name a manifest list that is cut off or damaged', async () => {
      const target = await newTable('damaged');
      const file = await writeFile(target, DAY, 'a', 10);
      await appendFiles({ ...target, files: [file] });
      const list = (await readdir(join(target.storage.folder, 'metadata'))).find((name) => name.startsWith('snap-')) ?? '';
      const path = join(target.storage.folder, 'metadata', list);
      const whole = await readFile(path);
      assert.equal((await earlierManifests(whole, list)).length, 1);
      for (let length = 0; length < whole.length; length += 7) {
        try {
          // Cut exactly after the header it is an Avro file without records.
          assert.equal((await earlierManifests(whole.subarray(0, length), list)).length, 0);
        } catch (error) {
          assert.ok(error instanceof TimelineError && error.sqlstate === 'XX001' && error.message.includes(list), String(error));
        }
      }
      await writeFileBytes(path, whole.subarray(0, whole.length - 1));
      const before = await metadataLocation(target.catalog, target.id);
      await assert.rejects(
        appendFiles({ ...target, files: [file] }),
        (error) => error instanceof TimelineError && error.sqlstate === 'XX001',
      );
      assert.equal(await metadataLocation(target.catalog, target.id), before);
    });

    it('of several appenders at once all land', async () => {
      const target = await newTable('concurrent');
      const files: DataFile[] = [];
      for (let i = 0; i < 4; i++) files.push(await writeFile(target, DAY + i, `f${i}`, 100));
      const ids = await Promise.all(files.map((file) => appendFiles({ ...target, files: [file] })));
      assert.equal(new Set(ids).size, 4);
      const location = await metadataLocation(target.catalog, target.id);
      const metadata = JSON.parse(await readFile(location.slice('file://'.length), 'utf8')) as {
        snapshots: { 'snapshot-id': number; 'parent-snapshot-id'?: number; 'sequence-number': number; summary: Record<string, string> }[];
        'last-sequence-number': number;
      };
      assert.deepEqual(new Set(metadata.snapshots.map((snapshot) => BigInt(snapshot['snapshot-id']))), new Set(ids));
      assert.deepEqual(
        metadata.snapshots.map((snapshot) => snapshot['sequence-number']),
        [1, 2, 3, 4],
      );
      assert.deepEqual(
        metadata.snapshots.map((snapshot) => snapshot['parent-snapshot-id']),
        [undefined, ...metadata.snapshots.slice(0, 3).map((s) => s['snapshot-id'])],
      );
      assert.equal(metadata.snapshots.at(-1)?.summary['total-records'], '400');
      const parts = await readdir(join(target.storage.folder, 'metadata'));
      assert.deepEqual(
        parts.filter((name) => name.endsWith('.part')),
        [],
      );
    });
  });

  describe('beside pyiceberg', () => {
    let python: string;

    before(async function () {
      this.timeout(600_000);
      const found = await pyicebergPython();
      if (found === undefined) return this.skip();
      python = found;
    });

    const SCRIPT = `
import sys, json
from pyiceberg.catalog.sql import SqlCatalog
table = SqlCatalog('test', uri='sqlite:///' + sys.argv[1]).load_table(sys.argv[2])
plan = lambda f: [len(list(table.scan(row_filter=f).plan_files())), table.scan(row_filter=f).to_arrow().num_rows]
rows = table.scan().to_arrow()
print(json.dumps({'schema': str(table.schema()), 'rows': rows.num_rows, 'n': str(sum(rows['n'].to_pylist())), 'plans': [plan(f) for f in json.loads(sys.argv[3])],
  'history': [len(list(table.scan(snapshot_id=s.snapshot_id).plan_files())) for s in table.snapshots()]}))`;

    it('has all rows, prunes by day and by bounds, and keeps its history', async () => {
      const target = await newTable('py');
      for (let i = 0; i < 3; i++) await appendFiles({ ...target, files: [await writeFile(target, DAY + i, `f${i}`, 100 * (i + 1))] });
      const filters = [
        "ts >= '2025-03-02T00:00:00+00:00' and ts < '2025-03-03T00:00:00+00:00'",
        "ts >= '2025-03-04T00:00:00+00:00'",
        'n > 9007199254741192',
        'i < -250',
        'n = 5',
        'amount >= 0',
        "nothing = 'x'",
        "id = '00000000-0000-0000-0000-000000000000'",
      ];
      const answer = (await runPython(python, SCRIPT, [target.catalog.file, 'ns.py', JSON.stringify(filters)])) as Record<string, unknown>;
      const expected = (day: number, count: number) => query(`SELECT sum(n)::VARCHAR FROM ${rowsOf(day, count)}`);
      let sum = 0n;
      for (let i = 0; i < 3; i++) sum += BigInt(String((await expected(DAY + i, 100 * (i + 1)))[0]?.[0]));
      assert.equal(answer['rows'], 600);
      assert.equal(answer['n'], String(sum));
      assert.deepEqual(answer['plans'], [
        [1, 200],
        [0, 0],
        [1, 100],
        [1, 49],
        [0, 0],
        [0, 0],
        [0, 0],
        [3, 3],
      ]);
      assert.deepEqual(answer['history'], [1, 2, 3]);
      assert.match(String(answer['schema']), /2: id: optional uuid/);
      assert.match(String(answer['schema']), /12: m: optional map<string, long>/);
    });

    it('appends to what pyiceberg appended', async () => {
      const target = await newTable('mixed');
      await appendFiles({ ...target, files: [await writeFile(target, DAY, 'a', 100)] });
      const append = `
import sys, json
from pyiceberg.catalog.sql import SqlCatalog
table = SqlCatalog('test', uri='sqlite:///' + sys.argv[1]).load_table(sys.argv[2])
table.append(table.scan(row_filter='i > -10').to_arrow())
print(json.dumps(table.scan().to_arrow().num_rows))`;
      assert.equal(await runPython(python, append, [target.catalog.file, 'ns.mixed']), 110);
      await appendFiles({ ...target, files: [await writeFile(target, DAY + 1, 'b', 50)] });
      const answer = (await runPython(python, SCRIPT, [target.catalog.file, 'ns.mixed', '[]'])) as Record<string, unknown>;
      assert.equal(answer['rows'], 160);
      assert.deepEqual(answer['history'], [1, 2, 3]);
    });
  });
});
