import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseFields } from '../../connectors/iceberg/format/schema.js';
import { readFooter } from '../../connectors/iceberg/read/parquet-footer.js';
import { newLake, readBack, SIGNAL, type TestLake, writeRows } from './iceberg-lake.js';
import { checkWrittenMetrics } from './written-metrics.js';

describe('Iceberg writer at its edges', function () {
  this.timeout(60_000);
  let lake: TestLake;

  before(async () => {
    lake = await newLake('filesystem');
  });
  after(() => lake.close());

  const begin = async (table: string, fields: Parameters<typeof parseFields>[0], options: Record<string, string> = {}) =>
    (await lake.writer.beginTable({ table: { schema: 'ns', table }, fields: parseFields(fields), options }, SIGNAL)).handle;
  const folder = (table: string): string => join(lake.folder, 'warehouse', 'ns', table);
  const refused = (handle: unknown, select: string, sqlstate: string, message: RegExp) =>
    assert.rejects(writeRows(lake, lake.writer, handle, select), { sqlstate, message });

  it('columns of a fixed length come back, with their bounds; other lengths are refused', async () => {
    const fixed = [
      { id: 1, name: 'id', type: 'long' },
      { id: 2, name: 'three', type: 'fixed[3]' },
      { id: 3, name: 'long', type: 'fixed[20]' },
      { id: 4, name: 'list', type: { type: 'list', 'element-id': 5, element: 'fixed[2]' } },
      { id: 6, name: 'part', type: 'fixed[1]' },
    ];
    const rows = `SELECT range AS id, [unhex('000000'), unhex('7fffff'), unhex('80ff00'), NULL][1 + range % 4] AS three,
      unhex(repeat('ff', 19) || printf('%02x', range)) AS long, [[unhex('ff00'), NULL], [], NULL][1 + range % 3] AS list,
      unhex(printf('%02x', 254 + range % 2)) AS part FROM range(40)`;
    const handle = await begin('fixed', fixed, { partitioning: 'part', sorted_by: 'three desc' });
    const written = await writeRows(lake, lake.writer, handle, rows);
    const snapshot = await lake.writer.commit(handle, { written, batch: 'fixed', summary: {}, signal: SIGNAL });
    assert.ok(snapshot);
    assert.deepEqual(await readBack(lake, 'ns', 'fixed', undefined, 'id'), await lake.query(`${rows} ORDER BY id`));
    const metadata = `${folder('fixed')}/metadata/v1.metadata.json`;
    const [id = ''] = /(?<="current-snapshot-id"\s*:\s*)\d+/.exec(readFileSync(metadata, 'utf8')) ?? [];
    const [checked] = (await checkWrittenMetrics([{ metadata: `file://${metadata}`, snapshots: [id], exact: true }], lake.folder)) ?? [];
    if (checked !== undefined) assert.deepEqual(checked, { files: 2, lower: 8, upper: 8, cut: 0, wrong: [] });
    const one = (three: string, list: string) =>
      `SELECT 1::BIGINT AS id, ${three}::BLOB AS three, NULL::BLOB AS long, ${list}::BLOB[] AS list, NULL::BLOB AS part`;
    for (const wrong of ["''", "'ab'", "'abcd'"]) await refused(handle, one(wrong, 'NULL'), '22008', /other than 3 bytes/);
    await refused(handle, one("'abc'", "['ab', 'abc']"), '22008', /other than 2 bytes/);
  });

  it('the time 24:00 is refused, wherever it stands', async () => {
    const handle = await begin('late', [
      { id: 1, name: 't', type: 'time' },
      { id: 2, name: 'list', type: { type: 'list', 'element-id': 3, element: 'time' } },
      { id: 4, name: 'st', type: { type: 'struct', fields: [{ id: 5, name: 'at', type: 'time' }] } },
    ]);
    const row = (t: string, list: string, at: string): string =>
      `SELECT TIME '${t}' AS t, [NULL, TIME '${list}'] AS list, '{"at": "${at}"}' AS st`;
    const last = '23:59:59.999999';
    await refused(handle, row('24:00:00', last, last), '22008', /24:00/);
    await refused(handle, row(last, '24:00:00', last), '22008', /24:00/);
    await refused(handle, row(last, last, '24:00:00'), '22P02', /24:00/);
    assert.equal((await writeRows(lake, lake.writer, handle, row(last, last, last))).length, 1);
  });

  it('what OPTIMIZE writes has the page index and the bloom filters of the keys', async () => {
    const fields = [
      { id: 1, name: 'k', type: 'string' },
      { id: 2, name: 'n', type: 'long' },
      { id: 3, name: 'v', type: 'string' },
    ];
    const options = { 'timeline.key': 'k', 'write.parquet.bloom-filter-enabled.column.n': 'true', sorted_by: 'k' };
    const handle = await begin('keys', fields, options);
    const rows = (first: number): string => `SELECT 'k' || range AS k, range AS n, 'v' || range AS v FROM range(${first}, ${first + 5000})`;
    const written: unknown[] = [];
    for (const first of [0, 5000, 10_000]) written.push(...(await writeRows(lake, lake.writer, handle, rows(first), String(first))));
    await lake.writer.commit(handle, { written, batch: 'keys', summary: {}, signal: SIGNAL });
    const data = (): string[] => readdirSync(join(folder('keys'), 'data')).filter((name) => name.endsWith('.parquet'));
    const before = data();
    assert.equal(before.length, 3);
    const [told] = (await lake.connector.writer?.maintain('optimize', { schema: 'ns', table: 'keys' }, {}, SIGNAL))?.rows ?? [];
    assert.deepEqual(told?.slice(0, 2), ['3', '1']);
    const [made, ...others] = data().filter((name) => !before.includes(name));
    assert.ok(made !== undefined && others.length === 0);
    const { metadata } = await readFooter({ path: join(folder('keys'), 'data', made), file: made, charge: () => undefined });
    assert.equal(Number(metadata.num_rows), 15_000);
    for (const group of metadata.row_groups)
      for (const chunk of group.columns) {
        const name = chunk.meta_data?.path_in_schema[0];
        assert.ok(chunk.column_index_offset !== undefined && chunk.offset_index_offset !== undefined, `${name} has an index of pages`);
        assert.equal(chunk.meta_data?.bloom_filter_offset !== undefined, name !== 'v', `${name}`);
      }
    const probe = (column: string, value: string): Promise<unknown[][]> =>
      lake.query(
        `SELECT bool_and(bloom_filter_excludes) FROM parquet_bloom_probe('${join(folder('keys'), 'data', made)}', '${column}', ${value})`,
      );
    for (const n of [0, 4999, 5000, 14_999]) {
      assert.deepEqual(await probe('k', `'k${n}'`), [[false]]);
      assert.deepEqual(await probe('n', `${n}::BIGINT`), [[false]]);
    }
    const absent = await Promise.all(Array.from({ length: 20 }, (_, n) => probe('k', `'no${n}'`)));
    assert.ok(
      absent.some((answer) => answer[0]?.[0] === true),
      'the filter excludes',
    );
    assert.deepEqual(
      await readBack(lake, 'ns', 'keys', undefined, 'n'),
      await lake.query(`SELECT 'k' || range, range, 'v' || range FROM range(15000)`),
    );
  });
});
