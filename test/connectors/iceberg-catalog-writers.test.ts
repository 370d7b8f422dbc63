import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'mocha';
import { FilesystemCatalog } from '../../connectors/iceberg/catalog/filesystem.js';
import { SqlCatalog } from '../../connectors/iceberg/catalog/sql.js';
import { FileIo } from '../../connectors/iceberg/read/file-io.js';
import { creation, writerContract } from './iceberg-catalog-suite.js';
import { temporaryFolder } from './iceberg-fixtures.js';
import { pyicebergPython, runPython } from './pyiceberg.js';

const SIGNAL = new AbortController().signal;

const openIo = (folder: string): FileIo =>
  new FileIo({ locations: {}, warehouse: join(folder, 'warehouse'), s3: undefined, cache: { folder: join(folder, 'cache'), maxBytes: 0 } });
const readText = (io: FileIo) => async (location: string) => new TextDecoder().decode(await io.read(location, { maxBytes: 1 << 20 }));

describe('Iceberg catalog of a SQLite file, written', () => {
  const folder = temporaryFolder();
  const io = openIo(folder);
  const uri = `sqlite:///${folder}/catalog.db`;
  after(() => rmSync(folder, { recursive: true }));
  writerContract(() => ({ catalog: new SqlCatalog({ uri, name: 'mine', io }), read: readText(io) }));

  it('names its metadata files by number, and removes those that lost', async () => {
    const catalog = new SqlCatalog({ uri, name: undefined, io });
    const table = { schema: 'two', table: 'u' };
    await catalog.writer?.createNamespace('two', SIGNAL);
    await catalog.writer?.commit(table, creation(`${io.warehouse}/two/u`), SIGNAL);
    const change = { requirements: [], updates: [{ action: 'set-properties', updates: { 'write.metadata.compression-codec': 'gzip' } }] };
    await Promise.all([0, 1, 2, 3].map(() => catalog.writer?.commit(table, change, SIGNAL)));
    const names = readdirSync(join(folder, 'warehouse/two/u/metadata')).sort();
    assert.equal(names.length, 5);
    assert.match(names[0] ?? '', /^00000-[0-9a-f-]{36}\.metadata\.json$/);
    assert.match(names[4] ?? '', /^00004-[0-9a-f-]{36}\.gz\.metadata\.json$/);
  });

  it('needs a warehouse for new tables', async () => {
    const bare = new FileIo({ locations: {}, warehouse: undefined, s3: undefined, cache: { folder, maxBytes: 0 } });
    const catalog = new SqlCatalog({ uri, name: 'mine', io: bare });
    await assert.rejects(async () => catalog.writer?.locationOf({ schema: 'a', table: 'b' }, SIGNAL), { sqlstate: '42501' });
    const here = new SqlCatalog({ uri, name: 'mine', io });
    await assert.rejects(async () => here.writer?.locationOf({ schema: 'a', table: '..' }, SIGNAL), { sqlstate: '42602' });
  });
});

const PYICEBERG = `
import sys, json
import pyarrow as pa
from pyiceberg.catalog import load_catalog
from pyiceberg.types import StringType
catalog = load_catalog('mine', type='sql', uri=f'sqlite:///{sys.argv[1]}', warehouse=sys.argv[2])
table = catalog.load_table(('py', 't'))
table.append(pa.table({'a': pa.array([1, 2], pa.int64())}))
with table.transaction() as change:
    change.set_properties(theirs='x')
table.update_schema().add_column('b', StringType()).commit()
print(json.dumps([table.metadata.properties, table.scan().to_arrow().num_rows, [str(n) for n in catalog.list_tables('py')]]))
`;

describe('Iceberg catalog of a SQLite file, beside pyiceberg', function () {
  this.timeout(120_000);
  const folder = temporaryFolder();
  after(() => rmSync(folder, { recursive: true }));

  it('is read and written by both in turn', async function () {
    const python = await pyicebergPython();
    if (python === undefined) return this.skip();
    const io = openIo(folder);
    const catalog = new SqlCatalog({ uri: join(folder, 'c.db'), name: 'mine', io });
    const table = { schema: 'py', table: 't' };
    await catalog.writer?.createNamespace('py', SIGNAL);
    await catalog.writer?.commit(table, creation((await catalog.writer?.locationOf(table, SIGNAL)) ?? ''), SIGNAL);
    const setting = (key: string) => ({ requirements: [], updates: [{ action: 'set-properties', updates: { [key]: 'x' } }] });
    const args = [join(folder, 'c.db'), `file://${join(folder, 'warehouse')}`];
    assert.equal((await catalog.writer?.commit(table, setting('ours'), SIGNAL))?.kind, 'committed');
    const [properties, rows, names] = (await runPython(python, PYICEBERG, args)) as [Record<string, string>, number, string[]];
    assert.deepEqual([properties['ours'], properties['theirs'], rows, names.length], ['x', 'x', 2, 1]);
    assert.equal((await catalog.writer?.commit(table, setting('again'), SIGNAL))?.kind, 'committed');
    const text = await readText(io)((await catalog.load(table))?.metadataLocation ?? '');
    const metadata = JSON.parse(text) as {
      snapshots: unknown[];
      schemas: unknown[];
      'metadata-log': unknown[];
      'current-schema-id': number;
    };
    assert.deepEqual([metadata.snapshots.length, metadata.schemas.length, metadata['current-schema-id']], [1, 2, 1]);
    // Ours, their append, properties and column, ours.
    assert.equal(metadata['metadata-log'].length, 5);
  });
});

describe('Iceberg catalog of a file system, written', () => {
  const folder = temporaryFolder();
  const io = openIo(folder);
  after(() => rmSync(folder, { recursive: true }));
  const open = (): FilesystemCatalog => new FilesystemCatalog({ io, warehouse: io.warehouse ?? '' });
  writerContract(() => ({ catalog: open(), read: readText(io) }));

  it('moves the hint on, never back', async () => {
    const table = { schema: 'two', table: 'u' };
    const metadata = join(folder, 'warehouse/two/u/metadata');
    const { writer } = open();
    await writer.commit(table, creation(`${io.warehouse}/two/u`), SIGNAL);
    const change = { requirements: [], updates: [{ action: 'set-properties', updates: { a: 'b' } }] };
    for (let version = 2; version < 4; version++) {
      assert.equal((await writer.commit(table, change, SIGNAL)).kind, 'committed');
      assert.equal(readFileSync(join(metadata, 'version-hint.text'), 'utf8'), String(version));
    }
    assert.ok(existsSync(join(metadata, 'v3.metadata.json')));
    // A writer that died before its hint.
    await io.replace(`${io.warehouse}/two/u/metadata/version-hint.text`, Buffer.from('1'));
    assert.match((await open().load(table))?.metadataLocation ?? '', /\/v3\.metadata\.json$/);
    await writer.commit(table, change, SIGNAL);
    assert.equal(readFileSync(join(metadata, 'version-hint.text'), 'utf8'), '4');
  });

  it('does not write tables that another catalog points to', async () => {
    const table = { schema: 'two', table: 'other' };
    const from = readFileSync(join(folder, 'warehouse/two/u/metadata/v1.metadata.json'));
    await io.create(`${io.warehouse}/two/other/metadata/00003-x.metadata.json`, from);
    await assert.rejects(open().writer.commit(table, { requirements: [], updates: [] }, SIGNAL), {
      sqlstate: '0A000',
      message: /two\.other/,
    });
  });
});
