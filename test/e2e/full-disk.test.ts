import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fillDisk } from '../support/fill-disk.js';
import { tempFolder } from '../support/temp-folder.js';
import { startTimeline, type TimelineServer } from '../support/timeline-server.js';
import { fixtureConfig } from './fixtures.js';

const MANY = 'SELECT a.*, b.* FROM py.events_day AS a CROSS JOIN py.events_day AS b';

describe('a full disk in home', () => {
  let folder: Awaited<ReturnType<typeof tempFolder>>;
  let mounted = false;
  let server: TimelineServer | undefined;

  before(async function () {
    folder = await tempFolder('full-disk');
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16m', 'tmpfs', folder.path], { stdio: 'ignore' });
      mounted = true;
    } catch {
      // Only root may mount.
      this.skip();
    }
    server = await startTimeline({ home: folder.path, config: fixtureConfig() });
  });
  after(async () => {
    await server?.stop();
    if (mounted) execFileSync('umount', ['-l', folder.path]);
    await folder?.remove();
  });

  it('is an error that names the folder, and is over when there is room again', async function () {
    if (server === undefined) return this.skip();
    const client = await server.connect();
    const filler = join(folder.path, 'filler');
    try {
      fillDisk(filler);
      // Few rows never touch the disk; these do.
      assert.equal((await client.query('SELECT * FROM py.events_day')).rows.length, 180);
      await assert.rejects(client.query(MANY), (error: { code?: string; message: string }) => {
        assert.equal(error.code, '53100', error.message);
        assert.ok(error.message.includes(folder.path), error.message);
        return true;
      });
      assert.equal((await client.query('SELECT 1 AS one')).rows[0]?.one, 1);
      rmSync(filler);
      assert.equal((await client.query(MANY)).rows.length, 180 * 180);
    } finally {
      await client.end();
    }
  });
});
