import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { it } from 'mocha';
import type { TableName } from '../../connectors/connector.js';
import type { CatalogWriter, IcebergCatalog, TableChange } from '../../connectors/iceberg/catalog/catalog.js';

const SIGNAL = new AbortController().signal;

export function creation(location: string, uuid: string = randomUUID()): TableChange {
  const fields = [{ id: 1, name: 'a', required: false, type: 'long' }];
  return {
    requirements: [{ type: 'assert-create' }],
    updates: [
      { action: 'assign-uuid', uuid },
      { action: 'upgrade-format-version', 'format-version': 2 },
      { action: 'add-schema', schema: { type: 'struct', 'schema-id': 0, fields }, 'last-column-id': 1 },
      { action: 'set-current-schema', 'schema-id': -1 },
      { action: 'add-spec', spec: { 'spec-id': 0, fields: [] } },
      { action: 'set-default-spec', 'spec-id': -1 },
      { action: 'add-sort-order', 'sort-order': { 'order-id': 0, fields: [] } },
      { action: 'set-default-sort-order', 'sort-order-id': -1 },
      { action: 'set-location', location },
      { action: 'set-properties', updates: { count: '0' } },
    ],
  };
}

/** What every catalog that can be written must do. `read` gives the metadata's JSON. */
export function writerContract(open: () => { readonly catalog: IcebergCatalog; read(location: string): Promise<string> }): void {
  const table: TableName = { schema: 'one', table: 't' };
  const writer = (): CatalogWriter => {
    const found = open().catalog.writer;
    assert.ok(found);
    return found;
  };
  const metadata = async (name: TableName): Promise<Record<string, unknown>> => {
    const { catalog, read } = open();
    const loaded = await catalog.load(name);
    assert.ok(loaded);
    const text = loaded.metadata === undefined ? await read(loaded.metadataLocation) : new TextDecoder().decode(loaded.metadata);
    return JSON.parse(text) as Record<string, unknown>;
  };

  it('makes a namespace and a table in it, once', async () => {
    await writer().createNamespace('one', SIGNAL);
    await writer().createNamespace('one', SIGNAL);
    const location = await writer().locationOf(table, SIGNAL);
    assert.match(location, /one.*t/);
    assert.deepEqual(await writer().commit(table, creation(location), SIGNAL), { kind: 'committed' });
    assert.deepEqual(await writer().commit(table, creation(location), SIGNAL), { kind: 'conflict' });
    assert.deepEqual(await open().catalog.tables(), [table]);
    assert.deepEqual((await metadata(table))['properties'], { ...((await metadata(table))['properties'] as object), count: '0' });
    assert.equal(await open().catalog.load({ schema: 'one', table: 'none' }), undefined);
    assert.equal(await open().catalog.load({ schema: 'none', table: 'none' }), undefined);
  });

  it('of many commits with the same requirement takes one', async () => {
    const uuid = (await metadata(table))['table-uuid'];
    const fieldAdded = (round: number, id: number): TableChange => ({
      requirements: [
        { type: 'assert-table-uuid', uuid },
        { type: 'assert-last-assigned-field-id', 'last-assigned-field-id': round },
      ],
      updates: [
        {
          action: 'add-schema',
          schema: {
            type: 'struct',
            'schema-id': 0,
            fields: [
              { id: 1, name: 'a', required: false, type: 'long' },
              { id: round + 1, name: `f${round}_${id}`, required: false, type: 'int' },
            ],
          },
          'last-column-id': round + 1,
        },
        { action: 'set-current-schema', 'schema-id': -1 },
      ],
    });
    for (let round = 1; round <= 3; round++) {
      const results = await Promise.all(Array.from({ length: 8 }, (_, id) => writer().commit(table, fieldAdded(round, id), SIGNAL)));
      assert.equal(results.filter((result) => result.kind === 'committed').length, 1);
    }
    assert.equal((await metadata(table))['last-column-id'], 4);
  });

  it('of many commits without a common requirement loses none that it took', async () => {
    const results = await Promise.all(
      Array.from({ length: 6 }, (_, id) =>
        writer().commit(table, { requirements: [], updates: [{ action: 'set-properties', updates: { [`w${id}`]: 'x' } }] }, SIGNAL),
      ),
    );
    const properties = (await metadata(table))['properties'] as Record<string, string>;
    results.forEach((result, id) => {
      assert.equal(properties[`w${id}`], result.kind === 'committed' ? 'x' : undefined);
    });
    assert.ok(results.some((result) => result.kind === 'committed'));
  });

  it('says no table is a conflict, not a new table', async () => {
    const change = { requirements: [{ type: 'assert-table-uuid', uuid: randomUUID() }], updates: [] };
    assert.deepEqual(await writer().commit({ schema: 'one', table: 'gone' }, change, SIGNAL), { kind: 'conflict' });
  });

  it('forgets a table', async () => {
    assert.equal(await writer().dropTable(table, SIGNAL), true);
    assert.equal(await writer().dropTable(table, SIGNAL), false);
    assert.equal(await open().catalog.load(table), undefined);
  });
}
