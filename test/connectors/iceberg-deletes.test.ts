import assert from 'node:assert/strict';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'mocha';
import type { IcebergConnector } from '../../connectors/iceberg/connector.js';
import { expectedTables, FIXTURES, NO_METER, openConnector, sparkConfig, temporaryFolder } from './iceberg-fixtures.js';
import { canonicalRows, digest, runDuck } from './relation-rows.js';

describe('Iceberg tables with deletes', () => {
  const cache = temporaryFolder();
  const expected = expectedTables();
  const { signal } = new AbortController();
  let connector: IcebergConnector;

  before(async () => {
    connector = await openConnector(sparkConfig(), cache);
  });
  after(async () => {
    await connector.close();
    rmSync(cache, { recursive: true });
  });

  for (const table of ['v2_posdel', 'v2_eqdel', 'v3_dv']) {
    it(`${table}: files for a LIMIT hold enough rows that are not deleted`, async () => {
      const { handle } = await connector.pin({ schema: 'db', table });
      const all = expected[table]!.current.rows;
      let fewer = 0;
      for (let limit = 0; limit <= all + 1; limit += limit < 12 ? 1 : 7) {
        const pushed = connector.pushdown(handle, { filters: [], columns: [], limit });
        const { splits } = await connector.splits(pushed.handle, signal);
        const readable = await connector.read(
          pushed.handle,
          splits.map((split) => split.data),
          { columns: [], meter: NO_METER, signal },
        );
        assert.ok(readable.kind === 'sql');
        const [[rows] = []] = await runDuck(`SELECT count(*) FROM ${readable.relation} AS r`);
        await readable.release();
        assert.ok(Number(rows) >= Math.min(limit, all), `${rows} rows for LIMIT ${limit}`);
        assert.ok(!pushed.limitDone);
        if (Number(rows) < all) fewer++;
      }
      assert.ok(fewer > 0, 'a small limit leaves files out');
    });
  }

  it('v3_dv: row ids and sequence numbers are as Spark says', async () => {
    const wanted = (
      JSON.parse(readFileSync(join(FIXTURES, 'expected.json'), 'utf8')) as Record<string, { lineage?: { rows: number; sha256: string } }>
    )['v3_dv']!.lineage!;
    const name = { schema: 'db', table: 'v3_dv$rows' };
    const description = (await connector.describe(name))!;
    const columns = ['event_id', '_row_id', '_last_updated_sequence_number'].map(
      (column) => description.columns.find((one) => one.name === column)!,
    );
    const { handle } = await connector.pin(name);
    const { splits } = await connector.splits(handle, signal);
    const readable = await connector.read(
      handle,
      splits.map((split) => split.data),
      { columns, meter: NO_METER, signal },
    );
    const rows = await canonicalRows({ readable, columns, types: ['long', 'long', 'long'] });
    assert.equal(rows.length, wanted.rows);
    assert.equal(digest(rows), wanted.sha256);
  });
});
