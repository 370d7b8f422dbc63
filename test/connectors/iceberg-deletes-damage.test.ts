import assert from 'node:assert/strict';
import { chmodSync, cpSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { parquetMetadata } from 'hyparquet';
import { deserializeTCompactProtocol } from 'hyparquet/src/thrift.js';
import { after, afterEach, before, beforeEach, describe, it } from 'mocha';
import type { IcebergConnector } from '../../connectors/iceberg/connector.js';
import { TimelineError } from '../../sql/errors.js';
import { expectedTables, FIXTURES, openConnector, readTable, sparkConfig, temporaryFolder } from './iceberg-fixtures.js';
import { digest } from './relation-rows.js';

describe('Iceberg deletes with damage', () => {
  const folder = temporaryFolder();
  const cache = temporaryFolder();
  const expected = expectedTables();
  let connector: IcebergConnector;

  before(() => {
    for (const table of ['v3_dv', 'v2_posdel', 'v2_eqdel', 'avro_data'])
      cpSync(join(FIXTURES, 'spark/db', table), join(folder, 'spark/db', table), { recursive: true });
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) chmodSync(join(entry.parentPath, entry.name), 0o755);
  });
  beforeEach(async () => {
    connector = await openConnector(sparkConfig(folder), cache);
  });
  afterEach(() => connector.close());
  after(() => {
    rmSync(folder, { recursive: true });
    rmSync(cache, { recursive: true });
  });

  const files = (table: string, name: RegExp): string[] =>
    readdirSync(join(folder, 'spark/db', table, 'data'), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && name.test(entry.name))
      .map((entry) => join(entry.parentPath, entry.name));

  /** Reads with the file changed: an error of ours that names file and table, or else the right rows. True: it failed. */
  const fails = async (table: string, path: string, change: ((bytes: Buffer) => Buffer) | 'remove'): Promise<boolean> => {
    const whole = readFileSync(path);
    if (change === 'remove') renameSync(path, `${path}.away`);
    else writeFileSync(path, change(whole));
    try {
      const { rows } = await readTable({ connector, schema: 'db', expected: expected[table]! });
      assert.equal(digest(rows), expected[table]!.current.sha256, `other rows with ${relative(folder, path)} changed`);
      return false;
    } catch (error) {
      if (!(error instanceof TimelineError)) throw error;
      assert.ok(error.message.includes(`"${relative(join(folder, 'spark'), path)}"`), `names the file: ${error.message}`);
      assert.ok(!error.message.includes(folder), `no machine path: ${error.message}`);
      if (change !== 'remove') assert.equal(error.sqlstate, 'XX001');
      return true;
    } finally {
      if (change === 'remove') renameSync(`${path}.away`, path);
      else writeFileSync(path, whole);
    }
  };
  const flipped =
    (at: number) =>
    (bytes: Buffer): Buffer => {
      const changed = Buffer.from(bytes);
      changed[at]! ^= 1 << (at & 7);
      return changed;
    };

  it('names a Puffin file with any changed byte in a vector, cut or missing', async () => {
    const puffins = files('v3_dv', /\.puffin$/);
    const live: string[] = [];
    for (const path of puffins) if (await fails('v3_dv', path, 'remove')) live.push(path);
    assert.ok(live.length > 0);
    for (const path of live) assert.ok(await fails('v3_dv', path, (bytes) => bytes.subarray(0, 20)), 'cut off');
    const path = live[0]!;
    const { length } = readFileSync(path);
    let failed = 0;
    for (let at = 4; at < Math.min(length, 600); at += 13) if (await fails('v3_dv', path, flipped(at))) failed++;
    assert.ok(failed > 0);
  });

  for (const [table, name] of [
    ['v2_posdel', /-deletes\.parquet$/],
    ['v2_eqdel', /^eq\d\.parquet$/],
    ['avro_data', /\.avro$/],
  ] as const) {
    it(`names a file of ${table} that is cut, changed or missing`, async () => {
      const live: string[] = [];
      for (const path of files(table, name)) if (await fails(table, path, 'remove')) live.push(path);
      assert.ok(live.length > 0);
      for (const path of live.slice(0, 2)) {
        const { length } = readFileSync(path);
        assert.ok(await fails(table, path, (bytes) => bytes.subarray(0, length - 9)), 'cut off');
        assert.ok(await fails(table, path, () => Buffer.alloc(length)), 'zeros');
        // Footers, headers of pages, and all of Avro's but snappy blocks have no checksums.
        for (const at of table === 'avro_data' ? [] : pageBytes(readFileSync(path)))
          assert.ok(await fails(table, path, flipped(at)), `byte ${at}`);
      }
    });
  }
});

/** Some positions of bytes inside of a Parquet file's pages. */
function pageBytes(bytes: Buffer): number[] {
  const found: number[] = [];
  for (const group of parquetMetadata(new Uint8Array(bytes).buffer).row_groups) {
    for (const { meta_data: chunk } of group.columns) {
      const start = Number(chunk!.dictionary_page_offset ?? chunk!.data_page_offset);
      const reader = { view: new DataView(bytes.buffer, bytes.byteOffset + start), offset: 0 };
      const length = Number(deserializeTCompactProtocol(reader)['field_3']);
      for (let at = 0; at < length; at += 5) found.push(start + reader.offset + at);
    }
  }
  return found;
}
