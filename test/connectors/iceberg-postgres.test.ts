import assert from 'node:assert/strict';
import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'mocha';
import { PostgresCatalog } from '../../connectors/iceberg/catalog/postgres.js';
import { FileIo } from '../../connectors/iceberg/read/file-io.js';
import { type PostgresServer, startPostgresServer } from '../support/postgres-server.js';
import { tempFolder } from '../support/temp-folder.js';
import { creation, writerContract } from './iceberg-catalog-suite.js';

const SIGNAL = new AbortController().signal;
const SECRET = 'very-secret-thing';

describe('Iceberg SQL catalog in a PostgreSQL database', function () {
  this.timeout(120_000);
  let folder: Awaited<ReturnType<typeof tempFolder>>;
  let server: PostgresServer | undefined;
  let io: FileIo;
  const opened: PostgresCatalog[] = [];
  const catalogOf = (name: string | undefined, database = 'postgres', user = 'postgres'): PostgresCatalog => {
    const socket = encodeURIComponent(join(folder.path, 'pg'));
    const uri = `postgresql://${user}:${SECRET}@/${database}?host=${socket}`;
    const catalog = new PostgresCatalog({ label: 'pg', uri, password: undefined, name, io });
    opened.push(catalog);
    return catalog;
  };
  const run = async (database: string, ...statements: string[]): Promise<Record<string, unknown>[]> => {
    const client = await server?.connect();
    if (client === undefined) return [];
    try {
      let rows: Record<string, unknown>[] = [];
      if (database !== 'postgres') statements.unshift(`SET search_path = ${database}`);
      for (const statement of statements) rows = (await client.query<Record<string, unknown>>(statement)).rows;
      return rows;
    } finally {
      await client.end();
    }
  };

  before(async function () {
    folder = await tempFolder('iceberg-postgres');
    // Where root runs the tests, the server runs as another user, who must get to its folder.
    await chmod(folder.path, 0o755);
    server = await startPostgresServer(join(folder.path, 'pg'));
    if (server === undefined) return this.skip();
    const cache = { folder: join(folder.path, 'cache'), maxBytes: 0 };
    io = new FileIo({ locations: {}, warehouse: join(folder.path, 'warehouse'), s3: undefined, cache });
  });
  after(async () => {
    for (const catalog of opened) await catalog.close();
    await server?.stop();
    await folder?.remove();
  });

  const read = async (location: string): Promise<string> => new TextDecoder().decode(await io.read(location, { maxBytes: 1 << 20 }));
  let shared: PostgresCatalog | undefined;
  writerContract(() => {
    shared ??= catalogOf('mine');
    return { catalog: shared, read };
  });

  it('shows one catalog of several, and no views', async () => {
    await run(
      'postgres',
      `INSERT INTO iceberg_tables VALUES ('mine', 'n', 'v', 'file:///v', NULL, 'VIEW'), ('mine', 'n', 't', 'file:///t', NULL, 'TABLE'),
        ('mine', 'n', 'old', 'file:///old', NULL, NULL), ('mine', 'n', 'half', NULL, NULL, 'TABLE'), ('yours', 'n', 'u', 'file:///u', NULL, 'TABLE')`,
    );
    const names = (await catalogOf('mine').tables()).map(({ table }) => table).sort();
    assert.deepEqual(names, ['old', 't']);
    assert.equal(await catalogOf('mine').load({ schema: 'n', table: 'v' }), undefined);
    assert.equal((await catalogOf('yours').load({ schema: 'n', table: 'u' }))?.metadataLocation, 'file:///u');
    await assert.rejects(catalogOf(undefined).tables(), { sqlstate: '22023', message: /mine, yours/ });
    await run('postgres', 'DELETE FROM iceberg_tables');
    assert.deepEqual(await catalogOf(undefined).tables(), []);
  });

  it("knows pyiceberg's and Java's first schema, without iceberg_type", async () => {
    await run('postgres', 'ALTER TABLE iceberg_tables DROP COLUMN iceberg_type');
    const catalog = catalogOf(undefined);
    const table = { schema: 'n', table: 't' };
    await catalog.writer.commit(table, creation(await catalog.writer.locationOf(table, SIGNAL)), SIGNAL);
    assert.deepEqual(await catalog.tables(), [table]);
    const before = (await catalog.load(table))?.metadataLocation;
    await catalog.writer.commit(table, { requirements: [], updates: [{ action: 'set-properties', updates: { a: 'b' } }] }, SIGNAL);
    const [row] = await run('postgres', 'SELECT * FROM iceberg_tables');
    assert.equal(row?.['previous_metadata_location'], before);
    assert.equal(row?.['catalog_name'], 'default');
  });

  it('tells nothing of its password when it fails', async () => {
    for (const catalog of [catalogOf('x', 'nowhere'), catalogOf('x', 'postgres', 'nobody')]) {
      await assert.rejects(catalog.tables(), (error: Error & { sqlstate?: string }) => {
        assert.match(error.message, /SQL catalog "pg"/);
        assert.ok(!`${error.message}${error.stack}`.includes(SECRET));
        return true;
      });
    }
  });

  it('does not know the outcome when its connection breaks in the middle', async () => {
    const catalog = catalogOf('default');
    const table = { schema: 'n', table: 't' };
    const change = { requirements: [], updates: [{ action: 'set-properties', updates: { c: 'd' } }] };
    // A trigger that ends the connection while the row is changed.
    await run(
      'postgres',
      `CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(1); RETURN NEW; END $$`,
      'CREATE TRIGGER die BEFORE UPDATE ON iceberg_tables FOR EACH ROW EXECUTE FUNCTION die()',
    );
    await assert.rejects(catalog.writer.commit(table, change, SIGNAL), { sqlstate: '08007', message: /n\.t/ });
    await run('postgres', 'DROP TRIGGER die ON iceberg_tables');
    assert.deepEqual(await catalog.writer.commit(table, change, SIGNAL), { kind: 'committed' });
  });

  it('is away when its server is', async () => {
    const catalog = catalogOf('default');
    await server?.stop();
    server = undefined;
    await assert.rejects(catalog.tables(), { sqlstate: '08001', retryable: true });
  });
});
