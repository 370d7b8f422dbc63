import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'mocha';
import { RestCatalog } from '../../connectors/iceberg/catalog/rest/rest-catalog.js';
import { SqlCatalog } from '../../connectors/iceberg/catalog/sql.js';
import { IcebergConnector } from '../../connectors/iceberg/connector.js';
import { FileIo } from '../../connectors/iceberg/read/file-io.js';
import type { IcebergWriter } from '../../connectors/iceberg/write/iceberg-writer.js';
import { Oid, type } from '../../sql/types.js';
import { type RestServer, restCatalogJars, startRestCatalog } from '../support/rest-catalog.js';
import { findVersitygw, type S3Server, startVersitygw } from '../support/versitygw.js';
import { creation, writerContract } from './iceberg-catalog-suite.js';
import { temporaryFolder } from './iceberg-fixtures.js';
import { newLake, writeRows } from './iceberg-lake.js';
import { pyicebergPython, runPython } from './pyiceberg.js';
import { restConfig } from './rest-config.js';
import { rowsOf } from './table-rows.js';

const SIGNAL = new AbortController().signal;

const WRITE = `
import sys, json, pyarrow as pa
from pyiceberg.catalog import load_catalog
catalog = load_catalog('c', type='rest', uri=sys.argv[1], **json.loads(sys.argv[2]))
for namespace in [('py',), ('py', 'in.ner')] if len(sys.argv) > 3 else [('py',)]:
    catalog.create_namespace_if_not_exists(namespace)
    table = catalog.create_table(namespace + ('events',), schema=pa.schema([('a', pa.int64()), ('s', pa.string())]))
    table.append(pa.table({'a': [1, 2, 3], 's': ['x', 'y', None]}))
print(json.dumps(len(table.scan().to_arrow())))
`;
const READ = `
import sys, json
from pyiceberg.catalog import load_catalog
catalog = load_catalog('c', type='rest', uri=sys.argv[1])
table = catalog.load_table(('one', 'made'))
print(json.dumps([table.metadata.location, table.properties, [f.name for f in table.schema().fields]]))
`;

describe("Iceberg REST catalog: Iceberg's own server, local files", function () {
  this.timeout(360_000);
  const folder = temporaryFolder();
  let server: RestServer | undefined;
  let python: string | undefined;
  before(async function () {
    const jars = await restCatalogJars();
    if (jars === undefined) return this.skip();
    server = await startRestCatalog(jars, {
      uri: `jdbc:sqlite:${folder}/catalog.db`,
      warehouse: `file://${folder}/warehouse`,
      'jdbc.schema-version': 'V1',
    });
    python = await pyicebergPython();
  });
  after(async () => {
    await server?.stop();
    rmSync(folder, { recursive: true });
  });
  const open = (): RestCatalog => {
    const io = new FileIo({ locations: {}, warehouse: undefined, s3: undefined, cache: { folder: join(folder, 'cache'), maxBytes: 0 } });
    return new RestCatalog({ name: 'rest', config: restConfig(server?.uri ?? ''), io });
  };
  writerContract(() => {
    const catalog = open();
    return { catalog, read: () => Promise.reject(new Error('the server gives the metadata')) };
  });

  it('is read with what pyiceberg wrote through it, in nested namespaces too', async function () {
    if (python === undefined) return this.skip();
    assert.equal(await runPython(python, WRITE, [server?.uri ?? '', '{}', 'nested']), 3);
    const connector = await IcebergConnector.open({
      name: 'rest',
      config: { catalog: restConfig(server?.uri ?? ''), locations: {} },
      cacheFolder: join(folder, 'cache'),
      cacheBytes: 0,
    });
    try {
      const names = (await connector.tables()).map(({ schema, table }) => `${schema}/${table}`).sort();
      assert.deepEqual(names, ['py.in.ner/events', 'py/events']);
      for (const schema of ['py', 'py.in.ner']) {
        const rows = await rowsOf(connector, { schema, table: 'events' });
        assert.deepEqual(rows, [
          ['1', 'x'],
          ['2', 'y'],
          ['3', null],
        ]);
      }
      assert.equal(await connector.describe({ schema: 'py', table: 'none' }), undefined);
    } finally {
      await connector.close();
    }
  });

  it("answers an unchanged table with its tag, and sees others' commits at once", async function () {
    if (python === undefined) return this.skip();
    const catalog = open();
    const table = { schema: 'py', table: 'events' };
    const first = await catalog.load(table);
    const second = await catalog.load(table);
    assert.equal(first?.metadataLocation, second?.metadataLocation);
    assert.ok(first?.metadata !== undefined && second?.metadata === undefined);
    await open().writer.commit(table, { requirements: [], updates: [{ action: 'set-properties', updates: { a: 'b' } }] }, SIGNAL);
    const third = await catalog.load(table);
    assert.notEqual(third?.metadataLocation, first?.metadataLocation);
  });

  it('shares its SQLite file with us: each reads what the other commits', async () => {
    const io = new FileIo({ locations: {}, warehouse: join(folder, 'warehouse'), s3: undefined, cache: { folder, maxBytes: 0 } });
    const file = new SqlCatalog({ uri: join(folder, 'catalog.db'), name: 'rest_backend', io });
    const rest = open();
    const table = { schema: 'shared', table: 't' };
    const propertiesOf = async (): Promise<Record<string, string>> => {
      const loaded = await rest.load(table);
      const text = loaded?.metadata ?? (await io.read(loaded?.metadataLocation ?? '', { maxBytes: 1 << 20 }));
      return (JSON.parse(new TextDecoder().decode(text)) as { properties: Record<string, string> }).properties;
    };
    const setting = (key: string) => ({ requirements: [], updates: [{ action: 'set-properties', updates: { [key]: 'x' } }] });
    await file.writer?.createNamespace('shared', SIGNAL);
    await file.writer?.commit(table, creation((await file.writer?.locationOf(table, SIGNAL)) ?? ''), SIGNAL);
    assert.equal((await propertiesOf())['count'], '0');
    assert.deepEqual(await rest.writer.commit(table, setting('theirs'), SIGNAL), { kind: 'committed' });
    assert.deepEqual(await file.writer?.commit(table, setting('ours'), SIGNAL), { kind: 'committed' });
    const { theirs, ours } = await propertiesOf();
    assert.deepEqual([theirs, ours], ['x', 'x']);
    assert.equal(await file.writer?.dropTable(table, SIGNAL), true);
    assert.equal(await rest.load(table), undefined);
  });

  it('makes tables that pyiceberg reads', async function () {
    if (python === undefined) return this.skip();
    const { writer } = open();
    const table = { schema: 'one', table: 'made' };
    await writer.createNamespace('one', SIGNAL);
    const location = await writer.locationOf(table, SIGNAL);
    await writer.commit(table, creation(location), SIGNAL);
    const [where, properties, fields] = (await runPython(python, READ, [server?.uri ?? ''])) as [string, Record<string, string>, string[]];
    assert.equal(where, location);
    assert.equal(properties['count'], '0');
    assert.deepEqual(fields, ['a']);
  });
});

describe("Iceberg REST catalog: Iceberg's own server, S3 with vended credentials", function () {
  this.timeout(360_000);
  const folder = temporaryFolder();
  let server: RestServer | undefined;
  let storage: S3Server | undefined;
  let python: string | undefined;
  before(async function () {
    const jars = await restCatalogJars();
    const program = findVersitygw();
    python = await pyicebergPython();
    if (jars === undefined || program === undefined || python === undefined) return this.skip();
    storage = await startVersitygw(program);
    server = await startRestCatalog(jars, {
      uri: `jdbc:sqlite:${folder}/catalog.db`,
      warehouse: `s3://${storage.bucket}/warehouse`,
      'vend-prefix': `s3://${storage.bucket}/warehouse`,
      'io-impl': 'org.apache.iceberg.aws.s3.S3FileIO',
      'client.region': 'us-east-1',
      's3.endpoint': storage.options.endpoint ?? '',
      's3.path-style-access': 'true',
      's3.access-key-id': storage.options.accessKeyId ?? '',
      's3.secret-access-key': storage.options.secretAccessKey ?? '',
    });
  });
  after(async () => {
    await server?.stop();
    await storage?.close();
    rmSync(folder, { recursive: true });
  });

  it('reads with them, in this process and in another that has only the handle', async () => {
    const options = {
      's3.endpoint': storage?.options.endpoint,
      's3.access-key-id': storage?.options.accessKeyId,
      's3.secret-access-key': storage?.options.secretAccessKey,
      's3.region': 'us-east-1',
    };
    assert.equal(await runPython(python ?? '', WRITE, [server?.uri ?? '', JSON.stringify(options)]), 3);
    const open = () =>
      IcebergConnector.open({
        name: 'rest',
        config: { catalog: restConfig(server?.uri ?? ''), locations: {} },
        cacheFolder: join(folder, 'cache'),
        cacheBytes: 1 << 24,
      });
    const [gateway, worker] = await Promise.all([open(), open()]);
    try {
      const table = { schema: 'py', table: 'events' };
      assert.equal((await rowsOf(gateway, table)).length, 3);
      const { handle } = await gateway.pin(table);
      const kept = JSON.stringify(handle);
      assert.ok(!kept.includes(storage?.options.secretAccessKey ?? '-') && !kept.includes(storage?.options.accessKeyId ?? '-'));
      assert.equal((await worker.splits(JSON.parse(kept), SIGNAL)).splits.length, 1);
    } finally {
      await Promise.all([gateway.close(), worker.close()]);
    }
  });

  it('makes a table by three processes, each with access of its own', async () => {
    const lake = await newLake('filesystem');
    const open = () =>
      IcebergConnector.open({
        name: 'rest',
        config: { catalog: restConfig(server?.uri ?? ''), locations: {}, write: { schemas: '*' } },
        cacheFolder: join(folder, 'cache'),
        cacheBytes: 1 << 24,
      });
    const connectors = await Promise.all([open(), open(), open()]);
    const [gateway, worker, committer] = connectors.map(({ writer }) => writer!) as [IcebergWriter, IcebergWriter, IcebergWriter];
    try {
      await gateway.createNamespace('made', SIGNAL);
      const table = { schema: 'made', table: 'apart' };
      const columns = [{ name: 'a', type: type(Oid.int8), nullable: true, comment: undefined }];
      const begun = await gateway.begin({ table, create: { columns } }, SIGNAL);
      const text = JSON.stringify(begun.handle);
      assert.ok(!text.includes(storage?.options.secretAccessKey ?? '-'));
      const handle = (): unknown => JSON.parse(text);
      const written = await writeRows(lake, worker, handle(), 'SELECT range AS a FROM range(3)');
      const request = { written, batch: 'b', summary: {}, signal: SIGNAL };
      assert.equal((await committer.commit(handle(), request)).rows, 3);
      assert.deepEqual(await rowsOf(connectors[1]!, table), [['0'], ['1'], ['2']]);
      // The answer was lost, and another process asks again: by now the table is there.
      const late = await open();
      connectors.push(late);
      assert.equal((await late.writer!.commit(handle(), request)).repeated, true);
    } finally {
      await Promise.all([...connectors, lake].map((one) => one.close()));
    }
  });
});
