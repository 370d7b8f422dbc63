import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { after, before, describe, it } from 'mocha';
import type { IcebergConnector } from '../../connectors/iceberg/connector.js';
import { parseFilter } from './filters.js';
import {
  type ExpectedRows,
  expectedTables,
  openConnector,
  readTable,
  sparkConfig,
  sqlConfig,
  temporaryFolder,
} from './iceberg-fixtures.js';
import { digest } from './relation-rows.js';

const EMPTY = digest([]);
/** Read right, with every snapshot and ref. */
const READ = [
  'events_day',
  'events_bucket',
  'evolve',
  'types',
  'refs',
  'empty',
  'v2_posdel',
  'v2_eqdel',
  'v3_dv',
  'imported',
  'v3_types',
  'avro_data',
];

describe('Iceberg fixture tables', () => {
  const cache = temporaryFolder();
  const expected = expectedTables();
  let py: IcebergConnector;
  let spark: IcebergConnector;

  before(async () => {
    py = await openConnector(sqlConfig(), cache);
    spark = await openConnector(sparkConfig(), cache);
  });

  after(async () => {
    await py.close();
    await spark.close();
    rmSync(cache, { recursive: true });
  });

  it('lists the tables of both catalogs', async () => {
    const names = (tables: readonly { schema: string; table: string }[]): string[] =>
      tables.map(({ schema, table }) => `${schema}.${table}`).sort();
    assert.deepEqual(
      names(await py.tables()),
      ['empty', 'events_bucket', 'events_day', 'evolve', 'imported', 'refs', 'types'].map((name) => `py.${name}`),
    );
    assert.deepEqual(
      names(await spark.tables()),
      ['avro_data', 'v2_eqdel', 'v2_posdel', 'v3_dv', 'v3_types'].map((name) => `db.${name}`),
    );
  });

  it('covers every fixture table', () => {
    assert.deepEqual([...READ].sort(), Object.keys(expected).sort());
  });

  const check = (actual: { rows: string[]; columns: string[] }, wanted: ExpectedRows): void => {
    assert.equal(actual.rows.length, wanted.rows);
    if (wanted.columns !== undefined) assert.deepEqual(actual.columns, wanted.columns);
    assert.equal(digest(actual.rows), wanted.sha256 ?? EMPTY);
  };

  for (const name of READ) {
    const table = expected[name]!;
    const isPy = table.writer === 'pyiceberg';
    const schema = isPy ? 'py' : 'db';
    const connector = (): IcebergConnector => (isPy ? py : spark);
    it(`${name}: current`, async () => {
      check(await readTable({ connector: connector(), schema, expected: table }), table.current);
    });
    for (const [index, snapshot] of table.snapshots.entries()) {
      it(`${name}: snapshot ${index}`, async () => {
        check(await readTable({ connector: connector(), schema, expected: table, asOf: snapshot.id }), snapshot);
      });
    }
    for (const [ref, wanted] of Object.entries(table.refs ?? {})) {
      it(`${name}: ref ${ref}`, async () => {
        check(await readTable({ connector: connector(), schema, expected: table, asOf: ref }), wanted);
      });
    }
    for (const query of table.queries) {
      it(`${name}: ${query.filter}`, async () => {
        const description = (await connector().describe({ schema, table: name }))!;
        const filter = parseFilter(query.filter, new Map(description.columns.map((column) => [column.name, column.type.oid])));
        // DuckDB's session is not in UTC here, so texts without a zone get one.
        const where = query.filter.replace(/'(\d{4}-\d\d-\d\d)'/g, (all, date: string) =>
          /DATE\s*$/.test(query.filter.split(all)[0]!) ? all : `'${date}T00:00:00Z'`,
        );
        const pruned = await readTable({ connector: connector(), schema, expected: table, filters: [filter], where });
        check(pruned, { ...query, columns: pruned.columns });
        if (query.files_planned !== null && query.files_planned !== undefined)
          assert.ok(pruned.files <= query.files_planned, `${pruned.files} files planned, pyiceberg ${query.files_planned}`);
        const whole = await readTable({ connector: connector(), schema, expected: table, where });
        assert.deepEqual(pruned.rows, whole.rows);
      });
    }
  }

  it('finds the snapshot of an instant', async () => {
    const table = expected['refs']!;
    const instant = (ms: number): string => new Date(ms).toISOString().replace('T', ' ').replace('Z', '+00');
    const first = table.snapshots[0]!;
    assert.equal((await py.pin({ schema: 'py', table: 'refs' }, instant(first.ts!))).snapshot, first.id);
    assert.equal((await py.pin({ schema: 'py', table: 'refs' }, instant(first.ts! + 1))).snapshot, first.id);
    assert.equal((await py.pin({ schema: 'py', table: 'refs' }, '9999-01-01 00:00:00+00')).snapshot, table.refs!['main']!.snapshot);
    await assert.rejects(py.pin({ schema: 'py', table: 'refs' }, '2001-01-01 00:00:00+00'), { sqlstate: '22023' });
    await assert.rejects(py.pin({ schema: 'py', table: 'refs' }, 'nosuch'), {
      sqlstate: '22023',
      message: 'table py.refs has no snapshot, branch or tag "nosuch"',
    });
    await assert.rejects(py.pin({ schema: 'py', table: 'nosuch' }), { sqlstate: '42P01' });
    assert.equal(await py.describe({ schema: 'py', table: 'nosuch' }), undefined);
  });
});
