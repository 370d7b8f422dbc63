import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { copyFileSync, readFileSync, rmSync, statSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { after, describe, it } from 'mocha';
import { SqlCatalog } from '../../connectors/iceberg/catalog/sql.js';
import { createNamespace, registerTable, swapMetadata } from '../../connectors/iceberg/write/sql-catalog-writer.js';
import { temporaryFolder } from './iceberg-fixtures.js';

const JOURNAL = Buffer.from('d9d505f920a163d7', 'hex');

/** Moves a table on by SQLite's own library, in bursts, and tells where it stands after each; waits for a line before the next. */
const WRITER = `
import json, sqlite3, sys
path, table, bursts = sys.argv[1], sys.argv[2], int(sys.argv[3])
for burst in range(bursts):
  for n in range(10):
    db = sqlite3.connect(path, timeout=60, isolation_level=None)
    db.execute('BEGIN IMMEDIATE')
    db.execute('UPDATE iceberg_tables SET metadata_location = ? WHERE table_name = ?', (f'{burst}-{n}', table))
    db.execute('COMMIT')
    db.close()
`;

describe('Iceberg catalog of a SQLite file, read while others write', function () {
  this.timeout(120_000);
  const folder = temporaryFolder();
  after(() => rmSync(folder, { recursive: true }));

  const made = async (name: string, tables: number): Promise<string> => {
    const file = join(folder, name);
    await createNamespace({ file, name: 'c' }, 'm');
    for (let n = 0; n < tables; n++) await registerTable({ file, name: 'c' }, { namespace: 'm', table: `t${n}` }, 'first');
    return file;
  };
  const place = async (catalog: SqlCatalog, table: string): Promise<string | undefined> =>
    (await catalog.load({ schema: 'm', table }))?.metadataLocation;

  it('takes no state of a transaction that has written the first page only, and keeps none', async () => {
    const file = await made('torn.db', 1);
    const old = readFileSync(file);
    await swapMetadata({ file, name: 'c' }, { namespace: 'm', table: 't0' }, 'first', 'second');
    const next = readFileSync(file);
    const page = next.readUInt16BE(16);
    assert.ok(next.subarray(24, 28).compare(old.subarray(24, 28)) !== 0);
    writeFileSync(file, Buffer.concat([next.subarray(0, page), old.subarray(page)]));
    writeFileSync(`${file}-journal`, JOURNAL);
    const { atime, mtime } = statSync(file);
    const time = new Date(Math.floor(mtime.getTime() / 1000) * 1000);
    utimesSync(file, atime, time);
    let finished = false;
    const finish = (): void => {
      if (finished) return;
      finished = true;
      writeFileSync(file, next);
      // As on file systems whose times are coarse.
      utimesSync(file, atime, time);
      unlinkSync(`${file}-journal`);
    };
    const copy: typeof copyFile = async (...args) => {
      await copyFile(...args);
      finish();
    };
    setTimeout(finish, 100);
    const catalog = new SqlCatalog({ uri: file, name: 'c', copy });
    assert.equal(await place(catalog, 't0'), 'second');
    assert.equal(await place(catalog, 't0'), 'second');
  });

  it('reads beside journals that stay behind', async () => {
    const file = await made('persist.db', 1);
    writeFileSync(`${file}-journal`, Buffer.alloc(512));
    assert.equal(await place(new SqlCatalog({ uri: file, name: 'c' }), 't0'), 'first');
    copyFileSync(file, `${file}-wal`);
    await assert.rejects(place(new SqlCatalog({ uri: file, name: 'c' }), 't0'), { sqlstate: '0A000' });
  });

  it('sees what each of three writing processes wrote last, and never goes back', async () => {
    const file = await made('busy.db', 3);
    const catalog = new SqlCatalog({ uri: file, name: 'c' });
    const order = (text: string | undefined): number =>
      text === 'first' ? -1 : Number(text?.split('-').reduce((all, one) => all + one.padStart(3, '0'), ''));
    for (let round = 0; round < 3; round++) {
      await swapAll(file);
      let running = 3;
      const writers = ['t0', 't1', 't2'].map(async (table) => {
        await promisify(execFile)('python3', ['-c', WRITER, file, table, '8']);
        running -= 1;
      });
      const seen = new Map<string, number>();
      let reads = 0;
      while (running > 0) {
        for (const table of ['t0', 't1', 't2']) {
          const now = order(await place(catalog, table));
          assert.ok(now >= (seen.get(table) ?? -1), `${table}: ${now} after ${seen.get(table)}`);
          seen.set(table, now);
        }
        reads += 1;
        await sleep(1);
      }
      await Promise.all(writers);
      assert.ok(reads > 0);
      for (const table of ['t0', 't1', 't2']) assert.equal(await place(catalog, table), '7-9');
    }
  });

  async function swapAll(file: string): Promise<void> {
    const catalog = new SqlCatalog({ uri: file, name: 'c' });
    for (const table of ['t0', 't1', 't2']) {
      const from = await place(catalog, table);
      assert.ok(await swapMetadata({ file, name: 'c' }, { namespace: 'm', table }, from ?? '', 'first'));
    }
  }
});
