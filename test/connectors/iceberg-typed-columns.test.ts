import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { after, before, describe, it } from 'mocha';
import type { IcebergConnector } from '../../connectors/iceberg/connector.js';
import { expectedTables, openConnector, sparkConfig, sqlConfig, temporaryFolder } from './iceberg-fixtures.js';
import { readTwice } from './typed-rows.js';

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
  this.timeout(120_000);
  const cache = temporaryFolder();
  let connectors: Record<'py' | 'db', IcebergConnector>;
  before(async () => {
    connectors = { py: await openConnector(sqlConfig(), cache), db: await openConnector(sparkConfig(), cache) };
  });
  after(async () => {
    await Promise.all(Object.values(connectors).map((one) => one.close()));
    rmSync(cache, { recursive: true });
  });

  for (const { table, writer } of Object.values(expectedTables())) {
    const schema = writer.startsWith('spark') ? 'db' : 'py';
    it(`${schema}.${table}: each column as the relation gives it`, async () => {
      const connector = connectors[schema];
      const description = await connector.describe({ schema, table });
      const offered: string[] = [];
      for (const { name } of description?.columns ?? []) {
        const { relation, parquet } = await readTwice({ connector, table: { schema, table }, columns: [name] });
        if (parquet === undefined) continue;
        offered.push(name);
        assert.deepEqual(parquet, relation, `column ${name}`);
      }
      assert.deepEqual(offered, OFFERED[`${schema}.${table}`] ?? [], 'columns that are offered');
    });
  }
});
