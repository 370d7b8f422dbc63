import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'mocha';
import type { SplitPlan } from '../../connectors/connector.js';
import type { RestCatalogConfig } from '../../connectors/iceberg/catalog/rest/rest-config.js';
import { IcebergConnector } from '../../connectors/iceberg/connector.js';
import { type RestServer, restCatalogJars, startRestCatalog } from '../support/rest-catalog.js';
import { parseFilter } from './filters.js';
import {
  type ExpectedRows,
  type ExpectedTable,
  expectedTables,
  FIXTURES,
  OLD_PREFIX,
  readTable,
  temporaryFolder,
} from './iceberg-fixtures.js';
import { digest } from './relation-rows.js';
import { restConfig } from './rest-config.js';

const SIGNAL = new AbortController().signal;
const EMPTY = digest([]);

const MODES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'in one answer': {},
  'later, in pages of one file': { 'plan-async': 'true', 'plan-page': '1' },
};

for (const [how, properties] of Object.entries(MODES)) {
  describe(`Iceberg scans planned by Iceberg's own REST server, ${how}`, function () {
    this.timeout(360_000);
    const folder = temporaryFolder();
    const expected = expectedTables();
    const open: IcebergConnector[] = [];
    let server: RestServer | undefined;

    const connect = async (scanPlanning: RestCatalogConfig['scanPlanning']): Promise<IcebergConnector> => {
      const connector = await IcebergConnector.open({
        name: 'rest',
        config: { catalog: restConfig(server?.uri ?? '', { scanPlanning }), locations: { [OLD_PREFIX]: FIXTURES } },
        cacheFolder: join(folder, 'cache'),
        cacheBytes: 0,
      });
      open.push(connector);
      return connector;
    };

    before(async function () {
      const jars = await restCatalogJars();
      if (jars === undefined) return this.skip();
      server = await startRestCatalog(jars, {
        uri: `jdbc:sqlite:${folder}/catalog.db`,
        warehouse: `file://${folder}/warehouse`,
        'jdbc.schema-version': 'V1',
        'moved-from': '/fixtures/iceberg',
        'moved-to': FIXTURES,
        'plan-mode': 'server',
        ...properties,
      });
      await post(`${server.uri}/v1/namespaces`, { namespace: ['fx'], properties: {} });
      for (const { table, metadata } of Object.values(expected))
        await post(`${server.uri}/v1/namespaces/fx/register`, { name: table, 'metadata-location': `${OLD_PREFIX}/${metadata}` });
    });
    after(async () => {
      for (const connector of open) await connector.close();
      await server?.stop();
      rmSync(folder, { recursive: true });
    });

    const check = (actual: { rows: string[] }, wanted: ExpectedRows): void => {
      assert.equal(actual.rows.length, wanted.rows);
      assert.equal(digest(actual.rows), wanted.sha256 ?? EMPTY);
    };

    for (const table of Object.values(expected)) {
      it(`${table.table}: all snapshots and refs`, async () => {
        const connector = await connect('on');
        check(await readTable({ connector, schema: 'fx', expected: table }), table.current);
        for (const snapshot of table.snapshots)
          check(await readTable({ connector, schema: 'fx', expected: table, asOf: snapshot.id }), snapshot);
        for (const [name, ref] of Object.entries(table.refs ?? {}))
          check(await readTable({ connector, schema: 'fx', expected: table, asOf: name }), ref);
      });
      for (const { filter, ...wanted } of table.queries) {
        it(`${table.table}: ${filter}, with as many files as from manifests`, async () => {
          const filtered = async (connector: IcebergConnector) => {
            const filters = [parseFilter(filter, await columnTypes(connector, table))];
            // DuckDB's session is not in UTC here, so texts without a zone get one.
            const where = filter.replace(/(DATE )?'(\d{4}-\d\d-\d\d)'/g, (all, isDate, day) =>
              isDate === undefined ? `'${day}T00:00:00Z'` : all,
            );
            return readTable({ connector, schema: 'fx', expected: table, filters, where });
          };
          const [ours, theirs] = [await filtered(await connect('off')), await filtered(await connect('on'))];
          check(theirs, wanted);
          assert.equal(theirs.files, ours.files);
        });
      }
    }

    it('evolve: filters of each snapshot by the names of its own schema', async () => {
      const table = expected['evolve']!;
      const [ours, theirs] = [await connect('off'), await connect('on')];
      let compared = 0;
      for (const { id } of table.snapshots) {
        const { columns } = (await ours.describe({ schema: 'fx', table: 'evolve' }, undefined, id))!;
        const types = new Map(columns.map((column) => [column.name, column.type.oid]));
        for (const { name } of columns.filter((column) => /^[a-z_]+$/.test(column.name))) {
          for (const where of [`${name} IS NULL`, `${name} IS NOT NULL`]) {
            const read = (connector: IcebergConnector) =>
              readTable({ connector, schema: 'fx', expected: table, asOf: id, filters: [parseFilter(where, types)], where });
            assert.deepEqual((await read(theirs)).rows, (await read(ours)).rows, `${where} as of ${id}`);
            compared++;
          }
        }
      }
      assert.ok(compared > 10);
    });

    it('shows the server in the plan, where the table asks for it', async () => {
      const steps = async (mode: RestCatalogConfig['scanPlanning'], table: string): Promise<SplitPlan['pruning']> => {
        const connector = await connect(mode);
        const { handle } = await connector.pin({ schema: 'fx', table });
        return (await connector.splits(handle, SIGNAL)).pruning;
      };
      assert.equal((await steps('auto', 'v2_posdel'))[0]?.step, "files by the catalog's server");
      assert.equal((await steps('off', 'v2_posdel'))[0]?.step, 'manifests');
      const [first, second] = await steps('auto', 'v3_dv$rows');
      assert.match(first?.note ?? '', /^from manifests, since row numbers and row ids/);
      assert.equal(second?.step, 'manifests');
      await assert.rejects(() => steps('on', 'v3_dv$rows'), { sqlstate: '0A000' });
    });
  });
}

async function columnTypes(connector: IcebergConnector, { table }: ExpectedTable): Promise<ReadonlyMap<string, number>> {
  const description = await connector.describe({ schema: 'fx', table });
  return new Map(description?.columns.map((column) => [column.name, column.type.oid]));
}

async function post(url: string, body: object): Promise<void> {
  const answer = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
  assert.ok(answer.ok, `${url}: ${answer.status} ${await answer.text()}`);
}
