import assert from 'node:assert/strict';
import { join } from 'node:path';
import type pg from 'pg';
import { FilesystemCatalog } from '../../connectors/iceberg/catalog/filesystem.js';
import { SqlCatalog } from '../../connectors/iceberg/catalog/sql.js';
import { FileIo } from '../../connectors/iceberg/read/file-io.js';
import { creation } from '../connectors/iceberg-catalog-suite.js';
import { freePort } from '../support/free-port.js';
import { tempFolder } from '../support/temp-folder.js';
import { startTimeline, type TimelineServer } from '../support/timeline-server.js';

const SIGNAL = new AbortController().signal;

describe('several catalogs through the server', () => {
  let home: Awaited<ReturnType<typeof tempFolder>>;
  let server: TimelineServer;
  let client: pg.Client;
  let folders: FilesystemCatalog;
  let file: SqlCatalog;

  const make = async (catalog: FilesystemCatalog | SqlCatalog, schema: string, table: string): Promise<void> => {
    const { writer } = catalog;
    assert.ok(writer);
    await writer.createNamespace(schema, SIGNAL);
    await writer.commit({ schema, table }, creation(await writer.locationOf({ schema, table }, SIGNAL)), SIGNAL);
  };

  before(async () => {
    home = await tempFolder('e2e-catalogs');
    const path = (name: string): string => join(home.path, name);
    const io = (name: string): FileIo =>
      new FileIo({ locations: {}, warehouse: path(name), s3: undefined, cache: { folder: path('c'), maxBytes: 0 } });
    folders = new FilesystemCatalog({ io: io('folders'), warehouse: path('folders') });
    file = new SqlCatalog({ uri: path('file.db'), name: 'file', io: io('file') });
    await make(folders, 'one', 't');
    await make(file, 'two', 't');
    server = await startTimeline({
      home: home.path,
      config: `
catalogs:
  folders: {type: iceberg, catalog: {type: filesystem, warehouse: folders}}
  file: {type: iceberg, catalog: {type: sql, uri: 'sqlite:///file.db', warehouse: file}}
  away: {type: iceberg, catalog: {type: rest, uri: 'http://127.0.0.1:${await freePort()}', auth: {type: bearer, token: sesame-and-more}}}
`,
    });
    client = await server.connect();
  });
  after(async () => {
    await client?.end();
    await server?.stop();
    await home?.remove();
  });

  it('starts without the one that is away, and says so', async () => {
    assert.match(server.output(), /catalog away cannot be read: catalog "away" cannot be reached/);
    assert.ok(!server.output().includes('sesame'));
    assert.deepEqual((await client.query('SELECT (SELECT count(*) FROM one.t) + (SELECT count(*) FROM two.t) AS n')).rows, [{ n: '0' }]);
  });

  it('cannot say that a table does not exist, while one is away', async () => {
    await assert.rejects(client.query('SELECT * FROM elsewhere.t'), {
      code: '08001',
      message: /elsewhere.*catalog "away", which cannot be read: catalog "away" cannot be reached/,
    });
  });

  it('shows new tables and new columns at once', async () => {
    await make(folders, 'one', 'later');
    assert.deepEqual((await client.query('SELECT a FROM one.later')).rows, []);
    await make(file, 'three', 'later');
    assert.deepEqual((await client.query('SELECT count(*) AS n FROM three.later')).rows, [{ n: '0' }]);
    const fields = [
      { id: 1, name: 'a', required: false, type: 'long' },
      { id: 2, name: 'b', required: false, type: 'string' },
    ];
    const updates = [
      { action: 'add-schema', schema: { type: 'struct', 'schema-id': 0, fields } },
      { action: 'set-current-schema', 'schema-id': -1 },
    ];
    await folders.writer.commit({ schema: 'one', table: 'later' }, { requirements: [], updates }, SIGNAL);
    assert.deepEqual((await client.query('SELECT b FROM one.later')).rows, []);
    await assert.rejects(client.query('SELECT c FROM one.later'), { code: '42703' });
  });
});
