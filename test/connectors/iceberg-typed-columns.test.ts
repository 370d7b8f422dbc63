import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'mocha';
import type { IcebergConnector } from '../../connectors/iceberg/connector.js';
import { parseFields } from '../../connectors/iceberg/format/schema.js';
import { TimelineError } from '../../sql/errors.js';
import { parseFilter } from './filters.js';
import { expectedTables, openConnector, sparkConfig, sqlConfig, temporaryFolder } from './iceberg-fixtures.js';
import { METER, newLake, SIGNAL, writeRows } from './iceberg-lake.js';
import { type RandomTable, tableWriters } from './random-tables.js';
import { assertSame, compareColumns, parquetColumns, readTwice } from './typed-rows.js';

const SEED = Number(process.env['TIMELINE_FUZZ_SEED'] ?? 1);
const TABLES = Number(process.env['TIMELINE_FUZZ_CASES'] ?? 6);
/** More than two row groups of ours. */
const BIG_ROWS = 280_000;

/** Columns of the fixtures' tables that are read from their files as they are; tables that are not here have deletes, no files, or Avro. */
const EVENTS = ['event_id', 'entity_id', 'event_type', 'ts', 'value'];
const OFFERED: Readonly<Record<string, readonly string[]>> = {
  'py.events_day': EVENTS,
  'py.events_bucket': EVENTS,
  'py.evolve': ['dt', 'id', 'alpha', 'f', 'd', 'dead'],
  'py.types': ['b', 'i', 'l', 'f', 'd', 'dec', 'dt', 'tm', 'ts', 'tz', 's', 'u', 'fx', 'bin'],
  'py.imported': ['id', 'label'],
  'py.refs': ['id', 'v'],
  'db.v3_types': ['id', 'newcol'],
};

describe('Typed columns of Iceberg tables', function () {
  this.timeout(600_000);
  const cache = temporaryFolder();
  let connectors: Record<'py' | 'db', IcebergConnector>;
  before(async () => {
    connectors = { py: await openConnector(sqlConfig(), cache), db: await openConnector(sparkConfig(), cache) };
  });
  after(async () => {
    await Promise.all(Object.values(connectors).map((one) => one.close()));
    rmSync(cache, { recursive: true });
  });

  let inSnapshots = 0;
  for (const { table, writer, snapshots } of Object.values(expectedTables())) {
    const schema = writer.startsWith('spark') ? 'db' : 'py';
    it(`${schema}.${table}: each column of each snapshot as the relation gives it`, async () => {
      const connector = connectors[schema];
      for (const asOf of [undefined, ...snapshots.map(({ id }) => id)]) {
        const offered = await compareColumns(connector, { schema, table }, asOf);
        if (asOf === undefined) assert.deepEqual(offered, OFFERED[`${schema}.${table}`] ?? [], 'columns that are offered');
        inSnapshots += offered.length;
      }
    });
  }

  it('offers tables as they were before they had deletes', () => {
    assert.ok(inSnapshots > 100, `${inSnapshots} columns of snapshots`);
  });

  it('offers whole row groups, and nothing where parts of them are read', async () => {
    const lake = await newLake();
    try {
      const table = { schema: 'ns', table: 'big' };
      const fields = parseFields([
        { id: 1, name: 'id', required: false, type: 'long' },
        { id: 2, name: 'digest', required: false, type: 'string' },
        { id: 3, name: 'at', required: false, type: 'timestamptz' },
        { id: 4, name: 'kind', required: false, type: 'string' },
        { id: 5, name: 'price', required: false, type: 'decimal(9, 2)' },
      ]);
      const { handle } = await lake.writer.beginTable({ table, fields, options: { 'timeline.key': 'id' } }, SIGNAL);
      const select = `SELECT range AS id, md5(range::VARCHAR) AS digest, make_timestamptz(1700000000000000 + range) AS at,
        CASE WHEN range % 5 = 0 THEN NULL ELSE 'kind ' || (range % 9) END AS kind, (range % 1000)::DECIMAL(9, 2) AS price FROM range(${BIG_ROWS})`;
      const written = await writeRows(lake, lake.writer, handle, select);
      await lake.writer.commit(handle, { written, batch: 'big', summary: {}, signal: SIGNAL });
      const read = (options: Partial<Parameters<typeof readTwice>[0]>): ReturnType<typeof readTwice> =>
        readTwice({ connector: lake.connector, table, ...options });
      const whole = await read({});
      assert.equal(whole.parquet?.[0]?.length, BIG_ROWS);
      assertSame(whole, 'whole');
      // Splits of a row group each.
      const parts = await read({ bytes: 1 << 20, columns: ['id', 'kind'] });
      assert.ok(parts.parts > 1);
      assert.equal(parts.parquet?.[0]?.length, BIG_ROWS);
      assertSame(parts, 'parts');
      const types = new Map([['id', 20]]);
      const first = await read({ filters: [parseFilter('id < 1000', types)], skipping: { pageIndex: 'off' } });
      assert.equal(first.parts, 1);
      const rows = first.parquet?.[0]?.length ?? 0;
      assert.ok(rows > 1000 && rows < BIG_ROWS / 2, `${rows} rows`);
      assertSame(first, 'first row group');
      const some = await read({ filters: [parseFilter('id > 1000 AND id < 2000', types)], skipping: { pageIndex: 'on' } });
      assert.equal(some.parquet, undefined);
      assert.ok((some.relation[0]?.length ?? 0) < rows);
    } finally {
      await lake.close();
    }
  });

  it('tell of damage with the file and the table', async () => {
    const lake = await newLake();
    try {
      const table = { schema: 'ns', table: 'torn' };
      const fields = parseFields([{ id: 1, name: 'id', required: false, type: 'long' }]);
      const { handle } = await lake.writer.beginTable({ table, fields, options: {} }, SIGNAL);
      const written = await writeRows(lake, lake.writer, handle, 'SELECT range * 7919 % 104729 AS id FROM range(5000)');
      await lake.writer.commit(handle, { written, batch: 'torn', summary: {}, signal: SIGNAL });
      const columns = (await lake.connector.describe(table))?.columns ?? [];
      const pinned = await lake.connector.pin(table);
      const { splits } = await lake.connector.splits(pinned.handle, SIGNAL);
      const data = splits.map((split) => split.data);
      const readable = await lake.connector.read(pinned.handle, data, { columns, meter: METER, signal: SIGNAL });
      if (readable.kind !== 'sql' || readable.parquet === undefined) throw new Error('not offered');
      const [file] = readable.parquet.files;
      assert.ok(file !== undefined && !file.location.includes(lake.folder), file?.location);
      const bytes = readFileSync(file.path);
      writeFileSync(file.path, bytes.fill(255, 4, 400));
      const error = await parquetColumns(
        readable.parquet,
        columns.map(({ type }) => type),
      ).catch((thrown: unknown) => thrown);
      assert.ok(error instanceof TimelineError && error.sqlstate === 'XX001', String(error));
      const told = await readable.explain?.(error);
      assert.equal(told?.sqlstate, 'XX001');
      assert.ok(told.message.startsWith(`file "${file.location}" is corrupt: column "id": `), told.message);
      assert.ok(told.message.endsWith('(table ns.torn)'), told.message);
      await readable.release();
    } finally {
      await lake.close();
    }
  });

  it('of random tables by others are those of the relation', async function () {
    const writers = await tableWriters();
    if (writers.length === 0) this.skip();
    for (const writer of writers) {
      const folder = temporaryFolder();
      await writer.write(folder, SEED, TABLES);
      const tables = JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8')) as readonly RandomTable[];
      const connector = await openConnector({ catalog: writer.catalog(folder), locations: {} }, cache);
      let offered = 0;
      for (const { table, operations, snapshots } of tables) {
        try {
          for (const asOf of [undefined, ...snapshots.map(({ id }) => id)])
            offered += (await compareColumns(connector, { schema: 'db', table }, asOf)).length;
        } catch (error) {
          throw new Error(
            `${writer.name}, seed ${SEED}, ${table} (${operations.join('; ')}): ${error instanceof Error ? error.message : String(error)}`,
          );
        }
      }
      await connector.close();
      rmSync(folder, { recursive: true });
      assert.ok(offered > TABLES, `${writer.name}: ${offered} columns were offered`);
    }
  });
});
