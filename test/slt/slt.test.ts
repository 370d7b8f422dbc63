import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fixtureConfig } from '../e2e/fixtures.js';
import { projectRoot } from '../support/project-root.js';
import { tempFolder } from '../support/temp-folder.js';
import { startTimeline, type TimelineServer } from '../support/timeline-server.js';
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
