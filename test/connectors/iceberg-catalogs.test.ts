import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'mocha';
import sqlite from 'node-sqlite3-wasm';
import { SqlCatalog, sqlitePath } from '../../connectors/iceberg/catalog/sql.js';
import { IcebergConnector } from '../../connectors/iceberg/connector.js';
import { FIXTURES, temporaryFolder } from './iceberg-fixtures.js';

describe('Iceberg SQL catalog', () => {
  const folder = temporaryFolder();
  after(() => rmSync(folder, { recursive: true }));

  const make = (name: string, rows: readonly (readonly [string, string, string, string | null])[], typed = false): string => {
    const path = join(folder, name);
    const database = new sqlite.Database(path);
    database.exec(
      `CREATE TABLE iceberg_tables (catalog_name TEXT, table_namespace TEXT, table_name TEXT, metadata_location TEXT, previous_metadata_location TEXT${typed ? ', iceberg_type TEXT' : ''})`,
    );
    for (const [index, row] of rows.entries())
      database.run(`INSERT INTO iceberg_tables VALUES (?, ?, ?, ?, NULL${typed ? `, ${index % 2 === 0 ? "'TABLE'" : "'VIEW'"}` : ''})`, [
        ...row,
      ]);
    database.close();
    return path;
  };

  it('leaves nothing beside the file, which may be read-only', async () => {
    const before = readdirSync(join(FIXTURES, 'py'));
    const catalog = new SqlCatalog({ uri: `sqlite:///${FIXTURES}/py/catalog.db`, name: undefined });
    assert.equal((await catalog.tables()).length, 7);
    assert.deepEqual(readdirSync(join(FIXTURES, 'py')), before);
  });

  it("reads Java's schema and leaves views out", async () => {
    const uri = make(
      'java.db',
      [
        ['c', 'a.b', 't', 'file:///t'],
        ['c', 'a.b', 'v', 'file:///v'],
      ],
      true,
    );
    const catalog = new SqlCatalog({ uri, name: undefined });
    assert.deepEqual(await catalog.tables(), [{ schema: 'a.b', table: 't' }]);
    assert.equal((await catalog.load({ schema: 'a.b', table: 't' }))?.metadataLocation, 'file:///t');
    assert.equal((await catalog.load({ schema: 'a', table: 't' }))?.metadataLocation, undefined);
  });

  it('asks which catalog, when the file holds several', async () => {
    const uri = make('two.db', [
      ['one', 'n', 't', 'x'],
      ['two', 'n', 'u', 'y'],
    ]);
    await assert.rejects(new SqlCatalog({ uri, name: undefined }).tables(), { sqlstate: '22023', message: /several catalogs: one, two/ });
    assert.deepEqual(await new SqlCatalog({ uri, name: 'two' }).tables(), [{ schema: 'n', table: 'u' }]);
    assert.deepEqual(await new SqlCatalog({ uri, name: 'three' }).tables(), []);
  });

  it('sees what another writer commits', async () => {
    const path = make('live.db', [['c', 'n', 't', 'v1']]);
    const catalog = new SqlCatalog({ uri: path, name: undefined });
    for (let version = 2; version < 6; version++) {
      const database = new sqlite.Database(path);
      database.run('UPDATE iceberg_tables SET metadata_location = ?', [`v${version}`]);
      database.close();
      // Even where the clock of the file system has not moved.
      utimesSync(path, 1, 1);
      assert.equal((await catalog.load({ schema: 'n', table: 't' }))?.metadataLocation, `v${version}`);
    }
  });

  it('waits for a writer in the middle of its work', async () => {
    const path = make('busy.db', [['c', 'n', 't', 'v1']]);
    mkdirSync(`${path}.lock`);
    setTimeout(() => rmSync(`${path}.lock`, { recursive: true }), 200);
    assert.equal((await new SqlCatalog({ uri: path, name: undefined }).tables()).length, 1);
    assert.ok(!existsSync(`${path}.lock`));
  });

  it('says what is wrong with its file', async () => {
    writeFileSync(join(folder, 'bad.db'), 'this is not a database, though it is long enough to look like one'.repeat(100));
    await assert.rejects(new SqlCatalog({ uri: join(folder, 'bad.db'), name: undefined }).tables(), {
      sqlstate: 'XX001',
      message: /bad\.db" cannot be read/,
    });
    await assert.rejects(new SqlCatalog({ uri: join(folder, 'none.db'), name: undefined }).tables(), {
      sqlstate: '58P01',
      message: /none\.db" does not exist/,
    });
    assert.throws(() => sqlitePath('postgresql://x/y'), { sqlstate: '0A000' });
    assert.equal(sqlitePath('sqlite:////abs/x.db'), '/abs/x.db');
    assert.equal(sqlitePath('sqlite+pysqlite:////abs/x.db'), '/abs/x.db');
    assert.equal(sqlitePath('file:///abs/x.db'), '/abs/x.db');
  });
});

describe('Iceberg filesystem catalog', () => {
  const folder = temporaryFolder();
  let connector: IcebergConnector;
  const snapshots = async (table: string): Promise<string | null> => (await connector.pin({ schema: 'db', table })).snapshot;

  before(async () => {
    const from = join(FIXTURES, 'spark/db/v2_eqdel/metadata');
    const copy = (table: string, files: Readonly<Record<string, string>>, hint?: string): void => {
      const target = join(folder, 'db', table, 'metadata');
      mkdirSync(target, { recursive: true });
      for (const [source, name] of Object.entries(files)) cpSync(join(from, source), join(target, name));
      if (hint !== undefined) writeFileSync(join(target, 'version-hint.text'), hint);
    };
    copy('hinted', { 'v2.metadata.json': 'v2.metadata.json', 'v8.metadata.json': 'v8.metadata.json' }, '2\n');
    copy('stale', { 'v2.metadata.json': 'v2.metadata.json', 'v3.metadata.json': 'v3.metadata.json' }, '2');
    copy('unhinted', { 'v2.metadata.json': 'v2.metadata.json', 'v8.metadata.json': 'v10.metadata.json' });
    copy('uuid', { 'v2.metadata.json': '00001-aa.metadata.json', 'v3.metadata.json': '00002-bb.metadata.json' }, 'garbage');
    copy('twice', { 'v2.metadata.json': '00001-aa.metadata.json', 'v3.metadata.json': '00001-bb.metadata.json' });
    copy('nothing', {}, '4');
    mkdirSync(join(folder, 'a/b/deep/metadata'), { recursive: true });
    cpSync(join(from, 'v2.metadata.json'), join(folder, 'a/b/deep/metadata/v1.metadata.json'));
    connector = await IcebergConnector.open({
      name: 'fs',
      config: { catalog: { type: 'filesystem', warehouse: folder }, locations: {} },
      cacheFolder: join(folder, '.cache'),
      cacheBytes: 0,
    });
  });
  after(async () => {
    await connector.close();
    rmSync(folder, { recursive: true });
  });

  it('finds tables at every depth', async () => {
    assert.deepEqual(
      (await connector.tables()).map(({ schema, table }) => `${schema}/${table}`),
      ['a.b/deep', 'db/hinted', 'db/nothing', 'db/stale', 'db/twice', 'db/unhinted', 'db/uuid'],
    );
    assert.ok(await connector.describe({ schema: 'a.b', table: 'deep' }));
    assert.equal(await connector.describe({ schema: '..', table: 'x' }), undefined);
    assert.equal(await connector.describe({ schema: 'db', table: 'none' }), undefined);
  });

  it('takes the hinted version, or the newest after it', async () => {
    const [second, third, last] = ['2308051027486232157', '2056348284736704147', '130491369769999428'];
    assert.equal(await snapshots('hinted'), second);
    assert.equal(await snapshots('stale'), third);
    assert.equal(await snapshots('unhinted'), last);
    assert.equal(await snapshots('uuid'), third);
  });

  it('says when there is none, or no telling which', async () => {
    await assert.rejects(snapshots('nothing'), {
      sqlstate: '58P01',
      message: /a metadata file of table db\.nothing in "db\/nothing\/metadata"/,
    });
    await assert.rejects(snapshots('twice'), { sqlstate: 'XX001', message: /"db\/twice\/metadata".*two metadata files/ });
  });
});
