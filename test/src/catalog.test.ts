import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import type { Connector, TableDescription, TableName } from '../../connectors/connector.js';
import { TimelineError } from '../../sql/errors.js';
import { readCatalog } from '../../src/catalog.js';

/** A connector that only lists and describes. */
function connector(name: string, tables: () => Promise<readonly TableName[]>): Connector {
  const describe = async (table: TableName): Promise<TableDescription | undefined> => {
    if (table.table === 'broken') throw new TimelineError({ kind: 'data', sqlstate: 'XX001', message: 'it is broken' });
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 3));
    return { ...table, columns: [], comment: undefined, properties: {}, rowEstimate: 0, schemaVersion: '1' };
  };
  return { name, tables, describe } as unknown as Connector;
}

const names = (schema: string, count: number): TableName[] =>
  Array.from({ length: count }, (_, index) => ({ schema, table: `t${String(index).padStart(3, '0')}` }));
const source = (one: Connector, prefix = '') => ({ connector: one, prefix });
const listed = (catalog: Awaited<ReturnType<typeof readCatalog>>): string[] =>
  catalog.tables().map(({ description }) => `${description.schema}.${description.table}`);

describe('catalog of several connectors', () => {
  const away = new TimelineError({ kind: 'connector', sqlstate: '08001', message: 'nobody answers' });

  it('keeps the order of each', async () => {
    const catalog = await readCatalog([
      source(
        connector('a', async () => names('s', 100)),
        'p_',
      ),
    ]);
    assert.deepEqual(
      listed(catalog),
      names('p_s', 100).map((name) => `${name.schema}.${name.table}`),
    );
  });

  it('shows the others when one fails, and its own tables of before', async () => {
    let fails = true;
    const flaky = connector('flaky', async () => {
      if (fails) throw away;
      return [...names('f', 2), { schema: 'f', table: 'broken' }];
    });
    // What failed is not asked again for some seconds: each look here is that of another engine.
    const look = (previous?: Awaited<ReturnType<typeof readCatalog>>) =>
      readCatalog([source(flaky), source(connector('sound', async () => names('s', 1)))], previous);
    const first = await look();
    assert.deepEqual(listed(first), ['s.t000']);
    assert.deepEqual(first.failed, [{ connector: 'flaky', error: away, kept: false }]);
    fails = false;
    const second = await look(first);
    assert.deepEqual(listed(second), ['f.t000', 'f.t001', 's.t000']);
    assert.deepEqual(second.failed, []);
    fails = true;
    const third = await look(second);
    assert.deepEqual(listed(third), listed(second));
    assert.ok(third.sameAs(second));
    assert.deepEqual(third.failed, [{ connector: 'flaky', error: away, kept: true }]);
    assert.throws(() => third.find('f', 'broken', []), { message: 'it is broken' });
    // Twice in a row as well.
    assert.deepEqual(listed(await look(third)), listed(second));
  });

  it('does not ask what failed just now', async () => {
    let asked = 0;
    const failing = connector('failing', async () => {
      asked += 1;
      throw away;
    });
    const sources = [source(failing)];
    await readCatalog(sources, await readCatalog(sources));
    assert.equal(asked, 1);
  });

  it('refuses two with the same schema', async () => {
    const sources = ['a', 'b'].map((name) => source(connector(name, async () => names('s', 1))));
    await assert.rejects(readCatalog(sources), { sqlstate: 'F0000', message: /"a" and "b".*"s"/ });
  });
});
