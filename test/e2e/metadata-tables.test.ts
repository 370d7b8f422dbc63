import assert from 'node:assert/strict';
import type pg from 'pg';
import { expectedTables, FIXTURES } from '../connectors/iceberg-fixtures.js';
import { pyicebergPython, runPython } from '../connectors/pyiceberg.js';
import { hasPsql, runPsql } from '../support/psql.js';
import { tempFolder } from '../support/temp-folder.js';
import { startTimeline, type TimelineServer } from '../support/timeline-server.js';
import { fixtureConfig } from './fixtures.js';

/** What pyiceberg says of a table, moved as the fixtures are: rows as JSON. */
const INSPECT = `
import json, sys, datetime
from pyiceberg.io.pyarrow import PyArrowFileIO
from pyiceberg.table import StaticTable
folder, metadata, snapshot = sys.argv[1], sys.argv[2], (int(sys.argv[3]) if sys.argv[3] else None)
plain = PyArrowFileIO.new_input
PyArrowFileIO.new_input = lambda self, location: plain(self, location.replace('file:///fixtures/iceberg', folder).replace('file:/fixtures/iceberg', folder))
table = StaticTable.from_metadata(folder + '/' + metadata)
inspect = table.inspect
def rows(arrow): return arrow.to_pylist()
def ms(value): return round(value.timestamp() * 1000) if value.tzinfo else round(value.replace(tzinfo=datetime.timezone.utc).timestamp() * 1000)
def plain_number(value): return value if isinstance(value, (int, float, str)) and not isinstance(value, bool) else None
out = {}
out['snapshots'] = [[ms(r['committed_at']), str(r['snapshot_id']), r['parent_id'] and str(r['parent_id']), r['operation'], r['manifest_list']] for r in rows(inspect.snapshots())]
out['history'] = [[ms(r['made_current_at']), str(r['snapshot_id']), r['parent_id'] and str(r['parent_id']), r['is_current_ancestor']] for r in rows(inspect.history())]
out['refs'] = [[r['name'], r['type'], str(r['snapshot_id'])] for r in rows(inspect.refs())]
out['manifests'] = [[r['content'], r['path'], str(r['length']), r['partition_spec_id'], str(r['added_snapshot_id']), r['added_data_files_count'], r['existing_data_files_count'], r['deleted_data_files_count'], r['added_delete_files_count'], r['existing_delete_files_count'], r['deleted_delete_files_count']] for r in rows(inspect.manifests())]
def metrics(r):
  return {name: [m['column_size'], m['value_count'], m['null_value_count'], plain_number(m['lower_bound']), plain_number(m['upper_bound'])] for name, m in r['readable_metrics'].items()}
out['files'] = [[r['content'], r['file_path'], r['file_format'], r['spec_id'], str(r['record_count']), str(r['file_size_in_bytes']), [str(x) for x in r['split_offsets'] or []], r['sort_order_id'], metrics(r)] for r in rows(inspect.files(snapshot_id=snapshot))]
out['partitions'] = sorted([str(r['record_count']), str(r['file_count']), str(r['total_data_file_size_in_bytes']), str(r['position_delete_file_count']), str(r['equality_delete_file_count']), r.get('spec_id', 0) or 0, str(r['last_updated_snapshot_id'])] for r in rows(inspect.partitions(snapshot_id=snapshot)))
print(json.dumps(out))
`;

describe('tables about tables', () => {
  let home: Awaited<ReturnType<typeof tempFolder>>;
  let server: TimelineServer;
  let client: pg.Client;

  before(async () => {
    home = await tempFolder('e2e-metadata-tables');
    server = await startTimeline({ home: home.path, config: fixtureConfig() });
    client = await server.connect();
  });
  after(async () => {
    await client?.end();
    await server?.stop();
    await home?.remove();
  });

  async function rowsOf(sql: string): Promise<unknown[][]> {
    return (await client.query({ text: sql, rowMode: 'array' })).rows as unknown[][];
  }

  const ms = (instant: unknown): number => (instant as Date).getTime();
  const byText = (rows: readonly unknown[]): unknown[] => [...rows].sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));

  type Metrics = Record<string, (number | string | null)[]>;

  /** The same as INSPECT gives, from our tables. */
  async function ours(name: string, snapshot: string): Promise<Record<string, unknown[]>> {
    const at = (suffix: string): string => (snapshot === '' ? `py.${name}$${suffix}` : `at_snapshot('py.${name}$${suffix}', ${snapshot})`);
    const snapshots = await rowsOf(`SELECT committed_at, snapshot_id, parent_id, operation, manifest_list FROM py.${name}$snapshots`);
    const history = await rowsOf(`SELECT made_current_at, snapshot_id, parent_id, is_current_ancestor FROM py.${name}$history`);
    const files = await rowsOf(
      `SELECT content, file_path, file_format, spec_id, record_count, file_size_in_bytes, split_offsets, sort_order_id,
        column_sizes, value_counts, null_value_counts, lower_bounds, upper_bounds FROM ${at('files')}`,
    );
    return {
      snapshots: snapshots.map(([time, ...rest]) => [ms(time), ...rest]),
      history: history.map(([time, ...rest]) => [ms(time), ...rest]),
      refs: await rowsOf(`SELECT name, type, snapshot_id FROM py.${name}$refs`),
      manifests: await rowsOf(
        `SELECT content, path, length, partition_spec_id, added_snapshot_id, added_data_files_count, existing_data_files_count,
          deleted_data_files_count, added_delete_files_count, existing_delete_files_count, deleted_delete_files_count FROM py.${name}$manifests`,
      ),
      files: files.map((row) => [...row.slice(0, 6), row[6] ?? [], row[7], row.slice(8)]),
      partitions: await rowsOf(
        `SELECT record_count, file_count, total_data_file_size_in_bytes, position_delete_file_count, equality_delete_file_count, spec_id,
          last_updated_snapshot_id FROM ${at('partitions')}`,
      ),
    };
  }

  // pyiceberg cannot inspect tables with columns of type uuid.
  const inspected = Object.values(expectedTables()).filter(
    (one) => one.writer === 'pyiceberg' && one.snapshots.length > 0 && one.table !== 'types',
  );
  for (const table of inspected) {
    it(`py.${table.table}: as pyiceberg inspects it, now and at its first snapshots`, async function () {
      const python = await pyicebergPython();
      if (python === undefined) return this.skip();
      for (const snapshot of ['', ...table.snapshots.slice(0, 2).map((one) => one.id)]) {
        const theirs = (await runPython(python, INSPECT, [FIXTURES, table.metadata, snapshot])) as Record<string, unknown[][]>;
        const found = await ours(table.table, snapshot);
        for (const what of ['snapshots', 'history', 'refs', 'manifests', 'partitions']) {
          assert.deepEqual(byText(found[what] ?? []), byText(theirs[what] ?? []), `${what} at ${snapshot}`);
        }
        const head = (row: unknown[]): unknown[] => row.slice(0, 8);
        const files = byText(found['files'] ?? []) as unknown[][];
        const expected = byText(theirs['files'] ?? []) as unknown[][];
        assert.deepEqual(files.map(head), expected.map(head), `files at ${snapshot}`);
        // It names columns as the table does today, we as it did then.
        if (snapshot !== '') continue;
        for (const [n, file] of files.entries()) checkMetrics(file[8] as Record<string, unknown>[], expected[n]?.[8] as Metrics);
      }
    });
  }

  function checkMetrics(found: readonly Record<string, unknown>[], expected: Metrics): void {
    for (const [column, values] of Object.entries(expected)) {
      values.forEach((value, n) => {
        // jsonb has one zero.
        if (value !== null) assert.deepEqual(found[n]?.[column], value === 0 ? 0 : value, `${column}, ${n}`);
      });
    }
  }

  it('names sequence numbers, deletes and their columns of tables by Spark', async () => {
    const { snapshots } = expectedTables()['v2_eqdel'] ?? { snapshots: [] };
    const deletes = await rowsOf('SELECT equality_ids, partition, sequence_number FROM db.v2_eqdel$files WHERE content = 2 ORDER BY 3');
    assert.ok(deletes.length > 0);
    for (const [ids, partition, sequence] of deletes) {
      assert.deepEqual(ids, [1]);
      assert.equal(typeof partition, 'object');
      assert.ok(Number(sequence) > 1);
    }
    const known = (await rowsOf('SELECT snapshot_id FROM db.v2_eqdel$snapshots')).flat();
    assert.deepEqual(
      known,
      snapshots.map((one) => one.id),
    );
    const vectors = await rowsOf(
      `SELECT content, file_format, content_size_in_bytes > 0 FROM at_snapshot('db.v3_dv$files', 4715078812147877035) WHERE content <> 0`,
    );
    assert.ok(vectors.length > 0);
    for (const vector of vectors) assert.deepEqual(vector, [1, 'PUFFIN', true]);
  });

  it('joins with each other, in views, under timeline.as_of; unknown ones do not exist', async () => {
    const joined = await rowsOf(
      `SELECT count(*) FROM py."events_bucket$files" f JOIN py.events_bucket$snapshots s ON s.snapshot_id = f.added_snapshot_id`,
    );
    assert.deepEqual(joined, await rowsOf('SELECT count(*) FROM py.events_bucket$files'));
    await client.query('CREATE TEMP VIEW sizes AS SELECT sum(record_count) AS rows FROM py.refs$files');
    assert.deepEqual(await rowsOf('SELECT rows FROM sizes'), [['3']]);
    await client.query(`SET timeline.as_of = 'v1'`);
    assert.deepEqual(await rowsOf('SELECT rows FROM sizes'), [['1']]);
    assert.deepEqual(await rowsOf('SELECT count(*) FROM py.events_day$snapshots'), [['3']]);
    await client.query('RESET timeline.as_of');
    await client.query('DROP VIEW sizes');
    await assert.rejects(rowsOf('SELECT * FROM py.refs$nope'), /relation "py\.refs\$nope" does not exist/);
    await assert.rejects(rowsOf('SELECT nope FROM py.refs$files'), /column "nope" does not exist/);
    assert.deepEqual(await rowsOf(`SELECT count(*) FROM timeline.tables WHERE table_name LIKE '%$%'`), [['0']]);
    assert.deepEqual(await rowsOf('SELECT count(*) FROM py.empty$files'), [['0']]);
  });

  it('psql lists none of them', async function () {
    if (!(await hasPsql())) return this.skip();
    await runPsql(server, 'SELECT * FROM py.refs$files');
    const { stdout } = await runPsql(server, '\\dt py.*\n', []);
    assert.match(stdout, /refs/);
    assert.doesNotMatch(stdout, /\$/);
  });
});
