import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fixtureConfig } from '../e2e/fixtures.js';
import { oracleTables, writeLake } from '../e2e/oracle-lake.js';
import { projectRoot } from '../support/project-root.js';
import { tempFolder } from '../support/temp-folder.js';
import { startTimeline, type TimelineServer } from '../support/timeline-server.js';
import { SEED } from './record.js';
import { runSlt } from './runner.js';

const FOLDER = join(projectRoot(), 'test', 'slt');

/** Every .slt file over both protocols, in one server over the shared fixture tables. */
describe('expected answers', function () {
  this.timeout(120_000);
  let home: Awaited<ReturnType<typeof tempFolder>>;
  let server: TimelineServer;

  before(async () => {
    home = await tempFolder('slt');
    server = await startTimeline({ home: home.path, config: fixtureConfig() });
  });
  after(async () => {
    await server?.stop();
    await home?.remove();
  });

  for (const file of readdirSync(FOLDER)
    .filter((name) => name.endsWith('.slt'))
    .sort()) {
    it(file, async () => {
      const count = await runSlt({ file: join(FOLDER, file), connection: server });
      assert.ok(count > 5, `${file} has ${count} records`);
    });
  }
});

/** What a real PostgreSQL answered over the same rows (record.ts): in one task, and in stages with exchanges between them. */
describe('answers of PostgreSQL', function () {
  this.timeout(300_000);
  const folder = join(FOLDER, 'postgres');
  let home: Awaited<ReturnType<typeof tempFolder>>;
  let server: TimelineServer;

  before(async () => {
    home = await tempFolder('slt-postgres');
    const config = await writeLake(join(home.path, 'lake'), oracleTables(SEED));
    server = await startTimeline({ home: home.path, config });
  });
  after(async () => {
    await server?.stop();
    await home?.remove();
  });

  for (const file of readdirSync(folder).sort()) {
    it(`${file}, one task`, async () => {
      await runSlt({ file: join(folder, file), connection: server });
    });
    it(`${file}, stages`, async () => {
      await runSlt({
        file: join(folder, file),
        connection: server,
        settings: { 'timeline.small_bytes': '0', 'timeline.split_bytes': '0' },
        protocols: ['simple'],
      });
    });
  }
});
